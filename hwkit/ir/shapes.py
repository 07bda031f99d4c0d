"""Output shape of each op; the same rules serve the builder and verification."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import assert_never

from hwkit.errors import GraphError
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
    Padding,
    Prelu,
    Requantize,
    Reshape,
    ResizeNearest,
    Slice,
    Softmax,
    Sub,
    SumPool2d,
    Transpose,
)
from hwkit.ir.types import Shape


def window_count(size: int, kernel: int, stride: int, before: int, after: int) -> int:
    """Positions of a window: size 5, kernel 3, stride 2, no padding gives 2."""
    return (size + before + after - kernel) // stride + 1


def extent(kernel: int, dilation: int) -> int:
    """Span of a dilated kernel: kernel 3, dilation 2 spans 5."""
    return (kernel - 1) * dilation + 1


def _map(op: Op, shape: Shape) -> tuple[int, int, int]:
    if len(shape) != 3:
        raise GraphError(op.name, f"input must be a map (H, W, C), got shape {shape}")
    return shape[0], shape[1], shape[2]


def _windows(
    op: Op, shape: Shape, spans: tuple[int, int], stride: tuple[int, int], pad: Padding
) -> tuple[int, int]:
    height, width, _ = _map(op, shape)
    if min(*spans, *stride) < 1:
        raise GraphError(op.name, f"kernel span {spans} and stride {stride} must be positive")
    if min(pad.top, pad.bottom, pad.left, pad.right) < 0:
        raise GraphError(op.name, f"padding must not be negative, got {pad}")
    rows = window_count(height, spans[0], stride[0], pad.top, pad.bottom)
    columns = window_count(width, spans[1], stride[1], pad.left, pad.right)
    if rows < 1 or columns < 1:
        raise GraphError(op.name, f"kernel span {spans} is larger than the padded map of {shape}")
    return rows, columns


def output_shape(op: Op, inputs: Sequence[Shape], weight: Shape | None, declared: Shape) -> Shape:
    """Shape of ``op``'s output for input shapes and the shape of its first constant (if any).

    ``declared`` is the output's stated shape, used by ``Reshape`` alone. Raises ``GraphError``
    naming the op. Example: conv of (8, 8, 3) by (16, 3, 3, 3), stride 2, padding 1: (4, 4, 16).
    """
    first = inputs[0] if inputs else ()
    match op:
        case Conv2d() | DepthwiseConv2d():
            return _conv(op, first, weight or ())
        case Dense():
            if weight is None or len(weight) != 2 or not first or first[-1] != weight[1]:
                raise GraphError(op.name, f"weight {weight} does not fit input {first}")
            return (*first[:-1], weight[0])
        case Add() | Sub() | Mul():
            return _broadcast(op, inputs[0], inputs[1])
        case MatMul():
            return _matmul(op, inputs[0], inputs[1])
        case Prelu():
            if _broadcast(op, first, weight or ()) != first:
                raise GraphError(op.name, f"slope {weight} does not fit input {first}")
            return first
        case SumPool2d() | AvgPool2d() | MaxPool2d():
            pad = op.padding
            rows, columns = _windows(op, first, op.kernel, op.stride, pad)
            if max(pad.top, pad.bottom) >= op.kernel[0] or max(pad.left, pad.right) >= op.kernel[1]:
                raise GraphError(op.name, f"padding {pad} leaves windows of {op.kernel} empty")
            return (rows, columns, first[2])
        case Pad():
            height, width, channels = _map(op, first)
            pad = op.padding
            if min(pad.top, pad.bottom, pad.left, pad.right) < 0:
                raise GraphError(op.name, f"padding must not be negative, got {pad}")
            return (height + pad.top + pad.bottom, width + pad.left + pad.right, channels)
        case Concat():
            return _concat(op, inputs)
        case Reshape():
            if prod(declared) != prod(first):
                raise GraphError(op.name, f"cannot reshape {first} to {declared}")
            return declared
        case Slice():
            return _slice(op, first)
        case Transpose():
            if sorted(op.permutation) != list(range(len(first))):
                raise GraphError(op.name, f"{op.permutation} permutes no shape {first}")
            return tuple(first[axis] for axis in op.permutation)
        case ResizeNearest():
            height, width, channels = _map(op, first)
            for indices, size in ((op.rows, height), (op.columns, width)):
                if not indices or min(indices) < 0 or max(indices) >= size:
                    raise GraphError(op.name, f"reads rows or columns outside the map {first}")
            return (len(op.rows), len(op.columns), channels)
        case Constant():
            return weight or ()
        case ArgMax():
            if not first or not first[-1]:
                raise GraphError(op.name, f"no integers along the last axis of {first}")
            return (*first[:-1], 1)
        case Requantize() | Clamp() | Lookup() | Softmax() | LayerNorm():
            return first
        case _:
            assert_never(op)


def _broadcast(op: Op, first: Shape, second: Shape) -> Shape:
    pairs = list(zip(first, second, strict=False))
    if len(first) != len(second) or any(a != b and 1 not in (a, b) for a, b in pairs):
        raise GraphError(op.name, f"inputs differ in shape: {first} and {second}")
    return tuple(max(pair) for pair in pairs)


def matrices(op: MatMul, first: Shape, second: Shape) -> tuple[int, int, int, int]:
    """How many products ``op`` has, and M, K and N of each.

    Example: (4, 49, 16) by (4, 49, 16), the second transposed: 4, 49, 16, 49.
    """
    rows, inner = reversed(first[-2:]) if op.transposed[0] else first[-2:]
    columns = second[-2] if op.transposed[1] else second[-1]
    return max(prod(first[:-2]), prod(second[:-2])), rows, inner, columns


def _matmul(op: MatMul, first: Shape, second: Shape) -> Shape:
    if len(first) != len(second) or len(first) < 2:
        raise GraphError(op.name, f"multiplies matrices of one rank, not {first} and {second}")
    outer = sorted((first[:-2], second[:-2]))
    _, rows, inner, columns = matrices(op, first, second)
    fits = outer[0] == outer[1] or set(outer[0]) == {1}
    if not fits or second[-1 if op.transposed[1] else -2] != inner:
        raise GraphError(op.name, f"matrices {first} do not fit {second}, {op.transposed=}")
    return (*outer[1], rows, columns)


def _slice(op: Slice, shape: Shape) -> Shape:
    if not len(op.begin) == len(op.size) == len(op.stride) == len(shape):
        raise GraphError(op.name, f"begin, size and stride do not fit shape {shape}")
    for begin, size, stride, limit in zip(op.begin, op.size, op.stride, shape, strict=True):
        last = begin + (size - 1) * stride
        if size < 1 or stride == 0 or not (0 <= begin < limit and 0 <= last < limit):
            raise GraphError(op.name, f"slice {begin}..{last} by {stride} leaves shape {shape}")
    return op.size


def _conv(op: Conv2d | DepthwiseConv2d, shape: Shape, weight: Shape) -> Shape:
    channels = _map(op, shape)[2]
    if len(weight) != 4:
        raise GraphError(op.name, f"weight must have 4 axes, got {weight}")
    if min(op.dilation) < 1:
        raise GraphError(op.name, f"dilation {op.dilation} must be positive")
    if isinstance(op, Conv2d):
        fits, out = weight[3] == channels, weight[0]
    else:
        fits, out = weight[0] == 1 and weight[3] % channels == 0, weight[3]
    if not fits:
        raise GraphError(op.name, f"weight {weight} does not fit input {shape}")
    spans = (extent(weight[1], op.dilation[0]), extent(weight[2], op.dilation[1]))
    return (*_windows(op, shape, spans, op.stride, op.padding), out)


def _concat(op: Concat, inputs: Sequence[Shape]) -> Shape:
    first = inputs[0]
    if not 0 <= op.axis < len(first):
        raise GraphError(op.name, f"axis {op.axis} is not in 0..{len(first) - 1}")
    rest = [shape[: op.axis] + shape[op.axis + 1 :] for shape in inputs]
    if any(other != rest[0] for other in rest) or any(len(s) != len(first) for s in inputs):
        raise GraphError(op.name, f"shapes {tuple(inputs)} differ outside axis {op.axis}")
    total = sum(shape[op.axis] for shape in inputs)
    return (*first[: op.axis], total, *first[op.axis + 1 :])
