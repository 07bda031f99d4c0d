"""From any graph to the form that is emitted."""

from __future__ import annotations

from hwkit.boards import Board
from hwkit.ir.graph import Graph
from hwkit.lower.checked import apply
from hwkit.lower.fuse_requantize import fuse_requantize
from hwkit.lower.saturating import require_saturating
from hwkit.lower.states_outside import states_outside
from hwkit.target import Lowered
from hwkit.targets.finn.graph import TARGET, Network
from hwkit.targets.finn.network import network


def lower(graph: Graph, board: Board) -> Lowered[Network]:
    """The graph with its requantizations fused, and its form in FINN's dialect.

    No integer moves: every rounding has thresholds. Raises ``UnsupportedOp``, naming the op, for
    one that has no exact form there.
    """
    require_saturating(graph, TARGET)
    fused = apply(graph, fuse_requantize)
    return Lowered(fused, board, network(states_outside(fused)))
