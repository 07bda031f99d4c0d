"""Interval analysis: for each channel of each tensor, the integers that it can hold.

Inputs and states hold what their type holds; weights are known; every op maps the intervals of its
inputs to one that no integer it computes can leave (Moore, Interval Analysis, 1966). A channel is
the last axis of a tensor. What is found holds for every input, so a pass may build on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from typing import assert_never

import numpy as np

from hwkit.ir.arith import rescale
from hwkit.ir.graph import Graph
from hwkit.ir.layer_norm import FRACTION_BITS
from hwkit.ir.ops import (
    NO_PADDING,
    Add,
    ArgMax,
    AvgPool2d,
    Clamp,
    Concat,
    Constant,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    LayerNorm,
    Lookup,
    MatMul,
    MaxPool2d,
    Mul,
    Op,
    Overflow,
    Pad,
    Prelu,
    Requantize,
    Rescale,
    Reshape,
    ResizeNearest,
    Rounding,
    Slice,
    Softmax,
    SoftmaxKind,
    Sub,
    SumPool2d,
    Transpose,
    activations,
)
from hwkit.ir.shapes import matrices
from hwkit.ir.softmax_table import FRACTION_BITS as PARTS_BITS
from hwkit.ir.traits import Accumulating, Weighted
from hwkit.ir.types import S32, S48, Array, IntType


@dataclass(frozen=True, slots=True, eq=False)
class Interval:
    """``low[c] <= x[..., c] <= high[c]`` for every channel c; int64 (channels,)."""

    low: Array
    high: Array

    def constant(self) -> Array:
        """Channels that hold one integer, whatever the input: bool (channels,)."""
        same: Array = self.low == self.high
        return same

    def moved(self, by: int) -> Interval:
        return Interval(self.low + by, self.high + by)

    def with_zero(self) -> Interval:
        return Interval(np.minimum(self.low, 0), np.maximum(self.high, 0))

    def clamped(self, low: int, high: int) -> Interval:
        return Interval(np.clip(self.low, low, high), np.clip(self.high, low, high))

    def everywhere(self, channels: int) -> Interval:
        """One interval for all channels: that of the whole tensor."""
        return Interval(
            np.full(channels, self.low.min(), np.int64),
            np.full(channels, self.high.max(), np.int64),
        )

    def spread(self, channels: int) -> Interval:
        """Of a tensor of one channel that is repeated."""
        if len(self.low) == channels:
            return self
        return Interval(np.repeat(self.low, channels), np.repeat(self.high, channels))


def of_type(dtype: IntType, channels: int) -> Interval:
    """All that the type holds. Example: s8 gives -128..127 for every channel."""
    return _alike(dtype.low, dtype.high, channels)


def _alike(low: int, high: int, channels: int) -> Interval:
    return Interval(np.full(channels, low, np.int64), np.full(channels, high, np.int64))


def intervals(graph: Graph) -> dict[str, Interval]:
    """The interval of every activation of ``graph``, by name.

    Example: a 1x1 convolution of s8 by weights [2], bias [3], clamped to 0..10, holds 0..10; with
    bias [1000] its one channel holds 10 alone.
    """
    found = {
        name: of_type(graph.tensors[name].dtype, channels_of(graph, name)) for name in graph.sources
    }
    for op in graph.nodes:
        inputs = [found[name] for name in activations(op)]
        found[op.output] = _within(graph, op, _output(graph, op, inputs))
    return found


def channels_of(graph: Graph, name: str) -> int:
    """Size of the last axis; 1 for a single integer."""
    shape = graph.tensors[name].shape
    return shape[-1] if shape else 1


def _within(graph: Graph, op: Op, x: Interval) -> Interval:
    """Cut to the type, outside of which the interpreter raises."""
    dtype = graph.tensors[op.output].dtype
    return x.clamped(dtype.low, dtype.high)


def _output(graph: Graph, op: Op, xs: Sequence[Interval]) -> Interval:
    channels = channels_of(graph, op.output)
    match op:
        case Conv2d() | DepthwiseConv2d() | Dense():
            return _finished(op, _products(graph, op, xs[0]))
        case Add() | Sub():
            return _finished(op, _sum(op, xs, channels))
        case Mul():
            factors = [
                x.moved(-z).spread(channels) for x, z in zip(xs, op.input_zero_points, strict=True)
            ]
            return _finished(op, _product(*factors))
        case MatMul():
            return _finished(op, _matmul(graph, op, xs).spread(channels))
        case SumPool2d():
            x = xs[0].moved(-op.input_zero_point)
            taps = op.kernel[0] * op.kernel[1]
            sums = Interval(x.low * taps, x.high * taps)
            if op.padding != NO_PADDING:  # fewer taps lie inside the map at its border
                sums = sums.with_zero()
            return _finished(op, sums)
        case AvgPool2d():
            return xs[0].clamped(op.low, op.high)
        case Requantize():
            return _rescaled(op.rescale, _argument(xs[0], op.input_zero_point))
        case Clamp():
            return xs[0].clamped(op.low, op.high)
        case Pad():
            return Interval(np.minimum(xs[0].low, op.value), np.maximum(xs[0].high, op.value))
        case Prelu():
            return _prelu(graph, op, xs[0])
        case Lookup():
            return _lookup(graph, op, xs[0])
        case Concat():
            return _concat(graph, op, xs)
        case Constant():
            value = graph.constants[op.value].astype(np.int64).reshape(-1, channels)
            return Interval(value.min(axis=0), value.max(axis=0))
        case Slice():
            places = np.arange(op.size[-1]) * op.stride[-1] + op.begin[-1]
            return Interval(xs[0].low[places], xs[0].high[places])
        case MaxPool2d() | ResizeNearest():
            return xs[0]
        case Reshape():
            return _reshaped(graph, op, xs[0])
        case Transpose():
            last = len(op.permutation) - 1
            return xs[0] if op.permutation[last] == last else xs[0].everywhere(channels)
        case ArgMax():
            last = graph.tensors[op.input].shape[-1] - 1
            return Interval(np.zeros(1, np.int64), np.full(1, last, np.int64))
        case LayerNorm():
            channels = graph.tensors[op.input].shape[-1]
            largest = ceil(sqrt(channels) * (1 << FRACTION_BITS)) + 1
            return _rescaled(op.rescale, _alike(-largest, largest, channels))
        case Softmax() if op.kind is SoftmaxKind.TABLE:
            return _rescaled(op.rescale, _alike(0, 1 << PARTS_BITS, channels))
        case Softmax():
            return of_type(graph.tensors[op.output].dtype, channels)
        case _:
            assert_never(op)


def _products(graph: Graph, op: Weighted, source: Interval) -> Interval:
    """Sums of products with the bias. Borders add nothing, so 0 joins the interval there."""
    x = source.moved(-op.input_zero_point)
    if not isinstance(op, Dense) and op.padding != NO_PADDING:
        x = x.with_zero()
    weight = graph.constants[op.weight].astype(np.int64)
    taps: Array
    if isinstance(op, DepthwiseConv2d):
        times = weight.shape[3] // len(x.low)
        taps = weight.reshape(-1, weight.shape[3])
        low, high = np.repeat(x.low, times), np.repeat(x.high, times)
    else:
        taps = np.moveaxis(weight, 0, -1).reshape(-1, len(x.low), weight.shape[0])
        low, high = x.low[:, np.newaxis], x.high[:, np.newaxis]
    axes = tuple(range(taps.ndim - 1))
    bias = 0 if op.bias is None else graph.constants[op.bias].astype(np.int64)
    ends = taps * low, taps * high
    return Interval(
        np.minimum(*ends).sum(axis=axes) + bias, np.maximum(*ends).sum(axis=axes) + bias
    )


def _sum(op: Add | Sub, xs: Sequence[Interval], channels: int) -> Interval:
    terms = [
        (x.moved(-z) if r is None else _rescaled(r, _argument(x, z))).spread(channels)
        for x, z, r in zip(xs, op.input_zero_points, op.input_rescales, strict=True)
    ]
    a, b = terms
    if isinstance(op, Sub):
        return Interval(a.low - b.high, a.high - b.low)
    return Interval(a.low + b.low, a.high + b.high)


def _product(a: Interval, b: Interval) -> Interval:
    ends = np.stack([a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high])
    return Interval(ends.min(axis=0), ends.max(axis=0))


def _matmul(graph: Graph, op: MatMul, xs: Sequence[Interval]) -> Interval:
    """One interval for all sums: a row of one matrix meets every column of the other."""
    a, b = (x.moved(-z).everywhere(1) for x, z in zip(xs, op.input_zero_points, strict=True))
    product = _product(a, b)
    inner = matrices(op, *(graph.tensors[name].shape for name in op.inputs))[2]
    return Interval(product.low * inner, product.high * inner)


def _argument(x: Interval, zero_point: int) -> Interval:
    """``x - zero_point``, beyond whose 32 bits the interpreter raises."""
    return x.moved(-zero_point).clamped(S32.low, S32.high)


def _finished(op: Accumulating, sums: Interval) -> Interval:
    """The output of ``op``: its sums, beyond whose width the interpreter raises, rescaled."""
    limit = 1 << (op.accumulator_bits - 1)
    return _rescaled(op.rescale, sums.clamped(-limit, limit - 1))


def _rescaled(r: Rescale | None, x: Interval) -> Interval:
    """``r`` of what ``x`` holds; it grows with its argument."""
    if r is None:
        return x
    channels = max(len(x.low), r.channels)
    if r.overflow is Overflow.WRAP:
        return _alike(r.low, r.high, channels)
    taken = arguments(r)
    low, high = (
        np.clip(end, taken.low, taken.high)
        for end in (x.spread(channels).low, x.spread(channels).high)
    )
    y = rescale(np.stack([low, high]), r, "")
    return Interval(y[0], y[1])


def arguments(r: Rescale) -> Interval:
    """The integers that ``r`` takes, by channel of its shift: shifted to the left they fit a
    device's 32 bits, beyond which the interpreter raises.

    Example: with a ``left_shift`` of 24 they are -128..127.
    """
    left = np.full(len(r.shift), r.left_shift)
    bits = S48.bits if r.left_shift == 0 else S32.bits
    if r.rounding is Rounding.DOUBLE:
        bits, left = S32.bits, left + np.maximum(31 - np.array(r.shift), 0)
    limit = np.int64(1 << (bits - 1))
    return Interval(-limit >> left, (limit - 1) >> left)


def _prelu(graph: Graph, op: Prelu, source: Interval) -> Interval:
    x = source.moved(-op.input_zero_point)
    slope = graph.constants[op.slope].astype(np.int64) - op.slope_zero_point
    slopes = slope.reshape(-1, slope.shape[-1])
    falling = _product(
        Interval(np.minimum(x.low, 0), np.minimum(x.high, 0)),
        Interval(slopes.min(axis=0), slopes.max(axis=0)).spread(len(x.low)),
    )
    below = _rescaled(op.negative, falling)
    above = _rescaled(op.positive, Interval(np.maximum(x.low, 0), np.maximum(x.high, 0)))
    falls, rises = x.low < 0, x.high >= 0
    least = np.where(rises, np.minimum(below.low, above.low), below.low)
    most = np.where(falls, np.maximum(below.high, above.high), above.high)
    return Interval(np.where(falls, least, above.low), np.where(rises, most, below.high))


def _lookup(graph: Graph, op: Lookup, x: Interval) -> Interval:
    table = graph.constants[op.table].astype(np.int64)
    first = graph.tensors[op.input].dtype.low
    parts = [table[low - first : high - first + 1] for low, high in zip(x.low, x.high, strict=True)]
    return Interval(
        np.array([part.min() for part in parts]), np.array([part.max() for part in parts])
    )


def _concat(graph: Graph, op: Concat, xs: Sequence[Interval]) -> Interval:
    last = len(graph.tensors[op.output].shape) - 1
    if op.axis == last:
        return Interval(np.concatenate([x.low for x in xs]), np.concatenate([x.high for x in xs]))
    return Interval(np.minimum.reduce([x.low for x in xs]), np.maximum.reduce([x.high for x in xs]))


def _reshaped(graph: Graph, op: Reshape, x: Interval) -> Interval:
    """Channels stay what they are, or (H, W, C) becomes a row that repeats them."""
    channels, before = channels_of(graph, op.output), len(x.low)
    if channels % before:
        return x.everywhere(channels)
    return Interval(np.tile(x.low, channels // before), np.tile(x.high, channels // before))
