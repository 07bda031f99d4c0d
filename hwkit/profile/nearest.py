"""What a layer would take that was never measured: from the nearest shape that was."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hwkit.profile.prediction import Figure
from hwkit.profile.statistics import median
from hwkit.profile.store.costs import LayerCost
from hwkit.target import CostKey

_LEAST = 3
"""Layers among which an error is looked for, at least."""


@dataclass(frozen=True, slots=True)
class Near:
    """``value`` of the nearest shape, scaled to the work of the one in question; ``like`` it;
    ``error`` that this way has for the others of the table, each from its nearest: the median
    (None for fewer than 3)."""

    value: float
    like: LayerCost
    error: float | None


def nearest(key: CostKey, table: Iterable[LayerCost], figure: Figure) -> Near | None:
    """From layers that the same build runs, of the same op and types; None where there is none.

    Near is a small distance between the logarithms of work, of what is read and of what is
    written; time is taken to grow with the work (multiply-accumulates, or elements where there are
    none). Example: a 3x3 convolution of 16 channels on 30 x 30 pixels from one on 32 x 32.
    """
    family = _family(key.layer)
    alike = [
        row
        for row in table
        if row.build == key.build and row.figure(figure) and _family(row.layer) == family
    ]
    found = _from(key.layer, alike, figure)
    if found is None:
        return None
    value, like = found
    return Near(value, like, _error(alike, figure))


def _from(
    layer: Mapping[str, Any], rows: Sequence[LayerCost], figure: Figure
) -> tuple[float, LayerCost] | None:
    if not rows:
        return None
    wanted = _sizes(layer)
    like = min(rows, key=lambda row: math.dist(wanted, _sizes(row.layer)))
    scale = math.exp(wanted[0] - _sizes(like.layer)[0])
    return (like.figure(figure) or 0.0) * scale, like


def _error(rows: Sequence[LayerCost], figure: Figure) -> float | None:
    """The median of how far off each of ``rows`` is from its nearest other."""
    if len(rows) < _LEAST:
        return None
    off = []
    for row in rows:
        found = _from(row.layer, [other for other in rows if other is not row], figure)
        took = row.figure(figure)
        if found is not None and took:
            off.append(abs(found[0] / took - 1))
    return median(off) if off else None


def _family(layer: Mapping[str, Any]) -> tuple[str, ...]:
    """The op and the types of all that it reads and writes, without shapes."""
    types = (*layer["inputs"], *layer["constants"], layer["output"])
    return layer["op"], *(text.partition("[")[0] for text in types)


def _sizes(layer: Mapping[str, Any]) -> tuple[float, float, float]:
    """Logarithms of the work, of the elements read and of those written."""
    read, written = sum(map(_elements, layer["inputs"])), _elements(layer["output"])
    return math.log(layer["macs"] or written), math.log(max(read, 1)), math.log(written)


def _elements(text: str) -> int:
    """Example: 1,024 of ``s8[8,8,16]``."""
    shape = text.partition("[")[2].rstrip("]")
    return max(1, math.prod(int(size) for size in shape.split(",") if size))
