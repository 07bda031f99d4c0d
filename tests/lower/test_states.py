"""Every pass keeps what states become, step after step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from hwkit.errors import BitExactnessError
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.ops import (
    Add,
    AvgPool2d,
    Clamp,
    Concat,
    Constant,
    Dense,
    MaxPool2d,
    Pad,
    Padding,
    Requantize,
    Rescale,
    Reshape,
    Rounding,
)
from hwkit.ir.types import S8, S32, U8, IntType
from hwkit.ir.verify import verify
from hwkit.lower.checked import apply, golden_inputs
from hwkit.lower.finer_steps import finer_steps
from hwkit.lower.floor_as_half_up import floor_as_half_up
from hwkit.lower.fuse_requantize import fuse_requantize
from hwkit.lower.offset_to_bias import whole_steps_to_bias
from hwkit.lower.optimize import optimize
from hwkit.lower.optimize.fuse_pad import fuse_pad
from hwkit.lower.optimize.intervals import intervals
from hwkit.lower.optimize.remove_channels import remove_channels
from hwkit.lower.optimize.simplify import simplify
from hwkit.lower.optimize.tame_channels import tame_channels
from hwkit.lower.prelu_to_table import prelu_to_table
from hwkit.lower.reorder import best_order, reorder
from hwkit.lower.reshape_last import reshape_last
from hwkit.lower.shift_to_signed import from_signed, shift_to_signed, to_signed
from hwkit.lower.wide_apart import wide_apart
from tests.conformance.graphs import ALL_OPS, BORDERS, feeds_for, graphs
from tests.conformance.reference import run_plainly
from tests.predicted import predicted

STEPS = 5
HALF = Rescale((1,), (1,), Rounding.FLOOR, -128, 127)


def sizes(graph: Graph) -> dict[str, int]:
    return {name: tensor.container_bytes for name, tensor in graph.tensors.items()}


PASSES: dict[str, Callable[[Graph], Graph]] = {
    "finer_steps": lambda graph: finer_steps(graph, 127),
    "floor_as_half_up": floor_as_half_up,
    "fuse_pad": fuse_pad,
    "fuse_requantize": fuse_requantize,
    "optimize": lambda graph: optimize(fuse_requantize(graph)).graph,
    "prelu_to_table": lambda graph: prelu_to_table(graph, Rounding.DOUBLE),
    "remove_channels": remove_channels,
    "reorder": lambda graph: reorder(graph, sizes(graph), {}),
    "reshape_last": reshape_last,
    "simplify": simplify,
    "tame_channels": tame_channels,
    "whole_steps_to_bias": whole_steps_to_bias,
    "wide_apart": wide_apart,
}


@settings(max_examples=100)
@given(graphs(BORDERS))
def test_every_pass_keeps_every_integer_of_every_step(graph: Graph) -> None:
    feeds = feeds_for(graph, STEPS, 1)
    before = run(graph, feeds, graph.results)
    borders = (graph.inputs, graph.outputs, graph.states)
    for name, change in PASSES.items():
        result = verify(change(graph))
        assert (result.inputs, result.outputs, result.states) == borders, name
        if result.nodes == graph.nodes:
            continue
        after = run(result, feeds, graph.results)
        for tensor in graph.results:
            np.testing.assert_array_equal(after[tensor], before[tensor], f"{name}: {tensor}")


UNSIGNED = replace(
    BORDERS,
    ops=tuple(op for op in ALL_OPS if op is not AvgPool2d),
    activations=(U8, S8, IntType(5, False)),
)


@settings(max_examples=150)
@given(graphs(UNSIGNED))
def test_shifted_states_hold_the_shifted_integers(graph: Graph) -> None:
    shifted = verify(shift_to_signed(graph))
    assert all(shifted.tensors[name].dtype.signed for name in (*shifted.sources, *shifted.results))
    feeds = feeds_for(graph, STEPS, 1)
    moved = {name: to_signed(x, graph.tensors[name]) for name, x in feeds.items()}
    before, after = run(graph, feeds, graph.results), run(shifted, moved, graph.results)
    for tensor in graph.results:
        again = from_signed(after[tensor], graph.tensors[tensor])
        np.testing.assert_array_equal(again, before[tensor], err_msg=tensor)


@settings(max_examples=60)
@given(graphs(BORDERS))
def test_no_integer_of_any_step_leaves_its_interval(graph: Graph) -> None:
    """States hold what their type holds, not only what they start with."""
    found = intervals(graph)
    values = run_plainly(graph, feeds_for(graph, STEPS, 2))
    for name, x in values.items():
        flat = x.reshape(-1, x.shape[-1])
        assert (found[name].low <= flat).all() and (flat <= found[name].high).all(), name


def remembering(b: GraphBuilder, state: str, update: str, outputs: list[str]) -> Graph:
    b.update(state, update)
    return b.build(outputs)


def test_a_sum_that_becomes_a_state_is_not_fused_away() -> None:
    b = GraphBuilder("sums")
    b.input("x", (2,), S8)
    b.state("total", np.array([0, 0]), S32)
    b.add(Add("add", ("total", "x"), "sum", (0, 0)), S32)
    b.add(Requantize("round", "sum", "y", HALF), S8)
    graph = remembering(b, "total", "sum", ["y"])
    assert apply(graph, fuse_requantize).nodes == graph.nodes


def test_a_reshape_that_becomes_a_state_stays_in_front() -> None:
    b = GraphBuilder("flat")
    b.input("x", (2, 2), S8)
    b.state("last", np.zeros(4), S8)
    b.add(Reshape("flat", "x", "f"), S8, shape=(4,))
    b.add(Requantize("round", "f", "y", HALF), S8)
    graph = remembering(b, "last", "f", ["y", "last"])
    assert apply(graph, reshape_last).nodes == graph.nodes


def test_what_only_a_state_needs_is_computed() -> None:
    """The padded map has readers that can do without it; the clamp has none."""
    b = GraphBuilder("needed")
    b.input("x", (2, 2, 1), S8)
    b.state("map", np.zeros((4, 4, 1)), S8)
    b.state("last", np.zeros((2, 2, 1)), S8)
    b.add(Pad("pad", "x", "padded", Padding(1, 1, 1, 1), -128), S8)
    b.add(MaxPool2d("pool", "padded", "y", (2, 2), (2, 2)), S8)
    b.add(Clamp("clamp", "x", "clamped", 0, 5), S8)
    b.update("map", "padded")
    b.update("last", "clamped")
    graph = b.build(["y", "map", "last"])
    for name in ("fuse_pad", "simplify", "remove_channels", "optimize"):
        kept = apply(graph, PASSES[name])
        assert {"padded", "clamped"} <= {op.output for op in kept.nodes}, name


def test_a_state_that_starts_at_zero_is_not_zero() -> None:
    """The second step reads the first input: no channel holds one integer."""
    b = GraphBuilder("late")
    b.input("x", (2,), S8)
    b.state("last", np.zeros(2), S8)
    b.constant("w", np.array([[1, 2]]), S8)
    b.add(Dense("fc", "last", "w", None, "y"), S32)
    graph = remembering(b, "last", "x", ["y"])
    kept = optimize(graph).graph
    assert kept.nodes == graph.nodes
    assert predicted(kept, np.array([[3, 4], [0, 0]])).tolist() == [[0], [11]]


def test_an_initial_value_moves_with_its_state_and_from_nobody_else() -> None:
    """One constant is a state's start, another node's value and a layer's weights."""
    b = GraphBuilder("shared")
    b.input("x", (2,), U8)
    b.state("last", np.array([[200, 3]]), U8)
    b.add(Reshape("row", "x", "r"), U8, shape=(1, 2))
    b.add(Constant("k", "last/initial", "c"), U8)
    b.add(Dense("fc", "x", "last/initial", None, "y"), S32)
    b.add(Concat("join", ("last", "c"), "both", 0), U8)
    graph = remembering(b, "last", "r", ["y", "both"])
    shifted = verify(shift_to_signed(graph))
    assert shifted.constants[shifted.states[0].initial].tolist() == [[72, -125]]
    x = np.array([[1, 255], [7, 8]], np.uint8)
    before, after = run(graph, {"x": x}), run(shifted, {"x": to_signed(x, graph.tensors["x"])})
    np.testing.assert_array_equal(after["y"], before["y"])
    both = from_signed(after["both"], graph.tensors["both"])
    np.testing.assert_array_equal(both, before["both"])


def test_a_pass_that_changes_a_state_is_caught_though_no_output_shows_it() -> None:
    b = GraphBuilder("hidden")
    b.input("x", (1,), S8)
    b.state("last", np.array([0]), S8)
    b.add(Clamp("clamp", "x", "y", 0, 5), S8)
    graph = remembering(b, "last", "y", ["x"])

    def wider(g: Graph) -> Graph:
        (op,) = g.nodes
        assert isinstance(op, Clamp)
        return g.with_nodes((replace(op, high=6),))

    with pytest.raises(BitExactnessError, match="y"):
        apply(graph, wider)


def test_golden_vectors_are_several_steps() -> None:
    """A state that is read at the second step, and changed by a pass, shows at the second."""
    b = GraphBuilder("two")
    b.input("x", (1,), S8)
    b.state("last", np.array([0]), S8)
    graph = remembering(b, "last", "x", ["last"])
    assert len(golden_inputs(graph)["x"]) == STEPS
    assert len(golden_inputs(replace(graph, states=(), outputs=("x",)))["x"]) == 2
    other = replace(graph.states[0], update="last")
    with pytest.raises(BitExactnessError):
        apply(graph, lambda g: replace(g, states=(other,)))


def test_states_count_in_every_order_and_are_never_overwritten() -> None:
    """Of 4 bytes of state, 4 of input: the sum may take neither's place, for the state is kept
    and the input is what it becomes."""
    b = GraphBuilder("kept")
    b.input("x", (4,), S8)
    b.state("last", np.zeros(4), S8)
    b.add(Add("add", ("last", "x"), "sum", (0, 0), rescale=HALF), S8)
    b.add(Clamp("clamp", "sum", "y", 0, 5), S8)
    graph = remembering(b, "last", "x", ["y"])
    assert best_order(graph, sizes(graph), {}).peak_bytes == 12
