"""The form that a .tflite holds, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hwkit.errors import UnsupportedOp
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    Add,
    AvgPool2d,
    Clamp,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    MaxPool2d,
    Mul,
    Pad,
    Padding,
    Prelu,
    Rescale,
    ResizeNearest,
    Rounding,
    Slice,
    Softmax,
    SoftmaxKind,
    SumPool2d,
    Transpose,
    rescales,
)
from hwkit.ir.types import S8, S32, U8, IntType, Quantization
from hwkit.targets.edge.scales import ratio
from tests.predicted import predicted
from tests.targets.edge.networks import BOARDS, compare, lowered, rescale, residual


def _conv(r: Rescale, padding: Padding = Padding(), stride: int = 1) -> Graph:  # noqa: B008
    b = GraphBuilder("conv")
    b.input("x", (6, 6, 2), S8, Quantization((0.25,), -3))
    b.constant("w", np.arange(-18, 18).reshape(2, 3, 3, 2), S8)
    conv = Conv2d(
        "conv", "x", "w", None, "y", (stride, stride), padding, input_zero_point=-3, rescale=r
    )
    b.add(conv, S8, Quantization((0.5,), r.zero_point))
    return b.build(["y"])


def _kinds(graph: Graph) -> list[str]:
    return [type(op).__name__ for op in graph.nodes]


@pytest.mark.parametrize("board", BOARDS)
def test_scales_give_the_multipliers_back(board: str) -> None:
    graph = residual()
    form = lowered(graph, board).graph
    before = {op.name: op for op in graph.nodes}
    for op in form.nodes:
        if isinstance(op, Conv2d | DepthwiseConv2d | Dense):
            (old,) = rescales(before[op.name])
            assert op.rescale is not None
            for k in range(len(old.multiplier)):
                assert ratio(op.rescale, k) == pytest.approx(ratio(old, k), rel=2.0**-22)
            source, weight, output = (
                form.tensors[name].quantization for name in (op.input, op.weight, op.output)
            )
            assert source and weight and output
            product = source.scale[0] * weight.scale[0] / output.scale[0]
            assert product == pytest.approx(ratio(old), rel=2.0**-22)


def test_stated_scales_are_kept() -> None:
    form = lowered(residual(), "host_tflm").graph
    for name in ("x", "c", "d", "f", "logits"):
        stated = residual().tensors[name].quantization
        assert stated is not None
        kept = form.tensors[name].quantization
        assert kept is not None and kept.zero_point == stated.zero_point
        assert kept.scale[0] == pytest.approx(stated.scale[0], rel=1e-6)


def test_a_graph_in_tflms_arithmetic_moves_nothing_there() -> None:
    graph = residual()
    x = np.random.default_rng(1).integers(-128, 128, (50, 8, 8, 3)).astype(np.int8)
    form = compare(graph, "host_tflm", x)
    assert np.array_equal(predicted(form.graph, x), predicted(graph, x))
    assert set(lowered(graph, "host_litert").retargeted) >= {"conv", "add", "softmax"}


@pytest.mark.parametrize(
    ("padding", "stride", "kinds"),
    [
        (Padding(), 2, ["Conv2d"]),
        (Padding(1, 1, 1, 1), 1, ["Conv2d"]),
        (Padding(0, 1, 0, 1), 2, ["Conv2d"]),
        (Padding(1, 1, 1, 1), 2, ["Pad", "Conv2d"]),
        (Padding(2, 0, 1, 0), 1, ["Pad", "Conv2d"]),
    ],
)
def test_borders(padding: Padding, stride: int, kinds: list[str]) -> None:
    assert _kinds(lowered(_conv(rescale([0.01]), padding, stride), "host_tflm").graph) == kinds


@pytest.mark.parametrize(
    ("low", "high", "zero_point", "kinds"),
    [
        (-128, 127, 5, ["Conv2d"]),
        (5, 127, 5, ["Conv2d"]),
        (-127, 127, 0, ["Conv2d", "Clamp"]),
        (-8, 7, 0, ["Conv2d", "Clamp"]),
        (20, 30, 0, ["Conv2d", "Clamp"]),
    ],
)
def test_ranges(low: int, high: int, zero_point: int, kinds: list[str]) -> None:
    r = replace(rescale([0.05], zero_point, low), high=high)
    assert _kinds(lowered(_conv(r), "host_litert").graph) == kinds


@pytest.mark.parametrize("board", BOARDS)
def test_dead_channels(board: str) -> None:
    r = Rescale((0, 2**30), (31, 38), Rounding.DOUBLE, -128, 127, 9)
    x = np.random.default_rng(0).integers(-128, 128, (4, 6, 6, 2)).astype(np.int8)
    form = compare(_conv(r), board, x)
    assert (predicted(form.graph, x)[..., 0] == 9).all()


@pytest.mark.parametrize("board", BOARDS)
def test_narrow_unsigned_tensors_keep_their_integers(board: str) -> None:
    b = GraphBuilder("narrow")
    b.input("x", (4, 4, 2), IntType(4, False))
    b.add(MaxPool2d("pool", "x", "y", (2, 2), (2, 2), Padding(1, 1, 0, 0)), IntType(4, False))
    graph = b.build(["y"])
    x = np.random.default_rng(0).integers(0, 16, (5, 4, 4, 2)).astype(np.int8)
    form = compare(graph, board, x)
    assert form.graph.tensors["x"].dtype == S8 and form.retargeted == ()
    assert np.array_equal(predicted(form.graph, x), predicted(graph, x.astype(np.uint8)))


@pytest.mark.parametrize("board", BOARDS)
def test_sums_leave_exactly(board: str) -> None:
    rng = np.random.default_rng(2)
    b = GraphBuilder("sums")
    b.input("x", (5, 5, 3), S8, Quantization((0.1,), 17))
    b.constant("w", rng.integers(-128, 128, (1, 3, 3, 6)), S8)
    b.constant("b", rng.integers(-(2**20), 2**20, 6), S32)
    b.add(DepthwiseConv2d("sum", "x", "w", "b", "y", (2, 1), Padding(1, 0, 2, 1), (1, 1), 17), S32)
    x = rng.integers(-128, 128, (6, 5, 5, 3)).astype(np.int8)
    assert compare(b.build(["y"]), board, x).retargeted == ()


@pytest.mark.parametrize("board", BOARDS)
def test_plain_sum_of_two(board: str) -> None:
    b = GraphBuilder("sum")
    b.input("x", (5,), S8, Quantization((0.1,), 17))
    b.add(Add("add", ("x", "x"), "y", (17, 17)), S32)
    compare(b.build(["y"]), board, np.arange(-10, 10, dtype=np.int8).reshape(4, 5))


def _pooled(op: SumPool2d | AvgPool2d, dtype: IntType) -> Graph:
    b = GraphBuilder("pool")
    b.input("x", (4, 4, 1), dtype)
    b.add(op, dtype)
    return b.build(["y"])


def _refused() -> list[tuple[Graph, str]]:
    none = GraphBuilder("none")
    none.input("x", (4,), S8)
    wide = GraphBuilder("wide")
    wide.input("x", (4,), IntType(16, False))
    wide.add(Clamp("clamp", "x", "y", 0, 9), IntType(16, False))
    large = GraphBuilder("large")
    large.input("x", (2000,), S8)
    large.constant("w", np.full((1, 2000), 127), S8)
    large.add(Dense("dense", "x", "w", None, "y"), S32)
    branched = GraphBuilder("branched")
    branched.input("x", (4, 4, 1), S8)
    branched.constant("w", np.ones((1, 1, 1, 4)), S8)
    branched.add(DepthwiseConv2d("conv", "x", "w", None, "s"), S32)
    branched.add(MaxPool2d("pool", "s", "y", (2, 2), (2, 2)), S32)
    unsigned = GraphBuilder("unsigned")
    unsigned.input("x", (4,), S8)
    unsigned.constant("w", np.full((2, 4), 200), U8)
    unsigned.add(Dense("dense", "x", "w", None, "y", rescale=rescale([0.01])), S8)
    far = GraphBuilder("far")
    far.input("x", (4,), S8)
    far.add(Add("add", ("x", "x"), "y", rescale=rescale([2.0**-20])), S8)
    uneven = AvgPool2d("pool", "x", "y", (3, 3), (1, 1), Padding(2, 0, 0, 0), -128, 127)
    plain = AvgPool2d("pool", "x", "y", (2, 2), (2, 2), Padding(), 0, 255)
    return [
        (none.build(["x"]), "no nodes"),
        (wide.build(["y"]), "at most 8 bits"),
        (large.build(["y"]), "sums reach 32512000"),
        (branched.build(["y"]), "requantize them"),
        (unsigned.build(["y"]), "signed 8 bits"),
        (far.build(["y"]), "activation scales"),
        (_pooled(uneven, S8), "SAME"),
        (_pooled(plain, U8), "sum pool"),
        (_conv(rescale([300.0])), "256"),
    ]


@pytest.mark.parametrize(("graph", "reason"), _refused(), ids=lambda v: getattr(v, "name", ""))
def test_refusals_say_what_to_do(graph: Graph, reason: str) -> None:
    with pytest.raises(UnsupportedOp, match=reason):
        lowered(graph, "host_litert")


def test_contradicting_scales_get_a_reshape_in_between() -> None:
    """A max pool keeps its input's scale, but the softmax before it fixes 1/256 and the one
    behind it asks for another."""
    b = GraphBuilder("relabel")
    b.input("x", (2, 2, 4), S8, Quantization((0.1,), 0))
    b.add(Softmax("first", "x", "p", 0.1, SoftmaxKind.FIXED), S8)
    b.add(MaxPool2d("pool", "p", "q", (2, 2), (2, 2)), S8)
    b.add(Softmax("second", "q", "y", 0.3, SoftmaxKind.FIXED), S8)
    graph = b.build(["y"])
    x = np.random.default_rng(0).integers(-128, 128, (9, 2, 2, 4)).astype(np.int8)
    form = compare(graph, "host_tflm", x).graph
    assert "Reshape" in _kinds(form)
    assert np.array_equal(predicted(form, x), predicted(graph, x))


def test_pad_with_any_value() -> None:
    b = GraphBuilder("pad")
    b.input("x", (2, 2, 1), S8, Quantization((0.1,), 4))
    b.add(Pad("pad", "x", "y", Padding(1, 2, 0, 1), -77), S8, Quantization((0.1,), 4))
    for board in BOARDS:
        compare(b.build(["y"]), board, np.arange(8, dtype=np.int8).reshape(2, 2, 2, 1))


@pytest.mark.parametrize("rounding", [Rounding.HALF_EVEN, Rounding.FLOAT32])
def test_powers_of_two_rounded_half_to_even_move_nothing_on_litert(rounding: Rounding) -> None:
    """What the FPGA lane trains: XNNPACK's convolutions round so, its add does not."""
    rng = np.random.default_rng(4)
    r = Rescale((1,), (7,), rounding, -128, 127)
    twice = Rescale((2,), (0,), rounding, -1024, 1024)
    b = GraphBuilder("dyadic")
    b.input("x", (5, 5, 3), S8)
    b.constant("w", rng.integers(-127, 128, (4, 3, 3, 3)), S8)
    b.add(Conv2d("c", "x", "w", None, "c_out", padding=Padding(1, 1, 1, 1), rescale=r), S8)
    b.constant("v", rng.integers(-127, 128, (4, 1, 1, 3)), S8)
    b.add(Conv2d("d", "x", "v", None, "d_out", rescale=r), S8)
    add = Add(
        "add", ("c_out", "d_out"), "a", (9, -9), (None, twice), rescale=replace(r, shift=(2,))
    )
    b.add(add, S8)
    pool = SumPool2d("pool", "a", "y", (2, 2), (1, 1), rescale=replace(r, shift=(2,)))
    b.add(pool, S8)
    graph = b.build(["y"])
    x = rng.integers(-128, 128, (100, 5, 5, 3)).astype(np.int8)
    form = compare(graph, "host_litert", x)
    np.testing.assert_array_equal(predicted(form.graph, x), predicted(graph, x))
    assert "Add" not in _kinds(form.graph)


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize(
    "op",
    [
        Slice("s", "x", "y", (1, 4, 2), (3, 3, 3), (1, -2, -1)),
        Slice("s", "x", "y", (0, 1, 0), (2, 2, 3), (2, 3, 1)),
        Transpose("t", "x", "y", (2, 0, 1)),
        Transpose("t", "x", "y", (0, 2, 1)),
    ],
)
def test_integers_that_are_moved(op: Slice | Transpose, board: str) -> None:
    b = GraphBuilder("moved")
    b.input("x", (4, 5, 3), S8, Quantization((0.1,), 7))
    b.add(op, S8, Quantization((0.1,), 7))
    x = np.random.default_rng(0).integers(-128, 128, (5, 4, 5, 3)).astype(np.int8)
    compare(b.build(["y"]), board, x)


def _prelu(slopes: list[int], positive: Rescale, negative: Rescale) -> Graph:
    b = GraphBuilder("prelu")
    b.input("x", (5, 4, len(slopes)), S8, Quantization((0.5,), 3))
    b.constant("slopes", np.array(slopes).reshape(1, 1, -1), U8)
    facts = Quantization((0.625,), positive.zero_point)
    b.add(Prelu("prelu", "x", "slopes", "y", positive, negative, 3, 128), S8, facts)
    return b.build(["y"])


@pytest.mark.parametrize("board", BOARDS)
def test_a_prelu_of_one_slope_is_exact_whatever_it_rounds(board: str) -> None:
    positive = Rescale((3,), (2,), Rounding.HALF_EVEN, -100, 90, 4)
    negative = Rescale((5,), (9,), Rounding.FLOOR, -128, 127, -2, offset=(77,))
    graph = _prelu([200], positive, negative)
    x = np.random.default_rng(0).integers(-128, 128, (20, 5, 4, 1)).astype(np.int8)
    form = compare(graph, board, x)
    np.testing.assert_array_equal(predicted(form.graph, x), predicted(graph, x))
    assert form.retargeted == ()


@pytest.mark.parametrize("board", BOARDS)
def test_unsigned_slopes_of_each_channel(board: str) -> None:
    ratio = 0.5 / 0.625
    graph = _prelu([0, 255, 128, 7], rescale([ratio], 4), rescale([ratio / 64], 4))
    x = np.random.default_rng(0).integers(-128, 128, (20, 5, 4, 4)).astype(np.int8)
    form = compare(graph, board, x)
    np.testing.assert_array_equal(predicted(form.graph, x), predicted(graph, x))


def test_prelus_that_no_kernel_has_are_refused_by_name() -> None:
    other = replace(rescale([0.01], 4), low=-7)
    with pytest.raises(UnsupportedOp, match=r"prelu: .*two sides"):
        lowered(_prelu([1, 2], rescale([0.7], 4), other), "host_tflm")
    with pytest.raises(UnsupportedOp, match=r"prelu: .*each channel by itself"):
        lowered(_prelu([1, 2], rescale([0.7, 0.3], 4), rescale([0.01], 4)), "host_tflm")


def test_a_product_rescaled_by_channel_is_refused_by_name() -> None:
    b = GraphBuilder("product")
    b.input("x", (3, 2), S8)
    b.add(Mul("mul", ("x", "x"), "y", rescale=rescale([0.01, 0.02])), S8)
    with pytest.raises(UnsupportedOp, match=r"mul: .*each channel by itself"):
        lowered(b.build(["y"]), "host_litert")


@pytest.mark.parametrize("board", BOARDS)
def test_rows_and_columns_that_no_convention_chooses_are_gathered(board: str) -> None:
    b = GraphBuilder("gathered")
    b.input("x", (4, 3, 2), S8, Quantization((0.5,), 3))
    b.add(ResizeNearest("resize", "x", "y", (3, 0, 0, 1, 2), (2, 2, 0)), S8)
    graph = b.build(["y"])
    x = np.random.default_rng(0).integers(-128, 128, (5, 4, 3, 2)).astype(np.int8)
    form = compare(graph, board, x)
    np.testing.assert_array_equal(predicted(form.graph, x), predicted(graph, x))
