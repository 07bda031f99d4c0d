"""The build plan: the core in the shell of its board."""

from __future__ import annotations

from hwkit.target import BuildPlan, Lowered
from hwkit.targets.rtl.bitstream import board_plan
from hwkit.targets.rtl.plan import Plan


def emit(lowered: Lowered[Plan]) -> BuildPlan:
    """Files and commands of ``lowered`` on its board; see ``bitstream.board_plan``."""
    return board_plan(lowered.plan.core, lowered.graph, lowered.board)
