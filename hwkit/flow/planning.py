"""How a network's activations fit a board: the plan in stages, and the front of all plans."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hwkit.flow.build import lower_whole
from hwkit.flow.shape import options_of
from hwkit.flow.stages import chosen, needs_of
from hwkit.ir.graph import Graph
from hwkit.lower.patch.facts import bank_facts, stage_facts
from hwkit.lower.patch.plan import PatchPlan, plan_front


@dataclass(frozen=True)
class Planned:
    """The ``chosen`` plan for ``room_bytes`` of activations, beside ``other_bytes`` of variables,
    and the ``options`` of the build that runs it; ``front`` has all plans worth having, if they
    were asked for."""

    board: str
    options: Mapping[str, str | int]
    room_bytes: int
    other_bytes: int
    chosen: PatchPlan
    front: tuple[PatchPlan, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """What ``plan --json`` prints."""
        facts = {
            "board": self.board,
            "options": {"input": "whole", **self.options},
            "room_bytes": self.room_bytes,
            "other_bytes": self.other_bytes,
            "plan": described(self.chosen),
        }
        return facts | ({"front": [described(plan) for plan in self.front]} if self.front else {})


def plan(
    graph: Graph,
    board: str,
    sram: str | None = None,
    streamed: bool = False,
    *,
    with_front: bool = False,
) -> Planned:
    """The plan of least work whose RAM but the stack is at most ``sram`` (as "20kB"; None is the
    board's); a ``streamed`` input comes row by row, and counts with the rows that are held. It is
    what ``hwkit deploy`` with the same options builds, in these bytes unless kernels chosen by
    measuring take more of the room for their speed.

    ``BudgetInfeasible`` with the bytes that are missing where no plan fits, ``ConfigError`` for
    boards whose memory hwkit does not plan.
    """
    target, lowered = lower_whole(graph, board, sram=sram, input="streamed" if streamed else None)
    needs, costs = needs_of(target, lowered)
    front = plan_front(costs) if with_front else ()
    found = chosen(target, lowered)
    options = options_of(graph, lowered.board)
    return Planned(board, options, needs.room_bytes, needs.other_bytes, found, front)


def described(found: PatchPlan) -> dict[str, Any]:
    """A plan as JSON: its bytes and multiplications, and each stage."""
    return {
        "arena_bytes": found.arena_bytes,
        "lower_bound_bytes": found.memory.lower_bound_bytes,
        "arena_regions": {used.region: used.size_bytes for used in found.memory.regions},
        **bank_facts(found.memory),
        "macs": found.macs,
        "plain_macs": found.plain_macs,
        "stages": [stage_facts(stage, found.memory) for stage in found.stages],
    }
