"""Every pass keeps every integer, and finds what there is to find."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings

from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.ops import (
    Clamp,
    Concat,
    Constant,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Lookup,
    MaxPool2d,
    Op,
    Pad,
    Padding,
    Requantize,
    Rescale,
    Reshape,
    Rounding,
    Slice,
    SumPool2d,
    Transpose,
)
from hwkit.ir.types import S8, S32, IntType
from hwkit.ir.verify import verify
from hwkit.lower.checked import apply
from hwkit.lower.fuse_requantize import fuse_requantize
from hwkit.lower.optimize import optimize
from hwkit.lower.optimize.fuse_pad import fuse_pad
from hwkit.lower.optimize.intervals import intervals
from hwkit.lower.optimize.needed import links
from hwkit.lower.optimize.remove_channels import remove_channels, removed_channels
from hwkit.lower.optimize.simplify import simplify
from hwkit.lower.optimize.tame_channels import tame_channels, tamed_channels
from tests.conformance.graphs import graphs, inputs_for
from tests.lower.optimize.planted import HUGE, LOW, networks


def same(before: Graph, after: Graph, samples: int = 12) -> None:
    verify(after)
    assert (after.inputs, after.outputs) == (before.inputs, before.outputs)
    x = {before.inputs[0]: inputs_for(before, samples, 3)}
    expected, got = run(before, x), run(after, x)
    for name in before.outputs:
        assert after.tensors[name].dtype == before.tensors[name].dtype
        np.testing.assert_array_equal(got[name], expected[name])


def test_planted_constants() -> None:
    found: Counter[str] = Counter()

    @settings(max_examples=150)
    @given(networks())
    def one(graph: Graph) -> None:
        result = optimize(fuse_requantize(graph))
        same(graph, result.graph)
        found.update((+Counter(result.found)).keys())

    one()
    # How many of the networks had something for each pass; a pass that found nothing shows nothing.
    assert found["channels_removed"] > 100
    assert found["channels_tamed"] > 30
    assert found["pads_fused"] > 10


@settings(max_examples=150)
@given(graphs())
def test_random_graphs(graph: Graph) -> None:
    same(graph, optimize(fuse_requantize(graph)).graph)


@settings(max_examples=150)
@given(graphs())
def test_no_integer_leaves_its_interval(graph: Graph) -> None:
    found = intervals(graph)
    values = run(graph, {graph.inputs[0]: inputs_for(graph, 12, 4)}, keep=list(found))
    for name, interval in found.items():
        rows = values[name].astype(np.int64).reshape(-1, len(interval.low))
        assert (rows >= interval.low).all() and (rows <= interval.high).all(), name


def stuck_network(padding: Padding, biases: list[int]) -> Graph:
    """conv 1x1 to four channels, then a 3x3 convolution with ``padding``."""
    rng = np.random.default_rng(5)
    r = Rescale((1,), (9,), Rounding.HALF_UP, LOW, 127, LOW)
    b = GraphBuilder("stuck")
    b.input("x", (5, 5, 3), S8)
    b.constant("w0", rng.integers(1, 128, (4, 1, 1, 3)), S8)
    b.constant("b0", np.array(biases), S32)
    b.constant("w1", rng.integers(-127, 128, (2, 3, 3, 4)), S8)
    b.add(Conv2d("first", "x", "w0", "b0", "h", input_zero_point=LOW, rescale=r), S8)
    second = Conv2d(
        "second", "h", "w1", None, "y", (1, 1), padding, input_zero_point=LOW, rescale=r
    )
    b.add(second, S8)
    return b.build(["y"])


@pytest.mark.parametrize(
    ("padding", "biases", "left"),
    [
        (Padding(), [0, HUGE, 0, -HUGE], 2),
        (Padding(1, 1, 1, 1), [0, HUGE, 0, -HUGE], 3),  # 127 is not what lies outside the map
        (Padding(0, 0, 0, 1), [HUGE] * 4, 4),
        (Padding(), [0, 0, 0, 0], 4),
        (Padding(1, 1, 1, 1), [-HUGE, -HUGE, 0, -HUGE], 1),
    ],
)
def test_channels_go_where_the_reader_can_do_without(
    padding: Padding, biases: list[int], left: int
) -> None:
    before = stuck_network(padding, biases)
    after = apply(before, remove_channels)
    same(before, after)
    assert after.tensors["h"].shape == (5, 5, left)
    assert removed_channels(before, after) == 4 - left


def test_the_integer_of_a_removed_channel_is_in_the_bias() -> None:
    r = Rescale((1,), (0,), Rounding.HALF_UP, -128, 127)
    b = GraphBuilder("two")
    b.input("x", (1,), S8)
    b.constant("w0", np.array([[1], [0]]), S8)
    b.constant("b0", np.array([0, 500]), S32)
    b.constant("w1", np.array([[2, 3]]), S8)
    b.add(Dense("first", "x", "w0", "b0", "h", rescale=r), S8)
    b.add(Dense("second", "h", "w1", None, "y"), S32)
    after = apply(b.build(["y"]), remove_channels)
    second = after.nodes[1]
    assert isinstance(second, Dense) and second.bias is not None
    assert after.constants[second.bias].tolist() == [381]
    assert after.constants[second.weight].tolist() == [[2]]


@pytest.mark.parametrize(("stride", "left", "begin"), [(1, [1, 2, 3], 1), (2, [0, 1, 2, 3, 4], 1)])
def test_a_slice_begins_where_its_first_channel_went(
    stride: int, left: list[int], begin: int
) -> None:
    """Channels 1 .. 4 of five; those that are not needed lie before and behind."""
    r = Rescale((1,), (0,), Rounding.HALF_UP, -128, 127)
    b = GraphBuilder("sliced")
    b.input("x", (3,), S8)
    weight = np.arange(15).reshape(5, 3) - 7
    b.constant("w", weight, S8)
    b.add(Dense("first", "x", "w", None, "h", rescale=r), S8)
    size = 4 if stride == 1 else 2
    b.add(Slice("cut", "h", "s", (1,), (size,), (stride,)), S8)
    second = np.array([[1, 2, 3, 0]]) if stride == 1 else np.array([[1, 2]])
    b.constant("v", second, S8)
    b.add(Dense("second", "s", "v", None, "y"), S32)
    before = b.build(["y"])
    after = apply(before, remove_channels)
    same(before, after)
    first, cut, _ = after.nodes
    assert isinstance(first, Dense) and isinstance(cut, Slice)
    assert after.constants[first.weight].tolist() == weight[left].tolist()
    assert (cut.begin, cut.size) == ((begin if stride == 2 else 0,), (3 if stride == 1 else 2,))


def test_a_network_of_constants_alone_still_computes_its_output() -> None:
    before = stuck_network(Padding(), [HUGE] * 4)
    after = apply(before, remove_channels)
    same(before, after)
    assert after.tensors["h"].shape == (5, 5, 1)


def test_channels_that_stay_are_made_ordinary() -> None:
    before = stuck_network(Padding(1, 1, 1, 1), [7, HUGE, -5, HUGE - 1])
    after = apply(before, tame_channels)
    same(before, after)
    assert tamed_channels(before, after) == 2
    first = after.nodes[0]
    assert isinstance(first, Conv2d) and first.bias is not None
    biases = after.constants[first.bias]
    assert biases.tolist() == [7, 255 * 512 - 256, -5, 255 * 512 - 256]
    assert not after.constants[first.weight][[1, 3]].any()


@pytest.mark.parametrize(
    ("op", "value", "fused"),
    [
        (Conv2d("c", "p", "w", None, "y", input_zero_point=7), 7, True),
        (
            Conv2d("c", "p", "w", None, "y", padding=Padding(1, 1, 1, 1), input_zero_point=7),
            7,
            True,
        ),
        (Conv2d("c", "p", "w", None, "y", padding=Padding(2, 1), input_zero_point=7), 7, False),
        # The window sees the map with one more or less on each side: 2 around it and no more.
        (
            Conv2d("c", "p", "w", None, "y", padding=Padding(1, 2, 1, 1), input_zero_point=7),
            7,
            True,
        ),
        *(
            (Conv2d("c", "p", "w", None, "y", padding=padding, input_zero_point=7), 7, False)
            for padding in (Padding(0, 3), Padding(0, 0, 2), Padding(0, 0, 0, 2))
        ),
        (Conv2d("c", "p", "w", None, "y", input_zero_point=7), 6, False),
        (DepthwiseConv2d("c", "p", "d", None, "y", (2, 2), input_zero_point=7), 7, True),
        (SumPool2d("c", "p", "y", (3, 2), (1, 1), input_zero_point=7), 7, True),
        (SumPool2d("c", "p", "y", (1, 2), (1, 1), input_zero_point=7), 7, False),
        (MaxPool2d("c", "p", "y", (3, 3), (2, 2)), -128, True),
        (MaxPool2d("c", "p", "y", (3, 3), (2, 2)), -127, False),
        (Pad("c", "p", "y", Padding(3, 0, 2, 1), 7), 7, True),
    ],
)
def test_pads_join_their_readers(op: Op, value: int, fused: bool) -> None:
    b = GraphBuilder("pads")
    b.input("x", (6, 7, 2), S8)
    rng = np.random.default_rng(1)
    b.constant("w", rng.integers(-127, 128, (3, 3, 3, 2)), S8)
    b.constant("d", rng.integers(-127, 128, (1, 3, 3, 2)), S8)
    b.add(Pad("pad", "x", "p", Padding(1, 0, 1, 1), value), S8)
    b.add(op, S8 if isinstance(op, MaxPool2d | Pad) else S32)
    before = b.build(["y"])
    after = apply(before, fuse_pad)
    same(before, after)
    assert [node.name for node in after.nodes] == (["c"] if fused else ["pad", "c"])


def test_a_pad_that_another_reader_needs_stays() -> None:
    b = GraphBuilder("shared")
    b.input("x", (4, 4, 1), S8)
    b.constant("w", np.ones((1, 3, 3, 1)), S8)
    b.add(Pad("pad", "x", "p", Padding(1, 1, 1, 1), 0), S8)
    b.add(Conv2d("c", "p", "w", None, "y"), S32)
    b.add(Clamp("other", "p", "z", 0, 5), S8)
    after = apply(b.build(["y", "z"]), fuse_pad)
    assert [node.name for node in after.nodes] == ["pad", "c", "other"]
    conv = after.nodes[1]
    assert isinstance(conv, Conv2d) and conv.input == "x" and conv.padding == Padding(1, 1, 1, 1)


HALVED = Rescale((1,), (1,), Rounding.HALF_EVEN, -50, 127, 3)
SAME_AGAIN = Rescale((4,), (2,), Rounding.HALF_UP, -128, 127, 2)


@pytest.mark.parametrize(
    ("nodes", "kinds"),
    [
        ([Clamp("a", "x", "y", -128, 127), Clamp("b", "y", "z", 0, 9)], [Clamp]),
        ([Requantize("a", "x", "y", SAME_AGAIN, 2), Clamp("b", "y", "z", 0, 9)], [Clamp]),
        ([Requantize("a", "x", "y", SAME_AGAIN, 1), Clamp("b", "y", "z", 0, 9)], [Lookup]),
        ([Requantize("a", "x", "y", HALVED), Requantize("b", "y", "z", HALVED, 3)], [Lookup]),
        ([Requantize("a", "x", "y", HALVED), Clamp("b", "y", "z", -60, 127)], [Requantize]),
        ([Clamp("a", "x", "y", -9, 9), Requantize("b", "y", "z", HALVED)], [Lookup]),
        ([Transpose("a", "x", "y", (1, 2, 0)), Transpose("b", "y", "z", (2, 0, 1))], []),
        ([Transpose("a", "x", "y", (1, 0, 2)), Transpose("b", "y", "z", (2, 0, 1))], [Transpose]),
        ([Slice("a", "x", "y", (0, 0, 0), (2, 3, 4), (1, 1, 1)), Clamp("b", "y", "z", 0, 9)],
         [Clamp]),
        ([Slice("a", "x", "y", (1, 0, 0), (2, 3, 4), (-1, 1, 1)), Clamp("b", "y", "z", 0, 9)],
         [Slice, Clamp]),
        ([Concat("a", ("x",), "y", 0), Clamp("b", "y", "z", 0, 9)], [Clamp]),
        ([Pad("a", "x", "y", Padding(), 1), Clamp("b", "y", "z", 0, 9)], [Clamp]),
    ],
)  # fmt: skip
def test_pairs_become_one_or_none(nodes: list[Op], kinds: list[type[Op]]) -> None:
    b = GraphBuilder("pair")
    b.input("x", (2, 3, 4), S8)
    for op in nodes:
        b.add(op, S8)
    b.add(Reshape("end", "z", "out"), S8, shape=(24,))  # an output keeps its name and node
    before = b.build(["out"])
    after = apply(before, simplify)
    same(before, after, 40)
    assert [type(op) for op in after.nodes] == [*kinds, Reshape]


@pytest.mark.parametrize(
    ("low", "high", "stays"), [(-8, 9, False), (-8, 8, True), (-7, 9, True), (-3, 5, True)]
)
def test_a_clamp_that_no_channel_reaches_goes(low: int, high: int, stays: bool) -> None:
    b = GraphBuilder("channels")
    b.input("x", (1,), S8)
    b.add(Clamp("a", "x", "a", -3, 9), S8)
    b.add(Clamp("b", "x", "b", -8, 5), S8)
    b.add(Concat("join", ("a", "b"), "h", 0), S8)
    b.add(Clamp("c", "h", "c", low, high), S8)
    b.add(Reshape("end", "c", "y"), S8, shape=(1, 2))
    after = apply(b.build(["y"]), simplify)
    assert [op.name for op in after.nodes if isinstance(op, Clamp)] == (
        ["a", "b", "c"] if stays else ["a", "b"]
    )


def test_a_slice_of_a_concat_is_the_operand() -> None:
    b = GraphBuilder("chunks")
    b.input("x", (2, 4), S8)
    b.add(Clamp("c", "x", "low", -128, 0), S8)
    b.add(Concat("join", ("x", "low"), "both", 1), S8)
    b.add(Slice("cut", "both", "half", (0, 4), (2, 4), (1, 1)), S8)
    b.add(Clamp("end", "half", "y", -5, 127), S8)
    after = apply(b.build(["y"]), simplify)
    assert not any(isinstance(op, Concat | Slice) for op in after.nodes)


def test_what_depends_on_no_input_is_computed_now() -> None:
    b = GraphBuilder("constants")
    b.input("x", (2, 4), S8)
    b.constant("value", np.array([[1, -90, 3, 4], [5, 6, 7, 100]]), S8)
    b.add(Constant("k", "value", "k_out"), S8)
    b.add(Requantize("halved", "k_out", "h", HALVED), S8)
    b.add(Concat("join", ("x", "h"), "y", 0), S8)
    before = b.build(["y"])
    after = apply(before, simplify)
    same(before, after)
    assert [type(op) for op in after.nodes] == [Constant, Concat]


def test_wide_integers_get_no_table() -> None:
    wide = IntType(16, True)
    b = GraphBuilder("wide")
    b.input("x", (4,), S8)
    b.add(
        Requantize("a", "x", "h", Rescale((300,), (0,), Rounding.FLOOR, wide.low, wide.high)), wide
    )
    b.add(Requantize("b", "h", "y", Rescale((1,), (5,), Rounding.FLOOR, -128, 127)), S8)
    before = b.build(["y"])
    after = apply(before, simplify)
    assert after.nodes == before.nodes


@pytest.mark.parametrize(
    ("dtype", "r"),
    [
        # -128 shifted to the left by 24 fits 32 bits, 128 does not
        (S8, Rescale((1,), (24,), Rounding.FLOOR, -128, 127, 0, 24)),
        # double rounding by a shift of 30 shifts to the left by 1
        (S32, Rescale((1 << 30,), (30,), Rounding.DOUBLE, S32.low, S32.high)),
    ],
)
def test_intervals_reach_the_lowest_integer_that_a_rescale_takes(
    dtype: IntType, r: Rescale
) -> None:
    lowest = -128 if dtype == S8 else S32.low >> 1
    b = GraphBuilder("lowest")
    b.input("x", (2,), dtype)
    b.add(Clamp("bound", "x", "h", lowest, 100), dtype)
    b.add(Requantize("scale", "h", "s", r), dtype)
    b.add(Clamp("clamp", "s", "y", lowest + 1, 127), dtype)
    b.add(Reshape("end", "y", "out"), dtype, shape=(1, 2))
    before = b.build(["out"])
    same(before, apply(before, simplify))
    assert intervals(before)["s"].low.tolist() == [lowest, lowest]


@pytest.mark.parametrize("channel", [0, 1])
@pytest.mark.parametrize("integer", [(1 << 24) + 1, -(1 << 24) - 1, 1 << 24, -(1 << 24)])
def test_a_float32_is_an_identity_up_to_24_bits(channel: int, integer: int) -> None:
    """Of channels that hold all of a byte, and one integer."""
    b = GraphBuilder("channels")
    b.input("x", (1,), S8)
    b.constant("w", np.array([[channel], [1 - channel]]), S8)
    b.constant("b", np.array([0, integer] if channel else [integer, 0]), S32)
    b.add(Dense("wide", "x", "w", "b", "h"), S32)
    one = Rescale((1,), (0,), Rounding.FLOAT32, S32.low, S32.high)
    b.add(Requantize("one", "h", "r", one), S32)
    b.add(Reshape("end", "r", "y"), S32, shape=(1, 2))
    after = apply(b.build(["y"]), simplify)
    assert any(isinstance(op, Requantize) for op in after.nodes) == (abs(integer) > 1 << 24)


def test_a_float32_is_no_identity_on_large_integers() -> None:
    """2**24 + 1 is no float32."""
    b = GraphBuilder("large")
    b.input("x", (1,), S32)
    one = Rescale((1,), (0,), Rounding.FLOAT32, S32.low, S32.high)
    b.add(Requantize("one", "x", "h", one), S32)
    b.add(Reshape("end", "h", "y"), S32, shape=(1, 1))
    after = apply(b.build(["y"]), simplify)
    x = {"x": np.array([[(1 << 24) + 1]], np.int32)}
    assert run(after, x)["y"].item() == 1 << 24


@pytest.mark.parametrize(("bias_type", "left"), [(S8, S32), (IntType(10, True), IntType(10, True))])
def test_a_bias_that_has_grown_gets_a_type_that_holds_it(bias_type: IntType, left: IntType) -> None:
    one = Rescale((1,), (0,), Rounding.HALF_UP, -128, 127)
    b = GraphBuilder("grown")
    b.input("x", (1,), S8)
    b.constant("w0", np.array([[1], [0]]), S8)
    b.constant("b0", np.array([0, 500]), S32)
    b.constant("w1", np.array([[2, 3]]), S8)
    b.constant("b1", np.array([100]), bias_type)
    b.add(Dense("first", "x", "w0", "b0", "h", rescale=one), S8)
    b.add(Dense("second", "h", "w1", "b1", "y"), S32)
    before = b.build(["y"])
    after = apply(before, remove_channels)
    same(before, after)
    second = after.nodes[1]
    assert isinstance(second, Dense) and second.bias is not None
    assert after.constants[second.bias].tolist() == [481]
    assert after.tensors[second.bias].dtype == left


@pytest.mark.parametrize(
    ("bias_type", "bits", "ordinary", "tamed"),
    [
        (S32, 32, Rescale((1, 1), (0, 2), Rounding.HALF_UP, -128, 127), 506),
        (S8, 32, Rescale((1, 1), (0, 2), Rounding.HALF_UP, -128, 127), 127),
        (S32, 9, Rescale((1, 1), (0, 2), Rounding.HALF_UP, -128, 127), 127),
        # 506 is the first sum that half a step takes to 127: its offset is 0.
        (S32, 32, Rescale((1, 1), (0, 2), Rounding.HALF_UP, -128, 127, offset=(0, 1)), 506),
        (S32, 32, Rescale((1, 1), (0, 2), Rounding.HALF_UP, -128, 127, offset=(-1,)), 502),
        # Sums that double rounding shifts to the left by 11 have 21 bits.
        (S32, 32, Rescale((1 << 30, 1 << 30), (31, 20), Rounding.DOUBLE, -128, 127), 1),
    ],
)
def test_channels_are_tamed_within_what_their_sums_can_hold(
    bias_type: IntType, bits: int, ordinary: Rescale, tamed: int
) -> None:
    b = GraphBuilder("tame")
    b.input("x", (2, 2, 1), S8)
    b.constant("w", np.array([0, 1]).reshape(2, 1, 1, 1), S8)
    b.constant("b", np.array([127 if tamed > 1 else 1000, 3]).clip(max=bias_type.high), bias_type)
    conv = Conv2d("conv", "x", "w", "b", "y", accumulator_bits=bits, rescale=ordinary)
    b.add(conv, S8)
    before = b.build(["y"])
    after = apply(before, tame_channels)
    same(before, after)
    first = after.nodes[0]
    assert isinstance(first, Conv2d) and first.bias is not None
    assert after.constants[first.bias].tolist() == [tamed, 3]


def test_a_slice_with_a_stride_between_channels_takes_no_neighbours() -> None:
    """Every second channel counts as a mixture of all; every second row keeps channels apart."""
    b = GraphBuilder("strides")
    b.input("x", (2, 2, 4), S8)
    b.add(Slice("channels", "x", "c", (0, 0, 1), (2, 2, 2), (1, 1, 2)), S8)
    b.add(Slice("rows", "c", "y", (0, 0, 1), (1, 2, 1), (2, 1, 1)), S8)
    graph = b.build(["y"])
    ((there, here),) = links(graph, graph.nodes[0])
    assert (there.tolist(), here.tolist()) == ([0] * 4 + [1] * 4, [0, 1, 2, 3] * 2)
    ((there, here),) = links(graph, graph.nodes[1])
    assert (there.tolist(), here.tolist()) == ([0], [1])
