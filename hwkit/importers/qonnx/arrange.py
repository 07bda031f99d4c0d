"""Activations in the order of axes that their reader wants, by a ``Transpose`` where need be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hwkit.errors import UnsupportedOp
from hwkit.importers.qonnx.axes import varied_axes
from hwkit.importers.qonnx.context import Context
from hwkit.importers.qonnx.file import Node
from hwkit.importers.qonnx.integers import refine, settle
from hwkit.importers.qonnx.layout import (
    NONE,
    Layout,
    default_layout,
    graph_shape,
    in_order,
    same_order,
)
from hwkit.importers.qonnx.rounding import IMPORTER
from hwkit.importers.qonnx.values import Real
from hwkit.ir.ops import Reshape, Transpose
from hwkit.ir.types import Array, Quantization, Shape


def as_map(ctx: Context, node: Node, real: Real) -> Real:
    """A map or a row of maps with channels last, as layers with windows read it."""
    if len(real.shape) not in (2, 3):
        raise UnsupportedOp(node.name, IMPORTER, f"input of shape {real.shape}; give it a map")
    return arranged(ctx, node, real, default_layout(len(real.shape)))


def features_last(ctx: Context, node: Node, real: Real) -> Real:
    """An activation whose last axis is the graph's last too, as a matrix product reads it."""
    rank = len(real.shape)
    return real if real.layout[-1] == rank - 1 else arranged(ctx, node, real, in_order(rank))


def last(ctx: Context, node: Node, real: Real, axis: int) -> Real:
    """An activation whose axis ``axis`` is the graph's last."""
    if real.layout[-1] == axis:
        return real
    rest = tuple(a for a in real.layout if a not in (axis, NONE))
    return arranged(ctx, node, real, (*rest, axis))


def facing(ctx: Context, node: Node, real: Real, values: Array) -> Real:
    """``real`` with the axis last along which the constant ``values`` differs, if it is one."""
    varied = varied_axes(values, len(real.shape) + 1)
    if len(varied) != 1 or varied[0] == 0 or len(real.shape) == 1:
        return real
    fits = values.size == 1 or real.shape[varied[0] - 1] in values.shape
    return last(ctx, node, real, varied[0] - 1) if fits else real


def arranged(ctx: Context, node: Node, real: Real, layout: Layout) -> Real:
    """``real`` as integers in ``layout``. Where other channels come last, scales by channel become
    one."""
    if real.layout == layout:
        return real
    real = settle(ctx, node, real)
    moved = real.layout[-1] != layout[-1]
    if moved and max(real.scale.size, real.offset.size) > 1:
        real = refine(ctx, node, real)
    held = [axis for axis in real.layout if axis != NONE]
    wanted = [axis for axis in layout if axis != NONE]
    if not same_order(real.shape, real.layout, layout):
        real = _reshaped(ctx, node, real, graph_shape(real.shape, tuple(held)))
        source = real.integers
        name = ctx.name(node, f"{source.tensor}.turned")
        op = Transpose(name, source.tensor, name, tuple(held.index(axis) for axis in wanted))
        ctx.builder.add(op, source.dtype, facts(real))
        real = replace(real, source=replace(source, tensor=name))
    return replace(
        _reshaped(ctx, node, real, graph_shape(real.shape, layout)),
        axes=layout if layout != default_layout(len(real.shape)) else (),
    )


def _reshaped(ctx: Context, node: Node, real: Real, shape: Shape) -> Real:
    source = real.integers
    if ctx.graph_shape(real) == shape:
        return real
    name = ctx.name(node, f"{source.tensor}.axes")
    ctx.builder.add(Reshape(name, source.tensor, name), source.dtype, facts(real), shape)
    return replace(real, source=replace(source, tensor=name))


def facts(real: Real) -> Quantization:
    """What a graph says of the integers of ``real``."""
    return Quantization(tuple(float(s) for s in real.scale), real.integers.zero_point)


def aligned(ctx: Context, node: Node, one: Real, other: Real) -> tuple[Real, Real]:
    """Two operands of one rank in one layout: the smaller one is turned."""
    rank = len(one.shape)
    if rank != len(other.shape):
        raise UnsupportedOp(
            node.name,
            IMPORTER,
            f"shapes {one.shape} and {other.shape} without the batch; give them one rank",
        )
    if rank == 1:
        return one, other
    if int(np.prod(one.shape)) >= int(np.prod(other.shape)):
        return one, arranged(ctx, node, other, one.layout)
    return arranged(ctx, node, one, other.layout), other
