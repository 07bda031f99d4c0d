"""Placement: legal, no higher than the greedy, as low as brute force finds, and proven so."""

from __future__ import annotations

import time
from itertools import permutations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    Add,
    Clamp,
    DepthwiseConv2d,
    Padding,
    Rescale,
    Reshape,
    Rounding,
    activations,
)
from hwkit.ir.types import S8
from hwkit.lower.memory import MemoryPlan
from hwkit.lower.memory_exact import Solution, solve
from hwkit.lower.memory_packing import (
    Box,
    Problem,
    conflict,
    first_fit,
    height,
    lower_bound,
    problem,
)
from hwkit.lower.memory_search import search
from tests.conformance.graphs import ANY, graphs
from tests.lower.planned import plan_nodes
from tests.lower.test_memory import check, sizes


@st.composite
def problems(draw: st.DrawFn, most_boxes: int, most_size: int, most_layers: int) -> Problem:
    """Boxes with random lives; some pairs, of which one dies where the other is born, closer."""
    boxes = []
    for _ in range(draw(st.integers(1, most_boxes))):
        first = draw(st.integers(0, most_layers - 1))
        last = draw(st.integers(first, most_layers - 1))
        boxes.append(Box(draw(st.integers(1, most_size)), first, last))
    closer = {}
    for a, one in enumerate(boxes):
        for b, other in enumerate(boxes):
            if other.last == one.first and other.first < other.last and draw(st.booleans()):
                closer[a, b] = draw(st.integers(0, one.size))
    return problem(boxes, closer)


def by_size(case: Problem) -> list[int]:
    order = sorted(range(len(case.boxes)), key=lambda b: (-case.boxes[b].size, b))
    return first_fit(case, order)


def brute_force(case: Problem) -> int:
    """Every offset of every box below the greedy height; where the first boxes already lie too
    close or too high, the others are not moved."""
    best = height(case, by_size(case))

    def place(offsets: list[int]) -> None:
        nonlocal best
        box = len(offsets)
        if box == len(case.boxes):
            best = height(case, offsets)
            return
        before = [b for b in case.above[box] if b < box]
        for at in range(best):
            if at + case.boxes[box].size >= best:
                return
            steps = ((b, at - offsets[b]) for b in before)
            if all(s >= case.above[b][box] or -s >= case.above[box][b] for b, s in steps):
                place([*offsets, at])

    place([])
    return best


@settings(max_examples=250, derandomize=True, deadline=None, database=None)
@given(problems(5, 4, 4))
def test_exact_equals_brute_force_over_all_offsets(case: Problem) -> None:
    lowest = brute_force(case)
    assert lower_bound(case) <= lowest
    solution = solve(case, lower_bound(case), by_size(case))
    assert solution.proven
    assert conflict(case, solution.offsets) is None
    assert height(case, solution.offsets) == lowest


@settings(max_examples=100, derandomize=True, deadline=None, database=None)
@given(problems(6, 9, 5))
def test_exact_is_no_higher_than_first_fit_in_any_order(case: Problem) -> None:
    solution = solve(case, lower_bound(case), by_size(case))
    assert solution.proven
    lowest = min(height(case, first_fit(case, p)) for p in permutations(range(len(case.boxes))))
    assert height(case, solution.offsets) <= lowest


@settings(max_examples=100, derandomize=True, deadline=None, database=None)
@given(problems(14, 20, 8))
def test_search_is_legal_and_no_higher_than_its_start(case: Problem) -> None:
    start, bound = by_size(case), lower_bound(case)
    assert conflict(case, start) is None
    found = search(case, bound, start)
    assert conflict(case, found) is None
    assert bound <= height(case, found) <= height(case, start)
    assert search(case, bound, start) == found


@settings(max_examples=60, derandomize=True, deadline=None, database=None)
@given(problems(10, 12, 7))
def test_a_proof_is_never_beaten_by_the_search(case: Problem) -> None:
    start, bound = by_size(case), lower_bound(case)
    solution = solve(case, bound, start)
    assert conflict(case, solution.offsets) is None
    found = height(case, search(case, bound, start))
    assert not solution.proven or height(case, solution.offsets) <= found


def test_a_bound_that_no_placement_reaches_is_ruled_out() -> None:
    # Four units at most are alive together, and yet the middle ones leave a hole.
    boxes = [Box(1, 0, 1), Box(2, 0, 0), Box(1, 0, 2), Box(2, 1, 3), Box(1, 2, 3), Box(1, 3, 3)]
    case = problem(boxes)
    solution = solve(case, lower_bound(case), by_size(case))
    assert solution.proven and height(case, solution.offsets) == brute_force(case)


def test_more_boxes_than_forty_are_left_as_they_were() -> None:
    boxes = [Box(1, 0, 0), Box(1, 0, 0), *(Box(1, k, k) for k in range(1, 40))]
    start = [0, 2] + [0] * 39
    assert solve(problem(boxes[:40]), 2, start[:40]) == Solution((0, 1) + (0,) * 38, True)
    assert solve(problem(boxes), 2, start) == Solution(tuple(start), False)


def test_without_steps_nothing_is_proven() -> None:
    boxes = [Box(3, 0, 1), Box(2, 1, 2), Box(3, 2, 3), Box(4, 3, 4), Box(1, 0, 4)]
    case = problem(boxes)
    start = [0, 10, 20, 30, 40]
    solution = solve(case, lower_bound(case), start, steps=1)
    assert solution.offsets == tuple(start) and not solution.proven


def test_a_step_is_a_box_that_is_placed() -> None:
    boxes = [Box(3, 0, 1), Box(2, 1, 2), Box(3, 2, 3)]
    case = problem(boxes)
    start = (0, 10, 20)
    found = [solve(case, lower_bound(case), start, steps=k).offsets for k in range(5)]
    assert found[:4] == [start] * 4 and height(case, found[4]) == lower_bound(case)


def test_an_output_may_run_into_its_input() -> None:
    case = problem([Box(10, 0, 1), Box(10, 1, 2)], {(1, 0): 3})
    assert lower_bound(case) == 13
    assert solve(case, 13, [0, 10]).offsets in ((3, 0),)
    assert conflict(case, [2, 0]) == (0, 1) and conflict(case, [0, 3]) == (0, 1)


def _rescale() -> Rescale:
    return Rescale((1,), (1,), Rounding.FLOOR, -128, 127)


def residual_chain(blocks: int) -> Graph:
    """x -> clamp -> depthwise -> depthwise -> + clamp, again and again."""
    b = GraphBuilder("chain")
    b.input("x", (8, 8, 4), S8)
    source = "x"
    b.constant("w", np.ones((1, 3, 3, 4), np.int8), S8)
    for k in range(blocks):
        for name, at in ((f"a{k}", source), (f"b{k}", f"a{k}")):
            one = Padding(1, 1, 1, 1)
            b.add(DepthwiseConv2d(name, at, "w", None, name, padding=one, rescale=_rescale()), S8)
        b.add(Add(f"c{k}", (source, f"b{k}"), f"c{k}", rescale=_rescale()), S8)
        b.add(Clamp(f"d{k}", f"c{k}", f"d{k}", 0, 9), S8)
        source = f"d{k}"
    return b.build([source])


def test_overlaps_take_a_residual_block_from_three_maps_to_two() -> None:
    graph = residual_chain(1)
    whole = plan_nodes(graph, sizes(graph), {})
    assert (whole.arena_bytes, whole.lower_bound_bytes, whole.optimal) == (768, 768, True)
    overlaps = {"a0": {"x": 48}, "b0": {"a0": 48}}
    plan = plan_nodes(graph, sizes(graph), {}, overlaps=overlaps)
    # Two maps and the 48 bytes by which the second depthwise runs ahead; x is still needed.
    assert (plan.arena_bytes, plan.optimal) == (2 * 256 + 48, True)
    assert plan.offset("a0") - plan.offset("b0") >= 48
    assert next(p.shared for p in plan.placements if p.tensor == "b0") == "a0"


def test_a_large_graph_takes_about_a_second_at_most() -> None:
    graph = residual_chain(60)
    start = time.monotonic()
    plan = plan_nodes(graph, sizes(graph), {op.name: 40 for op in graph.nodes})
    assert time.monotonic() - start < 5
    assert plan.optimal and plan.lower_bound_bytes == plan.arena_bytes
    check(plan)


def test_a_long_chain_of_residual_blocks_needs_no_more_than_one() -> None:
    graph, block = residual_chain(30), residual_chain(1)
    arenas = []
    for one in (graph, block):
        overlaps = {op.name: {op.input: 48} for op in one.nodes if isinstance(op, DepthwiseConv2d)}
        scratch = {op.name: 16 + 48 * (op.name[0] == "b") for op in one.nodes}
        plan = plan_nodes(one, sizes(one), scratch, overlaps=overlaps)
        assert plan.optimal
        arenas.append(plan.arena_bytes)
    assert arenas[0] == arenas[1]


@settings(max_examples=50, derandomize=True, deadline=None, database=None)
@given(graphs(ANY), st.integers(0, 500), st.data())
def test_plans_of_random_graphs(graph: Graph, scratch_bytes: int, data: st.DataObject) -> None:
    scratch = {op.name: scratch_bytes for op in graph.nodes}
    plain = plan_nodes(graph, sizes(graph), scratch)
    assert plain.lower_bound_bytes <= plain.arena_bytes
    overlaps = {
        op.name: {op.input: data.draw(st.integers(0, 300))}
        for op in graph.nodes
        if hasattr(op, "input")
    }
    plan = plan_nodes(graph, sizes(graph), scratch, overlaps=overlaps)
    assert plan.lower_bound_bytes <= plan.arena_bytes
    if plan.optimal and plain.optimal:
        assert plan.arena_bytes <= plain.arena_bytes
    _only_allowed_overlaps(graph, plan, overlaps)
    assert plan_nodes(graph, sizes(graph), scratch, overlaps=overlaps) == plan


def _only_allowed_overlaps(
    graph: Graph, plan: MemoryPlan, overlaps: dict[str, dict[str, int]]
) -> None:
    """Live tensors in common bytes are an op's output and its input (or a reshape of it)."""
    makers = {op.output: op for op in graph.nodes}
    order = {name: k for k, name in enumerate((*graph.inputs, *makers))}
    by_name = {p.tensor: p for p in plan.placements}

    def base(name: str) -> str:
        op = makers.get(name)
        return base(op.input) if isinstance(op, Reshape) else name

    for a in plan.placements:
        for b in plan.placements:
            together = a.first_layer <= b.last_layer and b.first_layer <= a.last_layer
            common = a.offset < b.offset + b.size_bytes and b.offset < a.offset + a.size_bytes
            if a is b or not together or not common or base(a.tensor) == base(b.tensor):
                continue
            later, earlier = (a, b) if order[a.tensor] > order[b.tensor] else (b, a)
            op = makers[base(later.tensor)]
            assert earlier.last_layer == by_name[op.output].first_layer
            assert earlier.offset >= later.offset
            sources = [base(x) for x in activations(op)]
            assert base(earlier.tensor) in sources
            if isinstance(op, DepthwiseConv2d):
                assert earlier.offset - later.offset >= overlaps[op.name][op.input]
