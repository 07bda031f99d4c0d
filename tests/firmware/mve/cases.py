"""Graphs of one op with more channels, taps and elements than a vector has lanes."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Add, Conv2d, Dense, DepthwiseConv2d, MaxPool2d, Padding, SumPool2d
from hwkit.ir.shapes import extent
from hwkit.ir.types import S8, S32, IntType
from tests.firmware.kernels import cases

CHANNELS = (16, 15, 17, 32, 31, 33, 20, 24, 40, 48, 64)


@st.composite
def _window(
    draw: st.DrawFn, largest: int
) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int], Padding]:
    """Map, kernel, stride, padding: kernels up to ``largest``."""
    sides = []
    for _ in range(2):
        kernel, stride = draw(st.integers(1, largest)), draw(st.integers(1, 2))
        before, after = (draw(st.integers(0, kernel - 1)) for _ in range(2))
        least = max(extent(kernel, 1) - before - after, 1)
        sides.append((least + draw(st.integers(0, 3)), kernel, stride, before, after))
    (h, kh, sh, top, bottom), (w, kw, sw, left, right) = sides
    return (h, w), (kh, kw), (sh, sw), Padding(top, bottom, left, right)


@st.composite
def conv2d(draw: st.DrawFn) -> Graph:
    b = GraphBuilder("conv2d")
    (h, w), kernel, stride, padding = draw(_window(3))
    channels, outputs = draw(st.sampled_from(CHANNELS)), draw(st.integers(1, 18))
    zero_point = draw(cases.zero_points(S8))
    b.input("x", (h, w, channels), S8)
    value, dtype = draw(cases.weights((outputs, *kernel, channels), (4, 8, 8)))
    b.constant("w", value, dtype)
    b.constant("b", np.arange(outputs) * 97 - 500, S32)
    most = int(np.abs(value.astype(np.int64)).reshape(outputs, -1).sum(1).max()) * 255 + 3000
    op = Conv2d("op", "x", "w", "b", "y", stride, padding, (1, 1), zero_point)
    return cases._finish(draw, b, op, outputs, most)


@st.composite
def depthwise(draw: st.DrawFn) -> Graph:
    b = GraphBuilder("depthwise")
    (h, w), kernel, stride, padding = draw(_window(6))
    channels = draw(st.sampled_from(CHANNELS[:8]))
    outputs = channels * draw(st.sampled_from([1, 1, 1, 2, 3]))
    zero_point = draw(cases.zero_points(S8))
    b.input("x", (h, w, channels), S8)
    value, dtype = draw(cases.weights((1, *kernel, outputs), (4, 8, 8)))
    b.constant("w", value, dtype)
    b.constant("b", np.arange(outputs) * 97 - 500, S32)
    most = kernel[0] * kernel[1] * 128 * 255 + 10000
    op = DepthwiseConv2d("op", "x", "w", "b", "y", stride, padding, (1, 1), zero_point)
    return cases._finish(draw, b, op, outputs, most)


@st.composite
def dense(draw: st.DrawFn) -> Graph:
    b = GraphBuilder("dense")
    inputs, outputs = draw(st.integers(1, 300)), draw(st.integers(1, 20))
    zero_point = draw(cases.zero_points(S8))
    b.input("x", (*draw(st.sampled_from([(), (3,)])), inputs), S8)
    value, dtype = draw(cases.weights((outputs, inputs), (4, 8, 8)))
    b.constant("w", value, dtype)
    most = inputs * 128 * 255
    op = Dense("op", "x", "w", None, "y", zero_point)
    return cases._finish(draw, b, op, outputs, most)


@st.composite
def add(draw: st.DrawFn) -> Graph:
    b = GraphBuilder("add")
    shape = (draw(st.integers(1, 5)), draw(st.integers(1, 37)))
    zero_points = (draw(cases.zero_points(S8)), draw(cases.zero_points(S8)))
    b.input("x", shape, S8)
    b.input("z", shape, S8)
    left_shift = draw(st.integers(0, 21))
    rescales = [
        draw(cases.rescales(shape[-1], 255, IntType(30, True), left_shift)) for _ in range(2)
    ]
    op = Add("op", ("x", "z"), "y", zero_points, (rescales[0], rescales[1]))
    return cases._finish(draw, b, op, shape[-1], 1 << 30)


@st.composite
def pool(draw: st.DrawFn) -> Graph:
    b = GraphBuilder("pool")
    (h, w), kernel, stride, padding = draw(_window(4))
    channels = draw(st.sampled_from(CHANNELS))
    b.input("x", (h, w, channels), S8)
    if draw(st.booleans()):
        b.add(MaxPool2d("op", "x", "y", kernel, stride, padding), S8)
        return b.build(["y"])
    zero_point = draw(cases.zero_points(S8))
    op = SumPool2d("op", "x", "y", kernel, stride, padding, zero_point)
    return cases._finish(draw, b, op, channels, kernel[0] * kernel[1] * 255)
