"""Pools: windows of maps, and sums or maxima over whole axes."""

from __future__ import annotations

from dataclasses import replace
from math import lcm, prod

import numpy as np

from hwkit.errors import GraphError, UnsupportedOp
from hwkit.importers.qonnx.arrange import arranged, as_map
from hwkit.importers.qonnx.context import Context
from hwkit.importers.qonnx.file import Node
from hwkit.importers.qonnx.integers import settle, settled, whole, with_room
from hwkit.importers.qonnx.layers import read_padding, read_pair
from hwkit.importers.qonnx.layout import NONE, Layout, without
from hwkit.importers.qonnx.rounding import IMPORTER
from hwkit.importers.qonnx.shapes import reshaped
from hwkit.importers.qonnx.values import Integers, Real
from hwkit.ir.ops import NO_PADDING, Constant, MaxPool2d, Mul, Padding, SumPool2d
from hwkit.ir.types import S32, Array, IntType, Quantization, Shape


def map_shape(ctx: Context, real: Real) -> Shape:
    """ONNX shape of a settled map in the graph's own order whose shape there may have changed."""
    rows, columns, channels = ctx.graph_shape(real)
    return (channels, rows, columns) if len(real.shape) == 3 else (channels, columns)


def max_pool(ctx: Context, node: Node) -> None:
    """``MaxPool``; rounding the output size up becomes padding, which adds no value."""
    real = as_map(ctx, node, settled(ctx, node, 0))
    kernel, stride, pad = _window(ctx, node, real)
    if read_pair(node, "dilations") != (1, 1):
        raise UnsupportedOp(node.name, IMPORTER, "a dilated max pool; use dilation 1")
    if len(node.outputs) > 1 and node.outputs[1]:
        raise UnsupportedOp(node.name, IMPORTER, "places of maxima; leave the second output out")
    real = _largest(ctx, node, real, kernel, stride, pad)
    ctx.put(node, replace(real, shape=map_shape(ctx, real)))


def _largest(
    ctx: Context,
    node: Node,
    real: Real,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    pad: Padding,
) -> Real:
    source, name = real.integers, ctx.name(node)
    op = MaxPool2d(name, source.tensor, name, kernel, stride, pad)
    ctx.builder.add(op, source.dtype, ctx.builder.tensors[source.tensor].quantization)
    return replace(real, source=replace(source, tensor=name))


def _window(
    ctx: Context, node: Node, real: Real
) -> tuple[tuple[int, int], tuple[int, int], Padding]:
    kernel, stride = read_pair(node, "kernel_shape"), read_pair(node, "strides")
    pad = read_padding(node, real.shape, kernel, stride)
    if node.attribute("ceil_mode", 0):
        rows, columns, _ = ctx.graph_shape(real)
        more = (
            _up(rows + pad.top + pad.bottom, kernel[0], stride[0], rows + pad.top),
            _up(columns + pad.left + pad.right, kernel[1], stride[1], columns + pad.left),
        )
        pad = replace(pad, bottom=pad.bottom + more[0], right=pad.right + more[1])
    return kernel, stride, pad


def _up(size: int, kernel: int, stride: int, last: int) -> int:
    """Rows to add so that a window that starts before ``last`` is not left out."""
    rest = (size - kernel) % stride
    start = size - kernel - rest + stride
    return stride - rest if rest and start < last else 0


def average_pool(ctx: Context, node: Node) -> None:
    """``AveragePool``: window sums; the division goes into the quantizer behind it.

    Windows that reach over the border and count less are brought to one count: sums of 4 and of 6
    integers become three and two times as much, twelfths both.
    """
    taps = prod(read_pair(node, "kernel_shape"))
    padded = any(node.attribute("pads", [0])) or node.attribute("auto_pad", "NOTSET") != "NOTSET"
    if read_pair(node, "dilations") != (1, 1):
        raise UnsupportedOp(node.name, IMPORTER, "a dilated average pool; use dilation 1")
    # Where padding counts as 0, an offset would have to be missing there.
    counts_border = bool(node.attribute("count_include_pad", 0))
    real = (whole if padded else settled)(ctx, node, 0, taps)
    real = as_map(ctx, node, real)
    kernel, stride, pad = _window(ctx, node, real)
    exact = read_padding(node, real.shape, kernel, stride)
    if real.offset.any() and pad != NO_PADDING:
        real = as_map(ctx, node, whole(ctx, node, 0, taps))
    counts = _counts(ctx, real, kernel, stride, pad, exact if counts_border else NO_PADDING)
    least = int(counts.min())
    if least < 1:
        raise GraphError(node.name, "averages windows beyond the map; export again")
    if np.ptp(counts) == 0:
        ctx.put(node, _mean(ctx, node, real, kernel, stride, pad, least))
        return
    common = lcm(*(int(n) for n in np.unique(counts)))
    if common // least > 1 << 15:
        raise UnsupportedOp(
            node.name, IMPORTER, f"windows of {np.unique(counts)} values; use no padding"
        )
    summed = _mean(ctx, node, with_room(ctx, node, real, common), kernel, stride, pad, common)
    ctx.put(node, _weighted(ctx, node, summed, common // counts))


def _counts(
    ctx: Context,
    real: Real,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    pad: Padding,
    counted: Padding,
) -> Array:
    """How many values each window's sum is divided by, (rows, columns): those inside the map and
    its border ``counted``."""
    height, width, _ = ctx.graph_shape(real)
    axes = []
    for size, k, s, before, after, inner, outer in (
        (height, kernel[0], stride[0], pad.top, pad.bottom, counted.top, counted.bottom),
        (width, kernel[1], stride[1], pad.left, pad.right, counted.left, counted.right),
    ):
        starts = np.arange((size + before + after - k) // s + 1) * s - before
        axes.append(np.minimum(starts + k, size + outer) - np.maximum(starts, -inner))
    return np.asarray(np.multiply.outer(axes[0], axes[1]))


def _weighted(ctx: Context, node: Node, real: Real, factors: Array) -> Real:
    """Sums times a whole number for each place."""
    name, source = ctx.name(node, f"{real.integers.tensor}.counted"), real.integers
    dtype = IntType(16, True)
    ctx.builder.constant(f"{name}.factors.weight", factors[:, :, None], dtype)
    factor = f"{name}.factors"
    ctx.builder.add(Constant(factor, f"{factor}.weight", factor), dtype)
    facts = ctx.builder.tensors[source.tensor].quantization
    ctx.builder.add(Mul(name, (source.tensor, factor), name, (0, 0)), S32, facts)
    return replace(real, source=replace(source, tensor=name))


def _mean(
    ctx: Context,
    node: Node,
    real: Real,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    pad: Padding,
    taps: int,
) -> Real:
    """Sums over windows, which stand for ``taps``-ths of them."""
    real = with_room(ctx, node, real, taps)
    source = real.integers
    name = ctx.name(node)
    op = SumPool2d(name, source.tensor, name, kernel, stride, pad, source.zero_point)
    scale = real.scale / taps
    ctx.builder.add(op, S32, Quantization(tuple(float(s) for s in scale)))
    low = taps * min(0, source.low - source.zero_point)
    high = taps * max(0, source.high - source.zero_point)
    pooled = replace(real, source=Integers(name, S32, low, high), scale=scale)
    return replace(pooled, shape=map_shape(ctx, pooled)) if real.is_default else pooled


def global_pool(ctx: Context, node: Node) -> None:
    """``GlobalAveragePool``, ``GlobalMaxPool``, and ``ReduceMean``, ``ReduceSum``, ``ReduceMax``
    over all axes but one, or over one of three."""
    given = ctx.real(node, 0)
    rank = len(given.shape)
    reduced = _axes(ctx, node, rank)
    keep = bool(node.attribute("keepdims", 1)) or node.op_type.startswith("Global")
    kept = [axis for axis in range(rank) if axis not in reduced]
    if not reduced or rank > 3 or len(kept) not in (1, 2):
        raise UnsupportedOp(
            node.name,
            IMPORTER,
            f"{node.op_type} over axes {sorted(a + 1 for a in reduced)} of {rank + 1}; "
            "keep the channels",
        )
    taps = prod(given.shape[axis] for axis in reduced)
    averages = "Max" not in node.op_type
    real = settle(ctx, node, given, taps if averages else 1)
    # Rows and columns are reduced, or columns alone where a second axis is kept.
    layout: Layout = (*kept[:-1], *reduced, kept[-1])
    layout = (*(NONE,) * (3 - len(layout)), *layout)
    real = arranged(ctx, node, real, layout)
    kernel = (1 if len(kept) == 2 else ctx.graph_shape(real)[0], ctx.graph_shape(real)[1])
    if averages:
        pooled = _mean(ctx, node, real, kernel, (1, 1), NO_PADDING, taps)
        if node.op_type == "ReduceSum":
            pooled = replace(pooled, scale=pooled.scale * taps, offset=pooled.offset * taps)
    else:
        pooled = _largest(ctx, node, real, kernel, (1, 1), NO_PADDING)
    pooled = replace(
        pooled, shape=tuple(1 if a in reduced else n for a, n in enumerate(given.shape))
    )
    if keep:
        ctx.put(node, pooled)
    elif len(kept) == 1:
        ctx.put(node, reshaped(ctx, node, pooled, (given.shape[kept[0]],)))
    else:
        shape = tuple(given.shape[axis] for axis in kept)
        ctx.put(node, pooled.under(shape, without(pooled.layout, set(reduced))))


def _axes(ctx: Context, node: Node, rank: int) -> list[int]:
    """The reduced axes of one sample."""
    if node.op_type.startswith("Global"):
        return list(range(1, rank))
    given = node.attribute("axes", []) or None
    if given is None and ctx.has(node, 1):
        numbers = ctx.numbers(node, 1)
        given = [int(a) for a in numbers.flat] if numbers is not None else None
    axes = {int(a) % (rank + 1) for a in given or [0]}
    if 0 in axes or any(not -rank - 1 <= a <= rank for a in given or []):
        raise UnsupportedOp(node.name, IMPORTER, f"a mean over axes {given}; use rows and columns")
    return sorted(a - 1 for a in axes)
