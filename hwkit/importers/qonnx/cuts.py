"""Parts of activations: ``Slice``, ``Split``, ``Gather`` of constant places."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hwkit.errors import GraphError, UnsupportedOp
from hwkit.importers.qonnx.context import Context
from hwkit.importers.qonnx.file import Node
from hwkit.importers.qonnx.integers import settle
from hwkit.importers.qonnx.layout import without
from hwkit.importers.qonnx.rounding import IMPORTER
from hwkit.importers.qonnx.shapes import unflattened
from hwkit.importers.qonnx.values import Real
from hwkit.ir.ops import Concat, Slice
from hwkit.ir.types import Quantization

_MOST_PARTS = 64


def cut(ctx: Context, node: Node) -> None:
    """``Slice`` along any axes but the batch."""
    real = whole_order(ctx, node, 0)
    rank = len(real.shape) + 1
    starts, ends = _numbers(ctx, node, 1, "starts"), _numbers(ctx, node, 2, "ends")
    if starts is None or ends is None or len(starts) != len(ends):
        raise UnsupportedOp(node.name, IMPORTER, "its starts and ends are no constants")
    axes = _numbers(ctx, node, 3, "axes") or list(range(len(starts)))
    steps = _numbers(ctx, node, 4, "steps") or [1] * len(starts)
    if not len(axes) == len(steps) == len(starts) or any(not -rank <= a < rank for a in axes):
        raise GraphError(node.name, f"cuts axes {axes} of {rank}; export again")
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        if not step:
            raise GraphError(node.name, "cuts in steps of 0; export again")
        size = (1, *real.shape)[axis % rank]
        bound = None if step < 0 and end < -size else end
        places = range(size)[slice(start, bound, step)]
        if axis % rank == 0:
            if len(places) == 1:
                continue
            raise UnsupportedOp(node.name, IMPORTER, "a part of the batch; keep it whole")
        real = taken(ctx, node, real, axis % rank - 1, places)
    ctx.put(node, real)


def split(ctx: Context, node: Node) -> None:
    """``Split`` into parts along one axis."""
    real = whole_order(ctx, node, 0)
    rank = len(real.shape) + 1
    axis = node.attribute("axis", 0)
    if not -rank <= axis < rank or axis % rank == 0:
        raise UnsupportedOp(node.name, IMPORTER, f"a split of axis {axis}; keep the batch whole")
    axis = axis % rank - 1
    size, parts = real.shape[axis], len(node.outputs)
    # Without sizes the last part is what is left.
    equal = -(-size // parts)
    sizes = _numbers(ctx, node, 1, "split") or [equal] * (parts - 1) + [size - equal * (parts - 1)]
    if sum(sizes) != size or min(sizes) < 1 or len(sizes) != parts:
        raise GraphError(node.name, f"splits {size} into {sizes}; export again")
    start = 0
    for output, length in zip(node.outputs, sizes, strict=True):
        part = taken(ctx, node, real, axis, range(start, start + length))
        ctx.values[output] = part
        start += length


def gather(ctx: Context, node: Node) -> None:
    """``Gather`` of constant places along one axis; a single one drops the axis."""
    real = whole_order(ctx, node, 0)
    rank = len(real.shape) + 1
    axis = node.attribute("axis", 0)
    indices = ctx.numbers(node, 1)
    if indices is None or indices.ndim > 1 or not -rank <= axis < rank or axis % rank == 0:
        raise UnsupportedOp(node.name, IMPORTER, "places that are computed, or of the batch")
    axis = axis % rank - 1
    size = real.shape[axis]
    places = [int(i) for i in indices.flat]
    if not places or any(not -size <= i < size for i in places):
        raise GraphError(node.name, f"places {places[:8]} of {size}; export again")
    found = placed(ctx, node, real, axis, [i % size for i in places])
    if indices.ndim == 0:
        shape = (*found.shape[:axis], *found.shape[axis + 1 :])
        if not shape:
            raise UnsupportedOp(node.name, IMPORTER, "a single number; keep its axis")
        found = found.under(shape, without(found.layout, {axis}))
    ctx.put(node, found)


def placed(ctx: Context, node: Node, real: Real, axis: int, places: list[int]) -> Real:
    """The integers of any ``places`` of ONNX's axis ``axis``, in their order."""
    runs = _runs(places)
    if len(runs) > _MOST_PARTS:
        raise UnsupportedOp(node.name, IMPORTER, f"{len(runs)} parts; use {_MOST_PARTS} or fewer")
    parts = [taken(ctx, node, real, axis, run) for run in runs]
    return parts[0] if len(parts) == 1 else _rejoined(ctx, node, parts, axis)


def whole_order(ctx: Context, node: Node, position: int) -> Real:
    """An activation whose integers lie as ONNX has them, but for the order of axes."""
    real = settle(ctx, node, ctx.real(node, position))
    return real if real.order is None else unflattened(ctx, node, real)


def _numbers(ctx: Context, node: Node, position: int, attribute: str) -> list[int] | None:
    """An operand of whole numbers, an attribute in old files; None where it is left out."""
    if not ctx.has(node, position):
        return node.attribute(attribute, []) or None
    numbers = ctx.numbers(node, position)
    if numbers is None:
        raise UnsupportedOp(node.name, IMPORTER, f"its {attribute} are computed; export them")
    return [int(n) for n in numbers.flat]


def taken(ctx: Context, node: Node, real: Real, axis: int, places: range) -> Real:
    """The integers of ``places`` of ONNX's axis ``axis``."""
    size = real.shape[axis]
    if places == range(size):
        return real
    if not places:
        raise GraphError(node.name, f"cuts nothing out of {size}; export again")
    source, layout = real.integers, real.layout
    whole = ctx.graph_shape(real)
    along = layout.index(axis)
    begin, length, stride = [0] * len(whole), list(whole), [1] * len(whole)
    begin[along], length[along], stride[along] = places[0], len(places), places.step
    scale, offset = real.scale, real.offset
    if along == len(layout) - 1:
        scale, offset = (v if v.size == 1 else v[np.array(places)] for v in (scale, offset))
    name = ctx.name(node, f"{source.tensor}.part")
    op = Slice(name, source.tensor, name, tuple(begin), tuple(length), tuple(stride))
    facts = Quantization(tuple(float(s) for s in scale), source.zero_point)
    ctx.builder.add(op, source.dtype, facts)
    shape = (*real.shape[:axis], len(places), *real.shape[axis + 1 :])
    return replace(
        real, source=replace(source, tensor=name), shape=shape, scale=scale, offset=offset
    )


def _runs(places: list[int]) -> list[range]:
    """Places as few even steps. Example: 0 1 2 5 3 is 0..2, then 5 3."""
    runs: list[range] = []
    start = 0
    while start < len(places):
        end = start + 1
        step = places[end] - places[start] if end < len(places) else 1
        while step and end < len(places) and places[end] - places[end - 1] == step:
            end += 1
        step = step or 1
        runs.append(range(places[start], places[end - 1] + (1 if step > 0 else -1), step))
        start = end
    return runs


def _rejoined(ctx: Context, node: Node, parts: list[Real], axis: int) -> Real:
    first, source = parts[0], parts[0].integers
    name = ctx.name(node)
    place = first.layout.index(axis)
    scale, offset = first.scale, first.offset
    if place == len(first.layout) - 1:
        scale, offset = (
            np.concatenate([getattr(p, key) for p in parts]) if getattr(first, key).size > 1
            else getattr(first, key)
            for key in ("scale", "offset")
        )  # fmt: skip
    facts = Quantization(tuple(float(s) for s in scale), source.zero_point)
    op = Concat(name, tuple(p.integers.tensor for p in parts), name, place)
    ctx.builder.add(op, source.dtype, facts)
    size = sum(p.shape[axis] for p in parts)
    shape = (*first.shape[:axis], size, *first.shape[axis + 1 :])
    return replace(
        first, source=replace(source, tensor=name), shape=shape, scale=scale, offset=offset
    )
