"""The lowest placement of a schedule's tensors and scratch in one memory without an end.

``memory_blocks`` says who shares memory with whom, and gives a first placement. Then
``memory_core`` decides the largest blocks, which often settles it. Else ``memory_search`` looks
for less, and where a lower bound leaves room ``memory_exact`` decides a small schedule for good.

Where outputs may only lie at the very start of an input, which of them do is decided here: with it
they are one block, apart two, and at times a smaller arena has them apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hwkit.lower.memory_blocks import (
    Block,
    blocks_of,
    check,
    in_place,
    over_start,
    owners,
    place,
    problem_of,
    scratch_blocks,
)
from hwkit.lower.memory_core import core
from hwkit.lower.memory_exact import solve
from hwkit.lower.memory_packing import Problem, conflict, first_fit, height, lower_bound
from hwkit.lower.memory_search import search
from hwkit.lower.remembered import remembered
from hwkit.lower.schedule import Schedule


@dataclass(frozen=True, slots=True)
class Placed:
    """Offsets of boxes, and a height that no placement beats."""

    offsets: tuple[int, ...]
    bound: int


@dataclass(frozen=True, slots=True)
class Packed:
    """The blocks of a ``schedule``, tensors apart but those at the same start, and their places."""

    schedule: Schedule
    owner: Mapping[str, str]
    blocks: Sequence[Block]
    problem: Problem
    placed: Placed

    @property
    def height(self) -> int:
        return height(self.problem, self.placed.offsets)


def lowest(schedule: Schedule, alignment: int) -> Packed:
    """Where outputs may only lie at the start of an input, they lie there; then, one after the
    other, those at the peak lie elsewhere, as long as that is lower."""
    best = _packed(schedule, alignment)
    if not any(step.starts_with for step in schedule.steps):
        return best
    bound = _bound(schedule, alignment)
    while best.height > bound:
        for k in _over_start_at_the_peak(best):
            found = _packed(_apart(best.schedule, k), alignment)
            if found.height < best.height:
                best = found
                break
        else:
            break
    return replace(best, placed=Placed(best.placed.offsets, bound))


def _bound(schedule: Schedule, alignment: int) -> int:
    """What no choice of outputs at the start of inputs goes below: what if they could lie anywhere
    from there down?"""
    steps = []
    for step in schedule.steps:
        anywhere = {**dict.fromkeys(over_start(step, schedule), 0), **step.overlaps}
        steps.append(replace(step, starts_with=(), overlaps=anywhere))
    free = replace(schedule, steps=tuple(steps))
    _, _, problem = _loose(free, alignment)
    return lower_bound(problem)


def _apart(schedule: Schedule, k: int) -> Schedule:
    """Step ``k`` leaves its inputs alone."""
    steps = list(schedule.steps)
    steps[k] = replace(steps[k], starts_with=())
    return replace(schedule, steps=tuple(steps))


def _over_start_at_the_peak(packed: Packed) -> list[int]:
    """Steps whose output lies at the start of an input, and is there with the highest block."""
    offsets, top = packed.placed.offsets, packed.height
    boxes = packed.problem.boxes
    peaks = [boxes[k] for k, offset in enumerate(offsets) if offset + boxes[k].size == top]
    index = {block.name: k for k, block in enumerate(packed.blocks)}
    found = []
    for k, step in enumerate(packed.schedule.steps):
        if not step.starts_with or (owner := packed.owner[step.writes[0]]) == step.writes[0]:
            continue
        box = boxes[index[owner]]
        if any(box.first <= peak.last and peak.first <= box.last for peak in peaks):
            found.append(k)
    return found


def _loose(
    schedule: Schedule, alignment: int
) -> tuple[Mapping[str, str], Sequence[Block], Problem]:
    """Every tensor by itself, but those that must begin at the same byte: what in place can save,
    and a bound on all choices."""
    lifetimes = schedule.lifetimes()
    free = owners(schedule, lifetimes, only_same_start=True)
    own = blocks_of(free, schedule.tensor_bytes, lifetimes, schedule.gaps)
    loose = [*own.values(), *scratch_blocks(schedule)]
    return free, loose, problem_of(schedule, free, loose, alignment, in_place(schedule))


def _packed(schedule: Schedule, alignment: int) -> Packed:
    lifetimes = schedule.lifetimes()
    owner = owners(schedule, lifetimes)
    blocks = blocks_of(owner, schedule.tensor_bytes, lifetimes, schedule.gaps)
    merged = [*blocks.values(), *scratch_blocks(schedule)]
    place(merged, alignment)
    check(merged)
    given = {step.name: step.overlaps for step in schedule.steps}
    problem = problem_of(schedule, owner, merged, alignment, given)
    start = [block.offset // alignment for block in merged]
    if conflict(problem, start) is not None:
        # What is there together between steps only, which blocks don't say of themselves.
        start = first_fit(problem, sorted(range(len(merged)), key=lambda k: -merged[k].size))

    free, loose, loose_problem = _loose(schedule, alignment)
    names = [block.name for block in merged]
    home = [names.index(owner.get(block.name, block.name)) for block in loose]

    # Numbers alone, so that names don't count.
    placed = remembered(
        Placed,
        [numbers_of(loose_problem), numbers_of(problem), start, home],
        lambda: _placed(problem, start, loose_problem, home),
        lambda found: _legal(loose_problem, found.offsets),
    )
    return Packed(schedule, free, loose, loose_problem, placed)


def numbers_of(problem: Problem) -> list[object]:
    """All of ``problem`` but its blocks' names."""
    boxes = [[box.size, box.first, box.last, *(box.gap or ())] for box in problem.boxes]
    return [boxes, [sorted(near.items()) for near in problem.above]]


def _legal(problem: Problem, offsets: Sequence[int]) -> bool:
    whole = len(offsets) == len(problem.boxes) and min(offsets, default=0) >= 0
    return whole and conflict(problem, offsets) is None


def _placed(problem: Problem, start: Sequence[int], loose: Problem, home: Sequence[int]) -> Placed:
    """The lowest placement of the ``loose`` boxes that is found, from ``start``, a legal one of
    the merged boxes of ``problem``; ``home`` says in which of these each loose box lies."""
    bound, around = core(loose, lower_bound(loose), [start[k] for k in home])
    merged = search(problem, bound, start)
    found = min([merged[k] for k in home], around, key=lambda offsets: height(loose, offsets))
    if height(loose, found) > bound:
        solution = solve(loose, bound, search(loose, bound, found))
        found = list(solution.offsets)
        bound = height(loose, found) if solution.proven else bound
    return Placed(tuple(found), bound)
