"""Placements over regions against all placements of a few boxes, and what may be moved."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from itertools import permutations, product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hwkit.lower import memory_regions
from hwkit.lower.memory import Move, Region, plan_memory
from hwkit.lower.memory_moves import Cut, with_cuts
from hwkit.lower.memory_packing import Box, Problem, first_fit, problem, within
from hwkit.lower.memory_program import Banks, assign, cost
from hwkit.lower.memory_regions import heights, legal, spread
from hwkit.lower.schedule import Schedule, Step
from tests.lower.test_regions import check

PROPERTY = partial(
    settings,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def fills(banks: Banks, regions: Sequence[int]) -> bool:
    """Whether boxes in these regions fit there: some order of first fit is as low as can be."""
    apart = within(banks.problem, regions)
    for region, room in enumerate(banks.rooms):
        boxes = [b for b, of in enumerate(regions) if of == region]
        ends = (
            max((first_fit(apart, order)[b] + apart.boxes[b].size for b in order), default=0)
            for order in permutations(boxes)
        )
        if boxes and min(ends) > room:
            return False
    return True


def cheapest(banks: Banks) -> int | None:
    """The least that any placement costs, by trying all; None where nothing fits."""
    best = None
    for ways in product(*banks.alternatives):
        boxes = [b for way in ways for b in way]
        for given_ in product(range(len(banks.rooms)), repeat=len(boxes)):
            regions = [-1] * len(banks.problem.boxes)
            for b, region in zip(boxes, given_, strict=True):
                regions[b] = region
            paid = cost(banks, regions)
            if (best is None or paid < best) and fills(banks, regions):
                best = paid
    return best


@pytest.fixture(autouse=True)
def _little_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is looked for where the program has no answer takes half a second a case."""
    monkeypatch.setattr(memory_regions, "_PAIRS", 1000)


@st.composite
def banked(draw: st.DrawFn) -> tuple[Problem, list[int], list[list[int]]]:
    """A few boxes, two regions of which the second is mostly slower, and costs."""
    count = draw(st.integers(1, 4))
    boxes = []
    for _ in range(count):
        first = draw(st.integers(0, 3))
        boxes.append(Box(draw(st.integers(1, 6)), first, draw(st.integers(first, 4))))
    closer = {}
    if count > 1 and draw(st.booleans()):
        closer[1, 0] = draw(st.integers(0, boxes[1].size))
    rooms = [draw(st.integers(1, 10)), draw(st.integers(1, 14))]
    costs = [[draw(st.integers(0, 2)), draw(st.integers(0, 30))] for _ in boxes]
    return problem(boxes, closer), rooms, costs


@PROPERTY(max_examples=80)
@given(banked())
def test_no_placement_costs_less(case: tuple[Problem, list[int], list[list[int]]]) -> None:
    boxes, rooms, costs = case
    alone = tuple(((b,),) for b in range(len(boxes.boxes)))
    banks = Banks(boxes, tuple(rooms), tuple(map(tuple, costs)), alone)
    least = cheapest(banks)
    found = assign(banks)
    if least is None:
        assert found.offsets == ()
    else:
        assert cost(banks, found.regions) == found.bound == least
        assert assign(banks, least).offsets == () and assign(banks, least).bound == least


@PROPERTY(max_examples=40)
@given(banked(), st.data())
def test_no_placement_with_moves_costs_less(
    case: tuple[Problem, list[int], list[list[int]]], data: st.DataObject
) -> None:
    """A box that may be cut, each part with a cost of its own."""
    boxes, rooms, costs = case
    lasting = [b for b, box in enumerate(boxes.boxes) if box.last > box.first and b > 1]
    cuts = [
        Cut(b, data.draw(st.integers(boxes.boxes[b].first + 1, boxes.boxes[b].last)))
        for b in lasting[:1]
    ]
    cut_costs = [[data.draw(st.integers(0, 12)) for _ in rooms] for _ in cuts for _ in (0, 1)]
    first = len(boxes.boxes)
    ways = [[(b,)] for b in range(first)]
    for n, cut in enumerate(cuts):
        ways[cut.box].append((first + 2 * n, first + 2 * n + 1))  # type: ignore[arg-type]
    all_costs = tuple(map(tuple, [*costs, *cut_costs]))
    banks = Banks(with_cuts(boxes, cuts), tuple(rooms), all_costs, tuple(map(tuple, ways)))
    least = cheapest(banks)
    found = spread(boxes, rooms, costs, [0] * first, cuts, cut_costs)
    tops = heights(boxes, found, len(rooms))
    assert legal(boxes, found, len(rooms))
    assert (least is not None) == all(top <= room for top, room in zip(tops, rooms, strict=True))
    if least is not None:
        number = [first + 2 * cuts.index(cut) + k for cut in found.cuts for k in (0, 1)]
        paid = [all_costs[b] for b in (*range(first), *number)]
        assert sum(of[r] for of, r in zip(paid, found.regions, strict=True) if r >= 0) == least
        assert found.bound == least


def read_often() -> Schedule:
    """x is large, and there while a map y is made that needs the fast memory alone; then x is read
    nine times."""
    steps = (
        Step("first", ("i",), ("x",)),
        Step("many", ("i",), ("y",), accessed={"y": 8000}),
        Step("again", ("y",), ("z",), accessed={"y": 8000}),
        Step("last", ("z", "x"), ("o",), accessed={"x": 900}),
    )
    sizes = {"i": 16, "x": 96, "y": 96, "z": 16, "o": 16}
    return Schedule(steps, sizes, ("i",), ("o",))


def test_a_tensor_is_fetched_where_it_is_read_most() -> None:
    regions = [Region("fast", 144, 0), Region("slow", 1000, 3)]
    stays = plan_memory(read_often(), regions)
    moves = plan_memory(read_often(), regions, movable=("x",))
    check(stays)
    assert stays.placed("x").region == "slow" and stays.moves == ()
    # Written and read there: 96 + 900 bytes, 249 words, of 3 cycles each.
    assert (stays.waits.cycles, stays.waits.bound_cycles) == (747, 747)
    assert moves.moves == (Move("x", 3),)
    at = {p.region: (p.first_layer, p.last_layer) for p in moves.placements if p.tensor == "x"}
    assert at == {"slow": (0, 2), "fast": (3, 3)}
    assert [moves.placed("x", k).region for k in (-1, 2, 3)] == ["slow", "slow", "fast"]
    # 96 bytes written, 96 read for the copy: 48 words of 3; and 48 loads and stores of a cycle.
    assert (moves.waits.cycles, moves.waits.bound_cycles) == (48 * 3 + 48, 192)
    assert moves.waits.accessed_bytes[1] == 2 * 96


def test_what_has_no_room_is_missing() -> None:
    plan = plan_memory(read_often(), [Region("fast", 32), Region("slow", 112)])
    assert [used.size_bytes for used in plan.regions] == [32, 192] and plan.missing_bytes == 80
    assert plan_memory(read_often(), [Region("fast", 144), Region("slow", 1000)]).missing_bytes == 0


def test_a_move_that_costs_more_than_it_saves_is_not_made() -> None:
    regions = [Region("fast", 144, 0), Region("slow", 1000, 0)]
    assert plan_memory(read_often(), regions, movable=("x",)).moves == ()


def test_a_later_region_that_is_faster_is_filled_first() -> None:
    plan = plan_memory(read_often(), [Region("slow", 1000, 2), Region("fast", 1000, 0)])
    assert {p.region for p in plan.placements} == {"fast"} and plan.waits.cycles == 0


def test_what_is_copied_before_a_step_lies_apart_from_what_is_copied_there() -> None:
    boxes = problem([Box(4, 0, 5), Box(2, 0, 5)])
    near = with_cuts(boxes, [Cut(0, 3), Cut(1, 3)]).above
    assert near[2][3] == near[2][5] == 4 and near[4][3] == 2
    apart = with_cuts(boxes, [Cut(0, 3), Cut(1, 4)]).above
    assert 5 not in apart[2]


def test_without_the_solver_what_is_found_has_no_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)
    boxes = problem([Box(4, 0, 1), Box(2, 0, 1)])
    found = spread(boxes, [4, 4], [[0, 4], [0, 2]], [0, 4])
    assert (found.regions, found.bound) == ((0, 1), 0)
