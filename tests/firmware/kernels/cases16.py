"""Hypothesis strategies for layers whose sums need more than 32 bits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import NO_OFFSET, Conv2d, Dense, DepthwiseConv2d, Rescale, Rounding
from hwkit.ir.sums import largest_sums
from hwkit.ir.types import S8, S16, S48, Array
from tests.firmware.kernels.cases import integers, sixteen, window, zero_points

_SINGLE = (Rounding.HALF_UP, Rounding.HALF_UP, Rounding.HALF_EVEN, Rounding.FLOOR)


@st.composite
def rescales(draw: st.DrawFn, channels: int, most: int) -> Rescale:
    """Of sums of 48 bits, as .tflite files have them, with offsets or without."""
    count = draw(st.sampled_from([1, channels]))
    multipliers = tuple(draw(st.integers(1 << 14, (1 << 15) - 1)) for _ in range(count))
    shift = max(15 + most.bit_length() - draw(st.integers(15, 19)), 1)
    shifts = tuple(shift + draw(st.integers(0, 2)) for _ in range(count))
    offset: tuple[int, ...] = NO_OFFSET
    if draw(st.integers(0, 3)) == 0:
        offset = tuple(draw(st.integers(-(1 << 50), 1 << 50)) for _ in range(channels))
    low, high = draw(st.sampled_from([(-32768, 32767), (0, 32767), (-100, 20000)]))
    point = draw(st.sampled_from([0, 0, 0, -77]))
    return Rescale(
        multipliers, shifts, draw(st.sampled_from(_SINGLE)), low, high, point, offset=offset
    )


@st.composite
def _layer(draw: st.DrawFn, b: GraphBuilder, shape: tuple[int, ...], x_most: int) -> int:
    """Adds weight ``w`` and bias ``b``, small, beyond 32 bits or with the sums at 47; the largest
    sum."""
    weight = draw(integers(shape, S8))
    b.constant("w", weight, S8)
    products = largest_sums(
        np.moveaxis(weight, 3, 0) if len(shape) == 4 and shape[0] == 1 else weight, x_most
    )
    rng = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    limit = draw(st.sampled_from([1 << 20, 1 << 33, 1 << 40]))
    bias: Array = rng.integers(-limit, limit, len(products))
    if draw(st.integers(0, 4)) == 0:
        bias = ((1 << 47) - 1 - products.astype(np.int64)) * draw(st.sampled_from([1, -1]))
    b.constant("b", bias, S48)
    return int((products + np.abs(bias)).max())


@st.composite
def weighted(draw: st.DrawFn) -> Graph:
    """A convolution, depthwise or not, or a matrix product; rows of up to 1200 weights."""
    b = GraphBuilder("long")
    dtype = draw(sixteen())
    zero = draw(st.sampled_from([0, 0]) | zero_points(dtype))
    x_most = max(dtype.high - zero, zero - dtype.low)
    kind = draw(st.sampled_from([Conv2d, DepthwiseConv2d, Dense]))
    if kind is Dense:
        inputs, outputs = draw(st.sampled_from([5, 33, 600, 1200])), draw(st.integers(1, 5))
        b.input("x", (draw(st.integers(1, 2)), inputs), dtype)
        most = draw(_layer(b, (outputs, inputs), x_most))
        op: Conv2d | DepthwiseConv2d | Dense = Dense("op", "x", "w", "b", "y", zero, 48)
    else:
        (h, w), kernel, stride, dilation, padding = draw(window(True, False))
        channels = draw(st.sampled_from([4, 3, 1, 64, 100] if kind is Conv2d else [4, 3, 1]))
        outputs = draw(st.integers(2, 5)) if kind is Conv2d else channels
        b.input("x", (h, w, channels), dtype)
        inner = channels if kind is Conv2d else outputs
        shape = (outputs if kind is Conv2d else 1, *kernel, inner)
        most = draw(_layer(b, shape, x_most))
        op = kind("op", "x", "w", "b", "y", stride, padding, dilation, zero, 48)
    b.add(replace(op, rescale=draw(rescales(outputs, most))), S16)
    return b.build(["y"])
