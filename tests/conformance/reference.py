"""A second, plain interpreter: loops and Python integers only, nothing shared with the fast one.

It follows the formulas of SPEC.md word by word and is slow on purpose.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import exp, floor, isqrt

import numpy as np

from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
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
from hwkit.ir.softmax import softmax
from hwkit.ir.types import Array


def run_plainly(graph: Graph, x: Array | Mapping[str, Array]) -> dict[str, Array]:
    """Every tensor of ``graph`` for a batch of its inputs (``x`` is that of an only one), as
    successive steps where it has states."""
    feeds = x if isinstance(x, Mapping) else {graph.inputs[0]: x}
    held = {state.tensor: graph.constants[state.initial].astype(object) for state in graph.states}
    steps: list[dict[str, Array]] = []
    for n in range(len(feeds[graph.inputs[0]])):
        values = held | {name: feed[n].astype(object) for name, feed in feeds.items()}
        for op in graph.nodes:
            shape = graph.tensors[op.output].shape
            out = _one(graph, op, [values[name] for name in activations(op)], shape)
            values[op.output] = np.array(out, object).reshape(shape)
        held = {state.tensor: values[state.update] for state in graph.states}
        steps.append(values)
    return {name: np.array([v[name] for v in steps]).astype(np.int64) for name in steps[0]}


def scale_one(a: int, r: Rescale, channel: int) -> int:
    """One integer through a rescale, in exact arithmetic."""
    k = channel if len(r.multiplier) > 1 else 0
    m, s = r.multiplier[k], r.shift[k]
    o = r.offset[channel if len(r.offset) > 1 else 0]
    a <<= r.left_shift
    match r.rounding:
        case Rounding.FLOAT32:
            product = np.float32(np.float32(a) * np.float32(float(Fraction(m, 1 << s))))
            q = round(float(product))
        case Rounding.DOUBLE:
            exponent = 31 - s
            high = floor(Fraction(a * m << max(exponent, 0), 1 << 31) + Fraction(1, 2))
            q = _half_away(Fraction(high, 1 << max(-exponent, 0)))
        case Rounding.HALF_UP:
            q = floor(Fraction(a * m + o, 1 << s) + Fraction(1, 2))
        case Rounding.HALF_EVEN:
            q = round(Fraction(a * m + o, 1 << s))
        case Rounding.FLOOR:
            q = floor(Fraction(a * m + o, 1 << s))
    return min(max(q + r.zero_point, r.low), r.high)


def _half_away(value: Fraction) -> int:
    magnitude = floor(abs(value) + Fraction(1, 2))
    return magnitude if value >= 0 else -magnitude


def _rescaled(a: Array, r: Rescale | None) -> Array:
    if r is None:
        return a
    flat = a.reshape(-1, a.shape[-1])
    out = [[scale_one(int(v), r, c) for c, v in enumerate(row)] for row in flat]
    return np.array(out, object).reshape(a.shape)


def _one(graph: Graph, op: Op, xs: list[Array], shape: tuple[int, ...]) -> Array:
    if isinstance(op, Constant):
        value: Array = graph.constants[op.value].astype(object)
        return value
    if isinstance(op, Slice | Transpose | ResizeNearest):
        out = np.zeros(shape, object)
        for place in np.ndindex(*shape):
            out[place] = xs[0][_source(op, place)]
        return out
    x = xs[0]
    match op:
        case Conv2d() | DepthwiseConv2d() | Dense():
            return _rescaled(_products(graph, op, x, shape), op.rescale)
        case Add() | Sub() | Mul():
            a, b = (
                np.broadcast_to(v - z, shape) for v, z in zip(xs, op.input_zero_points, strict=True)
            )
            if isinstance(op, Mul):
                return _rescaled(a * b, op.rescale)
            a, b = (_rescaled(v, r) for v, r in zip((a, b), op.input_rescales, strict=True))
            return _rescaled(a + b if isinstance(op, Add) else a - b, op.rescale)
        case MatMul():
            a, b = (v - z for v, z in zip(xs, op.input_zero_points, strict=True))
            return _rescaled(_matrix_product(op, a, b, shape), op.rescale)
        case Prelu():
            slope = np.broadcast_to(graph.constants[op.slope].astype(object), shape)
            v = x - op.input_zero_point
            falling = _rescaled(v * (slope - op.slope_zero_point), op.negative)
            return np.where(v >= 0, _rescaled(v, op.positive), falling)
        case SumPool2d() | AvgPool2d() | MaxPool2d():
            return _pooled(op, x, shape)
        case Requantize():
            return _rescaled(x - op.input_zero_point, op.rescale)
        case Clamp():
            return np.minimum(np.maximum(x, op.low), op.high)
        case Pad():
            out = np.full(shape, op.value, object)
            top, left = op.padding.top, op.padding.left
            out[top : top + x.shape[0], left : left + x.shape[1]] = x
            return out
        case Concat():
            return np.concatenate(xs, axis=op.axis)
        case Reshape():
            return x.reshape(shape)
        case Lookup():
            low = graph.tensors[op.input].dtype.low
            table = graph.constants[op.table]
            return np.array([int(table[int(v) - low]) for v in x.flat], object).reshape(x.shape)
        case ArgMax():
            rows = x.reshape(-1, x.shape[-1]).tolist()
            return np.array([row.index(max(row)) for row in rows]).reshape(shape)
        case Softmax():
            return _softmax(op, x)
        case LayerNorm():
            rows = [_normalized(row, op.epsilon) for row in x.reshape(-1, x.shape[-1]).tolist()]
            signs = 1 if op.signs is None else graph.constants[op.signs].astype(object)
            return _rescaled(np.array(rows, object).reshape(shape) * signs, op.rescale)


def _matrix_product(op: MatMul, a: Array, b: Array, shape: tuple[int, ...]) -> Array:
    out = np.zeros(shape, object)
    inner = a.shape[-2 if op.transposed[0] else -1]
    for *outer, m, n in np.ndindex(*shape):
        mine, theirs = (
            tuple(i % size for i, size in zip(outer, v.shape, strict=False)) for v in (a, b)
        )
        for k in range(inner):
            left = (*mine, *((k, m) if op.transposed[0] else (m, k)))
            right = (*theirs, *((n, k) if op.transposed[1] else (k, n)))
            out[(*outer, m, n)] += a[left] * b[right]
    return out


def _source(op: Slice | Transpose | ResizeNearest, place: tuple[int, ...]) -> tuple[int, ...]:
    """Where the output's integer at ``place`` comes from."""
    match op:
        case Slice():
            steps = zip(op.begin, place, op.stride, strict=True)
            return tuple(begin + k * stride for begin, k, stride in steps)
        case Transpose():
            axes = range(len(place))
            return tuple(place[op.permutation.index(axis)] for axis in axes)
        case ResizeNearest():
            return op.rows[place[0]], op.columns[place[1]], place[2]


def _products(
    graph: Graph, op: Conv2d | DepthwiseConv2d | Dense, x: Array, shape: tuple[int, ...]
) -> Array:
    weight = graph.constants[op.weight].astype(object)
    bias = [0] * shape[-1] if op.bias is None else [int(b) for b in graph.constants[op.bias]]
    x = x - op.input_zero_point
    if isinstance(op, Dense):
        rows = [[sum(a * b for a, b in zip(x, w, strict=True)) for w in weight]]
        sums: Array = np.array(rows[0], object) + np.array(bias, object)
        return sums
    out = np.zeros(shape, object)
    times = shape[2] // x.shape[2]
    for i, j, o in np.ndindex(*shape):
        total = bias[o]
        for r in range(weight.shape[1]):
            for c in range(weight.shape[2]):
                row = i * op.stride[0] + r * op.dilation[0] - op.padding.top
                column = j * op.stride[1] + c * op.dilation[1] - op.padding.left
                if not (0 <= row < x.shape[0] and 0 <= column < x.shape[1]):
                    continue
                if isinstance(op, Conv2d):
                    total += int((x[row, column] * weight[o, r, c]).sum())
                else:
                    total += x[row, column, o // times] * weight[0, r, c, o]
        out[i, j, o] = total
    return out


def _pooled(op: SumPool2d | AvgPool2d | MaxPool2d, x: Array, shape: tuple[int, ...]) -> Array:
    out = np.zeros(shape, object)
    for i, j, c in np.ndindex(*shape):
        top, left = i * op.stride[0] - op.padding.top, j * op.stride[1] - op.padding.left
        window = [
            int(v)
            for v in x[max(top, 0) : top + op.kernel[0], max(left, 0) : left + op.kernel[1], c].flat
        ]
        match op:
            case SumPool2d():
                out[i, j, c] = sum(v - op.input_zero_point for v in window)
            case AvgPool2d():
                mean = _half_away(Fraction(sum(window), len(window)))
                out[i, j, c] = min(max(mean, op.low), op.high)
            case MaxPool2d():
                out[i, j, c] = max(window)
    return _rescaled(out, op.rescale) if isinstance(op, SumPool2d) else out


def _normalized(q: list[int], epsilon: int) -> list[int]:
    """A row by the formulas of SPEC.md, the leading zeros counted one pair after the other."""
    n = [len(q) * v - sum(q) for v in q]
    value = 256 * (len(q) * sum(v * v for v in q) - sum(q) ** 2) + epsilon
    up = 0
    while max(value, 1) << 2 * up < 1 << 62:
        up += 1
    reciprocal = ((1 << 63) - 1) // isqrt(max(value, 1) << 2 * up)
    return [(v * reciprocal + (1 << 34 - up)) >> 35 - up for v in n]


def _softmax(op: Softmax, x: Array) -> Array:
    if op.kind is SoftmaxKind.TABLE:
        each = [round(exp(-op.input_scale * (int(max(x)) - int(v))) * 2.0**31) for v in x]
        reciprocal = (1 << 62) // sum(each)
        parts = [(e * reciprocal + (1 << 31)) >> 32 for e in each]
        return _rescaled(np.array(parts, object), op.rescale)
    if op.kind is SoftmaxKind.FIXED:
        # The fixed-point form is a port of its own; its second witness is the runtime itself.
        return softmax(x.astype(np.int64), op.input_scale, op.kind).astype(object)
    step = float(np.float32(op.input_scale))
    e = [exp((int(v) - int(max(x))) * step) for v in x]
    return np.array([min(max(round(v / sum(e) * 256) - 128, -128), 127) for v in e], object)
