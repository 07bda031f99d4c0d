"""Opens the store: a SQLite file, or a PostgreSQL database by its URL; brings it up to date.

Writers take turns: in SQLite by its own lock (``BEGIN IMMEDIATE`` and a busy timeout), in
PostgreSQL by transactions, and whoever migrates by a lock of its own. What is written in one
``opened`` is there whole or not at all.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from hwkit.errors import ConfigError, FormatError, ToolMissing
from hwkit.files import opened as opened_file
from hwkit.profile.store import schema
from hwkit.toolchain.cache import data_folder

SCHEMA_VERSION = 4
APPLICATION_ID = 0x68776B74  # "hwkt", in the header of the file: tells ours from any other
BUSY_TIMEOUT_S = 30.0
_MAGIC = b"SQLite format 3\0"
_MOST_BYTES = 1 << 40
_MIGRATING = 0x68776B74
"""PostgreSQL's advisory lock of whoever migrates."""

VARIABLE = "HWKIT_STORE"
"""The file of measurements where no other is given."""

Place = Path | str | None
"""Where the store is: a file, a URL (``postgresql://user@host/name``), or None: the user's own."""


def default_path() -> Path:
    """The file that ``HWKIT_STORE`` names, or ``$XDG_DATA_HOME/hwkit/measurements.sqlite``; see
    ``data_folder``."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else data_folder() / "measurements.sqlite"


def check(place: Place = None) -> None:
    """Makes the store where there is none; raises as ``opened`` does, before anything is
    measured."""
    with opened(place, write=True):
        pass


def is_there(place: Place) -> bool:
    """Whether there is anything to read: a database always, a file where it is not empty."""
    path = _file(place)
    return path is None or (path.exists() and path.stat().st_size > 0)


def check_there(place: Place) -> None:
    """``ConfigError`` for a file that somebody named and that isn't there."""
    path = _file(place)
    if place is not None and path is not None and not path.exists():
        raise ConfigError(f"{path}: no such store; give one that 'profile' or 'campaign run' made")


@contextmanager
def opened(place: Place, *, write: bool) -> Iterator[Connection]:
    """One transaction on the store: committed at the end, rolled back on any error.

    To ``write`` makes the store where there is none. ``ConfigError`` when the disk or the server
    refuses; ``FormatError`` for another program's database, a damaged one, or one of a later
    version; ``ToolMissing`` without the driver that a URL asks for.
    """
    path = _file(place)
    shown = str(path or shown_url(str(place)))
    try:
        if path is not None:
            if write:
                path.parent.mkdir(parents=True, exist_ok=True)
            _check_magic(path)
        engine = _engine(path, place, write)
        with engine.connect() as db:
            try:
                _bring_up_to_date(db, shown)
                yield db
                db.commit()
            finally:
                if db.in_transaction():
                    db.rollback()
        if path is not None:
            engine.dispose()
    except OSError as error:
        raise ConfigError(f"{shown}: {error.strerror}; give another path") from error
    except DBAPIError as error:
        raise _refused(error, shown) from error
    except sqlite3.DatabaseError as error:  # of statements outside SQLAlchemy's hands
        raise FormatError(f"{shown}: {error}; move the file away") from error
    except SQLAlchemyError as error:
        raise ConfigError(f"{shown}: {_one_line(error)}; check the address") from error


def shown_url(url: str) -> str:
    """``url`` without its password."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError as error:
        raise ConfigError(
            f"store {url:.80}: is no URL; e.g. postgresql://user@host/name, or give a file"
        ) from error


def _file(place: Place) -> Path | None:
    """The file of a store in SQLite; None for a URL."""
    if place is None:
        return default_path()
    if isinstance(place, str) and "://" in place:
        return None
    return Path(place)


def _engine(path: Path | None, place: Place, write: bool) -> Engine:
    if path is not None:
        return _sqlite(path, write)
    try:
        return _server(str(place))
    except ImportError as error:
        raise ToolMissing("a driver for this database", "pip install 'hwkit[postgres]'") from error


def _server(place: str) -> Engine:
    url = make_url(place)
    if url.drivername in ("postgresql", "postgres"):
        url = url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() != "postgresql":
        raise ConfigError(
            f"{shown_url(place)}: a store is a file, or a database postgresql://user@host/name"
        )
    # Connections are short, and processes that fork must not share one.
    return sa.create_engine(url, poolclass=sa.NullPool)


def _sqlite(path: Path, write: bool) -> Engine:
    def connect() -> sqlite3.Connection:
        db = sqlite3.connect(path, BUSY_TIMEOUT_S, isolation_level=None)
        db.execute("PRAGMA trusted_schema = OFF")
        return db

    engine = sa.create_engine("sqlite://", creator=connect, poolclass=sa.NullPool)
    begin = "BEGIN IMMEDIATE" if write else "BEGIN"

    @sa.event.listens_for(engine, "begin")
    def _begin(db: Connection) -> None:
        db.exec_driver_sql(begin)

    return engine


def _check_magic(path: Path) -> None:
    """SQLite takes some files that are too short to be its own for empty ones, and waits for what
    a pipe never gives."""
    if not path.exists():
        return
    with opened_file(path, _MOST_BYTES, "give another path") as file:
        head = file.read(len(_MAGIC))
    if head not in (b"", _MAGIC):
        raise FormatError(f"{path}: not a SQLite file; move the file away or give another path")


def _bring_up_to_date(db: Connection, shown: str) -> None:
    version = _version(db, shown)
    if version == SCHEMA_VERSION:
        return
    if version > SCHEMA_VERSION:
        raise FormatError(
            f"{shown}: schema version {version}, this hwkit reads {SCHEMA_VERSION}; "
            "use the hwkit that wrote it, or give another path"
        )
    sqlite = db.dialect.name == "sqlite"
    if not sqlite:
        db.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATING})
        version = _version(db, shown)  # another may have migrated in the meantime
    _migrate(db, version)
    if sqlite:
        db.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
        db.exec_driver_sql(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _version(db: Connection, shown: str) -> int:
    """Of the schema that is there; 0 for an empty database."""
    if db.dialect.name != "sqlite":
        if not sa.inspect(db).has_table("alembic_version"):
            return 0
        return int(db.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one())
    application = db.exec_driver_sql("PRAGMA application_id").scalar_one()
    version: int = db.exec_driver_sql("PRAGMA user_version").scalar_one()
    tables = db.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar_one()
    if application == 0 and version == 0 and tables == 0:
        return 0
    if application != APPLICATION_ID:
        raise FormatError(f"{shown}: a SQLite file of another program; give another path")
    return version


def _migrate(db: Connection, version: int) -> None:
    # Alembic takes a while to import, and few processes need it.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "hwkit:profile/store/migrations")
    config.attributes["connection"] = db
    if version in (1, 2) and not sa.inspect(db).has_table("alembic_version"):
        command.stamp(config, str(version))  # of before there were migrations
    command.upgrade(config, str(SCHEMA_VERSION))


def _refused(error: DBAPIError, shown: str) -> ConfigError | FormatError:
    cause: Any = error.orig
    text = _one_line(cause)
    if isinstance(cause, sqlite3.DatabaseError) and not isinstance(cause, sqlite3.OperationalError):
        return FormatError(f"{shown}: {text}; move the file away, a new one is made by itself")
    if isinstance(cause, sqlite3.Error):  # a full disk, a lock, a folder without rights
        return ConfigError(
            f"{shown}: {text}; free space, wait for the other writer or give another path"
        )
    return ConfigError(f"{shown}: {text}; is the server up, and may this user write there?")


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]


__all__ = [
    "Connection",
    "Place",
    "check",
    "check_there",
    "default_path",
    "is_there",
    "opened",
    "schema",
]
