"""The lowest placement of a few boxes, with its proof: branch and bound.

Some optimal placement has a simple form. Push every box of an optimal one down until it rests at
0 or on a box below it, again and again until nothing moves: then, taken in order of offset, each
box lies exactly as low as the ones before it allow. So the search picks the next box in order of
offset and never has to choose an offset.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hwkit.lower.memory_packing import Problem, crowds, height, shared

MOST_BOXES = 40
_STEPS = 40_000
"""Boxes placed in all before the search gives up: about a second."""


@dataclass(frozen=True, slots=True)
class Solution:
    """Offsets of the best placement; ``proven`` when no lower one exists."""

    offsets: tuple[int, ...]
    proven: bool


def solve(problem: Problem, bound: int, start: Sequence[int], steps: int = _STEPS) -> Solution:
    """The best placement at or below the legal one ``start``; deterministic.

    ``bound`` is a height that no placement beats. Proven when the bound is reached or every
    placement was ruled out within ``steps``.

    Example: sizes 3, 2 alive in layers 0..1, 1..2 need 5, and 5 is the bound.
    """
    best = height(problem, start)
    if best == bound:
        return Solution(tuple(start), True)
    if len(problem.boxes) > MOST_BOXES:
        return Solution(tuple(start), False)
    tree = _Tree(problem, bound, tuple(start), best, steps)
    tree.descend([0] * len(problem.boxes), [-1] * len(problem.boxes), -1)
    return Solution(tree.best, tree.height == bound or tree.steps > 0)


@dataclass(slots=True)
class _Tree:
    problem: Problem
    bound: int
    best: tuple[int, ...]
    height: int
    steps: int
    crowds: list[tuple[int, ...]] = field(default_factory=list)
    common: list[list[tuple[int, int, int]]] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.crowds = crowds(self.problem)
        self.sizes = [box.size for box in self.problem.boxes]
        self.common = [
            [
                (a, b, units)
                for i, a in enumerate(crowd)
                for b in crowd[:i]
                if (units := shared(self.problem, a, b))
            ]
            for crowd in self.crowds
        ]

    def descend(self, lows: list[int], offsets: list[int], last: int) -> None:
        """Tries every next box; ``lows`` is how low each unplaced box can lie."""
        if self.steps <= 0 or self.height == self.bound:
            return
        open_boxes = [b for b, offset in enumerate(offsets) if offset < 0]
        if not open_boxes:
            self.best = tuple(offsets)
            self.height = height(self.problem, offsets)
            return
        floor = offsets[last] if last >= 0 else 0
        sizes = self.problem.boxes
        # A box below the floor waits for one that lifts it: it would have come earlier.
        ready = [
            b for b in open_boxes if lows[b] >= floor and not self._swapped(b, lows[b], last, floor)
        ]
        for box in sorted(ready, key=lambda b: (lows[b], -sizes[b].size, b)):
            self.steps -= 1
            offset = lows[box]
            if offset + sizes[box].size >= self.height:
                continue
            raised = list(lows)
            for b, distance in self.problem.above[box].items():
                if offsets[b] < 0:
                    raised[b] = max(raised[b], offset + distance)
            offsets[box] = offset
            if self._can_win(raised, offsets, offset):
                self.descend(raised, offsets, box)
            offsets[box] = -1

    def _swapped(self, box: int, low: int, last: int, floor: int) -> bool:
        """Whether ``box`` and the one before it, at one offset and independent of each other,
        come in that of their two orders that is not looked at."""
        return last > box and low == floor and box not in self.problem.above[last]

    def _can_win(self, lows: list[int], offsets: list[int], floor: int) -> bool:
        """Whether this branch might end below the best height: in no layer do the boxes that are
        left reach it, stacked on the lowest of them."""
        sizes = self.sizes
        for crowd, common in zip(self.crowds, self.common, strict=True):
            total, lowest = 0, self.height
            for b in crowd:
                if offsets[b] < 0:
                    low, size = lows[b], sizes[b]
                    if low + size >= self.height:
                        return False
                    total += size
                    lowest = min(lowest, low)
            base = max(floor, lowest)
            if total and base + total >= self.height:
                total -= sum(n for a, b, n in common if offsets[a] < 0 and offsets[b] < 0)
                if base + total >= self.height:
                    return False
        return True
