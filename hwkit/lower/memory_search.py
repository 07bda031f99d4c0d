"""Placements for graphs of any size: greedy orders, then local search on the best of them."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from hwkit.lower.memory_packing import Problem, first_fit, height

_SEED = 1
_PAIRS = 1_000_000
"""Pairs of boxes looked at in all: about half a second."""


def search(problem: Problem, bound: int, start: Sequence[int]) -> list[int]:
    """Offsets of the lowest placement found, never higher than ``start`` (a legal placement).

    Deterministic: the effort is counted, not timed. Ends early at ``bound``.
    """
    best = list(start)
    if height(problem, best) == bound:
        return best
    orders = [sorted(range(len(problem.boxes)), key=key) for key in _keys(problem)]
    orders.append(sorted(range(len(best)), key=lambda b: (best[b], b)))
    placed = [(height(problem, offsets := first_fit(problem, order)), offsets) for order in orders]
    lowest = min(range(len(orders)), key=lambda k: (placed[k][0], k))
    if placed[lowest][0] < height(problem, best):
        best = placed[lowest][1]
    if height(problem, best) == bound:
        return best
    found = _improve(problem, bound, orders[lowest])
    return found if height(problem, found) < height(problem, best) else best


def _keys(problem: Problem) -> list[Callable[[int], tuple[int, int]]]:
    """Greedy orders: by size, by bytes times layers, by length of life, by first use, by what
    lies beside it."""
    boxes, above = problem.boxes, problem.above
    return [
        lambda b: (-boxes[b].size, b),
        lambda b: (-boxes[b].size * (boxes[b].last - boxes[b].first + 1), b),
        lambda b: (boxes[b].first - boxes[b].last, -boxes[b].size),
        lambda b: (boxes[b].first, -boxes[b].size),
        lambda b: (-boxes[b].size - sum(boxes[c].size for c in above[b]), b),
    ]


def _improve(problem: Problem, bound: int, order: list[int]) -> list[int]:
    """Moves boxes that reach the top to earlier places in the order; keeps what is no worse."""
    generator = random.Random(_SEED)
    pairs = len(order) + sum(len(near) for near in problem.above)
    best = first_fit(problem, order)
    rank = _rank(problem, best)
    for _ in range(_PAIRS // pairs):
        if rank[0] == bound:
            break
        candidate = _moved(problem, order, best, rank[0], generator)
        offsets = first_fit(problem, candidate)
        if (new := _rank(problem, offsets)) <= rank:
            best, rank, order = offsets, new, candidate
    return best


def _rank(problem: Problem, offsets: Sequence[int]) -> tuple[int, int]:
    """Height, then how many units reach it: fewer at the top is a step on a plateau."""
    top = height(problem, offsets)
    return top, sum(
        box.size for o, box in zip(offsets, problem.boxes, strict=True) if o + box.size == top
    )


def _moved(
    problem: Problem, order: list[int], offsets: Sequence[int], top: int, generator: random.Random
) -> list[int]:
    """``order`` with one box at another place: mostly one of those at the top, put earlier."""
    result = list(order)
    if generator.random() < 0.7:
        high = [k for k, b in enumerate(order) if offsets[b] + problem.boxes[b].size == top]
        source = generator.choice(high)
        result.insert(generator.randrange(source + 1), result.pop(source))
    else:
        source = generator.randrange(len(order))
        result.insert(generator.randrange(len(order)), result.pop(source))
    return result
