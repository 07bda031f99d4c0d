"""Places tensors and scratch buffers of a schedule in memory: where each lies in which region.

``memory_lowest`` finds a placement in one of them. What does not fit the first region is spread
over all by ``memory_regions``, for as few cycles as can be. What was found is remembered.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from hwkit.errors import GraphError
from hwkit.lower.memory_blocks import (
    Block,
    Lifetimes,
)
from hwkit.lower.memory_lowest import lowest, numbers_of
from hwkit.lower.memory_moves import Cut
from hwkit.lower.memory_packing import Problem, height
from hwkit.lower.memory_regions import Spread, heights, legal, spread
from hwkit.lower.memory_waits import WORD_BYTES, Offered, offered
from hwkit.lower.remembered import remembered
from hwkit.lower.schedule import Schedule, Step

ALIGNMENT_BYTES = 16


def aligned(size_bytes: int) -> int:
    """``size_bytes`` and what alignment adds. Example: 17 bytes take 32."""
    return -(-size_bytes // ALIGNMENT_BYTES) * ALIGNMENT_BYTES


@dataclass(frozen=True, slots=True)
class Region:
    """A memory that tensors may lie in, and the bytes of it that they may take.

    A load or store of a word takes ``wait_cycles`` more there than in memory that never waits; None
    is one more than in the region before it, or none in the first.
    """

    name: str
    size_bytes: int
    wait_cycles: int | None = None


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
class Move:
    """Before ``layer`` a tensor's bytes are copied from one of its placements to the next."""

    tensor: str
    layer: int


@dataclass(frozen=True, slots=True)
class Waits:
    """What the placement in several regions costs: bytes that are loaded and stored in each of
    them, as the schedule counts, and for how many ``cycles`` an inference waits for them, copies
    between regions included; no placement that is known of waits for fewer than ``bound_cycles``.
    """

    accessed_bytes: tuple[int, ...] = ()
    cycles: int = 0
    bound_cycles: int = 0


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """``arena_bytes`` in all, and every placement in order of first use; ``regions`` says how
    much of each is used, of those that were given and in their order.

    A tensor has one placement, or one more for each of ``moves`` that it makes. ``waits`` is empty
    for a single region; of several ``missing_bytes`` says how much more is used than there is.

    No plan for the same steps that moves nothing needs fewer bytes than ``lower_bound_bytes``, in
    however many regions; ``optimal`` when none needs fewer than this one, by the bound or because
    all others were ruled out. In several regions a plan may be the best that fits and not be called
    so.
    """

    arena_bytes: int
    placements: tuple[Placement, ...]
    lower_bound_bytes: int = 0
    optimal: bool = False
    regions: tuple[Used, ...] = ()
    moves: tuple[Move, ...] = ()
    waits: Waits = field(default_factory=Waits)
    missing_bytes: int = 0

    def placed(self, tensor: str, layer: int = -1) -> Placement:
        """Where a tensor, or ``scratch_name(step)``, lies: as ``layer`` finds it, or at first."""
        found = [p for p in self.placements if p.tensor == tensor]
        return next((p for p in found[1:] if p.first_layer <= layer), found[0])

    def offset(self, tensor: str) -> int:
        """Where a tensor, or ``scratch_name(step)``, starts in its region's arena."""
        return self.placed(tensor).offset

    def base(self, region: str) -> int:
        """Where a region's bytes begin, were each upon the one before."""
        names = [used.region for used in self.regions]
        return sum(used.size_bytes for used in self.regions[: names.index(region)])

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


def plan_memory(
    schedule: Schedule,
    regions: Sequence[Region] = (),
    alignment: int = ALIGNMENT_BYTES,
    movable: Collection[str] = (),
) -> MemoryPlan:
    """Every tensor and scratch of ``schedule`` in one of ``regions``, the fastest first; without
    any, in one that has no name. Every offset is a multiple of ``alignment``.

    All lies in the first region where it fits there and no other is faster, packed as low as can
    be. Else everything lies where the inference waits least for it; nothing spans two. Tensors that
    are ``movable`` may be copied to another place, once, before a step that reads them. Where all
    regions are too small, the last one takes the rest: who builds from the plan compares ``Used``
    with the sizes. ``GraphError`` for a schedule that reads what is not there.

    Example: input 64 bytes, conv to 256, in-place clamp, dense to 10: 320 bytes, the dense's
    output where the input was.
    """
    lifetimes = schedule.lifetimes()
    packed = lowest(schedule, alignment)
    schedule, free, loose = packed.schedule, packed.owner, packed.blocks
    loose_problem, placed = packed.problem, packed.placed
    rooms = [region.size_bytes // alignment for region in regions]
    waits = _wait_cycles(regions)
    costs = offered(schedule, free, loose, waits or [0], movable)
    found = Spread((0,) * len(loose), placed.offsets)
    small = len(rooms) > 1 and height(loose_problem, placed.offsets) > rooms[0]
    if small or (waits and min(waits) < waits[0]):
        found = _spread(loose_problem, rooms, costs, placed.offsets)
    if not legal(loose_problem, found, max(len(rooms), 1)):
        raise GraphError(schedule.steps[0].name, "the memory plan overlaps: a fault of the planner")
    labels = [region.name for region in regions] or [""]
    used = heights(loose_problem, found, len(labels))
    lies = [
        (labels[region], units * alignment)
        for region, units in zip(found.regions, found.offsets, strict=True)
    ]
    return MemoryPlan(
        sum(used) * alignment,
        _placements(schedule, lifetimes, free, loose, lies, found.cuts),
        placed.bound * alignment,
        sum(used) == placed.bound,
        tuple(Used(label, units * alignment) for label, units in zip(labels, used, strict=True)),
        tuple(Move(loose[cut.box].name, cut.step) for cut in found.cuts),
        _waits(costs, found, len(rooms)),
        alignment * sum(max(top - room, 0) for top, room in zip(used, rooms, strict=False))
        if len(rooms) > 1
        else 0,
    )


def _wait_cycles(regions: Sequence[Region]) -> list[int]:
    found: list[int] = []
    for region in regions:
        given = region.wait_cycles
        found.append(given if given is not None else found[-1] + 1 if found else 0)
    return found


def _waits(costs: Offered, found: Spread, regions: int) -> Waits:
    """Of the boxes that are there."""
    if regions < 2:
        return Waits()
    number = [costs.cuts.index(cut) for cut in found.cuts]
    picked = [2 * n + k for n in number for k in (0, 1)]
    paid = [*costs.costs, *(costs.cut_costs[k] for k in picked)]
    accessed = [*costs.accessed, *(costs.cut_accessed[k] for k in picked)]
    by_region, total = [0] * regions, 0
    for region, of, size in zip(found.regions, paid, accessed, strict=True):
        if region >= 0:
            by_region[region] += size
            total += of[region]
    return Waits(tuple(by_region), total // WORD_BYTES, found.bound // WORD_BYTES)


def _spread(problem: Problem, rooms: Sequence[int], costs: Offered, start: Sequence[int]) -> Spread:
    cuts = [[cut.box, cut.step] for cut in costs.cuts]
    return remembered(
        Spread,
        [numbers_of(problem), list(rooms), costs.costs, cuts, costs.cut_costs, list(start)],
        lambda: spread(problem, rooms, costs.costs, start, costs.cuts, costs.cut_costs),
        lambda found: legal(problem, found, len(rooms)) and set(found.cuts) <= set(costs.cuts),
    )


def _placements(
    schedule: Schedule,
    lifetimes: Lifetimes,
    owner: Mapping[str, str],
    blocks: Sequence[Block],
    lies: Sequence[tuple[str, int]],
    cuts: Sequence[Cut],
) -> tuple[Placement, ...]:
    makers = {name: step for step in schedule.steps for name in step.writes}
    final = max(len(schedule.steps) - 1, 0)
    at = {block.name: where for block, where in zip(blocks, lies, strict=False)}
    parts: dict[str, list[tuple[tuple[str, int], int, int]]] = {
        name: [(at[owner[name]], first, min(last, final))]
        for name, (first, last) in lifetimes.items()
    }
    for n, cut in enumerate(cuts):
        name = blocks[cut.box].name
        first, last = lifetimes[name]
        here = lies[len(blocks) + 2 * n : len(blocks) + 2 * n + 2]
        parts[name] = [(here[0], first, cut.step - 1), (here[1], cut.step, min(last, final))]
    placements = {
        (name, k): Placement(
            name, "activation", offset, schedule.tensor_bytes[name], first, last, region=region
        )
        for name, found in parts.items()
        for k, ((region, offset), first, last) in enumerate(found)
    }
    placed = [
        one if k else replace(one, shared=_shares_with(makers.get(name), one, placements))
        for (name, k), one in placements.items()
    ]
    for block in blocks:
        if block.name not in owner:
            region, offset = at[block.name]
            placed.append(
                Placement(
                    block.name, "scratch", offset, block.size, block.first, block.last, "", region
                )
            )
    return tuple(sorted(placed, key=lambda p: p.first_layer))


def _shares_with(
    step: Step | None, output: Placement, placements: Mapping[tuple[str, int], Placement]
) -> str:
    """The input whose bytes ``output`` takes over, wholly or in part, or ""."""
    for name in () if step is None else step.reads:
        read = placements.get((name, 1), placements[name, 0])
        if read.first_layer > output.first_layer:
            read = placements[name, 0]
        if read.region == output.region and read.offset < output.end and output.offset < read.end:
            return name
    return ""
