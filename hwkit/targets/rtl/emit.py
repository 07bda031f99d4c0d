"""The build plan: the core in the shell of its board."""

from __future__ import annotations

from hwkit.target import BuildPlan, Lowered
from hwkit.targets.rtl.bitstream import board_plan


def emit(lowered: Lowered) -> BuildPlan:
    """Files and commands of ``lowered`` on its board; see ``bitstream.board_plan``."""
    return board_plan(lowered.plan.core, lowered.graph, lowered.board)
