"""``ArgMax``: the place of the largest, a network's class."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hwkit.errors import GraphError, UnsupportedOp
from hwkit.importers.qonnx.axes import axis_name
from hwkit.importers.qonnx.context import Context
from hwkit.importers.qonnx.file import Node
from hwkit.importers.qonnx.integers import refine, settle
from hwkit.importers.qonnx.rounding import IMPORTER
from hwkit.importers.qonnx.values import Integers, Real
from hwkit.ir.ops import ArgMax
from hwkit.ir.types import S32, Quantization


def arg_max(ctx: Context, node: Node) -> None:
    """``ArgMax`` over channels, of equals the first. An axis that is not kept is one of 1 in the
    graph.

    Channels that have scales of their own, or a bias finer than these, are first brought to one
    grid so fine that only reals within 2**-29 of the largest count as equal.
    """
    given = ctx.real(node, 0)
    axis, rank = int(node.attribute("axis", 0)), len(given.shape) + 1
    if not -rank <= axis < rank:
        raise GraphError(node.name, f"axis {axis} of {rank}; export again")
    if axis % rank != 1:
        along = axis_name(axis % rank, rank)
        raise UnsupportedOp(node.name, IMPORTER, f"ArgMax along {along}; take it over channels")
    if node.attribute("select_last_index", 0):
        raise UnsupportedOp(node.name, IMPORTER, "the last of equals; leave select_last_index 0")
    if given.order is not None:
        raise UnsupportedOp(node.name, IMPORTER, "ArgMax of a flattened map; put a layer between")
    if given.offset.size == 1 and not given.is_clamped:
        given = replace(given, offset=np.zeros(1))  # It moves all alike.
    real = settle(ctx, node, given)
    if real.scale.size > 1 or real.offset.any():
        real = refine(ctx, node, real)
    name = ctx.name(node)
    ctx.builder.add(ArgMax(name, real.integers.tensor, name), S32, Quantization((1.0,)))
    kept = (1,) if node.attribute("keepdims", 1) else ()
    places = Integers(name, S32, 0, given.shape[0] - 1)
    ctx.put(node, Real(places, (*kept, *given.shape[1:]), np.ones(1)))
