"""From any graph to the form that is emitted."""

from __future__ import annotations

from dataclasses import replace

from hwkit.boards import Board, load
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Rounding
from hwkit.lower.checked import apply
from hwkit.lower.fuse_requantize import fuse_requantize
from hwkit.lower.prelu_to_table import prelu_to_table
from hwkit.lower.retarget_rounding import retarget_rounding
from hwkit.lower.states_outside import states_outside
from hwkit.target import Lowered
from hwkit.targets.hls4ml.backends import check_layers
from hwkit.targets.hls4ml.capabilities import CAPABILITIES
from hwkit.targets.hls4ml.dyadic import TARGET
from hwkit.targets.hls4ml.emit import fpga
from hwkit.targets.hls4ml.network import Network, network
from hwkit.targets.hls4ml.reuse import fitted, limits_of


def lower(graph: Graph, board: Board) -> Lowered[Network]:
    """The graph with its requantizations fused and as a list of hls4ml layers.

    Raises ``UnsupportedOp``, naming the op and the value, for an op that hls4ml has no exact form
    of, and for sums that scales make too wide. A board that states its resources gets
    reuse factors that fit it: ``BudgetInfeasible`` where none do.
    """
    fused = apply(graph, fuse_requantize)
    rounded, retargeted = retarget_rounding(fused, CAPABILITIES.roundings, TARGET)
    # No rescale is float32 any more: every PReLU of one slope becomes a table.
    tables = prelu_to_table(states_outside(rounded), Rounding.FLOAT32)
    made, resources = network(tables, fpga(board).io_type), fpga(board).resources
    check_layers(made.layers, fpga(board))
    if resources is not None:
        limits = limits_of(resources, fpga(load(board.reference)).resources)
        where = f"{graph.name} on {board.name}"
        made = replace(made, layers=fitted(made.layers, made.io_type, limits, where))
    return Lowered(rounded, board, made, retargeted)
