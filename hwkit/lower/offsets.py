"""The refusal of offsets, for targets whose rescale has none."""

from __future__ import annotations

from hwkit.errors import UnsupportedOp
from hwkit.ir.graph import Graph
from hwkit.ir.ops import rescales


def require_no_offset(graph: Graph, target: str) -> None:
    """Raises ``UnsupportedOp`` at the first op with a rescale that has an offset."""
    for op in graph.nodes:
        if any(any(r.offset) for r in rescales(op)):
            raise UnsupportedOp(op.name, target, "its rescale has an offset; quantize its bias")
