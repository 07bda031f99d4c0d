"""``ArgMax``: the place of the largest, a network's class."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hwkit.errors import GraphError, UnsupportedOp
from hwkit.importers.qonnx.arrange import last
from hwkit.importers.qonnx.axes import axis_name
from hwkit.importers.qonnx.context import Context
from hwkit.importers.qonnx.file import Node
from hwkit.importers.qonnx.integers import refine, settle
from hwkit.importers.qonnx.layout import without
from hwkit.importers.qonnx.rounding import IMPORTER
from hwkit.importers.qonnx.shapes import unflattened
from hwkit.importers.qonnx.values import Integers, Real
from hwkit.ir.ops import ArgMax
from hwkit.ir.types import S32, Quantization


def top_one(ctx: Context, node: Node) -> None:
    """``TopK`` of one: places are those of ``ArgMax``."""
    count = ctx.numbers(node, 1) if ctx.has(node, 1) else np.array([node.attribute("k", 1)])
    if count is None or count.size != 1 or int(count.flat[0]) != 1:
        raise UnsupportedOp(
            node.name, IMPORTER, "more than the largest; end the model at what it sorts"
        )
    if not node.attribute("largest", 1):
        raise UnsupportedOp(node.name, IMPORTER, "the smallest; end the model at what it sorts")
    axis = node.attribute("axis", -1)
    if len(node.outputs) > 1 and node.outputs[1]:
        places = replace(node, op_type="ArgMax", outputs=node.outputs[1:],
                         attributes={"axis": axis})  # fmt: skip
        arg_max(ctx, places)


def arg_max(ctx: Context, node: Node) -> None:
    """``ArgMax`` over channels, of equals the first. An axis that is not kept is one of 1 in the
    graph.

    Channels that have scales of their own, or a bias finer than these, are first brought to one
    grid so fine that only reals within 2**-29 of the largest count as equal.
    """
    given, keepdims = ctx.real(node, 0), node.attribute("keepdims", 1)
    axis, rank = int(node.attribute("axis", 0)), len(given.shape) + 1
    if not -rank <= axis < rank:
        raise GraphError(node.name, f"axis {axis} of {rank}; export again")
    if axis % rank == 0:
        along = axis_name(axis % rank, rank)
        raise UnsupportedOp(node.name, IMPORTER, f"ArgMax along {along}; take it over channels")
    if node.attribute("select_last_index", 0):
        raise UnsupportedOp(node.name, IMPORTER, "the last of equals; leave select_last_index 0")
    if given.order is not None:
        given = unflattened(ctx, node, given)
    axis = axis % rank - 1
    if given.offset.size == 1 and not given.is_clamped:
        given = replace(given, offset=np.zeros(1))  # It moves all alike.
    real = settle(ctx, node, given)
    if real.scale.size > 1 or real.offset.any():
        real = refine(ctx, node, real)
    real = last(ctx, node, real, axis)
    name = ctx.name(node)
    ctx.builder.add(ArgMax(name, real.integers.tensor, name), S32, Quantization((1.0,)))
    places = Integers(name, S32, 0, given.shape[axis] - 1)
    shape = (*given.shape[:axis], 1, *given.shape[axis + 1 :])
    found = Real(places, shape, np.ones(1), axes=real.layout)
    if not keepdims:
        shape = (*given.shape[:axis], *given.shape[axis + 1 :])
        found = found.under(shape, without(found.layout, {axis}))
    ctx.put(node, found)
