"""The measurement store: one SQLite file, one row for each measurement with its full context, one
row for each of its layers.

Writers take turns through SQLite's own lock (``BEGIN IMMEDIATE`` and a busy timeout), so that
campaigns may run side by side. A measurement is stored whole or not at all.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hwkit.errors import ConfigError, FormatError
from hwkit.files import opened
from hwkit.record import from_json
from hwkit.target import WHOLE_MODEL, Evidence
from hwkit.toolchain.cache import data_folder

SCHEMA_VERSION = 1
APPLICATION_ID = 0x68776B74  # "hwkt", in the header of the file: tells ours from any other
BUSY_TIMEOUT_S = 30.0
_MAGIC = b"SQLite format 3\0"
_MOST_BYTES = 1 << 40

_SCHEMA = """
CREATE TABLE measurement (
    id INTEGER PRIMARY KEY,
    time_utc TEXT NOT NULL,
    board TEXT NOT NULL,
    evidence TEXT NOT NULL CHECK (evidence IN ('measured', 'simulated', 'estimated')),
    clock_hz INTEGER,
    toolchain TEXT NOT NULL,
    flags TEXT NOT NULL,
    source_commit TEXT NOT NULL,
    model TEXT NOT NULL,
    model_digest TEXT NOT NULL,
    repeats INTEGER NOT NULL,
    warm_up INTEGER NOT NULL
);
CREATE TABLE layer (
    measurement INTEGER NOT NULL REFERENCES measurement (id),
    layer_index INTEGER NOT NULL,
    name TEXT NOT NULL,
    op TEXT NOT NULL,
    macs INTEGER NOT NULL,
    instructions NUMERIC,
    cycles NUMERIC,
    us NUMERIC,
    spread TEXT NOT NULL,
    PRIMARY KEY (measurement, layer_index)
);
CREATE INDEX measurement_by_model ON measurement (model_digest, board);
"""


@dataclass(frozen=True, slots=True)
class Context:
    """Everything that a figure needs beside it to mean something later.

    ``toolchain`` program to version, ``flags`` of the compiler or runtime; ``commit`` from
    ``source_commit``; ``model_digest`` SHA-256 of the ``.hwk`` file; ``time_utc`` ISO 8601.
    """

    board: str
    evidence: Evidence
    model: str
    model_digest: str
    commit: str
    repeats: int
    warm_up: int
    clock_hz: int | None = None
    toolchain: Mapping[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    time_utc: str = field(default_factory=lambda: f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")


@dataclass(frozen=True, slots=True)
class LayerRow:
    """Medians of one layer, or of the whole model timed at once (index ``WHOLE_MODEL``); None is
    a figure that the board can't give."""

    index: int
    name: str
    op: str
    macs: int
    instructions: int | float | None
    cycles: int | float | None
    us: float | None
    spread: Mapping[str, Mapping[str, int | float]]


@dataclass(frozen=True, slots=True)
class Measurement:
    """One stored profile."""

    id: int
    context: Context
    layers: tuple[LayerRow, ...]


def default_path() -> Path:
    """``$XDG_DATA_HOME/hwkit/measurements.sqlite``; see ``data_folder``."""
    return data_folder() / "measurements.sqlite"


def check(path: Path | None = None) -> None:
    """Makes the file where there is none; raises as ``add`` does, before anything is measured."""
    with _opened(path or default_path(), create=True):
        pass


def add(profile: Mapping[str, Any], context: Context, path: Path | None = None) -> int:
    """Stores ``profile`` (the JSON of ``campaign.profile_json``) and gives its id.

    Creates the file where there is none. Raises ``ConfigError`` when board, evidence or repeats of
    profile and context differ, or when the disk refuses; ``FormatError`` when ``path`` is another
    program's file, damaged, or of another schema version.
    """
    for key in ("board", "evidence", "repeats", "warm_up"):
        if profile[key] != getattr(context, key):
            raise ConfigError(
                f"measurement: {key} is {profile[key]!r} in the profile and "
                f"{getattr(context, key)!r} in its context; take both from one run"
            )
    with _opened(path or default_path(), create=True) as db:
        return _insert(db, profile, context)


def read(
    path: Path | None = None, board: str | None = None, model_digest: str | None = None
) -> list[Measurement]:
    """Stored measurements, oldest first, of one board or model where given; none when there is no
    file yet. Raises as ``add`` does."""
    path = path or default_path()
    if not path.exists() or path.stat().st_size == 0:
        return []
    wanted = {"board": board, "model_digest": model_digest}
    conditions = {key: value for key, value in wanted.items() if value is not None}
    where = " AND ".join(f"{key} = :{key}" for key in conditions) or "1"
    with _opened(path, create=False) as db:
        found = db.execute(f"SELECT * FROM measurement WHERE {where} ORDER BY id", conditions)
        return [_measurement(db, dict(row), str(path)) for row in found.fetchall()]


def _insert(db: sqlite3.Connection, profile: Mapping[str, Any], context: Context) -> int:
    cursor = db.execute(
        "INSERT INTO measurement (time_utc, board, evidence, clock_hz, toolchain, flags, "
        "source_commit, model, model_digest, repeats, warm_up) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
        (
            context.time_utc,
            context.board,
            context.evidence,
            context.clock_hz,
            json.dumps(dict(context.toolchain), sort_keys=True),
            json.dumps(context.flags),
            context.commit,
            context.model,
            context.model_digest,
            context.repeats,
            context.warm_up,
        ),
    )
    number = int(cursor.lastrowid or 0)
    rows = list(profile["layers"])
    if whole := profile.get("whole"):
        rows.insert(0, {"index": WHOLE_MODEL, "name": context.model, "op": "Model", **whole})
    keys = ("index", "name", "op", "macs", "instructions", "cycles", "us")
    db.executemany(
        "INSERT INTO layer VALUES (?,?,?,?,?,?,?,?,?)",
        [
            (number, *(layer[key] for key in keys), json.dumps(layer.get("spread", {})))
            for layer in rows
        ],
    )
    return number


def _measurement(db: sqlite3.Connection, row: dict[str, Any], where: str) -> Measurement:
    number = row.pop("id")
    where = f"{where}: measurement {number}"
    row["commit"] = row.pop("source_commit")
    row["toolchain"] = _parsed(row["toolchain"], where)
    row["flags"] = _parsed(row["flags"], where)
    layers = db.execute("SELECT * FROM layer WHERE measurement = ? ORDER BY layer_index", (number,))
    rows = []
    for layer in map(dict, layers.fetchall()):
        del layer["measurement"]
        layer["index"] = layer.pop("layer_index")
        layer["spread"] = _parsed(layer["spread"], where)
        rows.append(from_json(LayerRow, layer, where))
    return Measurement(number, from_json(Context, row, where), tuple(rows))


def _parsed(text: Any, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise FormatError(f"{where}: damaged text; move the file away") from error


@contextmanager
def _opened(path: Path, create: bool) -> Iterator[sqlite3.Connection]:
    """One transaction on the file: committed at the end, rolled back on any error."""
    try:
        if create:
            path.parent.mkdir(parents=True, exist_ok=True)
        _check_magic(path)
        with closing(sqlite3.connect(path, BUSY_TIMEOUT_S, isolation_level=None)) as db:
            db.row_factory = sqlite3.Row
            db.execute("PRAGMA trusted_schema = OFF")
            db.execute("BEGIN IMMEDIATE" if create else "BEGIN")
            try:
                _check_schema(db, path, create)
                yield db
                db.execute("COMMIT")
            finally:
                if db.in_transaction:
                    db.execute("ROLLBACK")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; give another path") from error
    except sqlite3.OperationalError as error:  # a full disk, a lock, a folder without rights
        raise ConfigError(
            f"{path}: {error}; free space, wait for the other writer or give another path"
        ) from error
    except sqlite3.DatabaseError as error:
        raise FormatError(
            f"{path}: {error}; move the file away, a new one is made by itself"
        ) from error


def _check_magic(path: Path) -> None:
    """SQLite takes some files that are too short to be its own for empty ones, and waits for what
    a pipe never gives."""
    if not path.exists():
        return
    with opened(path, _MOST_BYTES, "give another path") as file:
        head = file.read(len(_MAGIC))
    if head not in (b"", _MAGIC):
        raise FormatError(f"{path}: not a SQLite file; move the file away or give another path")


def _check_schema(db: sqlite3.Connection, path: Path, create: bool) -> None:
    application = db.execute("PRAGMA application_id").fetchone()[0]
    version = db.execute("PRAGMA user_version").fetchone()[0]
    tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if application == 0 and version == 0 and tables == 0:
        for statement in _SCHEMA.split(";"):
            db.execute(statement)
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    elif application != APPLICATION_ID:
        raise FormatError(f"{path}: a SQLite file of another program; give another path")
    elif version != SCHEMA_VERSION:
        raise FormatError(
            f"{path}: schema version {version}, this hwkit reads {SCHEMA_VERSION}; "
            "use the hwkit that wrote it, or give another path"
        )
