"""The placement problem's own numbers, and what a plan says of each tensor, one by one."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Add, Clamp, Concat, Lookup, Pad, Padding, Rescale, Reshape, Rounding
from hwkit.ir.types import S8
from hwkit.lower import memory_blocks, memory_exact, memory_search, reorder
from hwkit.lower.memory import plan_memory
from hwkit.lower.memory_packing import (
    Box,
    Problem,
    conflict,
    crowds,
    first_fit,
    height,
    lower_bound,
    problem,
    shared,
    together,
)
from hwkit.lower.schedule import Schedule, Step, scratch_name
from tests.lower.planned import plan_nodes
from tests.lower.test_memory import sizes

R = Rescale((1,), (1,), Rounding.FLOOR, -128, 127)


def test_distances_stay_between_nothing_and_the_whole_box() -> None:
    boxes = [Box(4, 0, 1), Box(6, 1, 2), Box(5, 2, 3)]
    for closer, expected in (
        ({}, ({1: 4}, {0: 6, 2: 6}, {1: 5})),
        ({(1, 0): 2, (0, 1): 1}, ({1: 1}, {0: 2, 2: 6}, {1: 5})),
        ({(1, 0): 9, (0, 1): 8}, ({1: 4}, {0: 6, 2: 6}, {1: 5})),
        ({(1, 0): -3, (0, 1): -1}, ({1: 0}, {0: 0, 2: 6}, {1: 5})),
    ):
        case = problem(boxes, closer)
        assert tuple(dict(near) for near in case.above) == expected
    assert list(problem(boxes).layers) == [0, 1, 2, 3]
    assert list(problem([]).layers) == [] and lower_bound(problem([])) == 0


def _units(case: Problem, offsets: Sequence[int], a: int, b: int) -> int:
    """Units that two boxes have in common in a placement."""
    ends = [o + box.size for o, box in zip(offsets, case.boxes, strict=True)]
    return max(0, min(ends[a], ends[b]) - max(offsets[a], offsets[b]))


@settings(max_examples=150, derandomize=True, deadline=None, database=None)
@given(st.integers(1, 6), st.integers(1, 6), st.data())
def test_two_boxes_in_every_placement(one: int, other: int, data: st.DataObject) -> None:
    closer = {
        (0, 1): data.draw(st.integers(0, one)),
        (1, 0): data.draw(st.integers(0, other)),
    }
    case = problem([Box(one, 0, 1), Box(other, 1, 2)], closer)
    most = 0
    for a in range(13):
        for b in range(13):
            allowed = b - a >= closer[0, 1] or a - b >= closer[1, 0]
            assert (conflict(case, [a, b]) is None) == allowed
            if allowed:
                most = max(most, _units(case, [a, b], 0, 1))
    assert shared(case, 0, 1) == shared(case, 1, 0) == most
    assert lower_bound(case) == max(one + other - most, one, other)
    for order in ((0, 1), (1, 0)):
        offsets = first_fit(case, order)
        first, second = order
        assert offsets[first] == 0 and conflict(case, offsets) is None
        # Nothing lower is free for the second.
        for lower in range(offsets[second]):
            tried = list(offsets)
            tried[second] = lower
            assert conflict(case, tried) == (0, 1)
    assert height(case, [3, 7]) == max(3 + one, 7 + other)


def test_boxes_that_never_meet() -> None:
    case = problem([Box(4, 0, 1), Box(6, 2, 3), Box(3, 5, 5)])
    assert [dict(near) for near in case.above] == [{}, {}, {}]
    assert conflict(case, [0, 0, 0]) is None and shared(case, 0, 1) == 0
    assert (lower_bound(case), first_fit(case, [0, 1, 2])) == (6, [0, 0, 0])


def test_the_gap_that_a_box_goes_to() -> None:
    boxes = [Box(2, 0, 9), Box(3, 0, 9), Box(2, 0, 0), Box(2, 5, 9), Box(1, 5, 5)]
    assert first_fit(problem(boxes), [2, 0, 3, 1, 4]) == [2, 4, 0, 0, 7]
    assert first_fit(problem([Box(4, 0, 1), Box(2, 0, 1)]), (1, 0)) == [2, 0]


def test_the_search_counts_what_reaches_the_top() -> None:
    case = problem([Box(4, 0, 1), Box(2, 1, 2), Box(3, 3, 3), Box(1, 3, 4)])
    assert memory_search._rank(case, [0, 4, 3, 0]) == (6, 2 + 3)
    assert memory_search._rank(case, [2, 0, 0, 5]) == (6, 4 + 1)
    generator = random.Random(1)
    order = [2, 0, 3, 1]
    for _ in range(50):
        moved = memory_search._moved(case, order, [0, 4, 0, 3], 6, generator)
        assert sorted(moved) == [0, 1, 2, 3] and order == [2, 0, 3, 1]


def test_the_search_goes_on_from_the_best_order() -> None:
    """Every greedy order needs 18."""
    boxes = [
        *(Box(1, 5, 6), Box(6, 3, 3), Box(3, 2, 4), Box(2, 4, 5), Box(5, 4, 6)),
        *(Box(6, 5, 8), Box(8, 0, 2), Box(1, 1, 4), Box(2, 3, 6)),
    ]
    case = problem(boxes)
    found = memory_search.search(case, 16, first_fit(case, range(9)))
    assert conflict(case, found) is None and height(case, found) == 16


def test_the_search_places_nothing_more_at_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    case = problem([Box(4, 0, 1), Box(3, 1, 2)])
    placed: list[Sequence[int]] = []

    def counted(of: Problem, order: Sequence[int]) -> list[int]:
        placed.append(order)
        return first_fit(of, order)

    monkeypatch.setattr(memory_search, "first_fit", counted)
    assert memory_search.search(case, 7, [0, 4]) == [0, 4] and placed == []
    assert memory_search._improve(case, 7, [0, 1]) == [0, 4] and placed == [[0, 1]]
    # The order of the start and the five greedy ones, and then no more.
    placed.clear()
    assert height(case, memory_search.search(case, 7, [0, 5])) == 7 and len(placed) == 6


def test_layers_that_others_contain_bound_nothing_more() -> None:
    case = problem([Box(1, 0, 2), Box(1, 1, 1), Box(1, 2, 3), Box(1, 3, 3)])
    assert crowds(case) == [(0, 1), (0, 2), (2, 3)]


def diamond() -> Graph:
    """x -> y -> (z, w) -> sum: pads make everything larger, w is in place."""
    b = GraphBuilder("diamond")
    b.input("x", (4, 4, 4), S8)
    b.add(Pad("pad", "x", "y", Padding(1, 1, 1, 1), 0), S8)
    b.add(Pad("more", "y", "z", Padding(1, 1, 1, 1), 0), S8)
    b.add(Clamp("clamp", "y", "w", 0, 9), S8)
    b.add(Pad("again", "w", "v", Padding(1, 1, 1, 1), 0), S8)
    b.add(Add("add", ("z", "v"), "sum", rescale=R), S8)
    b.add(Reshape("flat", "sum", "out"), S8, shape=(256,))
    return b.build(["out"])


def test_every_fact_of_a_plan() -> None:
    graph = diamond()
    plan = plan_nodes(graph, sizes(graph), {"more": 33, "add": 16})
    facts = {
        p.tensor: (p.kind, p.size_bytes, p.first_layer, p.last_layer, p.shared)
        for p in plan.placements
    }
    more, add = (scratch_name(graph.nodes[k]) for k in (1, 4))
    shared_with = facts["sum"][4]
    assert shared_with in ("z", "v")
    assert facts == {
        "x": ("activation", 64, 0, 0, ""),
        "y": ("activation", 144, 0, 2, ""),
        "z": ("activation", 256, 1, 4, ""),
        more: ("scratch", 33, 1, 1, ""),
        "w": ("activation", 144, 2, 3, "y"),
        "v": ("activation", 256, 3, 4, ""),
        "sum": ("activation", 256, 4, 5, shared_with),
        add: ("scratch", 16, 4, 4, ""),
        "out": ("activation", 256, 5, 5, "sum"),
    }
    assert plan.offset("sum") == plan.offset(shared_with) and plan.offset("w") == plan.offset("y")
    assert plan.arena_bytes == plan.lower_bound_bytes == 144 + 256 + 256 and plan.optimal


@pytest.mark.parametrize("alignment", [1, 8, 32])
def test_offsets_and_sizes_keep_the_alignment(alignment: int) -> None:
    b = GraphBuilder("odd")
    b.input("x", (1, 5, 1), S8)
    b.add(Pad("pad", "x", "y", Padding(0, 0, 1, 1), 0), S8)
    b.add(Pad("pad2", "x", "z", Padding(0, 0, 1, 0), 0), S8)
    b.add(Concat("join", ("y", "z"), "out", 1), S8)
    graph = b.build(["out"])
    plan = plan_nodes(graph, sizes(graph), {}, alignment)
    assert all(p.offset % alignment == 0 for p in plan.placements)
    if alignment == 1:
        assert plan.arena_bytes == 7 + 6 + 13
    else:
        assert plan.arena_bytes == alignment * sum(-(-n // alignment) for n in (7, 6, 13))


def test_a_kernel_that_reads_ahead_lets_its_output_come_closer() -> None:
    b = GraphBuilder("ahead")
    b.input("x", (4, 4, 4), S8)
    b.add(Pad("pad", "x", "y", Padding(1, 1, 1, 1), 0), S8)
    graph = b.build(["y"])
    for ahead, arena in ((0, 144), (16, 144), (80, 144), (96, 160), (140, 208), (10**6, 208)):
        plan = plan_nodes(graph, sizes(graph), {}, overlaps={"pad": {"x": ahead}})
        assert plan.arena_bytes == arena, ahead
        if arena < 208:
            assert plan.offset("x") - plan.offset("y") >= ahead


@pytest.mark.parametrize(
    ("output_bytes", "read_again", "arena"),
    [(64, False, 80), (40, False, 80), (65, False, 160), (64, True, 144)],
)
def test_an_output_that_may_lie_at_the_start_of_its_input_alone(
    output_bytes: int, read_again: bool, arena: int
) -> None:
    """16 bytes of scratch, and the input's bytes for both where it is as long and free."""
    steps = [Step("one", ("x",), ("y",), 16, starts_with=("x",))]
    sizes = {"x": 64, "y": output_bytes, "z": 0}
    steps += [Step("two", ("x", "y") if read_again else ("y",), ("z",))]
    plan = plan_memory(Schedule(tuple(steps), sizes, ("x",), ("z",)))
    assert plan.arena_bytes == arena and plan.optimal
    over = plan.placed("y").shared == "x"
    assert over is (arena == 80)
    assert not over or plan.offset("y") == plan.offset("x")


def test_an_output_at_the_start_of_its_input_lies_elsewhere_where_that_is_lower() -> None:
    """As the first layers of a MobileNet: over its input, ``b`` would keep ``a`` above the larger
    ``c``, whose kernel reads ahead, and the image above that."""
    steps = (
        Step("conv", ("image",), ("a",), overlaps={"image": 16}),
        Step("depthwise", ("a",), ("b",), starts_with=("a",)),
        Step("pointwise", ("b",), ("c",), overlaps={"b": 128}),
        Step("pool", ("c",), ("d",)),
    )
    sizes = {"image": 192, "a": 128, "b": 128, "c": 256, "d": 0}
    schedule = Schedule(steps, sizes, ("image",), ("d",))
    plan = plan_memory(schedule)
    assert plan.placed("b").shared == "" and plan.arena_bytes == 256 and plan.optimal
    shorter = replace(schedule, tensor_bytes={**sizes, "image": 128, "c": 128})
    over = plan_memory(shorter)
    assert over.placed("b").shared == "a" and over.arena_bytes == 256


def test_behind_a_shorter_output_the_rest_of_its_input_is_free() -> None:
    """64 bytes at the start of 256: the scratch of the next step lies in the others."""
    steps = (Step("one", ("x",), ("y",), starts_with=("x",)), Step("two", ("y",), ("z",), 192))
    plan = plan_memory(Schedule(steps, {"x": 256, "y": 64, "z": 0}, ("x",), ("z",)))
    assert plan.arena_bytes == 256 and plan.offset("y") == plan.offset("x")


@pytest.mark.parametrize(("distance", "arena"), [(0, 64), (16, 80), (17, 96), (200, 128)])
def test_tensors_that_steps_write_and_read_in_turn_come_closer(distance: int, arena: int) -> None:
    """Both are there all the time: only what the schedule says lets them share bytes."""
    steps = (Step("one", ("x",), ("y",)), Step("two", ("x", "y"), ("z",)))
    plain = Schedule(steps, {"x": 64, "y": 64, "z": 0}, ("x",), ("z",))
    assert plan_memory(plain).arena_bytes == 128
    plan = plan_memory(replace(plain, closer={"y": {"x": distance}}))
    assert plan.arena_bytes == arena
    if arena < 128:
        assert plan.offset("x") - plan.offset("y") >= distance


def test_a_proof_takes_no_more_placements_than_it_did() -> None:
    """The next box never lies below the one before it: orders that end alike are looked at once."""
    boxes = [Box(6, 4, 4), Box(4, 0, 3), Box(1, 0, 2), Box(6, 2, 4), Box(3, 3, 3), Box(2, 3, 4)]
    case = problem(boxes, {})
    start = first_fit(case, sorted(range(6), key=lambda b: -boxes[b].size))
    assert height(case, start) == 17 and lower_bound(case) == 15
    assert memory_exact.solve(case, 14, start, 21).proven
    assert not memory_exact.solve(case, 14, start, 20).proven


def test_who_may_overwrite_what() -> None:
    b = GraphBuilder("table")
    b.input("x", (16,), S8)
    b.constant("t", np.arange(-128, 128), S8)
    b.add(Lookup("lookup", "x", "t", "y"), S8)
    b.add(Add("twice", ("y", "y"), "z", rescale=R), S8)
    graph = b.build(["z"])
    plan = plan_nodes(graph, sizes(graph), {})
    assert plan.arena_bytes == 16 and {p.offset for p in plan.placements} == {0}
    # An input that is an output as well is read by whoever asked for it.
    b = GraphBuilder("kept")
    b.input("x", (16,), S8)
    b.add(Clamp("a", "x", "y", 0, 9), S8)
    b.add(Clamp("b", "y", "z", 0, 8), S8)
    graph = b.build(["y", "z"])
    assert plan_nodes(graph, sizes(graph), {}).arena_bytes == 32


def test_blocks_live_as_long_as_their_tensors() -> None:
    owner = {"a": "a", "b": "a", "c": "c"}
    blocks = memory_blocks.blocks_of(
        owner, {"a": 5, "b": 9, "c": 2}, {"b": (3, 5), "a": (2, 3), "c": (0, 9)}, {}
    )
    facts = {n: (b.name, b.size, b.first, b.last) for n, b in blocks.items()}
    assert facts == {"a": ("a", 9, 2, 5), "c": ("c", 2, 0, 9)}


def test_what_has_a_gap_leaves_room_in_it() -> None:
    again, inside, outside = Box(4, 0, 3, (1, 2)), Box(6, 1, 2), Box(5, 2, 3)
    assert not together(again, inside) and not together(inside, again)
    assert together(again, outside) and together(again, Box(1, 1, 1, (1, 1)))
    assert [again.alive(layer) for layer in range(5)] == [True, False, False, True, False]
    case = problem([again, inside, outside])
    assert lower_bound(case) == 11  # in layer 2 the others, in layer 3 with the last one 9
    assert height(case, first_fit(case, (0, 1, 2))) == 11
    # Both said to be there between layers: 10 from the first two.
    forced = problem([again, inside], {(0, 1): 4})
    assert height(forced, first_fit(forced, (0, 1))) == 10


def test_gaps_of_the_first_placement() -> None:
    """Largest first, each into the smallest gap among those alive, at a multiple of 16."""
    blocks = [
        memory_blocks.Block("small", 20, 0, 1),
        memory_blocks.Block("large", 100, 0, 0),
        memory_blocks.Block("middle", 60, 1, 2),
        memory_blocks.Block("late", 30, 2, 2),
    ]
    memory_blocks.place(blocks, 16)
    assert {b.name: b.offset for b in blocks} == {"large": 0, "middle": 0, "late": 64, "small": 112}
    memory_blocks.check(blocks)
    assert memory_blocks.best_gap([memory_blocks.Block("high", 16, 0, 9, 32)], 32, 16) == 0
    assert memory_blocks.best_gap([memory_blocks.Block("high", 16, 0, 9, 32)], 33, 16) == 48
    # Of gaps that are equal the lower one.
    between = [memory_blocks.Block(str(at), 16, 0, 9, at) for at in (16, 48, 80)]
    assert memory_blocks.best_gap(between, 16, 16) == 0


# The order of layers.


def branches() -> Graph:
    """As the example: one branch over 100 bytes back to 1, one over 90 bytes."""
    b = GraphBuilder("branches")
    b.input("x", (10,), S8)
    b.add(Clamp("a", "x", "wide", 0, 9), S8)
    b.add(Clamp("b", "x", "other", 0, 9), S8)
    b.add(Clamp("c", "wide", "narrow", 0, 9), S8)
    b.add(Add("join", ("narrow", "other"), "y", rescale=R), S8)
    return b.build(["y"])


def test_the_example_of_the_order() -> None:
    graph = branches()
    stored = {"x": 10, "wide": 100, "narrow": 1, "other": 90, "y": 90}
    order = reorder.best_order(graph, stored, {})
    assert [op.name for op in order.nodes] == ["a", "c", "b", "join"]
    assert order.peak_bytes == 111 and order.optimal
    assert reorder._Work(graph, stored, {}).peak((0, 1, 2, 3)) == 200
    assert reorder.best_order(graph, stored, {"c": 1000}).peak_bytes == 1111
    same = reorder.best_order(graph, {**stored, "wide": 1, "narrow": 1}, {})
    assert same.nodes == graph.nodes and same.peak_bytes == 101 and same.optimal


def test_steps_of_a_set_of_layers() -> None:
    graph = branches()
    stored = {"x": 10, "wide": 100, "narrow": 100, "other": 90, "y": 90}
    work = reorder._Work(graph, stored, {"b": 7})
    assert work.start() == 10 and not work.chain()
    assert work.ready(0) == [0, 1] and work.ready(0b11) == [2] and work.ready(0b111) == [3]
    assert work.step(0, 0, 10) == (110, 110)
    # x dies with its last reader; the output of c takes over what it reads.
    assert work.step(1, 0b1, 110) == (207, 190)
    assert work.step(2, 0b11, 190) == (190, 190)
    assert work.step(3, 0b111, 190) == (190, 90)
    assert not work.dies("y", 0b1111) and work.dies("x", 0b11) and not work.dies("x", 0b1)


def test_a_search_that_is_cut_short_still_gives_an_order() -> None:
    graph = branches()
    stored = {"x": 10, "wide": 100, "narrow": 1, "other": 90, "y": 90}
    for most in range(6):
        order = reorder.best_order(graph, stored, {}, most)
        seen = {"x"}
        for op in order.nodes:
            assert all(name in seen for name in getattr(op, "inputs", (getattr(op, "input", "x"),)))
            seen.add(op.output)
        assert len(order.nodes) == 4 and 111 <= order.peak_bytes <= 200
        assert not order.optimal or order.peak_bytes == 111
