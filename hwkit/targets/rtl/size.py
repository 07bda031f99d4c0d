"""What a design would take of a part, by its folding alone: no Verilog, no simulation of beats."""

from __future__ import annotations

from hwkit.boards import Board
from hwkit.ir.graph import Graph
from hwkit.lower import legal
from hwkit.target import Size
from hwkit.targets.rtl.capabilities import capabilities
from hwkit.targets.rtl.lower import prepared
from hwkit.targets.rtl.plan import folding_of, fpga
from hwkit.targets.rtl.unrolled_plan import estimated_lut


def size(graph: Graph, board: Board) -> Size:
    """LUT, FF, BRAM and DSP of the design that ``lower`` would make, shell and all, and the cycles
    of its slowest layer.

    ``UnsupportedOp`` for an op without a circuit, ``BudgetInfeasible`` for a part too small.
    """
    lowered, _ = prepared(graph)
    legal.check_nodes(lowered, capabilities(board), board.name)
    clock_hz = fpga(board).clock_hz or None
    if fpga(board).style == "unrolled":
        return Size({"lut": estimated_lut(lowered, board)}, (), 1, clock_hz)
    found = folding_of(lowered, board)
    return Size(found.cost.figures(), (), found.interval_cycles, clock_hz)
