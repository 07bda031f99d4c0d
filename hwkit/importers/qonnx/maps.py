"""Pools, sums, joins and reshapes: what works on whole maps and has no weights."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from hwkit.errors import UnsupportedOp
from hwkit.importers.qonnx.context import Context
from hwkit.importers.qonnx.file import MAX_INPUT_ELEMENTS, Node
from hwkit.importers.qonnx.integers import settle, settled, whole, with_room
from hwkit.importers.qonnx.layers import read_padding, read_pair
from hwkit.importers.qonnx.rounding import IMPORTER
from hwkit.importers.qonnx.values import Fresh, Integers, Real, one_or_all
from hwkit.ir.ops import (
    NO_PADDING,
    Concat,
    MaxPool2d,
    Pad,
    Padding,
    Reshape,
    SumPool2d,
    Transpose,
)
from hwkit.ir.types import S32, Array, Quantization, Shape


def _map_shape(ctx: Context, real: Real) -> Shape:
    """ONNX shape of a settled tensor whose graph shape may have changed."""
    rows, columns, channels = ctx.graph_shape(real)
    return (channels, rows, columns) if len(real.shape) == 3 else (channels, columns)


def _require_map(node: Node, real: Real) -> None:
    if len(real.shape) not in (2, 3):
        raise UnsupportedOp(node.name, IMPORTER, f"input of shape {real.shape}; give it a map")


def max_pool(ctx: Context, node: Node) -> None:
    """``MaxPool``; rounding the output size up becomes padding, which adds no value."""
    real = settled(ctx, node, 0)
    _require_map(node, real)
    source = real.integers
    kernel, stride, pad = _window(ctx, node, real)
    if read_pair(node, "dilations") != (1, 1):
        raise UnsupportedOp(node.name, IMPORTER, "a dilated max pool; use dilation 1")
    name = ctx.name(node)
    op = MaxPool2d(name, source.tensor, name, kernel, stride, pad)
    ctx.builder.add(op, source.dtype, ctx.builder.tensors[source.tensor].quantization)
    real = replace(real, source=replace(source, tensor=name))
    ctx.put(node, replace(real, shape=_map_shape(ctx, real)))


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
    """``AveragePool``: window sums; the division goes into the quantizer behind it."""
    taps = prod(read_pair(node, "kernel_shape"))
    padded = any(node.attribute("pads", [0])) or node.attribute("auto_pad", "NOTSET") != "NOTSET"
    # Where padding counts as 0, an offset would have to be missing there.
    real = (whole if padded else settled)(ctx, node, 0, taps)
    _require_map(node, real)
    kernel, stride, pad = _window(ctx, node, real)
    if pad != NO_PADDING:
        uneven = not node.attribute("count_include_pad", 0) or node.attribute("ceil_mode", 0)
        if uneven:
            raise UnsupportedOp(
                node.name,
                IMPORTER,
                "an average over windows of different sizes; "
                "use count_include_pad=True, ceil_mode=False or no padding",
            )
    if read_pair(node, "dilations") != (1, 1):
        raise UnsupportedOp(node.name, IMPORTER, "a dilated average pool; use dilation 1")
    ctx.put(node, _sum_pool(ctx, node, real, kernel, stride, pad))


def _sum_pool(
    ctx: Context,
    node: Node,
    real: Real,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    pad: Padding,
) -> Real:
    taps = prod(kernel)
    real = with_room(ctx, node, real, taps)
    source = real.integers
    name = ctx.name(node)
    op = SumPool2d(name, source.tensor, name, kernel, stride, pad, source.zero_point)
    scale = real.scale / taps
    ctx.builder.add(op, S32, Quantization(tuple(float(s) for s in scale)))
    low = taps * min(0, source.low - source.zero_point)
    high = taps * max(0, source.high - source.zero_point)
    pooled = replace(real, source=Integers(name, S32, low, high), scale=scale)
    return replace(pooled, shape=_map_shape(ctx, pooled))


def global_average_pool(ctx: Context, node: Node) -> None:
    """``GlobalAveragePool``, and ``ReduceMean`` over all rows and columns."""
    real = settled(ctx, node, 0, prod(ctx.real(node, 0).shape[1:]))
    _require_map(node, real)
    keep = True
    if node.op_type == "ReduceMean":
        axes = (
            node.attribute("axes", None) or ctx.numbers(node, 1)
            if len(node.inputs) > 1
            else (node.attribute("axes", None))
        )
        rank = len(real.shape) + 1
        wanted = set(range(2, rank))
        if axes is None or {int(a) % rank for a in np.asarray(axes).flat} != wanted:
            raise UnsupportedOp(
                node.name, IMPORTER, f"a mean over axes {axes}; use rows and columns"
            )
        keep = bool(node.attribute("keepdims", 1))
    rows, columns, _ = ctx.graph_shape(real)
    pooled = _sum_pool(ctx, node, real, (rows, columns), (1, 1), NO_PADDING)
    ctx.put(node, pooled if keep else reshaped(ctx, node, pooled, (real.shape[0],)))


def pad(ctx: Context, node: Node) -> None:
    """``Pad`` of rows and columns with a constant that the integers can hold."""
    real = whole(ctx, node, 0)
    _require_map(node, real)
    source = real.integers
    given = ctx.numbers(node, 1) if ctx.has(node, 1) else np.array(node.attribute("pads", [0]))
    filling = ctx.numbers(node, 2) if ctx.has(node, 2) else np.zeros(1)
    rank = len(real.shape) + 1
    if node.attribute("mode", "constant") != "constant" or ctx.has(node, 3):
        raise UnsupportedOp(node.name, IMPORTER, "padding that is not constant; use zeros")
    if given is None or filling is None or given.size != 2 * rank or filling.size != 1:
        raise UnsupportedOp(node.name, IMPORTER, "padding that is no constant of the export")
    pads = [int(p) for p in given.flat]
    if any(pads[k] or pads[rank + k] for k in (0, 1)) or min(pads) < 0:
        raise UnsupportedOp(node.name, IMPORTER, f"padding {pads}; pad rows and columns only")
    value = float(filling.flat[0]) / float(real.scale[0]) + source.zero_point
    if value != round(value) or (filling.flat[0] and real.scale.size > 1):
        raise UnsupportedOp(node.name, IMPORTER, "padding off the integers' grid; pad with zeros")
    before, after = [0, *pads[2:rank]][-2:], [0, *pads[rank + 2 :]][-2:]
    name = ctx.name(node)
    padding = Padding(before[0], after[0], before[1], after[1])
    op = Pad(name, source.tensor, name, padding, int(value))
    ctx.builder.add(op, source.dtype, ctx.builder.tensors[source.tensor].quantization)
    low, high = min(source.low, int(value)), max(source.high, int(value))
    padded = replace(real, source=replace(source, tensor=name, low=low, high=high))
    ctx.put(node, replace(padded, shape=_map_shape(ctx, padded)))


def concat(ctx: Context, node: Node) -> None:
    """``Concat`` of activations of one quantization."""
    reals = [settled(ctx, node, i) for i in range(len(node.inputs))]
    sources = [r.integers for r in reals]
    kinds = {(s.dtype, s.zero_point, len(r.shape)) for r, s in zip(reals, sources, strict=True)}
    rank = len(reals[0].shape) + 1
    axis = node.attribute("axis", 1)
    if not -rank <= axis < rank or axis % rank == 0:
        raise UnsupportedOp(node.name, IMPORTER, f"joining axis {axis}; join channels or space")
    axis = axis % rank - 1
    along = axis == 0
    scales = [r.scale for r in reals]
    per_channel = any(s.size > 1 for s in scales)
    same = all(np.array_equal(s, scales[0]) for s in scales)
    if not along:
        same = same and all(np.array_equal(r.offset, reals[0].offset) for r in reals)
    if len(kinds) != 1 or not (same and not (per_channel and along)):
        raise UnsupportedOp(
            node.name,
            IMPORTER,
            "its inputs have different scales or types; share one QuantIdentity before it, or "
            "put one behind it",
        )
    name = ctx.name(node)
    to_graph = {3: (2, 0, 1), 2: (2, 1), 1: (0,)}[rank - 1]
    op = Concat(name, tuple(s.tensor for s in sources), name, to_graph[axis])
    ctx.builder.add(op, sources[0].dtype, ctx.builder.tensors[sources[0].tensor].quantization)
    low, high = min(s.low for s in sources), max(s.high for s in sources)
    joined = replace(reals[0], source=replace(sources[0], tensor=name, low=low, high=high))
    if along:
        parts = [np.broadcast_to(r.offset, (r.shape[0],)) for r in reals]
        joined = replace(joined, offset=one_or_all(np.concatenate(parts)))
    if rank == 2:
        size = sum(r.shape[0] for r in reals)
        ctx.put(node, replace(joined, shape=(size,), order=_joined_order(reals)))
    else:
        ctx.put(node, replace(joined, shape=_map_shape(ctx, joined)))


def _joined_order(reals: list[Real]) -> Array | None:
    if all(r.order is None for r in reals):
        return None
    orders, start = [], 0
    for r in reals:
        orders.append((np.arange(r.shape[0]) if r.order is None else r.order) + start)
        start += r.shape[0]
    return np.concatenate(orders)


def reshape(ctx: Context, node: Node) -> None:
    """``Flatten``, ``Reshape``, ``Squeeze``, ``Unsqueeze``: to a vector, or to what it was."""
    value = ctx.value(node, 0)
    if not isinstance(value, Real | Fresh):
        raise UnsupportedOp(node.name, IMPORTER, "a reshaped weight; export its final shape")
    target = _target(ctx, node, (1, *value.shape))
    if target is None or len(target) < 2 or target[0] != 1 or prod(target) != prod(value.shape):
        raise UnsupportedOp(
            node.name,
            IMPORTER,
            f"shape {value.shape} to {target}; keep the batch, flatten the rest",
        )
    if isinstance(value, Fresh):
        ctx.put(node, value.reshaped(target[1:]))
    else:
        ctx.put(node, reshaped(ctx, node, value, target[1:]))


def _target(ctx: Context, node: Node, shape: Shape) -> Shape | None:
    """The new shape, batch first; the batch is 1 here whatever the exported one was."""
    if node.op_type == "Flatten":
        return (1, prod(shape)) if node.attribute("axis", 1) == 1 else None
    numbers = ctx.numbers(node, 1) if ctx.has(node, 1) else None
    given = [int(v) for v in numbers.flat] if numbers is not None else None
    if given is None:
        given = node.attribute("axes", [])
    if node.op_type == "Squeeze":
        axes = {a % len(shape) for a in given}
        dropped = any(shape[a] != 1 for a in axes)
        return (
            None if dropped or not axes else tuple(n for i, n in enumerate(shape) if i not in axes)
        )
    if node.op_type == "Unsqueeze":
        rank = len(shape) + len(given)
        axes, rest = {a % rank for a in given}, iter(shape)
        return tuple(1 if i in axes else next(rest) for i in range(rank))
    if len(given) < 2 or len(given) > 4:
        return None
    sizes = [1, *(shape[i] if g == 0 and i < len(shape) else g for i, g in enumerate(given))][1:]
    sizes[0] = 1
    if sizes.count(-1) > 1 or any(s < -1 or s == 0 for s in sizes):
        return None
    known = prod(s for s in sizes if s != -1)
    return tuple(prod(shape) // known if s == -1 else s for s in sizes)


def reshaped(ctx: Context, node: Node, real: Real, shape: Shape) -> Real:
    """``real`` under the ONNX shape ``shape``: a flattened map keeps its (H, W, C) order in the
    graph and remembers ONNX's in ``order``."""
    if shape == real.shape:
        return real
    flat = len(shape) == 1
    onto_map = len(real.shape) == 1 and len(shape) == 3 and shape[1] == shape[2] == 1
    if prod(shape) > MAX_INPUT_ELEMENTS or not (flat or (onto_map and real.order is None)):
        raise UnsupportedOp(
            node.name, IMPORTER, f"shape {real.shape} to {shape}; flatten to a vector"
        )
    real = settle(ctx, node, real)
    source = real.integers
    name = ctx.name(node)
    space = prod(real.shape[1:])
    order = np.arange(prod(shape)).reshape(real.shape[0], space).T.reshape(-1)
    scale, offset = (
        np.tile(values, space) if values.size > 1 and flat else values
        for values in (real.scale, real.offset)
    )
    facts = Quantization(tuple(float(s) for s in scale), source.zero_point)
    graph_shape = shape if flat else (1, 1, shape[0])
    ctx.builder.add(Reshape(name, source.tensor, name), source.dtype, facts, graph_shape)
    identity = bool((order == np.arange(order.size)).all()) or not flat
    return replace(
        real,
        source=replace(source, tensor=name),
        shape=shape,
        scale=scale,
        offset=offset,
        order=None if identity else order,
    )


def unflattened(ctx: Context, node: Node, real: Real) -> Real:
    """A flattened map in ONNX's own order, which takes a transposition in the graph."""
    if real.order is None:
        return real
    size = real.order.size
    space = int(real.order[1])
    if size % space or not np.array_equal(
        real.order, np.arange(size).reshape(size // space, space).T.reshape(-1)
    ):
        raise UnsupportedOp(
            node.name, IMPORTER, "vectors joined from flattened maps; join the maps instead"
        )
    source = real.integers
    name = ctx.name(node, f"{source.tensor}.channels_first")
    apart, turned = f"{name}.map", f"{name}.turned"
    add = ctx.builder.add
    add(Reshape(apart, source.tensor, apart), source.dtype, None, (space, 1, size // space))
    add(Transpose(turned, apart, turned, (2, 0, 1)), source.dtype)
    scale, offset = (_in_onnx_order(v, real.order) for v in (real.scale, real.offset))
    facts = Quantization(tuple(float(s) for s in scale), source.zero_point)
    add(Reshape(name, turned, name), source.dtype, facts, (size,))
    return replace(
        real, source=replace(source, tensor=name), scale=scale, offset=offset, order=None
    )


def _in_onnx_order(values: Array, order: Array) -> Array:
    if values.size == 1:
        return values
    moved = np.empty_like(values)
    moved[order] = values
    return moved
