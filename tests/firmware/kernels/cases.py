"""Hypothesis strategies for graphs of one op at the edges of its ranges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import numpy as np
from hypothesis import strategies as st

from hwkit.ir.arith import MAX_OFFSET, quantize_multiplier
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    NO_OFFSET,
    Add,
    ArgMax,
    AvgPool2d,
    Clamp,
    Concat,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Lookup,
    MaxPool2d,
    Pad,
    Padding,
    Requantize,
    Rescale,
    ResizeBilinear,
    Rounding,
    Softmax,
    SoftmaxKind,
    SumPool2d,
)
from hwkit.ir.shapes import extent
from hwkit.ir.sums import largest_sums
from hwkit.ir.traits import Accumulating
from hwkit.ir.types import S8, S16, S32, Array, IntType

ROUNDINGS = (Rounding.DOUBLE, Rounding.HALF_UP, Rounding.HALF_EVEN, Rounding.FLOOR)
_INT32_MAX = (1 << 31) - 1


def activations() -> st.SearchStrategy[IntType]:
    """Mostly s8; down to s2."""
    return st.sampled_from([*[S8] * 5, IntType(7, True), IntType(4, True), IntType(2, True)])


def sixteen() -> st.SearchStrategy[IntType]:
    """Mostly s16; down to s9."""
    return st.sampled_from([*[S16] * 5, IntType(15, True), IntType(12, True), IntType(9, True)])


def s16() -> st.SearchStrategy[IntType]:
    """Whole 16-bit integers."""
    return st.just(S16)


def any_width() -> st.SearchStrategy[IntType]:
    """Of one byte or two."""
    return activations() | sixteen()


T = TypeVar("T")
Types = Callable[[], st.SearchStrategy[IntType]]


def zero_points(dtype: IntType) -> st.SearchStrategy[int]:
    """The type's ends, 0 and anything between."""
    ends = st.sampled_from([dtype.low, dtype.high, 0])
    return ends | st.integers(dtype.low, dtype.high)


@st.composite
def integers(draw: st.DrawFn, shape: tuple[int, ...], dtype: IntType) -> Array:
    """Random, all-low, all-high or low-and-high integers."""
    rng = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    kind = draw(st.sampled_from([*["random"] * 7, "low", "high", "ends"]))
    if kind == "random":
        value = rng.integers(dtype.low, dtype.high + 1, shape)
    elif kind == "ends":
        value = rng.choice([dtype.low, dtype.high], shape)
    else:
        value = np.full(shape, dtype.low if kind == "low" else dtype.high)
    return value.astype(dtype.container)


@st.composite
def scale(draw: st.DrawFn, rounding: Rounding, most: int, bits: int = 8) -> tuple[int, int]:
    """A multiplier and a shift, the extremes of both included."""
    double = rounding is Rounding.DOUBLE
    # Double rounding shifts left below 31; the shifted integer must fit 32 bits.
    least = min(most.bit_length(), 31) if double else 0
    lowest = 1 << 30 if double else 0
    if draw(st.integers(0, 3)):  # a scale that brings typical integers to the output's range
        shift = 31 + most.bit_length() - draw(st.integers(bits - 1, bits + 3))
        return draw(st.integers(1 << 30, _INT32_MAX)), min(max(shift, least), 62)
    multiplier = draw(
        st.sampled_from([lowest, _INT32_MAX, 0, (1 << 30) + 1]) | st.integers(lowest, _INT32_MAX)
    )
    shift = draw(st.sampled_from([least, 62, 31, 32, 33]) | st.integers(least, 62))
    return multiplier, max(shift, least)


@st.composite
def rescales(
    draw: st.DrawFn, channels: int, most: int, dtype: IntType = S8, left_shift: int = 0
) -> Rescale:
    """A rescale of integers up to ``most`` into ``dtype``, per tensor or per channel."""
    rounding = draw(st.sampled_from(ROUNDINGS))
    count = draw(st.sampled_from([1, channels]))
    most = min(most << left_shift, _INT32_MAX)
    bits = 16 if 8 < dtype.bits <= 16 else 8
    pairs = [draw(scale(rounding, most, bits)) for _ in range(count)]
    low, high = dtype.low, dtype.high
    if draw(st.integers(0, 4)) == 0:
        low = draw(st.integers(low, high))
        high = draw(st.integers(low, high))
    zero_point = max(draw(zero_points(dtype)), -_INT32_MAX)
    if draw(st.integers(0, 15)) == 0:
        zero_point = draw(st.sampled_from([_INT32_MAX, -_INT32_MAX, 1 << 29, -(1 << 29) + 1]))
    multiplier, shift = zip(*pairs, strict=True)
    offset = NO_OFFSET if rounding is Rounding.DOUBLE else draw(offsets(pairs, channels))
    return Rescale(multiplier, shift, rounding, low, high, zero_point, left_shift, offset=offset)


@st.composite
def offsets(draw: st.DrawFn, pairs: list[tuple[int, int]], channels: int) -> tuple[int, ...]:
    """None; a part of a step of the sum, as layers have them; some steps of the output, ties among
    them; anything up to the largest, for all channels or for each."""
    kind = draw(st.sampled_from(["none", "part", "part", "steps", "ties", "any"]))
    if kind == "none":
        return NO_OFFSET
    count = draw(st.sampled_from([channels, len(pairs)]))
    of = pairs * count if len(pairs) == 1 else pairs
    if len(pairs) > 1 and draw(st.integers(0, 3)) == 0:
        of = [max(pairs, key=lambda pair: pair[1])]
    if kind == "part":
        return tuple(draw(st.integers(0, max(m - 1, 0))) for m, _ in of)
    if kind == "steps":
        return tuple(_bounded(draw(st.floats(-200, 200)) * 2.0**s) for _, s in of)
    if kind == "ties":
        return tuple(_bounded((draw(st.integers(-150, 150)) + 0.5) * 2.0**s) for _, s in of)
    edges = st.sampled_from([MAX_OFFSET, -MAX_OFFSET, 1, -1, 1 << 32, -(1 << 31)])
    return tuple(draw(edges | st.integers(-MAX_OFFSET, MAX_OFFSET)) for _ in of)


def _bounded(offset: float) -> int:
    return min(max(int(offset), -MAX_OFFSET), MAX_OFFSET)


@st.composite
def weights(
    draw: st.DrawFn, shape: tuple[int, ...], bits: tuple[int, ...]
) -> tuple[Array, IntType]:
    """Weights of 1 to 8 bits, unsigned ones of up to 7 included."""
    width = draw(st.sampled_from(bits))
    dtype = IntType(width, width == 8 or draw(st.integers(0, 3)) > 0)
    return draw(integers(shape, dtype)), dtype


@st.composite
def biases(draw: st.DrawFn, largest: Array) -> Array | None:
    """Nothing, small, or so large that sums come near 2**31."""
    kind = draw(st.sampled_from(["small", "none", "small", "small", "small", "top", "bottom"]))
    if largest.max() > _INT32_MAX:
        kind = "small"
    if kind == "none":
        return None
    rng = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    if kind == "small":
        return rng.integers(-3000, 3001, len(largest))
    return (_INT32_MAX - largest) * (1 if kind == "top" else -1)


@st.composite
def window(
    draw: st.DrawFn, dilated: bool, pooling: bool
) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int], tuple[int, int], Padding]:
    """Map, kernel, stride, dilation and uneven padding that fit together."""
    sides, pads = [], []
    for _ in range(2):
        kernel, stride = draw(st.integers(1, 4)), draw(st.integers(1, 3))
        dilation = draw(st.sampled_from([1, 1, 2, 3])) if dilated else 1
        most = kernel - 1 if pooling else 4
        before, after = draw(st.integers(0, most)), draw(st.integers(0, most))
        least = max(extent(kernel, dilation) - before - after, 1)
        size = least + draw(st.integers(0, 5))
        sides.append((size, kernel, stride, dilation))
        pads.append((before, after))
    (h, kh, sh, dh), (w, kw, sw, dw) = sides
    padding = Padding(*pads[0], *pads[1])
    return (h, w), (kh, kw), (sh, sw), (dh, dw), padding


def _finish(
    draw: st.DrawFn,
    b: GraphBuilder,
    op: Accumulating,
    channels: int,
    most: int,
    types: Types = activations,
) -> Graph:
    """Adds ``op`` with a rescale, or raw one time in six."""
    most = min(most, _INT32_MAX)
    if draw(st.integers(0, 5)) == 0:
        b.add(op, S32)
    else:
        dtype = draw(types())
        b.add(replace(op, rescale=draw(rescales(channels, most, dtype))), dtype)
    return b.build(["y"])


def _constants(
    draw: st.DrawFn, b: GraphBuilder, shape: tuple[int, ...], x_most: int, bits: tuple[int, ...]
) -> tuple[str | None, int]:
    value, dtype = draw(weights(shape, bits))
    b.constant("w", value, dtype)
    matrix = np.moveaxis(value, 3, 0) if len(shape) == 4 and shape[0] == 1 else value
    largest = largest_sums(matrix, x_most)
    bias = draw(biases(largest))
    if bias is None:
        return None, int(largest.max())
    return b.constant("b", bias, S32), int((largest + np.abs(bias)).max())


def _x_most(dtype: IntType, zero_point: int) -> int:
    return max(dtype.high - zero_point, zero_point - dtype.low)


ALL_BITS = (1, 2, 3, 4, 4, 5, 6, 7, 8, 8)


@st.composite
def conv2d(draw: st.DrawFn, types: Types = activations, to: Types | None = None) -> Graph:
    b = GraphBuilder("conv2d")
    (h, w), kernel, stride, dilation, padding = draw(window(True, False))
    channels = draw(st.sampled_from([4, 3, 8, 1, 2, 5, 12, 16]))
    outputs = draw(st.integers(1, 5))
    dtype = draw(types())
    zero_point = draw(zero_points(dtype))
    b.input("x", (h, w, channels), dtype)
    # Output channels first, unless there is one: then the layout is as depthwise's.
    value, w_dtype = draw(weights((outputs, *kernel, channels), ALL_BITS))
    b.constant("w", value, w_dtype)
    largest = largest_sums(value, _x_most(dtype, zero_point))
    bias = draw(biases(largest))
    name = None if bias is None else b.constant("b", bias, S32)
    most = int((largest + (0 if bias is None else np.abs(bias))).max())
    op = Conv2d("op", "x", "w", name, "y", stride, padding, dilation, zero_point)
    return _finish(draw, b, op, outputs, most, to or types)


@st.composite
def conv2d_into_int8(draw: st.DrawFn) -> Graph:
    """As .tflite files have them: double rounding of small ratios into the whole of int8."""
    b = GraphBuilder("conv2d")
    (h, w), kernel, stride, dilation, padding = draw(window(True, False))
    channels, outputs = draw(st.sampled_from([4, 8, 16, 3, 1, 6])), draw(st.integers(1, 7))
    zero_point = draw(zero_points(S8))
    b.input("x", (h, w, channels), S8)
    value, _ = draw(weights((outputs, *kernel, channels), (8,)))
    value = np.maximum(value, -127)
    b.constant("w", value, S8)
    bias = draw(biases(largest_sums(value, _x_most(S8, zero_point))))
    name = None if bias is None else b.constant("b", bias, S32)
    r = draw(into_int8(outputs))
    op = Conv2d("op", "x", "w", name, "y", stride, padding, dilation, zero_point, rescale=r)
    b.add(op, S8)
    return b.build(["y"])


@st.composite
def conv2d_4x4(draw: st.DrawFn) -> Graph:
    """4-bit integers and weights, as ``conv2d_into_int8``; no tap of -8 before a negative one."""
    b = GraphBuilder("conv2d")
    (h, w), kernel, stride, dilation, padding = draw(window(True, False))
    channels, outputs = draw(st.sampled_from([4, 8, 16, 3, 1, 6])), draw(st.integers(1, 7))
    dtype = IntType(4, True)
    zero_point = draw(zero_points(dtype))
    b.input("x", (h, w, channels), dtype)
    rows = draw(integers((outputs, kernel[0] * kernel[1] * channels), dtype))
    rows = rows // draw(st.sampled_from([1, 1, 3]))
    even, odd = rows[:, : rows.shape[1] // 2 * 2 : 2], rows[:, 1::2]
    even[(even == -8) & (odd < 0)] = -7
    b.constant("w", rows.reshape(outputs, *kernel, channels), dtype)
    rng = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    name = b.constant("b", rng.integers(-3000, 3001, outputs), S32)
    r = draw(into_int8(outputs))
    op = Conv2d("op", "x", "w", name, "y", stride, padding, dilation, zero_point, rescale=r)
    b.add(op, S8)
    return b.build(["y"])


@st.composite
def conv2d_3x3(draw: st.DrawFn) -> Graph:
    """Stride 1 and pairs of channels, which variants have an algorithm of its own for."""
    b = GraphBuilder("conv2d")
    channels, outputs = draw(st.sampled_from([8, 16])), draw(st.integers(1, 5))
    padding = Padding(*(draw(st.integers(0, 2)) for _ in range(4)))
    h = draw(st.integers(max(1, 3 - padding.top - padding.bottom), 9))
    w = draw(st.integers(max(1, 3 - padding.left - padding.right), 11))
    dtype = draw(activations())
    zero_point = draw(zero_points(dtype))
    b.input("x", (h, w, channels), dtype)
    value, w_dtype = draw(weights((outputs, 3, 3, channels), (8, 8, 6)))
    b.constant("w", value, w_dtype)
    largest = largest_sums(value, _x_most(dtype, zero_point))
    biased = draw(biases(largest))
    bias = None if biased is None else b.constant("b", biased, S32)
    most = int((largest + (0 if biased is None else np.abs(biased))).max())
    op = Conv2d("op", "x", "w", bias, "y", (1, 1), padding, (1, 1), zero_point)
    return _finish(draw, b, op, outputs, most)


@st.composite
def conv2d_3x3_into_int8(draw: st.DrawFn) -> Graph:
    """``conv2d_3x3`` with rescales as ``conv2d_into_int8`` has them; sums up to 2**25."""
    b = GraphBuilder("conv2d")
    channels, outputs = draw(st.sampled_from([8, 16, 24])), draw(st.integers(1, 9))
    padding = Padding(*(draw(st.integers(0, 3)) for _ in range(4)))
    h = draw(st.integers(max(1, 3 - padding.top - padding.bottom), 13))
    w = draw(st.integers(max(1, 3 - padding.left - padding.right), 15))
    zero_point = draw(zero_points(S8))
    b.input("x", (h, w, channels), S8)
    value, _ = draw(weights((outputs, 3, 3, channels), (8,)))
    b.constant("w", value, S8)
    room = (1 << 25) - 1 - largest_sums(value, _x_most(S8, zero_point))
    bias = draw(st.sampled_from([room, -room, room % 2000, -(room % 2000)]))
    name = b.constant("b", bias, S32)
    r = draw(into_int8(outputs))
    b.add(Conv2d("op", "x", "w", name, "y", (1, 1), padding, (1, 1), zero_point, rescale=r), S8)
    return b.build(["y"])


@st.composite
def into_int8(draw: st.DrawFn, outputs: int) -> Rescale:
    ratios = [draw(st.floats(2.0**-22, 0.45)) for _ in range(draw(st.sampled_from([1, outputs])))]
    multiplier, shift = zip(*(quantize_multiplier(ratio) for ratio in ratios), strict=True)
    return Rescale(multiplier, shift, Rounding.DOUBLE, -128, 127, draw(st.integers(-128, 127)))


@st.composite
def on_a_line(draw: st.DrawFn, outputs: int) -> Rescale:
    """Ratios and zero points that layers have, whose steps lie on a line or two."""
    ratios = [
        draw(st.floats(2.0**-11, 2.0**-4)) for _ in range(draw(st.sampled_from([1, outputs])))
    ]
    multiplier, shift = zip(*(quantize_multiplier(ratio) for ratio in ratios), strict=True)
    zero_point = draw(st.sampled_from([-128, -128, -127, 0, 127]) | st.integers(-128, 127))
    return Rescale(multiplier, shift, Rounding.DOUBLE, -128, 127, zero_point)


@st.composite
def _few_large(draw: st.DrawFn, shape: tuple[int, ...]) -> Array:
    """Weights of up to 127: whatever kind, or mostly small ones."""
    value = draw(integers(shape, S8))
    if draw(st.booleans()):
        rng = np.random.default_rng(draw(st.integers(0, 1 << 30)))
        value = np.where(rng.integers(0, 8, shape) == 0, value, value // 3)
    weights: Array = np.maximum(value, -127).astype(np.int8)
    return weights


@st.composite
def conv2d_on_a_line(draw: st.DrawFn) -> Graph:
    """Any window, then 3x3 at a stride of 1, with rescales ``on_a_line``."""
    b = GraphBuilder("conv2d")
    if draw(st.booleans()):
        (h, w), kernel, stride, dilation, padding = draw(window(True, False))
        channels = draw(st.sampled_from([4, 8, 16, 3, 1, 6, 64]))
    else:
        kernel, stride, dilation, channels = (3, 3), (1, 1), (1, 1), draw(st.sampled_from([8, 16]))
        padding = Padding(*(draw(st.integers(0, 3)) for _ in range(4)))
        h = draw(st.integers(max(1, 3 - padding.top - padding.bottom), 13))
        w = draw(st.integers(max(1, 3 - padding.left - padding.right), 15))
    outputs, zero_point = draw(st.integers(1, 9)), draw(zero_points(S8))
    b.input("x", (h, w, channels), S8)
    value = draw(_few_large((outputs, *kernel, channels)))
    b.constant("w", value, S8)
    rng = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    name = b.constant("b", rng.integers(-30000, 30001, outputs), S32)
    r = draw(on_a_line(outputs))
    op = Conv2d("op", "x", "w", name, "y", stride, padding, dilation, zero_point, rescale=r)
    b.add(op, S8)
    return b.build(["y"])


@st.composite
def depthwise_on_a_line(draw: st.DrawFn) -> Graph:
    """Any window, then 3x3 on a map as large as its input, with rescales ``on_a_line``."""
    b = GraphBuilder("depthwise")
    channels, outputs_each = draw(st.sampled_from([4, 3, 8, 1, 5])), 1
    if draw(st.booleans()):
        size, kernel, stride, dilation, padding = draw(window(True, False))
        outputs_each = draw(st.sampled_from([1, 1, 2]))
    else:
        kernel, stride, dilation, padding = (3, 3), (1, 1), (1, 1), Padding(1, 1, 1, 1)
        size = draw(st.integers(1, 7)), draw(st.integers(1, 11))
    outputs, zero_point = channels * outputs_each, draw(zero_points(S8))
    b.input("x", (*size, channels), S8)
    b.constant("w", draw(integers((1, *kernel, outputs), S8)), S8)
    rng = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    name = b.constant("b", rng.integers(-30000, 30001, outputs), S32)
    r = draw(on_a_line(outputs))
    op = DepthwiseConv2d(
        "op", "x", "w", name, "y", stride, padding, dilation, zero_point, rescale=r
    )
    b.add(op, S8)
    return b.build(["y"])


@st.composite
def add_on_a_line(draw: st.DrawFn) -> Graph:
    """As .tflite files have them: both inputs in steps of 2**-20 of the coarser one."""
    b = GraphBuilder("add")
    shape = draw(st.sampled_from([(2, 3, 4), (5,), (1, 1, 1), (3, 7)]))
    b.input("x", shape, S8)
    b.input("z", shape, S8)
    zeros = draw(zero_points(S8)), draw(zero_points(S8))
    finer = draw(st.floats(0.02, 0.5))
    multiplier, shift = zip(*(quantize_multiplier(of) for of in (finer, 0.5)), strict=True)
    limits = -(1 << 31), (1 << 31) - 1
    first, second = (
        Rescale((m,), (s,), Rounding.DOUBLE, *limits, 0, 20)
        for m, s in zip(multiplier, shift, strict=True)
    )
    ratio = quantize_multiplier(draw(st.floats(0.1, 1.9)) * 2.0**-19)
    r = Rescale((ratio[0],), (ratio[1],), Rounding.DOUBLE, -128, 127, draw(zero_points(S8)))
    rescales_ = (first, second) if draw(st.booleans()) else (second, first)
    b.add(Add("op", ("x", "z"), "y", zeros, rescales_, rescale=r), S8)
    return b.build(["y"])


@st.composite
def dense_into_int8(draw: st.DrawFn) -> Graph:
    """As ``conv2d_into_int8``."""
    b = GraphBuilder("dense")
    rows, features = draw(st.integers(1, 3)), draw(st.integers(1, 45))
    outputs, zero_point = draw(st.integers(1, 9)), draw(zero_points(S8))
    b.input("x", (rows, features), S8)
    value, _ = draw(weights((outputs, features), (8,)))
    value = np.maximum(value, -127)
    b.constant("w", value, S8)
    bias = draw(biases(largest_sums(value, _x_most(S8, zero_point))))
    name = None if bias is None else b.constant("b", bias, S32)
    b.add(Dense("op", "x", "w", name, "y", zero_point, rescale=draw(into_int8(outputs))), S8)
    return b.build(["y"])


@st.composite
def dense_on_a_line(draw: st.DrawFn) -> Graph:
    """As ``conv2d_on_a_line``, or of 4-bit weights."""
    b = GraphBuilder("dense")
    rows, features = draw(st.integers(1, 3)), draw(st.integers(1, 70))
    outputs, zero_point = draw(st.integers(1, 9)), draw(zero_points(S8))
    b.input("x", (rows, features), S8)
    if draw(st.booleans()):
        b.constant("w", draw(integers((outputs, features), IntType(4, True))), IntType(4, True))
    else:
        b.constant("w", draw(_few_large((outputs, features))), S8)
    rng = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    name = b.constant("b", rng.integers(-30000, 30001, outputs), S32)
    r = draw(on_a_line(outputs))
    b.add(Dense("op", "x", "w", name, "y", zero_point, rescale=r), S8)
    return b.build(["y"])


@st.composite
def depthwise(draw: st.DrawFn, types: Types = activations, to: Types | None = None) -> Graph:
    b = GraphBuilder("depthwise")
    (h, w), kernel, stride, dilation, padding = draw(window(True, False))
    channels = draw(st.sampled_from([4, 3, 8, 1, 2, 5, 12]))
    outputs = channels * draw(st.sampled_from([1, 1, 1, 2, 3]))
    dtype = draw(types())
    zero_point = draw(zero_points(dtype))
    b.input("x", (h, w, channels), dtype)
    bias, most = _constants(draw, b, (1, *kernel, outputs), _x_most(dtype, zero_point), ALL_BITS)
    op = DepthwiseConv2d("op", "x", "w", bias, "y", stride, padding, dilation, zero_point)
    return _finish(draw, b, op, outputs, most, to or types)


@st.composite
def depthwise_3x3(draw: st.DrawFn) -> Graph:
    """The window that variants have an algorithm of its own for, on maps wider than its tiles."""
    b = GraphBuilder("depthwise")
    stride = draw(st.sampled_from([1, 1, 2, 2, 3]))
    sizes = [draw(st.integers(1, 13)) for _ in range(2)]
    before = [max(draw(st.integers(0, 2)), 3 - size) for size in sizes]
    after = [draw(st.integers(0, 3)) for _ in range(2)]
    padding = Padding(before[0], after[0], before[1], after[1])
    channels = draw(st.sampled_from([4, 3, 8, 1, 2, 5, 12]))
    outputs = channels * draw(st.sampled_from([1, 1, 1, 2, 3]))
    dtype = draw(activations())
    zero_point = draw(zero_points(dtype))
    b.input("x", (*sizes, channels), dtype)
    bias, most = _constants(draw, b, (1, 3, 3, outputs), _x_most(dtype, zero_point), ALL_BITS)
    strides = (stride, draw(st.sampled_from([stride] * 5 + [1])))
    op = DepthwiseConv2d("op", "x", "w", bias, "y", strides, padding, (1, 1), zero_point)
    return _finish(draw, b, op, outputs, most)


@st.composite
def depthwise_3x3_into_int8(draw: st.DrawFn) -> Graph:
    """Fours of channels at a stride of 1 with rescales as ``conv2d_into_int8`` has them; sums up to
    2**30."""
    b = GraphBuilder("depthwise")
    sizes = [draw(st.integers(1, 11)) for _ in range(2)]
    before = [max(draw(st.integers(0, 3)), 3 - size) for size in sizes]
    after = [draw(st.integers(0, 3)) for _ in range(2)]
    padding = Padding(before[0], after[0], before[1], after[1])
    channels, zero_point = draw(st.sampled_from([4, 8, 12])), draw(zero_points(S8))
    b.input("x", (*sizes, channels), S8)
    value, _ = draw(weights((1, 3, 3, channels), (8,)))
    b.constant("w", value, S8)
    room = (1 << 30) - 1 - largest_sums(np.moveaxis(value, 3, 0), _x_most(S8, zero_point))
    bias = draw(st.sampled_from([room, -room, room % 2000, -(room % 2000)]))
    name, r = b.constant("b", bias, S32), draw(into_int8(channels))
    op = DepthwiseConv2d("op", "x", "w", name, "y", (1, 1), padding, (1, 1), zero_point, rescale=r)
    b.add(op, S8)
    return b.build(["y"])


@st.composite
def depthwise_1d(draw: st.DrawFn, types: Types = activations, to: Types | None = None) -> Graph:
    """Kernels of one column or one row over a map of the same, as nets on signals have them."""
    b = GraphBuilder("depthwise")
    kernel, stride, dilation = (draw(st.integers(1, most)) for most in (19, 3, 2))
    before, after = draw(st.integers(0, 3)), draw(st.integers(0, 3))
    length = max(1, extent(kernel, dilation) - before - after) + draw(st.integers(0, 9))
    channels = draw(st.sampled_from([4, 3, 8, 1, 5]))
    outputs = channels * draw(st.sampled_from([1, 1, 2]))
    dtype = draw(types())
    zero_point = draw(zero_points(dtype))
    a_row = draw(st.sampled_from([False, False, True]))

    def placed(along: T, across: T) -> tuple[T, T]:
        """What goes along the rows of a map, and what along its columns."""
        return (across, along) if a_row else (along, across)

    b.input("x", (*placed(length, 1), channels), dtype)
    shape = (1, *placed(kernel, 1), outputs)
    bias, most = _constants(draw, b, shape, _x_most(dtype, zero_point), ALL_BITS)
    vertical, horizontal = placed((before, after), (0, 0))
    padding = Padding(*vertical, *horizontal)
    strides, dilations = placed(stride, 1), placed(dilation, 1)
    op = DepthwiseConv2d("op", "x", "w", bias, "y", strides, padding, dilations, zero_point)
    return _finish(draw, b, op, outputs, most, to or types)


@st.composite
def dense(draw: st.DrawFn, types: Types = activations, to: Types | None = None) -> Graph:
    b = GraphBuilder("dense")
    inputs = draw(st.sampled_from([8, 7, 16, 1, 2, 3, 12, 33, 64]))
    outputs = draw(st.integers(1, 9))
    dtype = draw(types())
    zero_point = draw(zero_points(dtype))
    leading = draw(st.sampled_from([(), (), (1,), (3,), (2, 2)]))
    b.input("x", (*leading, inputs), dtype)
    bias, most = _constants(draw, b, (outputs, inputs), _x_most(dtype, zero_point), ALL_BITS)
    op = Dense("op", "x", "w", bias, "y", zero_point)
    return _finish(draw, b, op, outputs, most, to or types)


@st.composite
def add(draw: st.DrawFn, types: Types = activations, to: Types | None = None) -> Graph:
    b = GraphBuilder("add")
    shape = draw(st.sampled_from([(2, 3, 4), (5,), (1, 1, 1), (3, 7)]))
    drawn = (draw(types()), draw(types()))
    zero_points_ = (draw(zero_points(drawn[0])), draw(zero_points(drawn[1])))
    b.input("x", shape, drawn[0])
    b.input("z", shape, drawn[1])
    input_rescales: list[Rescale | None] = []
    most = 0
    for dtype, zero_point in zip(drawn, zero_points_, strict=True):
        x_most = _x_most(dtype, zero_point)
        if draw(st.integers(0, 3)) == 0:
            input_rescales.append(None)
            most += x_most
            continue
        limit = 1 << draw(st.integers(8, 29))
        wide = replace(
            draw(rescales(shape[-1], x_most, left_shift=draw(st.integers(0, 22)))),
            low=-limit,
            high=limit,
        )
        if draw(st.integers(0, 4)) == 0:
            wide = replace(wide, low=draw(st.integers(-limit, limit)))
        zero_point = draw(st.sampled_from([0, 0, 0, 100, -5000]))
        input_rescales.append(replace(wide, zero_point=zero_point))
        most += limit
    op = Add("op", ("x", "z"), "y", zero_points_, (input_rescales[0], input_rescales[1]))
    return _finish(draw, b, op, shape[-1], most, to or types)


@st.composite
def sum_pool(draw: st.DrawFn, types: Types = activations, to: Types | None = None) -> Graph:
    b = GraphBuilder("sum_pool")
    (h, w), kernel, stride, _, padding = draw(window(False, True))
    channels = draw(st.integers(1, 5))
    dtype = draw(types())
    zero_point = draw(zero_points(dtype))
    b.input("x", (h, w, channels), dtype)
    op = SumPool2d("op", "x", "y", kernel, stride, padding, zero_point)
    return _finish(
        draw, b, op, channels, kernel[0] * kernel[1] * _x_most(dtype, zero_point), to or types
    )


@st.composite
def bilinear(draw: st.DrawFn, types: Types = activations, to: Types | None = None) -> Graph:
    """To any places of a map, with any weights."""
    b = GraphBuilder("bilinear")
    shape = (draw(st.integers(1, 4)), draw(st.integers(1, 4)), draw(st.integers(1, 5)))
    dtype = draw(types())
    zero_point = draw(zero_points(dtype))
    b.input("x", shape, dtype)
    steps = (draw(st.sampled_from([1, 3, 64, 255])), draw(st.sampled_from([1, 2, 100, 256])))
    places = []
    for size, step in zip(shape[:2], steps, strict=True):
        count = draw(st.integers(1, 5))
        for most in (size - 1, step):
            of = draw(st.lists(st.integers(0, most), min_size=count, max_size=count))
            places.append(tuple(of))
    rows, row_weights, columns, column_weights = places
    op = ResizeBilinear(
        "op", "x", "y", rows, row_weights, columns, column_weights, steps, zero_point
    )
    most = steps[0] * steps[1] * _x_most(dtype, zero_point)
    return _finish(draw, b, op, shape[2], most, to or types)


@st.composite
def pool(draw: st.DrawFn, types: Types = activations) -> Graph:
    b = GraphBuilder("pool")
    (h, w), kernel, stride, _, padding = draw(window(False, True))
    dtype = draw(types())
    b.input("x", (h, w, draw(st.integers(1, 5))), dtype)
    if draw(st.booleans()):
        b.add(MaxPool2d("op", "x", "y", kernel, stride, padding), dtype)
    else:
        low = draw(st.integers(dtype.low, dtype.high))
        high = draw(st.integers(low, dtype.high))
        b.add(AvgPool2d("op", "x", "y", kernel, stride, padding, low, high), dtype)
    return b.build(["y"])


@st.composite
def pool_in_words(draw: st.DrawFn) -> Graph:
    """Whole words of channels; small windows, and those of the whole map up to the most pixels that
    a half of a word can sum, and one more."""
    b = GraphBuilder("pool")
    if draw(st.booleans()):
        (h, w), kernel, stride, _, padding = draw(window(False, True))
    else:
        h, w = kernel = draw(st.sampled_from([(1, 257), (16, 16), (2, 129), (7, 7), (25, 5)]))
        stride, padding = (1, 1), Padding()
    b.input("x", (h, w, draw(st.sampled_from([4, 8]))), S8)
    if draw(st.booleans()):
        low = draw(st.integers(-128, 127))
        high = draw(st.integers(low, 127))
        b.add(AvgPool2d("op", "x", "y", kernel, stride, padding, low, high), S8)
    else:
        zero_point = draw(zero_points(S8))
        ratio = quantize_multiplier(draw(st.floats(0.2, 3.0)) / (kernel[0] * kernel[1]))
        r = Rescale((ratio[0],), (ratio[1],), Rounding.DOUBLE, -128, 127, draw(zero_points(S8)))
        op = SumPool2d("op", "x", "y", kernel, stride, padding, zero_point)
        b.add(replace(op, rescale=r), S8)
    return b.build(["y"])


@st.composite
def requantize(draw: st.DrawFn, types: Types = activations, to: Types | None = None) -> Graph:
    b = GraphBuilder("requantize")
    shape = draw(st.sampled_from([(2, 3, 4), (5,), (3, 7)]))
    out = draw((to or types)())
    if draw(st.booleans()):
        b.input("x", shape, S32)
        b.add(Requantize("op", "x", "y", draw(rescales(shape[-1], 1 << 31, out))), out)
    else:
        dtype = draw(types())
        zero_point = draw(zero_points(dtype))
        b.input("x", shape, dtype)
        r = draw(rescales(shape[-1], _x_most(dtype, zero_point), out, draw(st.integers(0, 20))))
        b.add(Requantize("op", "x", "y", r, zero_point), out)
    return b.build(["y"])


@st.composite
def elementwise(draw: st.DrawFn, types: Types = activations) -> Graph:
    """Clamp, lookup, pad, concat."""
    b = GraphBuilder("elementwise")
    dtype = draw(types())
    shape = (draw(st.integers(1, 4)), draw(st.integers(1, 4)), draw(st.integers(1, 5)))
    b.input("x", shape, dtype)
    kind = draw(st.sampled_from([Clamp, Lookup, Pad, Concat]))
    if kind is Clamp:
        low = draw(st.integers(dtype.low, dtype.high))
        b.add(Clamp("op", "x", "y", low, draw(st.integers(low, dtype.high))), dtype)
    elif kind is Lookup:
        out = draw(types())
        b.constant("t", draw(integers((1 << dtype.bits,), out)), out)
        b.add(Lookup("op", "x", "t", "y"), out)
    elif kind is Pad:
        padding = Padding(*(draw(st.integers(0, 3)) for _ in range(4)))
        b.add(Pad("op", "x", "y", padding, draw(zero_points(dtype))), dtype)
    else:
        axis = draw(st.integers(0, 2))
        other = list(shape)
        other[axis] = draw(st.integers(1, 4))
        b.input("z", tuple(other), dtype)
        b.add(Concat("op", ("x", "z", "x"), "y", axis), dtype)
    return b.build(["y"])


@st.composite
def argmax(draw: st.DrawFn) -> Graph:
    """Of any width; narrow integers are equal often."""
    b = GraphBuilder("argmax")
    shape = draw(st.sampled_from([(10,), (3, 4), (1,), (2, 2, 5), (300,)]))
    b.input("x", shape, draw(any_width() | st.just(S32)))
    b.add(ArgMax("op", "x", "y"), S32)
    return b.build(["y"])


@st.composite
def softmax(draw: st.DrawFn, types: Types = activations) -> Graph:
    b = GraphBuilder("softmax")
    shape = draw(st.sampled_from([(10,), (3, 4), (1,), (100,), (9, 20)]))
    dtype = draw(types())
    b.input("x", shape, dtype)
    step = draw(st.floats(2.0**-20, 4.75 if dtype == S16 else 40.0, width=32))
    out = S16 if dtype == S16 else S8
    b.add(Softmax("op", "x", "y", step, SoftmaxKind.FIXED), out)
    return b.build(["y"])


@st.composite
def wide(draw: st.DrawFn) -> Graph:
    """32-bit integers in, out or both: a rescale by itself, a sum of two maps or of windows."""
    b = GraphBuilder("wide")
    shape = draw(st.sampled_from([(2, 3, 4), (1, 1, 5), (3, 2, 1)]))
    channels, kind = shape[-1], draw(st.sampled_from([Requantize, Add, SumPool2d]))
    if kind is Requantize:
        dtype = draw(st.sampled_from([S8, S32]))
        zero_point = 0 if dtype == S32 else draw(zero_points(dtype))
        b.input("x", shape, dtype)
        r = draw(rescales(channels, _x_most(dtype, zero_point), S32))
        b.add(Requantize("op", "x", "y", r, zero_point), S32)
        return b.build(["y"])
    b.input("x", shape, S32)
    if kind is SumPool2d:
        kernel = draw(st.sampled_from([(1, 1), (2, 2), (2, 1)] if shape[1] > 1 else [(1, 1)]))
        padding = Padding(kernel[0] - 1, 0, 0, 0)
        return _finish(
            draw, b, SumPool2d("op", "x", "y", kernel, (1, 1), padding), channels, 1 << 31
        )
    b.input("z", shape, S32)
    halves = [replace(draw(rescales(channels, 1 << 31)), low=-(1 << 30), high=(1 << 30) - 1)] * 2
    if draw(st.booleans()):
        halves[0] = draw(rescales(channels, 1 << 31, IntType(30, True)))
    op = Add("op", ("x", "z"), "y", (0, 0), (halves[0], halves[1]))
    return _finish(draw, b, op, channels, 1 << 31)
