"""Measurements in the store: one row each with its full context, one for each of its layers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa

from hwkit.errors import FormatError
from hwkit.profile.measurement import Figures, Measurement
from hwkit.profile.store import schema
from hwkit.profile.store.database import Connection, Place, default_path, is_there, opened
from hwkit.record import from_json, to_json
from hwkit.target import WHOLE_MODEL, Identity, Kind

T = TypeVar("T")
_UNSAID: Mapping[str, Kind] = {
    "measured": "hardware",
    "simulated": "emulator",
    "estimated": "model",
}
"""What stood behind the evidence of a row of version 1, which does not say who answered."""
_KEYS = ("name", "op", "macs", "instructions", "cycles", "us")
_AT_A_TIME = 500
"""Digests in one statement: databases limit its parameters."""


@dataclass(frozen=True, slots=True)
class Exactness:
    """``integers`` that the measured build gave for ``inputs``, compared with the interpreter's,
    and how many of them are ``differing``."""

    inputs: int
    integers: int
    differing: int


@dataclass(frozen=True, slots=True)
class Stored:
    """A measurement, its number in the store, and how exact its build was found to be (None:
    nobody looked)."""

    id: int
    measurement: Measurement
    exactness: Exactness | None = None


def add(measurement: Measurement, place: Place = None) -> int:
    """Stores it whole, or not at all, and gives its number; raises as ``opened`` does."""
    with opened(place, write=True) as db:
        return insert(db, measurement)


def read(
    place: Place = None, board: str | None = None, model_digest: str | None = None
) -> list[Stored]:
    """Stored measurements, oldest first, of one board or model where given; none when there is no
    store yet. Raises as ``opened`` does."""
    if not is_there(place):
        return []
    wanted = {"board": board, "model_digest": model_digest}
    table = schema.measurement
    conditions = [table.c[key] == value for key, value in wanted.items() if value is not None]
    with opened(place, write=False) as db:
        return selected(db, conditions, str(place or default_path()))


def newest(place: Place = None) -> int:
    """The number of the newest measurement, 0 for none; raises as ``opened`` does."""
    if not is_there(place):
        return 0
    with opened(place, write=False) as db:
        found = db.execute(sa.select(sa.func.max(schema.measurement.c.id))).scalar_one()
        return int(found or 0)


def insert(db: Connection, measurement: Measurement, found: Exactness | None = None) -> int:
    """Adds it in an open transaction; gives its number."""
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
        "drift": measurement.drift,
        "prediction": None,
    }
    if measurement.prediction is not None:
        row["prediction"] = json.dumps(to_json(measurement.prediction), sort_keys=True)
    key = db.execute(sa.insert(schema.measurement).values(row)).inserted_primary_key
    assert key is not None
    number = int(key[0])
    if measurement.layers:
        rows = [{**_row(number, of), "layer_index": of.index} for of in measurement.layers]
        db.execute(sa.insert(schema.layer), rows)
    db.execute(sa.insert(schema.total).values(_row(number, measurement.total)))
    for table, of in ((schema.whole, measurement.whole), (schema.call, measurement.call)):
        if of is not None:
            db.execute(sa.insert(table).values(_row(number, of)))
    if found is not None:
        db.execute(sa.insert(schema.exactness).values(measurement=number, **to_json(found)))
    return number


def _row(number: int, of: Figures) -> dict[str, Any]:
    figures = {key: getattr(of, key) for key in _KEYS}
    return {"measurement": number, **figures, "spread": json.dumps(to_json(of.spread))}


def selected(
    db: Connection, conditions: Iterable[sa.ColumnElement[bool]], where: str
) -> list[Stored]:
    """The measurements for which all ``conditions`` hold, oldest first."""
    table = schema.measurement
    chosen = sa.select(table).where(*conditions).order_by(table.c.id)
    rows = [dict(row) for row in db.execute(chosen).mappings()]
    numbers = sa.select(table.c.id).where(*conditions)
    figures = {name: _figures(db, name, numbers) for name in schema.figures}
    compared = sa.select(schema.exactness).where(schema.exactness.c.measurement.in_(numbers))
    exact = {row["measurement"]: dict(row) for row in db.execute(compared).mappings()}
    return [_stored(row, figures, exact, where) for row in rows]


def _figures(
    db: Connection, name: str, numbers: sa.Select[tuple[int]]
) -> dict[int, list[dict[str, Any]]]:
    table = schema.figures[name]
    order = [table.c.measurement, *([table.c.layer_index] if name == "layer" else [])]
    chosen = sa.select(table).where(table.c.measurement.in_(numbers)).order_by(*order)
    found: dict[int, list[dict[str, Any]]] = {}
    for row in map(dict, db.execute(chosen).mappings()):
        row["index"] = row.pop("layer_index", WHOLE_MODEL)
        found.setdefault(row.pop("measurement"), []).append(row)
    return found


def _stored(
    row: dict[str, Any],
    figures: Mapping[str, dict[int, list[dict[str, Any]]]],
    exact: Mapping[int, dict[str, Any]],
    where: str,
) -> Stored:
    number = row.pop("id")
    where = f"{where}: measurement {number}"
    evidence, clock_hz = row.pop("evidence"), row.pop("clock_hz")
    row["commit"] = row.pop("source_commit")
    for key in ("toolchain", "flags", "options"):
        row[key] = parsed(row[key], where)
    if row["prediction"] is not None:
        row["prediction"] = parsed(row["prediction"], where)
    if row["identity"]:
        row["identity"] = parsed(row["identity"], where)
    else:
        unsaid = Identity(_UNSAID.get(evidence, "model"), "", clock_hz)
        row["identity"] = to_json(unsaid)
    found_of = {
        name: [_tidy(of, where) for of in figures[name].get(number, [])] for name in figures
    }
    row["layers"] = found_of.pop("layer")
    row |= {name: of[0] if of else None for name, of in found_of.items()}
    found = exact.get(number)
    if found is not None:
        del found["measurement"]
    return Stored(
        number,
        from_json(Measurement, row, where),
        None if found is None else from_json(Exactness, found, where),
    )


def _tidy(of: dict[str, Any], where: str) -> dict[str, Any]:
    whole_numbers(of)
    of["spread"] = parsed(of["spread"], where)
    return of


def whole_numbers(of: dict[str, Any]) -> None:
    """Figures as they were: a database gives whole numbers as floats."""
    for key in ("instructions", "cycles", "us"):
        value = of[key]
        if isinstance(value, float) and value.is_integer():
            of[key] = int(value)


def parsed(text: Any, where: str) -> Any:
    """JSON of a column; ``FormatError`` where it is none."""
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise FormatError(f"{where}: damaged text; move the file away") from error


def chunks(items: Sequence[T]) -> Iterable[Sequence[T]]:
    """As many at a time as a statement takes."""
    return (items[start : start + _AT_A_TIME] for start in range(0, len(items), _AT_A_TIME))
