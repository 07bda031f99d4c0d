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
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hwkit.errors import ConfigError, FormatError
from hwkit.files import opened
from hwkit.profile.measurement import Measurement
from hwkit.record import from_json, to_json
from hwkit.target import WHOLE_MODEL, Identity, Kind
from hwkit.toolchain.cache import data_folder

SCHEMA_VERSION = 2
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
CREATE INDEX measurement_by_model ON measurement (model_digest, board)
"""

_SINCE_2 = """
ALTER TABLE measurement ADD COLUMN identity TEXT NOT NULL DEFAULT '';
ALTER TABLE measurement ADD COLUMN input_digest TEXT NOT NULL DEFAULT '';
ALTER TABLE measurement ADD COLUMN options TEXT NOT NULL DEFAULT '{}'
"""
"""What version 2 added: who answered, on which input, with which options."""

TOTAL = -2
"""Index of a measurement's row of sums; rows of version 1 have none."""

_UNSAID: Mapping[str, Kind] = {
    "measured": "hardware",
    "simulated": "emulator",
    "estimated": "model",
}
"""What stood behind the evidence of a row of version 1, which does not say who answered."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A measurement and its number in the store."""

    id: int
    measurement: Measurement


def default_path() -> Path:
    """``$XDG_DATA_HOME/hwkit/measurements.sqlite``; see ``data_folder``."""
    return data_folder() / "measurements.sqlite"


def check(path: Path | None = None) -> None:
    """Makes the file where there is none; raises as ``add`` does, before anything is measured."""
    with _opened(path or default_path(), create=True):
        pass


def add(measurement: Measurement, path: Path | None = None) -> int:
    """Stores it and gives its number.

    Creates the file where there is none. Raises ``ConfigError`` when the disk refuses;
    ``FormatError`` when ``path`` is another program's file, damaged, or of a later version.
    """
    with _opened(path or default_path(), create=True) as db:
        return _insert(db, measurement)


def read(
    path: Path | None = None, board: str | None = None, model_digest: str | None = None
) -> list[Stored]:
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
        return [_stored(db, dict(row), str(path)) for row in found.fetchall()]


def _insert(db: sqlite3.Connection, measurement: Measurement) -> int:
    row = {
        "time_utc": measurement.time_utc,
        "board": measurement.board,
        "evidence": measurement.evidence,
        "clock_hz": measurement.clock_hz,
        "toolchain": json.dumps(dict(measurement.toolchain), sort_keys=True),
        "flags": json.dumps(measurement.flags),
        "source_commit": measurement.commit,
        "model": measurement.model,
        "model_digest": measurement.model_digest,
        "repeats": measurement.repeats,
        "warm_up": measurement.warm_up,
        "identity": json.dumps(to_json(measurement.identity)),
        "input_digest": measurement.input_digest,
        "options": json.dumps(dict(measurement.options), sort_keys=True),
    }
    cursor = db.execute(
        f"INSERT INTO measurement ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})",
        tuple(row.values()),
    )
    number = int(cursor.lastrowid or 0)
    rows = [replace(measurement.total, index=TOTAL), *measurement.layers]
    if measurement.whole is not None:
        rows.append(measurement.whole)
    db.executemany(
        "INSERT INTO layer VALUES (?,?,?,?,?,?,?,?,?)",
        [
            (number, *(getattr(each, key) for key in _KEYS), json.dumps(to_json(each.spread)))
            for each in rows
        ],
    )
    return number


_KEYS = ("index", "name", "op", "macs", "instructions", "cycles", "us")


def _stored(db: sqlite3.Connection, row: dict[str, Any], where: str) -> Stored:
    number = row.pop("id")
    where = f"{where}: measurement {number}"
    evidence, clock_hz = row.pop("evidence"), row.pop("clock_hz")
    row["commit"] = row.pop("source_commit")
    for key in ("toolchain", "flags", "options"):
        row[key] = _parsed(row[key], where)
    if row["identity"]:
        row["identity"] = _parsed(row["identity"], where)
    else:
        unsaid = Identity(_UNSAID.get(evidence, "model"), "", clock_hz)
        row["identity"] = to_json(unsaid)
    found = db.execute("SELECT * FROM layer WHERE measurement = ? ORDER BY layer_index", (number,))
    figures = {}
    for layer in map(dict, found.fetchall()):
        del layer["measurement"]
        layer["index"] = layer.pop("layer_index")
        layer["spread"] = _parsed(layer["spread"], where)
        figures[layer["index"]] = layer
    total, whole = figures.pop(TOTAL, None), figures.pop(WHOLE_MODEL, None)
    layers = list(figures.values())
    row |= {"layers": layers, "whole": whole, "total": total or _sums(layers, whole)}
    row["total"] |= {"index": WHOLE_MODEL}
    return Stored(number, from_json(Measurement, row, where))


def _sums(layers: list[dict[str, Any]], whole: dict[str, Any] | None) -> dict[str, Any]:
    """The total of a measurement that was stored without one."""
    total: dict[str, Any] = {"name": "total", "op": "Model"}
    for key in ("macs", "instructions", "cycles", "us"):
        found = [layer[key] for layer in layers]
        total[key] = None if None in found or not found else sum(found)
        if total[key] is None and whole is not None:
            total[key] = whole[key]
    return total


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
        for statement in f"{_SCHEMA};{_SINCE_2}".split(";"):
            db.execute(statement)
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    elif application != APPLICATION_ID:
        raise FormatError(f"{path}: a SQLite file of another program; give another path")
    elif version == 1:
        for statement in _SINCE_2.split(";"):
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    elif version != SCHEMA_VERSION:
        raise FormatError(
            f"{path}: schema version {version}, this hwkit reads {SCHEMA_VERSION}; "
            "use the hwkit that wrote it, or give another path"
        )
