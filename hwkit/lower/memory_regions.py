"""Boxes over several regions: what is used most goes where memory is fast.

Each region is filled as an arena of its own, from the lowest place up. Which boxes go first is
what is looked for: a box that finds no room goes to the next region. ``memory_program`` then looks
for less, and says how much less there can be.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from hwkit.errors import ToolMissing
from hwkit.lower.memory_moves import Cut, with_cuts
from hwkit.lower.memory_packing import Problem, conflict, lowest, within
from hwkit.lower.memory_program import Assigned, Banks, assign, cost

_SEED = 1
_PAIRS = 1_000_000
"""Pairs of boxes looked at in all: about half a second."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The region of each box, by number, and its offset there, both -1 for one that is not there:
    boxes of the problem, and behind them two for each of its ``cuts``, which are there in place of
    the box that is cut. No spread costs less than ``bound``."""

    regions: tuple[int, ...]
    offsets: tuple[int, ...]
    cuts: tuple[Cut, ...] = ()
    bound: int = 0


def heights(problem: Problem, found: Spread, regions: int) -> list[int]:
    """Units needed of each of so many regions."""
    tops = [0] * regions
    boxes = with_cuts(problem, found.cuts).boxes
    for box, region, offset in zip(boxes, found.regions, found.offsets, strict=True):
        if region >= 0:
            tops[region] = max(tops[region], offset + box.size)
    return tops


def legal(problem: Problem, found: Spread, regions: int) -> bool:
    """Whether each box is there once, and those in one of so many regions lie apart."""
    whole = with_cuts(problem, found.cuts)
    if not len(found.regions) == len(found.offsets) == len(whole.boxes):
        return False
    gone = {cut.box for cut in found.cuts}
    there = [box for box in range(len(whole.boxes)) if box not in gone]
    known = all(0 <= found.regions[b] < regions and found.offsets[b] >= 0 for b in there)
    absent = all(found.regions[b] == -1 for b in gone)
    return known and absent and conflict(within(whole, found.regions), found.offsets) is None


def spread(
    problem: Problem,
    rooms: Sequence[int],
    costs: Sequence[Sequence[int]],
    start: Sequence[int],
    cuts: Sequence[Cut] = (),
    cut_costs: Sequence[Sequence[int]] = (),
) -> Spread:
    """The cheapest spread that is found over regions of ``rooms`` units; where all are too small,
    the last one takes the rest.

    ``costs`` has what each box costs by region, ``start`` offsets in one arena. Each of ``cuts``
    may be made, of a box one at most; ``cut_costs`` has what the two boxes of each cost, the copy
    included. Deterministic: the effort is counted, not timed.

    Example: boxes of 4 and 2 units, alive together, which cost nothing in the first region and 4
    and 2 in the second, over rooms of 4 and 4: the larger one is in the first.
    """
    rooms = [min(room, sum(box.size for box in problem.boxes)) for room in rooms]
    order, found = _greedy(problem, rooms, costs, start)
    known, bound = _solved(problem, rooms, costs, found, cuts, cut_costs)
    if known is None:
        found = _improved(problem, rooms, costs, order, found)
    return replace(found if known is None else known, bound=bound)


def _solved(
    problem: Problem,
    rooms: Sequence[int],
    costs: Sequence[Sequence[int]],
    found: Spread,
    cuts: Sequence[Cut],
    cut_costs: Sequence[Sequence[int]],
) -> tuple[Spread | None, int]:
    """The spread that the program gives, ``found`` where it says that nothing costs less, None
    where it knows of none; and the bound."""
    tops = heights(problem, found, len(rooms))
    fits = all(top <= room for top, room in zip(tops, rooms, strict=True))
    banks = _banks(problem, rooms, costs, cuts, cut_costs)
    paid = cost(banks, (*found.regions, *(-1 for _ in range(2 * len(cuts)))))
    try:
        better = assign(banks, paid if fits else None)
        bound = better.bound
        if fits and bound >= paid:
            return found, bound
        if cuts and not better.offsets:
            cuts, banks = (), _banks(problem, rooms, costs, (), ())
            better = assign(banks, paid if fits else None)
            if fits and better.bound >= paid:
                return found, bound
    except ToolMissing:
        return None, 0
    return (_taken(problem, cuts, better) if better.offsets else None), bound


def _taken(problem: Problem, cuts: Sequence[Cut], found: Assigned) -> Spread:
    """``found`` with those of ``cuts`` alone that are made."""
    first = len(problem.boxes)
    made = [n for n in range(len(cuts)) if found.regions[first + 2 * n] >= 0]
    kept = [*range(first), *(first + 2 * n + k for n in made for k in (0, 1))]
    return Spread(
        tuple(found.regions[b] for b in kept),
        tuple(found.offsets[b] for b in kept),
        tuple(cuts[n] for n in made),
    )


def _banks(
    problem: Problem,
    rooms: Sequence[int],
    costs: Sequence[Sequence[int]],
    cuts: Sequence[Cut],
    cut_costs: Sequence[Sequence[int]],
) -> Banks:
    first = len(problem.boxes)
    ways: list[list[tuple[int, ...]]] = [[(b,)] for b in range(first)]
    for n, cut in enumerate(cuts):
        ways[cut.box].append((first + 2 * n, first + 2 * n + 1))
    paid = [*costs, *cut_costs[: 2 * len(cuts)]]
    return Banks(
        with_cuts(problem, cuts),
        tuple(rooms),
        tuple(map(tuple, paid)),
        tuple(map(tuple, ways)),
    )


def _greedy(
    problem: Problem, rooms: Sequence[int], costs: Sequence[Sequence[int]], start: Sequence[int]
) -> tuple[list[int], Spread]:
    """The best of some orders, and what it gives."""
    boxes = range(len(problem.boxes))
    life = [box.last - box.first + 1 for box in problem.boxes]
    size = [box.size for box in problem.boxes]
    saved = [max(of) - min(of) for of in costs]
    orders = [
        sorted(boxes, key=lambda b: (-saved[b] / max(size[b], 1), size[b], b)),
        sorted(boxes, key=lambda b: (-saved[b], b)),
        sorted(boxes, key=lambda b: (-size[b], b)),
        sorted(boxes, key=lambda b: (-size[b] * life[b], b)),
        sorted(boxes, key=lambda b: (start[b], b)),
    ]
    filled = [_filled(problem, rooms, costs, order) for order in orders]
    ranks = [_rank(problem, rooms, costs, found) for found in filled]
    first = min(range(len(orders)), key=lambda k: ranks[k])
    return orders[first], filled[first]


def _improved(
    problem: Problem,
    rooms: Sequence[int],
    costs: Sequence[Sequence[int]],
    order: list[int],
    best: Spread,
) -> Spread:
    """Moves boxes in the order; keeps what is no worse."""
    rank = _rank(problem, rooms, costs, best)
    generator = random.Random(_SEED)
    pairs = len(order) + sum(len(near) for near in problem.above)
    for _ in range(_PAIRS // pairs):
        moved = _moved(order, best, generator)
        found = _filled(problem, rooms, costs, moved)
        if (new := _rank(problem, rooms, costs, found)) <= rank:
            order, best, rank = moved, found, new
    return best


def _filled(
    problem: Problem,
    rooms: Sequence[int],
    costs: Sequence[Sequence[int]],
    order: Sequence[int],
) -> Spread:
    """Each box in ``order`` at the lowest free place of the cheapest region with room for it; one
    that has none in the last."""
    regions = [0] * len(problem.boxes)
    offsets = [[-1] * len(problem.boxes) for _ in rooms]
    for box in order:
        for region in sorted(range(len(rooms)), key=costs[box].__getitem__):
            at = lowest(problem, box, offsets[region])
            if at + problem.boxes[box].size <= rooms[region]:
                break
        else:
            region = len(rooms) - 1
            at = lowest(problem, box, offsets[region])
        regions[box], offsets[region][box] = region, at
    return Spread(tuple(regions), tuple(offsets[region][b] for b, region in enumerate(regions)))


def _rank(
    problem: Problem, rooms: Sequence[int], costs: Sequence[Sequence[int]], found: Spread
) -> tuple[int, int, int]:
    """Units without room, what all boxes cost, units in all."""
    tops = heights(problem, found, len(rooms))
    paid = sum(of[region] for of, region in zip(costs, found.regions, strict=True))
    return sum(max(top - room, 0) for top, room in zip(tops, rooms, strict=True)), paid, sum(tops)


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
