"""In which region and at which address each box lies, by one integer linear program.

COSMA's formulation (arXiv 2311.18246) with the order of steps given: 0/1 variables for the region
of a box and for which of two boxes lies lower, an offset for each box. Boxes may be alternatives: a
tensor that stays where it is, or one that is moved before some step. Costs and rooms are integers;
what the solver's floating point proposes is laid out again in integers and checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count
from math import ceil
from typing import Any, TypeAlias

import numpy as np

from hwkit.lower.memory_packing import Problem, conflict, crowds, first_fit, shared, within
from hwkit.toolchain.highs import modules, quiet_stdout

MOST_PAIRS = 600
"""Pairs of boxes that are there together, times regions: with more the program has no addresses,
and is a bound and, where its regions can be filled, a placement."""

_NODES = 3000
_TIME_LIMIT_S = 20.0
_COST_RANGE = 1e6

Alternatives: TypeAlias = tuple[tuple[int, ...], ...]
"""Of one tensor: the boxes that are there in each of its ways to lie."""

Row: TypeAlias = tuple[dict[int, float], float]
"""Factors by variable, and the most that their sum may be."""


@dataclass(frozen=True, slots=True, eq=False)
class Banks:
    """Regions of ``rooms`` units, what each box costs in each of them, and of each tensor its
    ``alternatives``, one of which is taken. Every box is in exactly one of these."""

    problem: Problem
    rooms: tuple[int, ...]
    costs: tuple[tuple[int, ...], ...]
    alternatives: tuple[Alternatives, ...]


@dataclass(frozen=True, slots=True)
class Assigned:
    """The region of each box and its offset there, both -1 for one that is not taken; none where
    no placement was found. ``bound``: no placement costs less."""

    regions: tuple[int, ...]
    offsets: tuple[int, ...]
    bound: int


def cost(banks: Banks, regions: Sequence[int]) -> int:
    """What all boxes cost in ``regions`` (-1: not taken)."""
    return sum(of[region] for of, region in zip(banks.costs, regions, strict=True) if region >= 0)


def assign(banks: Banks, most: int | None = None) -> Assigned:
    """The cheapest placement; where ``most`` is given, of those that cost less, and none where
    there is none. Deterministic unless the solver runs into its limit of time.

    First without addresses: what is there in a step must fit the regions by its sizes alone. If its
    boxes can be packed so, that is the best of all.

    Example: two boxes of 4 units alive together that cost 1 and 2 in the second region, over rooms
    of 4 and 8 units: the second box is in the first region, and all costs 1.
    """
    found = _Program(banks, addresses=False).solve(most)
    addressed = _Program(banks, addresses=True)
    if found.regions and not found.offsets and addressed.pairs * len(banks.rooms) <= MOST_PAIRS:
        found = addressed.solve(most)
    return found if found.offsets else Assigned((), (), found.bound)


@dataclass(slots=True)
class _Program:
    """Its variables by what they decide: ``x[box, region]`` the box lies there, ``z[tensor, way]``
    that alternative is taken, ``o[box]`` its offset."""

    banks: Banks
    addresses: bool
    pairs: int = 0
    rows: list[Row] = field(default_factory=list)
    sums: list[tuple[dict[int, float], float]] = field(default_factory=list)
    most: list[float] = field(default_factory=list)
    whole: list[bool] = field(default_factory=list)
    x: dict[tuple[int, int], int] = field(default_factory=dict)
    o: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        boxes = self.banks.problem.boxes
        for b, box in enumerate(boxes):
            for region, room in enumerate(self.banks.rooms):
                if box.size <= room:
                    self.x[b, region] = self._variable(1)
        for ways in self.banks.alternatives:
            taken = [self._variable(1) for _ in ways]
            self.sums.append((dict.fromkeys(taken, 1.0), 1))
            for way, z in zip(ways, taken, strict=True):
                for b in way:
                    self.sums.append(({**self._of(b), z: -1.0}, 0))
        self._crowds()
        if self.addresses:
            self._addresses()

    def _variable(self, most: float, whole: bool = True) -> int:
        self.most.append(most)
        self.whole.append(whole)
        return len(self.most) - 1

    def _of(self, box: int, factors: Sequence[float] | None = None) -> dict[int, float]:
        return {
            self.x[box, r]: 1.0 if factors is None else factors[r]
            for r in range(len(self.banks.rooms))
            if (box, r) in self.x
        }

    def _crowds(self) -> None:
        """What is there together fits each region by its size, less what pairs may share."""
        problem = self.banks.problem
        common: dict[tuple[int, int, int], int] = {}
        for crowd in crowds(problem):
            for region, room in enumerate(self.banks.rooms):
                here = [b for b in crowd if (b, region) in self.x]
                row = {self.x[b, region]: float(problem.boxes[b].size) for b in here}
                for k, a in enumerate(here):
                    for b in here[:k]:
                        if units := shared(problem, a, b):
                            both = common.get((a, b, region))
                            if both is None:
                                both = common[a, b, region] = self._variable(1, whole=False)
                                for one in (a, b):
                                    self.rows.append(({both: 1.0, self.x[one, region]: -1.0}, 0))
                            row[both] = -float(units)
                self.rows.append((row, room))

    def _addresses(self) -> None:
        """Every box ends within its region; of two in one region one lies above the other."""
        problem, rooms = self.banks.problem, self.banks.rooms
        top = max(rooms, default=0)
        never = {(a, b) for ways in self.banks.alternatives for a, b in _exclusive(ways)}
        for b, box in enumerate(problem.boxes):
            self.o[b] = self._variable(top, whole=False)
            # o + size <= room, where it lies; nothing where it is not taken.
            row = self._of(b, [box.size - room for room in rooms])
            self.rows.append(({self.o[b]: 1.0, **row}, 0))
        for a, near in enumerate(problem.above):
            for b, distance in near.items():
                if b >= a or (a, b) in never:
                    continue
                self.pairs += 1
                above = self._variable(1)  # b lies above a
                for region in range(len(rooms)):
                    if (a, region) not in self.x or (b, region) not in self.x:
                        continue
                    room = rooms[region]
                    here = (self.x[a, region], self.x[b, region])
                    # Offsets of boxes elsewhere reach as far as the largest region.
                    one, other = distance + room, problem.above[b][a] + room
                    apart = float(top + max(one, other))
                    row = {self.o[a]: 1.0, self.o[b]: -1.0, above: float(one)}
                    row |= dict.fromkeys(here, apart)
                    self.rows.append((row, one - distance + 2 * apart))
                    row = {self.o[b]: 1.0, self.o[a]: -1.0, above: -float(other)}
                    row |= dict.fromkeys(here, apart)
                    self.rows.append((row, -problem.above[b][a] + 2 * apart))

    def solve(self, most: int | None) -> Assigned:
        """The best that is found; its ``regions`` without ``offsets`` where these regions could not
        be filled."""
        optimize, sparse = modules()
        size = len(self.most)
        objective = np.zeros(size)
        for (b, region), x in self.x.items():
            objective[x] = self.banks.costs[b][region]
        scale = max(1.0, float(np.abs(objective).sum()) / _COST_RANGE)
        rows, highest = list(self.rows), None if most is None else most - 1
        if highest is not None:
            costs = {x: self.banks.costs[b][region] / scale for (b, region), x in self.x.items()}
            rows.append((costs, (highest + 0.5) / scale))
        constraints = [
            optimize.LinearConstraint(_matrix(sparse, rows, size), -np.inf, [r[1] for r in rows]),
            optimize.LinearConstraint(
                _matrix(sparse, self.sums, size), *(2 * [[s[1] for s in self.sums]])
            ),
        ]
        with quiet_stdout():
            result = optimize.milp(
                objective / scale,
                constraints=constraints,
                integrality=np.array(self.whole, dtype=int),
                bounds=optimize.Bounds(0, np.array(self.most)),
                options={
                    "mip_rel_gap": 0.0,
                    "node_limit": _NODES,
                    "time_limit": _TIME_LIMIT_S,
                },
            )
        if result.status == 2:
            return Assigned((), (), 0 if most is None else most)
        dual = getattr(result, "mip_dual_bound", None)
        bound = 0 if dual is None or not np.isfinite(dual) else max(0, ceil(dual * scale - 0.5))
        if result.x is None:
            return Assigned((), (), bound)
        regions = self._regions(result.x)
        bound = min(bound, cost(self.banks, regions))
        guess = [result.x[self.o[b]] for b in range(len(regions))] if self.addresses else None
        return Assigned(regions, filled(self.banks, regions, guess), bound)

    def _regions(self, values: Any) -> tuple[int, ...]:
        found = [-1] * len(self.banks.problem.boxes)
        for (b, region), x in self.x.items():
            if values[x] > 0.5:
                found[b] = region
        return tuple(found)


def filled(
    banks: Banks, regions: Sequence[int], guess: Sequence[float] | None = None
) -> tuple[int, ...]:
    """Offsets in the region of each box, each as low as those before it allow: in the order of
    ``guess``, or in that of some greedy orders that needs least; () where none fits."""
    problem = banks.problem
    boxes = [b for b, region in enumerate(regions) if region >= 0]
    apart = within(problem, regions)
    orders: Iterable[list[int]]
    if guess is not None:
        orders = [sorted(boxes, key=lambda b: (guess[b], b))]
    else:
        sizes, near = problem.boxes, apart.above
        life = [box.last - box.first + 1 for box in sizes]
        orders = [
            sorted(boxes, key=lambda b: (-sizes[b].size, b)),
            sorted(boxes, key=lambda b: (-sizes[b].size * life[b], b)),
            sorted(boxes, key=lambda b: (-life[b], -sizes[b].size, b)),
            sorted(boxes, key=lambda b: (-sum(sizes[c].size for c in near[b]), b)),
            sorted(boxes, key=lambda b: (sizes[b].first, -sizes[b].size, b)),
        ]
    best: tuple[int, ...] = ()
    least = 0
    for order in orders:
        offsets = first_fit(apart, order)
        tops = [0] * len(banks.rooms)
        for b in order:
            tops[regions[b]] = max(tops[regions[b]], offsets[b] + problem.boxes[b].size)
        fits = all(top <= room for top, room in zip(tops, banks.rooms, strict=True))
        if fits and conflict(apart, offsets) is None and (not best or sum(tops) < least):
            best, least = tuple(offsets), sum(tops)
    return best


def _exclusive(ways: Alternatives) -> Iterable[tuple[int, int]]:
    """Pairs of boxes that are never both taken."""
    for k, way in enumerate(ways):
        for other in (*ways[:k], *ways[k + 1 :]):
            yield from ((a, b) for a in way for b in other)


def _matrix(sparse: Any, rows: Sequence[Row], columns: int) -> Any:
    entries = [(n, k, v) for n, (row, _) in zip(count(), rows) for k, v in row.items()]
    if not entries:
        return sparse.csr_array((len(rows), columns))
    at, of, values = zip(*entries, strict=True)
    return sparse.csr_array((values, (at, of)), shape=(len(rows), columns))
