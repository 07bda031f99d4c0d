"""The placement problem by itself: boxes with lifetimes, and how close two of them may lie.

Two boxes alive together usually must not overlap. A kernel that reads its input ahead of what it
writes lets the output's end run into the input's start; such a pair has a smaller distance. All
sizes and offsets here are in units of the arena's alignment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

Gap: TypeAlias = tuple[int, int]
"""The layers, from and to, both included, in which what is there before and after them is not."""


class Alive(Protocol):
    """What is alive from layer ``first`` to ``last``, both included, but in its ``gap``."""

    @property
    def first(self) -> int: ...
    @property
    def last(self) -> int: ...
    @property
    def gap(self) -> Gap | None: ...


def together(one: Alive, other: Alive) -> bool:
    """Whether some layer needs both. What has a gap is there again and again, and so with all
    that has one too.

    Example: what is alive in layers 1 to 4 but in 2 and 3 is never there with what is in 2 alone.
    """
    if one.first > other.last or other.first > one.last:
        return False
    if one.gap is None and other.gap is None:
        return True
    if one.gap is not None and other.gap is not None:
        return True
    low, high = one.gap or other.gap or (0, -1)
    inner = one if one.gap is None else other
    return not low <= inner.first <= inner.last <= high


@dataclass(frozen=True, slots=True)
class Box:
    """``size`` units alive from layer ``first`` to ``last``, both included, but in ``gap``."""

    size: int
    first: int
    last: int
    gap: Gap | None = None

    def alive(self, layer: int) -> bool:
        """Whether ``layer`` needs it."""
        gone = self.gap is not None and self.gap[0] <= layer <= self.gap[1]
        return self.first <= layer <= self.last and not gone


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """``above[a][b]`` for every box b alive together with a: when b lies at or above a, its
    offset is at least a's plus this. ``above[a][b] < boxes[a].size`` is a pair that may overlap.
    """

    boxes: tuple[Box, ...]
    above: tuple[Mapping[int, int], ...]

    @property
    def layers(self) -> range:
        """Every layer in which a box is alive."""
        return range(max((box.last for box in self.boxes), default=-1) + 1)


def problem(boxes: Sequence[Box], closer: Mapping[tuple[int, int], int] | None = None) -> Problem:
    """The problem of ``boxes``; ``closer[low, high]`` gives the smaller distances, and says that
    both are there together, if only between layers.

    Example: an output (box 1) of 4 units that may start where its input (box 0) does has
    ``closer={(1, 0): 0}``: the input lies 0 or more units above the output, or the output 4 or
    more above the input.
    """
    closer = closer or {}
    above: list[dict[int, int]] = [{} for _ in boxes]
    for a, one in enumerate(boxes):
        for b in range(a):
            if together(one, boxes[b]) or (a, b) in closer or (b, a) in closer:
                above[a][b] = max(0, min(one.size, closer.get((a, b), one.size)))
                above[b][a] = max(0, min(boxes[b].size, closer.get((b, a), boxes[b].size)))
    return Problem(tuple(boxes), tuple(above))


def within(problem: Problem, regions: Sequence[int]) -> Problem:
    """``problem`` where boxes of different regions have nothing to do with each other, nor those
    of region -1 with any."""
    return Problem(
        problem.boxes,
        tuple(
            {b: n for b, n in near.items() if regions[a] == regions[b] >= 0}
            for a, near in enumerate(problem.above)
        ),
    )


def height(problem: Problem, offsets: Sequence[int]) -> int:
    """Units needed in all. Example: sizes 4 and 2 at offsets 0 and 4 need 6."""
    return max((o + box.size for o, box in zip(offsets, problem.boxes, strict=True)), default=0)


def conflict(problem: Problem, offsets: Sequence[int]) -> tuple[int, int] | None:
    """The first pair that lies too close, or None."""
    for a, near in enumerate(problem.above):
        for b, distance in near.items():
            if b > a:
                step = offsets[b] - offsets[a]
                if step < distance and -step < problem.above[b][a]:
                    return a, b
    return None


def shared(problem: Problem, a: int, b: int) -> int:
    """The most units that boxes a and b may have in common."""
    near = problem.above[a].get(b)
    if near is None:
        return 0
    one, other = problem.boxes[a].size, problem.boxes[b].size
    return max(min(one - near, other), min(other - problem.above[b][a], one), 0)


def lower_bound(problem: Problem) -> int:
    """No placement needs fewer units: in some layer, the boxes alive less what pairs may share
    (Bonferroni: a union is at least the sum of its parts less the pairwise intersections)."""
    sizes = [0] * len(problem.layers)
    for a, box in enumerate(problem.boxes):
        for layer in filter(box.alive, range(box.first, box.last + 1)):
            sizes[layer] += box.size
        for b in problem.above[a]:
            if b < a and (common := shared(problem, a, b)):
                other = problem.boxes[b]
                both = range(max(box.first, other.first), min(box.last, other.last) + 1)
                for layer in both:
                    sizes[layer] -= common * (box.alive(layer) and other.alive(layer))
    return max((*sizes, *(box.size for box in problem.boxes)), default=0)


def crowds(problem: Problem) -> list[tuple[int, ...]]:
    """The sets of boxes alive in one layer that lie within no other such set."""
    alive = {
        tuple(b for b, box in enumerate(problem.boxes) if box.alive(layer))
        for layer in problem.layers
    }
    return sorted(one for one in alive if not any(set(one) < set(other) for other in alive))


def first_fit(problem: Problem, order: Sequence[int]) -> list[int]:
    """Offsets when each box in ``order`` goes to the lowest place left free.

    Example: sizes 4 and 2, alive together, in order (1, 0): offsets [2, 0].
    """
    offsets = [-1] * len(problem.boxes)
    for box in order:
        offsets[box] = lowest(problem, box, offsets)
    return offsets


def lowest(problem: Problem, box: int, offsets: Sequence[int]) -> int:
    """Lowest offset that ``box`` can have beside those placed (offset not negative)."""
    taken = sorted(
        # Between these two, both not included, the box would be too close.
        (offsets[b] - distance, offsets[b] + problem.above[b][box])
        for b, distance in problem.above[box].items()
        if offsets[b] >= 0
    )
    found = 0
    for start, end in taken:
        if start >= found:
            break
        found = max(found, end)
    return found
