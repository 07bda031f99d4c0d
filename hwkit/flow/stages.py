"""Layers computed in parts, where a build asks for it: as few bytes as it may take, or an input
that comes row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar, runtime_checkable

from hwkit.errors import BudgetInfeasible, ConfigError
from hwkit.lower.memory import MemoryPlan
from hwkit.lower.patch.costs import Costs
from hwkit.lower.patch.plan import PatchPlan, found_within, plain, plan_within
from hwkit.lower.patch.turns import Stage
from hwkit.target import ArenaNeeds, Lowered, PlansArena, Target

P = TypeVar("P")

_PLAIN = (5, 4)
"""Plain kernels take at least so many times as long as fast ones, with more scratch."""


@runtime_checkable
class RunsStages(PlansArena[P], Protocol[P]):
    """A target that can compute layers a few rows at a time, in memory that hwkit plans."""

    def staged(self, lowered: Lowered[P], stages: Sequence[Stage]) -> Lowered[P]:
        """``lowered`` with ``stages`` of its graph. ``ConfigError`` for what cannot be run."""
        ...

    def with_fast_kernels(self, lowered: Lowered[P]) -> Lowered[P]:
        """``lowered`` with the kernels that a plan should have room for, to be fast."""
        ...

    def with_small_kernels(self, lowered: Lowered[P], plain: bool) -> Lowered[P]:
        """``lowered`` with the kernels that need least room; without ``plain`` of those that the
        core's own instructions make fast."""
        ...

    def memory(self, lowered: Lowered[P]) -> MemoryPlan:
        """Where everything lies, to the byte."""
        ...


def needs_of(target: Target[Any], lowered: Lowered[Any]) -> tuple[ArenaNeeds, Costs]:
    """What ``lowered``, none of whose layers is in parts yet, asks of the memory, and how plans of
    it are counted. ``ConfigError`` for boards whose memory hwkit does not plan,
    ``BudgetInfeasible`` where variables alone take more than there is."""
    board = lowered.board
    if not isinstance(target, RunsStages):
        raise ConfigError(
            f"board {board.name}: its memory is not hwkit's to plan; give a microcontroller"
        )
    needs = target.arena_needs(lowered)
    if needs.room_bytes <= 0:
        raise BudgetInfeasible(
            f"board {board.name}: variables alone take {needs.other_bytes:,} bytes; give --sram "
            "more"
        )

    def place(stages: Sequence[Stage]) -> MemoryPlan:
        return target.memory(target.staged(lowered, stages))

    streamed = board.mcu is not None and board.mcu.input == "streamed"
    inputs = lowered.graph.inputs if streamed else ()
    asked = needs.overlaps, needs.scratch_bytes, needs.rows_at_once
    packed = needs.tensor_bytes
    return needs, Costs(
        lowered.graph,
        inputs,
        (),
        *asked,
        strips=False,
        place=place,
        packed_bytes=packed,
        over_start=needs.over_start,
        parts_over_start=needs.parts_over_start,
    )


def chosen(target: Target[Any], lowered: Lowered[Any]) -> PatchPlan:
    """The plan for the room that there is: of least work among those that leave room for fast
    kernels, unless it takes so much more work than the best of all plans that plain kernels are
    as quick. Where none fits, that of the kernels which need least room, of
    fast ones if these fit; ``BudgetInfeasible`` with the bytes that are missing where no others do
    either."""
    return _chosen(target, lowered)[1]


def _chosen(target: Target[Any], lowered: Lowered[Any]) -> tuple[Lowered[Any], PatchPlan]:
    """The plan, and what it is of: ``lowered``, or the same with smaller kernels."""
    needs, costs = needs_of(target, lowered)
    assert isinstance(target, RunsStages)
    try:
        least = plan_within(costs, needs.room_bytes)
    except BudgetInfeasible:
        small = target.with_small_kernels(lowered, plain=False)
        if (fitting := found_within(needs_of(target, small)[1], needs.room_bytes)) is not None:
            return small, fitting
        small = target.with_small_kernels(lowered, plain=True)
        return small, plan_within(needs_of(target, small)[1], needs.room_bytes)
    _, roomier = needs_of(target, target.with_fast_kernels(lowered))
    found = found_within(roomier, needs.room_bytes)
    if found is None or found.macs * _PLAIN[1] > least.macs * _PLAIN[0]:
        return lowered, least
    return lowered, replace(found, costs=costs if found.stages else plain(costs).costs)


def in_stages(target: Target[Any], lowered: Lowered[Any]) -> Lowered[Any]:
    """``lowered`` with layers in parts where its board's options ask for it (``flow.shape``)."""
    mcu = lowered.board.mcu
    if mcu is None or not (mcu.sram_bytes or mcu.input == "streamed"):
        return lowered
    assert isinstance(target, RunsStages)
    fitting, found = _chosen(target, lowered)
    return target.staged(fitting, found.stages) if found.stages else fitting
