"""Graphs with narrowed maps: which maps, and what each reader and writer then computes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings

from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.ops import (
    Add,
    Clamp,
    Dense,
    Lookup,
    MaxPool2d,
    Op,
    Pad,
    Padding,
    Requantize,
    Rescale,
    Rounding,
    Sub,
    activations,
    rescales,
)
from hwkit.ir.types import S8, S16, Array, IntType
from hwkit.lower.narrow.grids import Grid
from hwkit.lower.narrow.histograms import histograms
from hwkit.lower.narrow.narrowed import narrowed, scaled
from hwkit.lower.narrow.sites import Passing, Site, sites
from tests.conformance.graphs import BORDERS, feeds_for, graphs

R = Rescale((1,), (1,), Rounding.HALF_UP, -128, 127)
S4 = IntType(4, True)


def pooled() -> Graph:
    b = GraphBuilder("pooled")
    b.input("x", (4, 4, 2), S8)
    b.add(Requantize("first", "x", "a", replace(R, zero_point=-128), 0), S8)
    b.add(Pad("pad", "a", "b", Padding(1, 1, 1, 1), -128), S8)
    b.add(MaxPool2d("pool", "b", "c", (2, 2), (2, 2)), S8)
    b.add(Requantize("last", "c", "y", R, -128), S8)
    return b.build(["y"])


def test_tensors_that_pools_and_pads_join_are_one_site() -> None:
    assert sites(pooled()) == (Site(("a", "b", "c"), S8, -128),)


def test_what_the_world_sees_or_what_has_two_zeros_is_no_site() -> None:
    b = GraphBuilder("none")
    b.input("x", (3,), S8)
    b.add(Requantize("two_zeros", "x", "a", R), S8)
    b.add(Requantize("other", "a", "b", replace(R, zero_point=3), 1), S8)
    b.add(Clamp("seen", "b", "c", 0, 5), S8)
    b.add(Requantize("last", "c", "y", R, 3), S8)
    graph = b.build(["c", "y"])
    assert sites(graph) == ()


def test_bounds_pads_and_zero_points_move_to_the_grid() -> None:
    graph = pooled()
    (site,) = sites(graph)
    after = narrowed(graph, {site: Grid(S4, 16.0, -8)})
    first, pad, _, last = after.nodes
    assert isinstance(first, Requantize) and isinstance(pad, Pad) and isinstance(last, Requantize)
    assert (first.rescale.zero_point, first.rescale.low, first.rescale.high) == (-8, -8, 7)
    assert pad.value == -8 and last.input_zero_point == -8
    assert [after.tensors[name].dtype for name in "xabcy"] == [S8, S4, S4, S4, S8]
    x = np.full((1, 4, 4, 2), 100, np.int8)
    assert run(after, {"x": x}, ["a", "y"])["a"].max() == -8 + round(50 / 16)
    assert run(after, {"x": x}, ["y"])["y"].max() == 24  # 3 * 16 / 2


def test_the_rescale_of_the_docstring() -> None:
    r = scaled(Rescale((3,), (2,), Rounding.HALF_UP, -8, 7), 1.0, 2.0)
    assert (r.multiplier, r.shift) == ((3 << 29,), (32,))
    with_offset = scaled(replace(R, offset=(5,)), 16.0, 2.0)
    # 5 / 2 in results of twice the step is 5 / 4, whatever the sums count in.
    assert with_offset.offset[0] / 2.0 ** with_offset.shift[0] == 1.25


def test_tables_are_read_and_filled_on_the_grid() -> None:
    b = GraphBuilder("tables")
    b.input("x", (4,), S8)
    b.add(Requantize("in", "x", "a", replace(R, multiplier=(2,))), S8)
    b.constant("t", -np.arange(-128, 128).clip(-127), S8)
    b.add(Lookup("negated", "a", "t", "b"), S8)
    b.add(Requantize("out", "b", "y", replace(R, multiplier=(2,))), S8)
    graph = b.build(["y"])
    first, second = sites(graph)
    grid = Grid(S4, 16.0, 0)
    x = np.array([[100, 20, -20, -128]], np.int8)
    assert run(narrowed(graph, {first: grid}), {"x": x})["y"].tolist() == [[-96, -16, 16, 127]]
    after = narrowed(graph, {first: grid, second: Grid(S4, 20.0, 1)})
    assert run(after, {"x": x})["y"].tolist() == [[-100, -20, 20, 120]]


def test_histograms_count_every_tensor_of_a_site() -> None:
    graph = pooled()
    found = sites(graph)
    counts = histograms(graph, found, {"x": np.zeros((40, 4, 4, 2), np.int8)})
    assert counts["a"][0] == counts["a"].sum() == 40 * 2 * (16 + 36 + 9)


@settings(max_examples=60)
@given(graphs(BORDERS))
def test_readers_compute_what_they_did_with_the_integers_on_the_grid(graph: Graph) -> None:
    """Of steps of a power of two nothing is rounded on the way: a reader of narrowed maps gives
    what it gave for the numbers that they hold, if it rounds once and its result is no site."""
    x = feeds_for(graph, 3, 1)
    for site in sites(graph):
        bits = max(site.dtype.bits - 2, 2)
        dtype = IntType(bits, site.dtype.signed)
        grid = Grid(dtype, 4.0, dtype.low + 1)
        after = narrowed(graph, {site: grid})
        read = {name for op in graph.nodes for name in (op.output, *activations(op))}
        values = kept = run(after, x, read)
        for op in graph.nodes:
            if not site.tensors or isinstance(op, Passing) or op.output in site.tensors:
                continue
            if set(site.tensors) & set(activations(op)) and _rounds_once(op):
                expected = _alone(graph, op, values, site, grid)
                np.testing.assert_array_equal(kept[op.output], expected, err_msg=op.name)


def _rounds_once(op: Op) -> bool:
    single = Rounding.HALF_UP, Rounding.HALF_EVEN, Rounding.FLOOR
    if isinstance(op, Add | Sub) and any(op.input_rescales):
        return False
    return not isinstance(op, Lookup) and all(
        r.rounding in single and not r.left_shift for r in rescales(op)
    )


def _alone(graph: Graph, op: Op, values: dict[str, Array], site: Site, grid: Grid) -> Array:
    """What ``op`` of the graph as it was makes of the numbers that the narrowed maps hold."""
    names = tuple(dict.fromkeys(activations(op)))
    tensors = dict(graph.tensors)
    feeds = {name: values[name] for name in names}
    for name in set(names) & set(site.tensors):
        feeds[name] = (grid.steps(values[name]) + site.zero_point).astype(np.int16)
        tensors[name] = replace(tensors[name], dtype=S16)
    alone = Graph("alone", (op,), tensors, graph.constants, names, (op.output,))
    return run(alone, feeds)[op.output]


def test_a_bias_goes_on_as_fine_as_before_where_there_is_a_place_for_it() -> None:
    b = GraphBuilder("bias")
    b.input("x", (1,), S8)
    b.add(Requantize("in", "x", "a", replace(R, multiplier=(2,))), S8)
    b.constant("w", np.array([[1]]), S8)
    b.constant("b", np.array([7]), IntType(32, True))
    b.add(Dense("fc", "a", "w", "b", "y", rescale=R), S8)
    graph = b.build(["y"])
    (site,) = sites(graph)
    x = np.array([[64]], np.int8)
    after = narrowed(graph, {site: Grid(S4, 16.0, 0)})
    assert run(graph, {"x": x})["y"] == run(after, {"x": x})["y"] == [[36]]
