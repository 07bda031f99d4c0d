"""The largest boxes decided first: what they need by themselves, all boxes need as well.

In most networks a few large maps decide the height and the rest fits around them. The exact search
is quick on a few boxes, so its proof for them is a bound for all of them; and where the others
find room beside, nothing is left to search.
"""

from __future__ import annotations

from collections.abc import Sequence

from hwkit.lower.memory_exact import MOST_BOXES, solve
from hwkit.lower.memory_packing import Problem, first_fit, height, lower_bound

_STEPS = 5_000
"""Boxes placed for each number of largest ones: a tenth of a second."""


def core(problem: Problem, bound: int, start: Sequence[int]) -> tuple[int, list[int]]:
    """A bound that is ``bound`` or higher, and offsets that are no higher than ``start``, a legal
    placement; deterministic.

    Example: three boxes of 4, 4 and 1 units, each alive with the next, of which the first may run
    into the second by 3: the two large ones need 5, and so do all three.
    """
    best = list(start)
    order = sorted(range(len(problem.boxes)), key=lambda b: (-problem.boxes[b].size, b))
    count = 4
    while height(problem, best) > bound and count < min(len(order), MOST_BOXES):
        part = _part(problem, order[:count])
        begin = first_fit(part, range(count))
        solution = solve(part, lower_bound(part), begin, _STEPS)
        if solution.proven:
            bound = max(bound, height(part, solution.offsets))
        placed = sorted(range(count), key=lambda k: (solution.offsets[k], k))
        offsets = first_fit(problem, [*(order[k] for k in placed), *order[count:]])
        best = min(best, offsets, key=lambda found: height(problem, found))
        if not solution.proven:
            break
        count += max(1, count // 3)
    return bound, best


def _part(problem: Problem, boxes: Sequence[int]) -> Problem:
    """The problem of some of the boxes, in their order."""
    number = {box: k for k, box in enumerate(boxes)}
    return Problem(
        tuple(problem.boxes[box] for box in boxes),
        tuple(
            {number[b]: distance for b, distance in problem.above[box].items() if b in number}
            for box in boxes
        ),
    )
