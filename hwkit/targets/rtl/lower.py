"""From any graph to the form that is emitted."""

from __future__ import annotations

from hwkit.boards import Board
from hwkit.ir.graph import Graph
from hwkit.lower.checked import apply
from hwkit.lower.fuse_requantize import fuse_requantize
from hwkit.lower.retarget_rounding import retarget_rounding
from hwkit.target import Lowered
from hwkit.targets.rtl.capabilities import CAPABILITIES
from hwkit.targets.rtl.plan import Plan, folded, fpga
from hwkit.targets.rtl.rescaling import TARGET
from hwkit.targets.rtl.unrolled_plan import unrolled


def lower(graph: Graph, board: Board) -> Lowered[Plan]:
    """The graph with its requantizations fused, and the core that it becomes on ``board``.

    ``UnsupportedOp`` naming the op and the value for what has no circuit, ``BudgetInfeasible``
    when the part is too small.
    """
    rounded, retargeted = prepared(graph)
    make = unrolled if fpga(board).style == "unrolled" else folded
    return Lowered(rounded, board, make(rounded, board), retargeted)


def prepared(graph: Graph) -> tuple[Graph, tuple[str, ...]]:
    """The graph whose layers become circuits, and the ops that round otherwise now."""
    fused = apply(graph, fuse_requantize)
    return retarget_rounding(fused, CAPABILITIES.roundings, TARGET)
