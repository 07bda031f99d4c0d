"""The least memory that a network runs in."""

from __future__ import annotations

from hwkit.errors import BudgetInfeasible
from hwkit.flow.planning import plan
from hwkit.ir.graph import Graph


def least_bytes(graph: Graph, board: str) -> int:
    """The least RAM but the stack that some plan holds, the input whole."""
    found = plan(graph, board, with_front=True)
    for one in reversed(found.front):
        room = one.arena_bytes + found.other_bytes
        try:
            plan(graph, board, f"{room}B")
        except BudgetInfeasible:
            continue
        return room
    raise AssertionError("the plan of least work fits its own bytes")
