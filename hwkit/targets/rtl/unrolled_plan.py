"""An unrolled core for a board, and the refusal of a network that is too large to unroll."""

from __future__ import annotations

from math import ceil

from hwkit.boards import Board, FpgaResources
from hwkit.errors import BudgetInfeasible
from hwkit.ir.counts import macs
from hwkit.ir.graph import Graph
from hwkit.ir.traits import Weighted
from hwkit.targets.rtl.cost import Cost
from hwkit.targets.rtl.plan import Plan, fpga
from hwkit.targets.rtl.unrolled import unroll

MAX_PRODUCT_BITS = 60_000
MAX_MATRIX_PRODUCT_BITS = 24_000
"""Multiplications an inference times bits of their weight, of a network and of one layer: the
search for common sums takes seconds up to here (and minutes at twice that), and every such bit
becomes about 1.5 LUTs."""

LUT_PER_PRODUCT_BIT = 1.5

LUT4_PER_LUT = 1.6
"""Four-input LUTs of a Lattice or Gowin part for each LUT that da4ml counts, which knows Xilinx:
55,505 for 35,121 in ``benchmarks/jets.py``."""

_REMEDY = "use fewer bits or a smaller model, or a board whose style is folded (rtl_sim)"


def unrolled(graph: Graph, board: Board) -> Plan:
    """The plan of ``graph`` with every multiplication in a circuit of its own.

    Raises ``BudgetInfeasible`` with the number that misses: products before anything is made, LUTs
    or flip-flops where the circuit is larger than the board's part.
    """
    _check_work(graph, board)
    made, section = unroll(graph), fpga(board)
    lut = made.lut if section.flow == "vivado" else ceil(made.lut * LUT4_PER_LUT)
    if section.resources is not None:
        _check_room(lut, made.ff, section.resources, board)
    return Plan(made.core, Cost(lut=lut, ff=made.ff))


def estimated_lut(graph: Graph, board: Board) -> int:
    """Roughly, from the bits of its products alone; refuses what is too large to unroll."""
    return round(LUT_PER_PRODUCT_BIT * _check_work(graph, board))


def _check_work(graph: Graph, board: Board) -> int:
    """The bits of all products."""
    total = 0
    for op in graph.nodes:
        if not isinstance(op, Weighted):
            continue
        work = macs(graph, op) * graph.tensors[op.weight].dtype.bits
        total += work
        if work > MAX_MATRIX_PRODUCT_BITS:
            raise BudgetInfeasible(
                f"{op.name} on {board.name}: {work} bits of products are unrolled, at most "
                f"{MAX_MATRIX_PRODUCT_BITS} in a layer; {_REMEDY}"
            )
    if total > MAX_PRODUCT_BITS:
        raise BudgetInfeasible(
            f"{graph.name} on {board.name}: {total} bits of products are unrolled, at most "
            f"{MAX_PRODUCT_BITS}; {_REMEDY}"
        )
    return total


def _check_room(lut: int, ff: int, resources: FpgaResources, board: Board) -> None:
    for name, needed, limit in (("LUT", lut, resources.lut), ("FF", ff, resources.ff)):
        if needed > limit:
            raise BudgetInfeasible(
                f"board {board.name}: unrolled, the network takes an estimated {needed} {name}, "
                f"{needed - limit} more than the {limit} of {fpga(board).part}; {_REMEDY}"
            )
