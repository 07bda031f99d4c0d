"""Hypothesis strategies for graphs of one op that repeats operands or moves integers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from hwkit.ir.arith import quantize_multiplier
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    Add,
    Mul,
    Prelu,
    Rescale,
    ResizeNearest,
    Rounding,
    Slice,
    Sub,
    Transpose,
)
from hwkit.ir.types import S8, S32, IntType
from tests.firmware.kernels.cases import Types, activations, integers, rescales, zero_points

_SHAPES = [(2, 3, 4), (5,), (1, 1, 1), (3, 7), (2, 3, 2, 3), (1, 4, 5)]


def _most(dtype: IntType, zero_point: int) -> int:
    return max(dtype.high - zero_point, zero_point - dtype.low)


@st.composite
def broadcast(draw: st.DrawFn, types: Types = activations, to: Types | None = None) -> Graph:
    """A sum, difference or product of two shapes."""
    b = GraphBuilder("broadcast")
    shape = draw(st.sampled_from(_SHAPES))
    points, most, rescales_ = [], [], []
    for name in ("x", "z"):
        dtype = draw(types())
        b.input(name, tuple(draw(st.sampled_from([size, size, 1])) for size in shape), dtype)
        points.append(draw(zero_points(dtype)))
        most.append(_most(dtype, points[-1]))
    output = np.broadcast_shapes(b.shape("x"), b.shape("z"))
    kind = draw(st.sampled_from([Add, Sub, Mul]))
    if kind is Mul:
        op: Add | Sub | Mul = Mul("op", ("x", "z"), "y", (points[0], points[1]))
        total = most[0] * most[1]
    else:
        for x_most in most:
            wide = draw(rescales(output[-1], x_most, left_shift=draw(st.integers(0, 20))))
            rescales_.append(
                draw(st.sampled_from([None, replace(wide, low=-(1 << 28), high=1 << 28)]))
            )
        pair: tuple[Rescale | None, Rescale | None] = (rescales_[0], rescales_[1])
        op = kind("op", ("x", "z"), "y", (points[0], points[1]), pair)
        total = sum(m if r is None else 1 << 28 for m, r in zip(most, pair, strict=True))
    if draw(st.integers(0, 5)) == 0:
        b.add(op, S32)
    else:
        dtype = draw((to or types)())
        b.add(replace(op, rescale=draw(rescales(output[-1], total, dtype))), dtype)
    return b.build(["y"])


@st.composite
def on_a_line(draw: st.DrawFn) -> Graph:
    """As .tflite files have them: sums and differences in steps of 2**-20 of the coarser input,
    products into int8 by a factor of the whole."""
    b = GraphBuilder("broadcast")
    shape = draw(st.sampled_from([*_SHAPES, (2, 9)]))
    for name in ("x", "z"):
        b.input(name, tuple(draw(st.sampled_from([size, size, 1])) for size in shape), S8)
    zeros = draw(zero_points(S8)), draw(zero_points(S8))
    kind = draw(st.sampled_from([Add, Sub, Mul]))
    ratio = draw(st.floats(0.1, 1.9)) * 2.0 ** -(8 if kind is Mul else 19)
    multiplier, shift = quantize_multiplier(ratio)
    r = Rescale((multiplier,), (shift,), Rounding.DOUBLE, -128, 127, draw(zero_points(S8)))
    if kind is Mul:
        b.add(Mul("op", ("x", "z"), "y", zeros, rescale=r), S8)
        return b.build(["y"])
    limits = -(1 << 31), (1 << 31) - 1
    first, second = (
        Rescale((m,), (s,), Rounding.DOUBLE, *limits, 0, 20)
        for m, s in map(
            quantize_multiplier, draw(st.permutations([draw(st.floats(0.02, 0.5)), 0.5]))
        )
    )
    b.add(kind("op", ("x", "z"), "y", zeros, (first, second), rescale=r), S8)
    return b.build(["y"])


@st.composite
def prelu(draw: st.DrawFn) -> Graph:
    b = GraphBuilder("prelu")
    shape = draw(st.sampled_from(_SHAPES))
    source, slope, out = draw(activations()), draw(activations()), draw(activations())
    b.input("x", shape, source)
    small = tuple(draw(st.sampled_from([size, 1])) for size in shape)
    b.constant("slope", draw(integers(small, slope)), slope)
    points = (draw(zero_points(source)), draw(zero_points(slope)))
    most = _most(source, points[0])
    positive = draw(rescales(shape[-1], most, out))
    negative = draw(rescales(shape[-1], most * _most(slope, points[1]), out))
    b.add(Prelu("op", "x", "slope", "y", positive, negative, *points), out)
    return b.build(["y"])


@st.composite
def moved(draw: st.DrawFn, types: Types = activations) -> Graph:
    """Slice, transpose and nearest resize."""
    b = GraphBuilder("moved")
    shape = draw(st.sampled_from(_SHAPES))
    dtype = draw(types())
    b.input("x", shape, dtype)
    kind = draw(st.sampled_from([Slice, Transpose, ResizeNearest]))
    if kind is Transpose:
        axes = draw(st.permutations(range(len(shape))))
        b.add(Transpose("op", "x", "y", tuple(axes)), dtype)
    elif kind is ResizeNearest and len(shape) == 3:
        rows, columns = (
            tuple(draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=6)))
            for size in shape[:2]
        )
        b.add(ResizeNearest("op", "x", "y", rows, columns), dtype)
    else:
        begin, size, stride = [], [], []
        for limit in shape:
            step = draw(st.sampled_from([1, 1, 2, -1, -3]))
            first = draw(st.integers(0, limit - 1))
            most = (limit - 1 - first if step > 0 else first) // abs(step) + 1
            begin.append(first)
            size.append(draw(st.integers(1, most)))
            stride.append(step)
        b.add(Slice("op", "x", "y", tuple(begin), tuple(size), tuple(stride)), dtype)
    return b.build(["y"])
