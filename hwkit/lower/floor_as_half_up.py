"""``floor(v)`` is ``v - 1/2`` rounded half up: for targets that know no floor but have a bias."""

from __future__ import annotations

from dataclasses import replace

from hwkit.ir.arith import MAX_OFFSET
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Op, Rescale, Rounding
from hwkit.ir.traits import Weighted


def floor_as_half_up(graph: Graph) -> Graph:
    """Layers that round down, with an offset of half a step less and rounding half up. Exact.

    Example: shift 3, offset 1 becomes half up with offset 1 - 4. Left as they are: offsets that
    would leave their range.
    """
    return graph.with_nodes(tuple(_layer(op) for op in graph.nodes))


def _layer(op: Op) -> Op:
    if not isinstance(op, Weighted) or op.rescale is None:
        return op
    return replace(op, rescale=_half_up(op.rescale))


def _half_up(r: Rescale) -> Rescale:
    if r.rounding is not Rounding.FLOOR:
        return r
    shift, offset = r.shift, r.offset
    if len(offset) < len(shift):
        offset = offset * len(shift)
    if len(shift) < len(offset):
        shift = shift * len(offset)
    moved = tuple(o - ((1 << s) >> 1) for o, s in zip(offset, shift, strict=True))
    if max(map(abs, moved)) > MAX_OFFSET:
        return r
    return replace(r, rounding=Rounding.HALF_UP, offset=moved)
