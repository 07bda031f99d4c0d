"""Boxes over several regions: what is used most goes where memory is fast.

Each region is filled as an arena of its own, from the lowest place up. Which boxes go first is
what is looked for: a box that finds no room goes to the next region.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from hwkit.lower.memory_packing import Problem, lowest

_SEED = 1
_PAIRS = 1_000_000
"""Pairs of boxes looked at in all: about half a second."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The region of each box, by number, and its offset there."""

    regions: tuple[int, ...]
    offsets: tuple[int, ...]


def heights(problem: Problem, found: Spread, regions: int) -> list[int]:
    """Units needed of each of so many regions."""
    tops = [0] * regions
    for box, region, offset in zip(problem.boxes, found.regions, found.offsets, strict=True):
        tops[region] = max(tops[region], offset + box.size)
    return tops


def stacked(problem: Problem, found: Spread) -> list[int]:
    """Offsets in one arena, each region upon the one before: as legal as each by itself.

    So no spread needs fewer units in all than the lowest placement in one arena.
    """
    tops = heights(problem, found, max(found.regions, default=0) + 1)
    return [
        sum(tops[:region]) + offset
        for region, offset in zip(found.regions, found.offsets, strict=True)
    ]


def spread(
    problem: Problem, rooms: Sequence[int], heat: Sequence[int], start: Sequence[int]
) -> Spread:
    """The best spread that is found over regions of ``rooms`` units, the fastest first; whatever
    fits none is in the last. ``heat`` says how often a unit of each box is used, ``start`` are
    its offsets in one arena. Deterministic: the effort is counted, not timed.

    Example: boxes of 4 and 2 units, alive together and used as often, over rooms of 4 and 4: the
    larger one is in the first.
    """
    boxes = range(len(problem.boxes))
    life = [box.last - box.first + 1 for box in problem.boxes]
    size = [box.size for box in problem.boxes]
    orders = [
        sorted(boxes, key=lambda b: (-heat[b], size[b], b)),
        sorted(boxes, key=lambda b: (-heat[b] * size[b], b)),
        sorted(boxes, key=lambda b: (-size[b], b)),
        sorted(boxes, key=lambda b: (-size[b] * life[b], b)),
        sorted(boxes, key=lambda b: (start[b], b)),
    ]
    filled = [_filled(problem, rooms, order) for order in orders]
    ranks = [_rank(problem, rooms, heat, found) for found in filled]
    first = min(range(len(orders)), key=lambda k: ranks[k])
    order, best, rank = orders[first], filled[first], ranks[first]
    generator = random.Random(_SEED)
    pairs = len(order) + sum(len(near) for near in problem.above)
    for _ in range(_PAIRS // pairs):
        moved = _moved(order, best, generator)
        found = _filled(problem, rooms, moved)
        if (new := _rank(problem, rooms, heat, found)) <= rank:
            order, best, rank = moved, found, new
    return best


def _filled(problem: Problem, rooms: Sequence[int], order: Sequence[int]) -> Spread:
    """Each box in ``order`` at the lowest free place of the first region with room for it."""
    regions = [0] * len(problem.boxes)
    offsets = [[-1] * len(problem.boxes) for _ in rooms]
    for box in order:
        for region, room in enumerate(rooms):
            at = lowest(problem, box, offsets[region])
            if at + problem.boxes[box].size <= room or region == len(rooms) - 1:
                regions[box], offsets[region][box] = region, at
                break
    return Spread(tuple(regions), tuple(offsets[region][b] for b, region in enumerate(regions)))


def _rank(
    problem: Problem, rooms: Sequence[int], heat: Sequence[int], found: Spread
) -> tuple[int, int, int]:
    """Units without room, what is used in slower regions (once for each region that is faster),
    units in all."""
    tops = heights(problem, found, len(rooms))
    slow = sum(
        region * box.size * of
        for box, region, of in zip(problem.boxes, found.regions, heat, strict=True)
    )
    return sum(max(top - room, 0) for top, room in zip(tops, rooms, strict=True)), slow, sum(tops)


def _moved(order: Sequence[int], found: Spread, generator: random.Random) -> list[int]:
    """``order`` with one box at another place: mostly one of a slower region, put earlier."""
    result = list(order)
    slow = [k for k, box in enumerate(order) if found.regions[box]]
    if slow and generator.random() < 0.7:
        source = generator.choice(slow)
        result.insert(generator.randrange(source + 1), result.pop(source))
    else:
        source = generator.randrange(len(order))
        result.insert(generator.randrange(len(order)), result.pop(source))
    return result
