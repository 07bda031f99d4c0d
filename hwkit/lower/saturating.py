"""The refusal of integers that wrap, for targets whose arithmetic saturates."""

from __future__ import annotations

from hwkit.errors import UnsupportedOp
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Overflow, rescales


def require_saturating(graph: Graph, target: str) -> None:
    """Raises ``UnsupportedOp`` at the first op with a rescale that wraps, which ``target`` lacks.

    Example: a ``Requantize`` into -8..7 with ``Overflow.WRAP`` is refused, with ``SATURATE`` not.
    """
    for op in graph.nodes:
        for r in rescales(op):
            if r.overflow is Overflow.WRAP:
                raise UnsupportedOp(
                    op.name,
                    target,
                    f"it wraps into {r.low}..{r.high}; train with overflow 'saturate'",
                )
