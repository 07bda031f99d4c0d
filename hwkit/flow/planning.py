"""How a network's activations fit a board: the plan in stages, and the front of all plans."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hwkit.allocate.budget import parse
from hwkit.errors import ConfigError
from hwkit.flow.build import lower
from hwkit.ir.graph import Graph
from hwkit.lower.patch.costs import Costs, Tiling
from hwkit.lower.patch.plan import PatchPlan, plan_front, plan_within
from hwkit.target import PlansArena


@dataclass(frozen=True)
class Planned:
    """The ``chosen`` plan for ``room_bytes`` of activations, beside ``other_bytes`` of variables;
    ``front`` has all plans worth having, if they were asked for."""

    board: str
    streamed: bool
    room_bytes: int
    other_bytes: int
    chosen: PatchPlan
    front: tuple[PatchPlan, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """What ``plan --json`` prints."""
        options = {"input": "streamed" if self.streamed else "whole"}
        facts = {
            "board": self.board,
            "options": options,
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
    board's); ``streamed`` inputs come row by row, and count with the rows that are held.

    ``ConfigError`` with the bytes that are missing where no plan fits, and for boards whose memory
    hwkit does not plan.
    """
    target, lowered = lower(graph, board, measure=False)
    if not isinstance(target, PlansArena):
        raise ConfigError(f"board {board}: its memory is not hwkit's to plan; give a "
                          "microcontroller")  # fmt: skip
    needs = target.arena_needs(lowered)
    room = needs.room_bytes
    if sram is not None:
        given = parse(f"sram={sram}").sram_bytes or 0
        room = given - needs.other_bytes
        if room <= 0:
            raise ConfigError(
                f"--sram {sram}: variables alone take {needs.other_bytes:,} bytes; give more"
            )
    inputs = lowered.graph.inputs if streamed else ()
    asked = needs.overlaps, needs.scratch_bytes
    costs = Costs(lowered.graph, inputs, (), *asked, strips=False)
    chosen = plan_within(costs, room)
    front = plan_front(costs) if with_front else ()
    return Planned(board, streamed, room, needs.other_bytes, chosen, front)


def described(found: PatchPlan) -> dict[str, Any]:
    """A plan as JSON: its bytes and multiplications, and each stage."""
    inner = {run.nodes[0].name: run.inner_bytes for run in found.tiled}
    return {
        "arena_bytes": found.arena_bytes,
        "lower_bound_bytes": found.memory.lower_bound_bytes,
        "macs": found.macs,
        "plain_macs": found.plain_macs,
        "stages": [_stage(found, tiling, inner) for tiling in found.staged],
    }


def _stage(found: PatchPlan, tiling: Tiling, inner: dict[str, int]) -> dict[str, Any]:
    nodes = found.nodes(tiling)
    return {
        "first": nodes[0].name,
        "last": nodes[-1].name,
        "layers": len(nodes),
        "rows": tiling.rows,
        "columns": tiling.columns or None,
        "computed_again": list(tiling.again),
        "halo_and_buffer_bytes": inner[nodes[0].name],
    }
