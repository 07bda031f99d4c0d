"""What moves or joins whole maps: padding, concatenation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from hwkit.errors import GraphError, UnsupportedOp
from hwkit.importers.qonnx.arrange import arranged, as_map
from hwkit.importers.qonnx.context import Context
from hwkit.importers.qonnx.cuts import placed, taken, whole_order
from hwkit.importers.qonnx.file import Node
from hwkit.importers.qonnx.integers import on_one_grid, quantize, refine, settle
from hwkit.importers.qonnx.layout import to_graph
from hwkit.importers.qonnx.pools import map_shape
from hwkit.importers.qonnx.rescale import Quantizer
from hwkit.importers.qonnx.rounding import IMPORTER
from hwkit.importers.qonnx.values import Real, one_or_all
from hwkit.ir.ops import Concat, Pad, Padding
from hwkit.ir.ops import Constant as ConstantOp
from hwkit.ir.types import Array, Quantization

GRID_BITS = 29
"""Activations of unlike scales are joined on a grid on which the largest reaches 2**29."""


def pad(ctx: Context, node: Node) -> None:
    """``Pad`` of any axis but the batch with a constant, or with what the map has itself; numbers
    below 0 cut off."""
    real = whole_order(ctx, node, 0)
    rank = len(real.shape) + 1
    given = ctx.numbers(node, 1) if ctx.has(node, 1) else np.array(node.attribute("pads", [0]))
    if given is not None and ctx.has(node, 3) and (axes := ctx.numbers(node, 3)) is not None:
        given = _widened(given, axes, rank)
    if given is None or given.size != 2 * rank:
        raise UnsupportedOp(node.name, IMPORTER, "padding that is no constant of the export")
    pads = [(int(given.flat[k]), int(given.flat[rank + k])) for k in range(rank)]
    if any(pads[0]):
        raise UnsupportedOp(node.name, IMPORTER, f"padding {pads}; keep the batch as it is")
    mode = node.attribute("mode", "constant")
    for axis, (before, after) in enumerate(pads[1:]):
        size = real.shape[axis]
        if min(before, after) < 0:
            places = range(max(-before, 0), size - max(-after, 0))
            real, size = taken(ctx, node, real, axis, places), len(places)
        before, after = max(before, 0), max(after, 0)
        if mode != "constant" and before + after:
            real = placed(ctx, node, real, axis, _mirrored(node, mode, size, before, after))
    if mode == "constant":
        real = _filled(ctx, node, real, [(max(a, 0), max(b, 0)) for a, b in pads[1:]])
    ctx.put(node, real)


def _mirrored(node: Node, mode: str, size: int, before: int, after: int) -> list[int]:
    """Of which place each of the padded axis is."""
    if mode not in ("reflect", "edge", "wrap"):
        raise UnsupportedOp(node.name, IMPORTER, f"padding by {mode:.20}; use zeros")
    if (mode == "reflect" and max(before, after) >= size) or not size:
        raise GraphError(node.name, f"pads {size} by {max(before, after)}; export again")
    kind: Any = mode
    return [int(i) for i in np.pad(np.arange(size), (before, after), mode=kind)]


def _filled(ctx: Context, node: Node, real: Real, pads: list[tuple[int, int]]) -> Real:
    """Padded with one constant; off the integers' grid all are brought to a finer one."""
    filling = ctx.numbers(node, 2) if ctx.has(node, 2) else np.array([_value(node)])
    if filling is None or filling.size != 1:
        raise UnsupportedOp(node.name, IMPORTER, "padding that is no constant of the export")
    value = float(filling.flat[0])
    if real.offset.any():
        real = refine(ctx, node, real)
    if _place(real, value) is None:
        (real,) = on_one_grid(ctx, node, [real], GRID_BITS, abs(value))
    integer = _place(real, value)
    if integer is None:
        integer = round(value / float(real.scale[0]))
    rank = len(real.shape)
    if rank in (2, 3) and pads[0] == (0, 0):
        return _around(ctx, node, as_map(ctx, node, real), pads, integer)
    for axis, (before, after) in enumerate(pads):
        for first, count in ((True, before), (False, after)):
            if count:
                shape = (*real.shape[:axis], count, *real.shape[axis + 1 :])
                filled = _constant_of(ctx, node, np.full(shape, integer), real)
                pair = [filled, real] if first else [real, filled]
                real = _concat(ctx, node, pair, axis, axis == real.layout[-1])
    return real


def _place(real: Real, value: float) -> int | None:
    """The integer that stands for ``value``, if one does."""
    if value and real.scale.size > 1:
        return None
    steps = value / float(real.scale[0]) + real.integers.zero_point
    whole_steps = round(steps)
    held = real.integers.dtype.low <= whole_steps <= real.integers.dtype.high
    return whole_steps if held and abs(steps - whole_steps) < 1e-4 else None


def _around(
    ctx: Context, node: Node, real: Real, pads: list[tuple[int, int]], integer: int
) -> Real:
    """Rows and columns of a map."""
    source, name = real.integers, ctx.name(node)
    (top, bottom), (left, right) = [(0, 0), *pads[1:]][-2:]
    op = Pad(name, source.tensor, name, Padding(top, bottom, left, right), integer)
    ctx.builder.add(op, source.dtype, ctx.builder.tensors[source.tensor].quantization)
    low, high = min(source.low, integer), max(source.high, integer)
    padded = replace(real, source=replace(source, tensor=name, low=low, high=high))
    return replace(padded, shape=map_shape(ctx, padded))


def _value(node: Node) -> float:
    """What an old ``Pad`` fills with."""
    return float(node.attribute("value", 0.0))


def _widened(pads: Array, axes: Array, rank: int) -> Array:
    """Pads of some axes as pads of all."""
    found = np.zeros((2, rank))
    found[:, axes.astype(np.int64).reshape(-1)] = pads.reshape(2, -1)
    return found.reshape(-1)


def concat(ctx: Context, node: Node) -> None:
    """``Concat`` of activations of one quantization, or brought to one grid that is fine enough."""
    values = [_joined(ctx, node, i) for i in range(len(node.inputs))]
    given = [v for v in values if isinstance(v, Real)]
    if not given:
        raise UnsupportedOp(node.name, IMPORTER, "joins constants alone; fold them and export")
    rank = len(given[0].shape) + 1
    axis = node.attribute("axis", 1)
    if not -rank <= axis < rank or axis % rank == 0:
        raise UnsupportedOp(node.name, IMPORTER, f"joining axis {axis}; join channels or space")
    if any(len(v.shape) + isinstance(v, Real) != rank for v in values):
        raise GraphError(node.name, "joins shapes of unlike ranks; export again")
    axis = axis % rank - 1
    reals = [settle(ctx, node, r) for r in given]
    layout = reals[0].layout
    if rank > 2:
        reals = [arranged(ctx, node, r, layout) for r in reals]
    along = axis == layout[-1]
    if not _alike(reals, along):
        reals = [_at(ctx, node, r, min(reals, key=_fineness)) for r in reals]
    if not _alike(reals, along):
        reals = on_one_grid(ctx, node, reals, GRID_BITS)
    parts = iter(reals)
    joined = [
        next(parts) if isinstance(v, Real) else _constant(ctx, node, v, reals[0]) for v in values
    ]
    ctx.put(node, _concat(ctx, node, joined, axis, along))


def _joined(ctx: Context, node: Node, position: int) -> Real | Array:
    numbers = ctx.numbers(node, position)
    return ctx.real(node, position) if numbers is None else numbers


def _fineness(real: Real) -> float:
    return float(real.scale.min())


def _alike(reals: list[Real], along: bool) -> bool:
    """Whether integers of all stand for the same reals; ``along`` channels offsets may differ."""
    first = reals[0]
    kinds = {(r.integers.dtype, r.integers.zero_point) for r in reals}
    same = all(np.array_equal(r.scale, first.scale) for r in reals)
    if not along:
        same = same and all(np.array_equal(r.offset, first.offset) for r in reals)
    return len(kinds) == 1 and same and not (along and any(r.scale.size > 1 for r in reals))


def _at(ctx: Context, node: Node, real: Real, finest: Real) -> Real:
    """Integers of 8 bits in the type, with the scale and zero point of ``finest``, if these hold
    all of them exactly: u8 with zero point 128 is s8 with zero point 0."""
    source, other = real.integers, finest.integers
    plain = real.scale.size == finest.scale.size == 1 and not real.offset.any()
    if not plain or real.scale[0] != finest.scale[0] or other.dtype.bits > 16:
        return real
    move = other.zero_point - source.zero_point
    dtype = other.dtype
    if not dtype.low <= source.low + move <= source.high + move <= dtype.high:
        return real
    if (source.dtype, move) == (dtype, 0):
        return real
    q = Quantizer(real.scale, other.zero_point, dtype, dtype.low, dtype.high, "ROUND")
    return quantize(ctx, node, real, q, f"{source.tensor}.{dtype}")


def _constant(ctx: Context, node: Node, values: Array, like: Real) -> Real:
    """A constant as an activation with the scale and zero point of ``like``."""
    source = like.integers
    steps = values[0] / float(like.scale[0]) + source.zero_point
    whole_steps = np.rint(steps)
    if like.scale.size > 1 or like.offset.any() or np.abs(steps - whole_steps).max() > 1e-4:
        raise UnsupportedOp(
            node.name, IMPORTER, "joins a constant off the grid of integers; quantize it alike"
        )
    return _constant_of(ctx, node, whole_steps.astype(np.int64), like)


def _constant_of(ctx: Context, node: Node, integers: Array, like: Real) -> Real:
    """Constant integers of one sample as an activation like ``like``."""
    source = like.integers
    name = ctx.name(node, f"{ctx.name(node)}.joined")
    shape = tuple(integers.shape)
    held = to_graph(integers, shape, like.layout)
    facts = Quantization((float(like.scale[0]),), source.zero_point)
    ctx.builder.constant(f"{name}.weight", held, source.dtype, facts)
    ctx.builder.add(ConstantOp(name, f"{name}.weight", name), source.dtype, facts)
    made = replace(source, tensor=name, low=int(held.min()), high=int(held.max()))
    return replace(like, source=made, shape=shape, order=None)


def _concat(ctx: Context, node: Node, reals: list[Real], axis: int, along: bool) -> Real:
    sources = [r.integers for r in reals]
    first = reals[0]
    name = ctx.name(node)
    place = first.layout.index(axis)
    op = Concat(name, tuple(s.tensor for s in sources), name, place)
    ctx.builder.add(op, sources[0].dtype, ctx.builder.tensors[sources[0].tensor].quantization)
    low, high = min(s.low for s in sources), max(s.high for s in sources)
    joined = replace(first, source=replace(sources[0], tensor=name, low=low, high=high))
    joined = replace(joined, refined=any(r.refined for r in reals))
    if along:
        parts = [np.broadcast_to(r.offset, (r.shape[axis],)) for r in reals]
        joined = replace(joined, offset=one_or_all(np.concatenate(parts)))
    size = sum(r.shape[axis] for r in reals)
    shape = (*first.shape[:axis], size, *first.shape[axis + 1 :])
    if len(shape) == 1:
        return replace(joined, shape=shape, order=_joined_order(reals))
    return joined.under(shape, first.layout)


def _joined_order(reals: list[Real]) -> Array | None:
    if all(r.order is None for r in reals):
        return None
    orders, start = [], 0
    for r in reals:
        orders.append((np.arange(r.shape[0]) if r.order is None else r.order) + start)
        start += r.shape[0]
    return np.concatenate(orders)
