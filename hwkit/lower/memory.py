"""Places tensors and scratch buffers of a schedule in memory: where each lies in which region.

``memory_blocks`` says who shares memory with whom, and gives a first placement. Then
``memory_core`` decides the largest blocks, which often settles it. Else ``memory_search`` looks
for less, and where a lower bound leaves room ``memory_exact`` decides a small schedule for good.
What does not fit the first region is spread over all by ``memory_regions``. What was found is
remembered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hwkit.errors import GraphError
from hwkit.lower.memory_blocks import (
    Block,
    Lifetimes,
    blocks_of,
    check,
    in_place,
    owners,
    place,
    problem_of,
    scratch_blocks,
)
from hwkit.lower.memory_core import core
from hwkit.lower.memory_exact import solve
from hwkit.lower.memory_packing import Problem, conflict, height, lower_bound
from hwkit.lower.memory_regions import Spread, heights, spread, stacked
from hwkit.lower.memory_search import search
from hwkit.lower.remembered import remembered
from hwkit.lower.schedule import Schedule, Step

ALIGNMENT_BYTES = 16


def aligned(size_bytes: int) -> int:
    """``size_bytes`` and what alignment adds. Example: 17 bytes take 32."""
    return -(-size_bytes // ALIGNMENT_BYTES) * ALIGNMENT_BYTES


_SCRATCH_HEAT = 8
"""How often a byte of scratch is read or written, for one of a tensor: a column buffer is filled
anew for every few pixels."""


@dataclass(frozen=True, slots=True)
class Region:
    """A memory that tensors may lie in, and the bytes of it that they may take."""

    name: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Used:
    """``size_bytes`` from the start of what a plan has of ``region``."""

    region: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Placement:
    """One tensor (or the scratch of one step) in a region, ``offset`` bytes into its arena there.

    Alive from ``first_layer`` to ``last_layer``, both included, counted in steps; an input is
    alive from the first, an output to the last step, a state in all. ``shared`` names the input
    whose bytes it takes over, wholly or in part, or is "".
    """

    tensor: str
    kind: str
    offset: int
    size_bytes: int
    first_layer: int
    last_layer: int
    shared: str = ""
    region: str = ""

    @property
    def end(self) -> int:
        """The first byte behind it."""
        return self.offset + self.size_bytes


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """``arena_bytes`` in all, and every placement in order of first use; ``regions`` says how
    much of each is used, of those that were given and in their order.

    No plan for the same steps needs fewer bytes than ``lower_bound_bytes``, in however many
    regions; ``optimal`` when none needs fewer than this one, by the bound or because all others
    were ruled out. In several regions a plan may be the best that fits and not be called so.
    """

    arena_bytes: int
    placements: tuple[Placement, ...]
    lower_bound_bytes: int = 0
    optimal: bool = False
    regions: tuple[Used, ...] = ()

    def placed(self, tensor: str) -> Placement:
        """Where a tensor, or ``scratch_name(step)``, lies."""
        return next(p for p in self.placements if p.tensor == tensor)

    def offset(self, tensor: str) -> int:
        """Where a tensor, or ``scratch_name(step)``, starts in its region's arena."""
        return self.placed(tensor).offset

    def in_use(self, layer: int) -> int:
        """Bytes that hold something alive in step ``layer``; shared ones count once."""
        alive = [p for p in self.placements if p.first_layer <= layer <= p.last_layer]
        total = 0
        for region in {p.region for p in alive}:
            end = 0
            for start, stop in sorted((p.offset, p.end) for p in alive if p.region == region):
                total += max(stop - max(start, end), 0)
                end = max(end, stop)
        return total


@dataclass(frozen=True, slots=True)
class _Placed:
    """Offsets of boxes, and a height that no placement beats."""

    offsets: tuple[int, ...]
    bound: int


def plan_memory(
    schedule: Schedule, regions: Sequence[Region] = (), alignment: int = ALIGNMENT_BYTES
) -> MemoryPlan:
    """Every tensor and scratch of ``schedule`` in one of ``regions``, the fastest first; without
    any, in one that has no name. Every offset is a multiple of ``alignment``.

    All lies in the first region where it fits there, packed as low as can be. Else what is used
    most, scratch before tensors, is there, and the rest in the next; nothing spans two. Where all
    are too small, the last one takes the rest: who builds from the plan compares ``Used`` with
    the sizes. ``GraphError`` for a schedule that reads what is not there.

    Example: input 64 bytes, conv to 256, in-place clamp, dense to 10: 320 bytes, the dense's
    output where the input was.
    """
    lifetimes = schedule.lifetimes()
    scratch, sizes = scratch_blocks(schedule), schedule.tensor_bytes

    owner = owners(schedule, lifetimes)
    merged = [*blocks_of(owner, sizes, lifetimes, schedule.gaps).values(), *scratch]
    place(merged, alignment)
    check(merged)
    given = {step.name: step.overlaps for step in schedule.steps}
    problem = problem_of(schedule, owner, merged, alignment, given)
    start = [block.offset // alignment for block in merged]

    # The same with every tensor by itself: what in place can save, and a bound on all choices.
    free = owners(schedule, lifetimes, only_same_start=True)
    loose = [*blocks_of(free, sizes, lifetimes, schedule.gaps).values(), *scratch]
    loose_problem = problem_of(schedule, free, loose, alignment, in_place(schedule))
    names = [block.name for block in merged]
    home = [names.index(owner.get(block.name, block.name)) for block in loose]

    # Numbers alone, so that names don't count.
    placed = remembered(
        _Placed,
        [_numbers(loose_problem), _numbers(problem), start, home],
        lambda: _placed(problem, start, loose_problem, home),
        lambda found: _legal(loose_problem, found.offsets),
    )
    found = Spread((0,) * len(loose), placed.offsets)
    rooms = [region.size_bytes // alignment for region in regions]
    if len(rooms) > 1 and height(loose_problem, placed.offsets) > rooms[0]:
        found = _spread(loose_problem, rooms, _heat(schedule, free, loose), placed.offsets)
    if (pair := conflict(loose_problem, stacked(loose_problem, found))) is not None:
        raise GraphError(loose[pair[0]].name, f"overlaps {loose[pair[1]].name} in the memory plan")
    labels = [region.name for region in regions] or [""]
    used = heights(loose_problem, found, len(labels))
    at = {
        block.name: (labels[region], units * alignment)
        for block, region, units in zip(loose, found.regions, found.offsets, strict=True)
    }
    return MemoryPlan(
        sum(used) * alignment,
        _placements(schedule, lifetimes, free, at, scratch),
        placed.bound * alignment,
        sum(used) == placed.bound,
        tuple(Used(label, units * alignment) for label, units in zip(labels, used, strict=True)),
    )


def _numbers(problem: Problem) -> list[object]:
    boxes = [[box.size, box.first, box.last, *(box.gap or ())] for box in problem.boxes]
    return [boxes, [sorted(near.items()) for near in problem.above]]


def _legal(problem: Problem, offsets: Sequence[int]) -> bool:
    whole = len(offsets) == len(problem.boxes) and min(offsets, default=0) >= 0
    return whole and conflict(problem, offsets) is None


def _placed(problem: Problem, start: Sequence[int], loose: Problem, home: Sequence[int]) -> _Placed:
    """The lowest placement of the ``loose`` boxes that is found, from ``start``, a legal one of
    the merged boxes of ``problem``; ``home`` says in which of these each loose box lies."""
    bound, around = core(loose, lower_bound(loose), [start[k] for k in home])
    merged = search(problem, bound, start)
    found = min([merged[k] for k in home], around, key=lambda offsets: height(loose, offsets))
    if height(loose, found) > bound:
        solution = solve(loose, bound, search(loose, bound, found))
        found = list(solution.offsets)
        bound = height(loose, found) if solution.proven else bound
    return _Placed(tuple(found), bound)


def _spread(
    problem: Problem, rooms: Sequence[int], heat: Sequence[int], start: Sequence[int]
) -> Spread:
    def legal(found: Spread) -> bool:
        known = all(0 <= region < len(rooms) for region in found.regions)
        whole = len(found.regions) == len(found.offsets) == len(problem.boxes)
        return known and whole and _legal(problem, stacked(problem, found))

    return remembered(
        Spread,
        [_numbers(problem), list(rooms), list(heat), list(start)],
        lambda: spread(problem, rooms, heat, start),
        legal,
    )


def _heat(schedule: Schedule, owner: Mapping[str, str], blocks: Sequence[Block]) -> list[int]:
    """How often a byte of each block is read or written in an inference."""
    touched = dict.fromkeys((block.name for block in blocks), 0)
    for step in schedule.steps:
        for name in (*step.reads, *step.writes):
            touched[owner[name]] += 1
    return [touched[block.name] or _SCRATCH_HEAT for block in blocks]


def _placements(
    schedule: Schedule,
    lifetimes: Lifetimes,
    owner: Mapping[str, str],
    at: Mapping[str, tuple[str, int]],
    scratch: Sequence[Block],
) -> tuple[Placement, ...]:
    makers = {name: step for step in schedule.steps for name in step.writes}
    final = max(len(schedule.steps) - 1, 0)
    placements = {}
    for name, (first, last) in lifetimes.items():
        region, offset = at[owner[name]]
        size = schedule.tensor_bytes[name]
        placements[name] = Placement(
            name, "activation", offset, size, first, min(last, final), region=region
        )
    placed = [
        replace(one, shared=_shares_with(makers.get(name), one, placements))
        for name, one in placements.items()
    ]
    for block in scratch:
        region, offset = at[block.name]
        placed.append(
            Placement(
                block.name, "scratch", offset, block.size, block.first, block.last, region=region
            )
        )
    return tuple(sorted(placed, key=lambda p: p.first_layer))


def _shares_with(step: Step | None, output: Placement, placements: Mapping[str, Placement]) -> str:
    """The input whose bytes ``output`` takes over, wholly or in part, or ""."""
    for name in () if step is None else step.reads:
        read = placements[name]
        if read.region == output.region and read.offset < output.end and output.offset < read.end:
            return name
    return ""
