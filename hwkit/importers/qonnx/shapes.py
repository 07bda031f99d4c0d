"""Other shapes of the same integers: flatten, reshape, squeeze, unsqueeze."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from hwkit.errors import UnsupportedOp
from hwkit.importers.qonnx.arrange import arranged
from hwkit.importers.qonnx.context import Context
from hwkit.importers.qonnx.file import MAX_INPUT_ELEMENTS, Node
from hwkit.importers.qonnx.integers import refine, settle
from hwkit.importers.qonnx.layout import NONE, Layout, graph_shape, in_order, with_new, without
from hwkit.importers.qonnx.regroup import regrouped
from hwkit.importers.qonnx.rounding import IMPORTER
from hwkit.importers.qonnx.values import Fresh, Real, Weight
from hwkit.ir.ops import Reshape, Transpose
from hwkit.ir.types import Array, Quantization, Shape


def reshape(ctx: Context, node: Node) -> None:
    """``Flatten``, ``Reshape``, ``Squeeze``, ``Unsqueeze``: to a vector, or to what it was."""
    value = ctx.value(node, 0)
    if isinstance(value, Weight):
        _reshaped_weight(ctx, node, value)
        return
    if not isinstance(value, Real | Fresh):
        raise UnsupportedOp(node.name, IMPORTER, "a reshaped constant; export its final shape")
    target = _target(ctx, node, (1, *value.shape))
    if target is None or len(target) < 2 or target[0] != 1 or prod(target) != prod(value.shape):
        raise UnsupportedOp(
            node.name,
            IMPORTER,
            f"shape {value.shape} to {target}; keep the batch, flatten the rest",
        )
    if isinstance(value, Fresh):
        ctx.put(node, value.reshaped(target[1:]))
    elif (renamed := _renamed(ctx, node, value, target[1:])) is not None:
        ctx.put(node, renamed)
    else:
        ctx.put(node, reshaped(ctx, node, value, target[1:]))


def _reshaped_weight(ctx: Context, node: Node, weight: Weight) -> None:
    target = _target(ctx, node, weight.integers.shape, batch=False)
    if target is None or weight.scale.size > 1:
        raise UnsupportedOp(node.name, IMPORTER, "a reshaped weight; export its final shape")
    scale = weight.scale.reshape(())
    ctx.put(node, replace(weight, integers=weight.integers.reshape(target), scale=scale))


def _renamed(ctx: Context, node: Node, real: Real, shape: Shape) -> Real | None:
    """Axes of size 1 that come and go cost nothing where what is left is no vector: those have
    their own order."""
    rank = len(real.shape)
    if min(rank, len(shape)) < 2 or max(rank, len(shape)) > 4:
        return None
    if node.op_type not in ("Squeeze", "Unsqueeze"):
        return None
    numbers = ctx.numbers(node, 1) if ctx.has(node, 1) else None
    given = node.attribute("axes", []) if numbers is None else [int(a) for a in numbers.flat]
    size = 1 + max(rank, len(shape))
    axes = {a % size - 1 for a in given}
    if node.op_type == "Squeeze":
        return real.under(shape, without(real.layout, axes))
    layout = with_new(real.layout, axes, len(shape))
    if len(layout) > len(real.layout):
        return None
    return real.under(shape, layout)


def _target(ctx: Context, node: Node, shape: Shape, batch: bool = True) -> Shape | None:
    """The new shape, with ``batch`` that first: it is 1 here whatever the exported one was."""
    if node.op_type == "Flatten":
        axis = node.attribute("axis", 1) % len(shape)
        return (prod(shape[:axis]), prod(shape[axis:])) if axis or not batch else None
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
    if not given or len(given) > 5:
        return None
    sizes = [shape[i] if g == 0 and i < len(shape) else g for i, g in enumerate(given)]
    if batch:
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
    if prod(shape) > MAX_INPUT_ELEMENTS or len(shape) > 4:
        raise UnsupportedOp(
            node.name, IMPORTER, f"shape {real.shape} to {shape}; use 4 axes or fewer"
        )
    real = settle(ctx, node, real)
    default_map = real.is_default and len(real.shape) in (2, 3)
    if len(shape) == 1 and (default_map or len(real.shape) == 1):
        return _flattened(ctx, node, real, shape)
    if len(real.shape) == 1 and len(shape) == 3 and shape[1:] == (1, 1) and real.order is None:
        return _under(ctx, node, real, shape, (1, 1, shape[0]))
    layout = regrouped(real.layout, real.shape, shape) if real.order is None else None
    if min(len(shape), len(real.shape)) > 1 and layout is not None:
        return _in_place(ctx, node, real, shape, layout)
    return _in_rows(ctx, node, real, shape)


def _in_place(ctx: Context, node: Node, real: Real, shape: Shape, layout: Layout) -> Real:
    """Axes joined or split where they are."""
    channels = real.shape[real.layout[-1]] if real.layout[-1] != NONE else 1
    by_channel = max(real.scale.size, real.offset.size) > 1
    if by_channel and shape[layout[-1]] != channels:
        real = refine(ctx, node, real)
    moved = _under(ctx, node, real, shape, graph_shape(shape, layout))
    return replace(moved, axes=layout)


def _flattened(ctx: Context, node: Node, real: Real, shape: Shape) -> Real:
    space = prod(real.shape[1:])
    order = np.arange(prod(shape)).reshape(real.shape[0], space).T.reshape(-1)
    scale, offset = (
        np.tile(values, space) if values.size > 1 else values
        for values in (real.scale, real.offset)
    )
    identity = bool((order == np.arange(order.size)).all())
    moved = _under(ctx, node, replace(real, scale=scale, offset=offset), shape, shape)
    return replace(moved, order=None if identity else order)


def _under(ctx: Context, node: Node, real: Real, shape: Shape, in_graph: Shape) -> Real:
    source = real.integers
    name = ctx.name(node)
    facts = Quantization(tuple(float(s) for s in real.scale), source.zero_point)
    ctx.builder.add(Reshape(name, source.tensor, name), source.dtype, facts, in_graph)
    return replace(real, source=replace(source, tensor=name), shape=shape, axes=())


def _in_rows(ctx: Context, node: Node, real: Real, shape: Shape) -> Real:
    """Any other shape: the integers in the file's order, which a reader may turn."""
    if real.order is not None:
        real = unflattened(ctx, node, real)
    real = arranged(ctx, node, real, in_order(len(real.shape)))
    if max(real.scale.size, real.offset.size) > 1 and shape[-1] != real.shape[-1]:
        real = refine(ctx, node, real)
    moved = _under(ctx, node, real, shape, shape)
    return replace(moved, axes=in_order(len(shape)))


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
