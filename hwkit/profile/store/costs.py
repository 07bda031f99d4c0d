"""What layers take, each measured once: in the store by the digest of all that decides it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa

from hwkit.profile.measurement import now_utc
from hwkit.profile.statistics import Spread
from hwkit.profile.store import schema
from hwkit.profile.store.database import Place, default_path, is_there, opened
from hwkit.profile.store.measurements import chunks, parsed, whole_numbers
from hwkit.record import from_json, to_json
from hwkit.target import CostKey, Evidence

_JSON = ("layer", "build", "spread")


@dataclass(frozen=True, slots=True)
class LayerCost:
    """Medians of one layer on ``board`` over ``repeats`` (None: not known there), with the
    statistics of each by name; ``drift`` by which a reference had become slower (0.03: 3 %) when
    all was measured, None where nobody looked; ``model`` that it was measured in.

    ``layer`` and ``build`` are those of its ``CostKey``.
    """

    board: str
    evidence: Evidence
    layer: Mapping[str, Any]
    build: Mapping[str, Any]
    macs: int
    instructions: int | float | None = None
    cycles: int | float | None = None
    us: int | float | None = None
    spread: Mapping[str, Spread] = field(default_factory=dict)
    repeats: int = 1
    drift: float | None = None
    model: str = ""
    time_utc: str = field(default_factory=now_utc)
    source_commit: str = ""

    @property
    def key(self) -> CostKey:
        """What it is kept by."""
        return CostKey(self.layer, self.build)

    def figure(self, name: str) -> float | None:
        """``instructions``, ``cycles`` or ``us``."""
        found: float | None = getattr(self, name)
        return found


def known(digests: Sequence[str], place: Place = None) -> dict[str, LayerCost]:
    """Those of ``digests`` (of ``CostKey``) that were ever measured; raises as ``opened`` does."""
    found: dict[str, LayerCost] = {}
    if not digests or not is_there(place):
        return found
    table = schema.cost
    with opened(place, write=False) as db:
        for some in chunks(digests):
            for row in db.execute(sa.select(table).where(table.c.digest.in_(some))).mappings():
                found[row["digest"]] = _cost(dict(row), place)
    return found


def read(place: Place = None, board: str | None = None) -> list[LayerCost]:
    """All that is known, or of one board, oldest first; none where there is no store yet."""
    if not is_there(place):
        return []
    table = schema.cost
    chosen = sa.select(table).order_by(table.c.time_utc, table.c.digest)
    if board is not None:
        chosen = chosen.where(table.c.board == board)
    with opened(place, write=False) as db:
        return [_cost(dict(row), place) for row in db.execute(chosen).mappings()]


def keep(costs: Iterable[LayerCost], place: Place = None) -> None:
    """Puts them there; one that is known is replaced by one of as many repeats or more."""
    new = {cost.key.digest: cost for cost in costs}
    if not new:
        return
    table = schema.cost
    with opened(place, write=True) as db:
        if db.dialect.name != "sqlite":  # SQLite's writers take turns anyway
            db.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        for some in chunks(list(new)):
            asked = sa.select(table.c.digest, table.c.repeats).where(table.c.digest.in_(some))
            repeats = {row.digest: row.repeats for row in db.execute(asked)}
            fresh = [d for d in some if repeats.get(d, 0) <= new[d].repeats]
            rows = [_row(digest, new[digest]) for digest in fresh]
            if rows:
                stale = table.c.digest.in_([row["digest"] for row in rows])
                db.execute(sa.delete(table).where(stale))
                db.execute(sa.insert(table), rows)


_LOCK = 0x636F7374
"""PostgreSQL's advisory lock of whoever writes costs."""


def _row(digest: str, cost: LayerCost) -> dict[str, Any]:
    row: dict[str, Any] = to_json(cost)
    return row | {"digest": digest} | {k: json.dumps(row[k], sort_keys=True) for k in _JSON}


def _cost(row: dict[str, Any], place: Place) -> LayerCost:
    digest = row.pop("digest")
    where = f"{place or default_path()}: cost {digest:.12}"
    row |= {key: parsed(row[key], where) for key in _JSON}
    layer, build = row.pop("layer"), row.pop("build")
    whole_numbers(row)
    found = from_json(LayerCost, {**row, "layer": {}, "build": {}}, where)
    return replace(found, layer=layer, build=build)
