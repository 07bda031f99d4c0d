"""The order with the lowest peak: as brute force finds it, topological, the same integers."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwkit import boards
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.ops import Add, Concat, MaxPool2d, Pad, Padding, Rescale, Rounding, activations
from hwkit.ir.types import S8
from hwkit.lower.checked import apply, golden_inputs
from hwkit.lower.reorder import best_order, reorder
from hwkit.targets.mcu.target import TARGET as mcu
from tests.lower.test_memory import sizes


def joined(branches: int) -> Graph:
    """x is padded to a large map and pooled to a small one, ``branches`` times, every large map
    made before the first is pooled; the small ones are joined."""
    b = GraphBuilder("joined")
    b.input("x", (4, 4, 2), S8)
    for k in range(branches):
        b.add(Pad(f"pad{k}", "x", f"large{k}", Padding(4, 4, 4, 4), k), S8)
    for k in range(branches):
        b.add(MaxPool2d(f"pool{k}", f"large{k}", f"small{k}", (6, 6), (6, 6)), S8)
    b.add(Concat("concat", tuple(f"small{k}" for k in range(branches)), "y", 0), S8)
    return b.build(["y"])


@st.composite
def networks(draw: st.DrawFn, most: int) -> Graph:
    """Random branches of pads and pools over maps of two sizes, added and joined."""
    b = GraphBuilder("random")
    b.input("x", (4, 4, 1), S8)
    shapes = {"x": 4}
    for k in range(draw(st.integers(1, most))):
        source = draw(st.sampled_from(sorted(shapes)))
        output = f"t{k}"
        kind = draw(st.sampled_from(["pad", "pool", "add"]))
        partners = [name for name, side in shapes.items() if side == shapes[source]]
        if kind == "pad" and shapes[source] < 12:
            b.add(Pad(output, source, output, Padding(1, 1, 1, 1), 0), S8)
            shapes[output] = shapes[source] + 2
        elif kind == "pool" and shapes[source] > 2:
            b.add(MaxPool2d(output, source, output, (2, 2), (2, 2)), S8)
            shapes[output] = shapes[source] // 2
        else:
            rescale = Rescale((1,), (1,), Rounding.FLOOR, -128, 127)
            other = draw(st.sampled_from(partners))
            b.add(Add(output, (source, other), output, rescale=rescale), S8)
            shapes[output] = shapes[source]
    read = {name for op in b.nodes for name in activations(op)}
    return b.build([name for name in shapes if name not in read])


def peak(graph: Graph, order: tuple[int, ...], scratch: int) -> int | None:
    """Most bytes alive in an order, straight from the definition; None if it is none."""
    nodes = [graph.nodes[k] for k in order]
    seen = set(graph.inputs)
    for op in nodes:
        if not set(activations(op)) <= seen:
            return None
        seen.add(op.output)
    size = sizes(graph)
    most = sum(size[name] for name in graph.inputs)
    made = list(graph.inputs)
    for layer, op in enumerate(nodes):
        later = {name for after in nodes[layer + 1 :] for name in activations(after)}
        held = [n for n in made if n in later or n in graph.outputs or n in activations(op)]
        dying = [n for n in activations(op) if n not in later and n not in graph.outputs]
        over = isinstance(op, Add) and any(size[n] == size[op.output] for n in dying)
        most = max(most, sum(size[n] for n in held) + (0 if over else size[op.output]) + scratch)
        made.append(op.output)
    return most


@settings(max_examples=120, derandomize=True, deadline=None, database=None)
@given(networks(6), st.sampled_from([0, 7]))
def test_equals_brute_force(graph: Graph, scratch: int) -> None:
    scratches = {op.name: scratch for op in graph.nodes}
    order = best_order(graph, sizes(graph), scratches)
    assert order.optimal
    peaks = [peak(graph, p, scratch) for p in permutations(range(len(graph.nodes)))]
    assert order.peak_bytes == min(p for p in peaks if p is not None)
    found = tuple(graph.nodes.index(op) for op in order.nodes)
    assert peak(graph, found, scratch) == order.peak_bytes


@settings(max_examples=60, derandomize=True, deadline=None, database=None)
@given(networks(14), st.sampled_from([1, 5, 50, 20_000]))
def test_never_higher_and_the_same_integers(graph: Graph, most_sets: int) -> None:
    order = best_order(graph, sizes(graph), {}, most_sets)
    present = peak(graph, tuple(range(len(graph.nodes))), 0)
    assert present is not None and order.peak_bytes <= present
    exact = best_order(graph, sizes(graph), {})
    assert exact.peak_bytes <= order.peak_bytes
    assert exact.peak_bytes == order.peak_bytes or not order.optimal
    other = apply(graph, lambda g: reorder(g, sizes(g), {}, most_sets))
    assert sorted(op.name for op in other.nodes) == sorted(op.name for op in graph.nodes)
    assert other.outputs == graph.outputs
    feeds = golden_inputs(graph, 1)
    before, after = run(graph, feeds), run(other, feeds)
    assert all(np.array_equal(before[name], after[name]) for name in graph.outputs)
    assert best_order(graph, sizes(graph), {}, most_sets) == order


def test_a_large_map_is_used_up_before_the_next_is_made() -> None:
    graph = joined(3)
    order = best_order(graph, sizes(graph), {})
    present = peak(graph, tuple(range(len(graph.nodes))), 0)
    assert order.optimal and present is not None
    # While the last large map is made: x, two small maps of 8 bytes and 288 bytes.
    assert (order.peak_bytes, present) == (32 + 2 * 8 + 288, 3 * 288 + 32)


def test_a_wide_graph_still_gets_a_better_order() -> None:
    graph = joined(18)
    order = best_order(graph, sizes(graph), {}, most_sets=500)
    assert order.peak_bytes < 3 * 288
    assert order.peak_bytes == peak(graph, tuple(map(graph.nodes.index, order.nodes)), 0)


@pytest.mark.parametrize("branches", [2, 3])
def test_the_mcu_target_takes_the_better_order(branches: int) -> None:
    lowered = mcu.lower(joined(branches), boards.load("virtual_m4"))
    names = [op.name for op in lowered.graph.nodes]
    assert names[:2] != ["pad0", "pad1"] and sorted(names) == sorted(
        op.name for op in joined(branches).nodes
    )
    assert lowered.plan.memory.arena_bytes < 2 * 288


def test_an_order_that_none_can_be_below_is_not_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    def search(*_: object) -> None:
        raise AssertionError("searched")

    monkeypatch.setattr("hwkit.lower.reorder._search", search)
    graph = joined(2)
    order = best_order(graph, sizes(graph), {"concat": 4000})  # The join needs most in any order.
    assert order.optimal and order.nodes == graph.nodes
