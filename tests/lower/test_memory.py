"""The memory plan: no two live tensors overlap, in place where safe, small where it can be."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwkit.errors import GraphError
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Add, Clamp, Concat, Pad, Padding, Requantize, Rescale, Reshape, Rounding
from hwkit.ir.types import S8
from hwkit.lower import memory_blocks
from hwkit.lower.memory import MemoryPlan, Placement
from hwkit.lower.schedule import scratch_name
from tests.conformance.graphs import ANY, graphs
from tests.lower.planned import plan_nodes


def sizes(graph: Graph) -> dict[str, int]:
    names = (*graph.inputs, *(op.output for op in graph.nodes))
    return {name: graph.tensors[name].container_bytes for name in names}


def root(plan: MemoryPlan, placement: Placement) -> str:
    """The first tensor of the chain that shares these bytes."""
    by_name = {p.tensor: p for p in plan.placements}
    while placement.shared:
        placement = by_name[placement.shared]
    return placement.tensor


def check(plan: MemoryPlan) -> None:
    for a, b in combinations(plan.placements, 2):
        together = a.first_layer <= b.last_layer and b.first_layer <= a.last_layer
        apart = a.offset + a.size_bytes <= b.offset or b.offset + b.size_bytes <= a.offset
        assert not together or apart or root(plan, a) == root(plan, b), (a, b)
    assert all(p.offset % 16 == 0 for p in plan.placements)
    assert plan.arena_bytes >= max(p.offset + p.size_bytes for p in plan.placements)


def chain(*, keep_input: bool) -> Graph:
    """x -> clamp y -> pad z; with ``keep_input`` z is added to a padded x again."""
    b = GraphBuilder("chain")
    b.input("x", (4, 4, 4), S8)
    b.add(Clamp("clamp", "x", "y", 0, 9), S8)
    b.add(Pad("pad", "y", "z", Padding(1, 1, 1, 1), 0), S8)
    if keep_input:
        b.add(Pad("pad2", "x", "w", Padding(1, 1, 1, 1), 0), S8)
        b.add(Add("add", ("z", "w"), "sum", rescale=_rescale()), S8)
        return b.build(["sum"])
    return b.build(["z"])


def _rescale() -> Rescale:
    return Rescale((1,), (1,), Rounding.FLOOR, -128, 127)


def test_an_element_wise_op_takes_over_its_input_only_when_nobody_reads_it_later() -> None:
    free, kept = chain(keep_input=False), chain(keep_input=True)
    plan = plan_nodes(free, sizes(free), {})
    assert plan.offset("y") == plan.offset("x")
    assert plan.arena_bytes == 64 + 144
    assert next(p.shared for p in plan.placements if p.tensor == "y") == "x"
    plan = plan_nodes(kept, sizes(kept), {})
    assert plan.offset("y") != plan.offset("x")
    check(plan)


def test_add_goes_over_one_of_its_inputs() -> None:
    graph = chain(keep_input=True)
    plan = plan_nodes(graph, sizes(graph), {})
    assert plan.offset("sum") in (plan.offset("z"), plan.offset("w"))


def test_a_reshape_moves_nothing_and_guards_its_input() -> None:
    b = GraphBuilder("reshape")
    b.input("x", (2, 8), S8)
    b.add(Reshape("flat", "x", "y"), S8, shape=(16,))
    b.add(Clamp("clamp", "x", "z", 0, 9), S8)
    b.add(Reshape("flat2", "z", "w"), S8, shape=(16,))
    b.add(Concat("concat", ("y", "w"), "out", 0), S8)
    graph = b.build(["out"])
    plan = plan_nodes(graph, sizes(graph), {})
    assert plan.offset("x") == plan.offset("y")
    # x is not read after the clamp, but y is, and lies on the same bytes.
    assert plan.offset("z") != plan.offset("x")
    check(plan)


def test_an_output_is_never_overwritten() -> None:
    b = GraphBuilder("two")
    b.input("x", (16,), S8)
    b.add(Clamp("a", "x", "y", 0, 9), S8)
    b.add(Clamp("b", "y", "z", 0, 8), S8)
    graph = b.build(["y", "z"])
    plan = plan_nodes(graph, sizes(graph), {})
    assert plan.offset("y") != plan.offset("z")


def test_an_op_that_changes_the_width_is_not_in_place() -> None:
    b = GraphBuilder("widths")
    b.input("x", (16,), S8)
    b.add(Requantize("r", "x", "y", _rescale()), S8)
    graph = b.build(["y"])
    assert plan_nodes(graph, {"x": 64, "y": 16}, {}).arena_bytes == 80


def test_scratch_lives_during_its_layer_alone() -> None:
    graph = chain(keep_input=False)
    plan = plan_nodes(graph, sizes(graph), {"pad": 100, "clamp": 0})
    (scratch,) = [p for p in plan.placements if p.kind == "scratch"]
    assert scratch.tensor == scratch_name(graph.nodes[1])
    assert (scratch.first_layer, scratch.last_layer, scratch.size_bytes) == (1, 1, 100)
    check(plan)


def test_a_gap_is_filled_best_fit() -> None:
    blocks = [
        memory_blocks.Block("a", 64, 0, 9, 0),
        memory_blocks.Block("b", 64, 0, 9, 96),
        memory_blocks.Block("c", 64, 0, 9, 176),
    ]
    assert memory_blocks.best_gap(blocks, 16, 16) == 160
    assert memory_blocks.best_gap(blocks, 32, 16) == 64
    assert memory_blocks.best_gap(blocks, 33, 16) == 240


def test_overlap_is_a_fault() -> None:
    with pytest.raises(GraphError, match="overlaps"):
        memory_blocks.check(
            [memory_blocks.Block("a", 8, 0, 1, 0), memory_blocks.Block("b", 8, 1, 2, 7)]
        )


@settings(max_examples=150, derandomize=True, deadline=None)
@given(graphs(ANY), st.integers(0, 500))
def test_no_two_live_tensors_overlap(graph: Graph, scratch_bytes: int) -> None:
    scratch = {op.name: scratch_bytes for op in graph.nodes}
    check(plan_nodes(graph, sizes(graph), scratch))


def test_bytes_in_use_are_counted_once() -> None:
    placements = (
        Placement("x", "input", 0, 64, 0, 1),
        Placement("y", "activation", 48, 40, 1, 2, "x"),
        Placement("c/scratch", "scratch", 100, 10, 1, 1),
        Placement("z", "output", 0, 8, 2, 2),
    )
    plan = MemoryPlan(110, placements)
    assert [plan.in_use(layer) for layer in range(4)] == [64, 98, 48, 0]
