"""Boxes that go elsewhere before some step: what a placement over several regions may take instead
of those that stay.

A tensor that is cut before step k is two boxes: one up to step k - 1, and one from step k on, to
which its bytes are copied in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hwkit.lower.memory_packing import Box, Problem
from hwkit.lower.memory_packing import problem as pack


@dataclass(frozen=True, slots=True)
class Cut:
    """``box`` is copied before ``step``."""

    box: int
    step: int


def with_cuts(problem: Problem, cuts: Sequence[Cut]) -> Problem:
    """``problem``, and behind its boxes for each cut the two that may be there instead, which lie
    apart from all that they meet. What is copied before one step lies apart from what is copied
    there to.

    Example: a box alive in steps 2 to 7, cut before 5, gives one from 2 to 4 and one from 5 to 7.
    """
    if not cuts:
        return problem
    first = len(problem.boxes)
    boxes: list[Box] = list(problem.boxes)
    for cut in cuts:
        box = problem.boxes[cut.box]
        boxes += [replace(box, last=cut.step - 1), replace(box, first=cut.step)]
    closer: dict[tuple[int, int], int] = {}
    for n, cut in enumerate(cuts):
        for m, other in enumerate(cuts):
            if cut.step == other.step:
                pair = first + 2 * n, first + 2 * m + 1
                closer[pair] = boxes[pair[0]].size
    extended = pack(boxes, closer)
    above = list(extended.above)
    for a, near in enumerate(problem.above):
        kept = {b: n for b, n in above[a].items() if b >= first}
        above[a] = {**near, **kept}
    return Problem(extended.boxes, tuple(above))
