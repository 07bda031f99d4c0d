"""Products and differences of two activations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hwkit.errors import UnsupportedOp
from hwkit.importers.qonnx.arrange import aligned
from hwkit.importers.qonnx.context import Context
from hwkit.importers.qonnx.file import Node
from hwkit.importers.qonnx.integers import settle, whole
from hwkit.importers.qonnx.rounding import IMPORTER
from hwkit.importers.qonnx.shapes import unflattened
from hwkit.importers.qonnx.values import Integers, Real
from hwkit.ir.ops import Mul
from hwkit.ir.types import S32, Quantization, Shape


def product(ctx: Context, node: Node) -> None:
    """``Mul`` of two activations: integers without their zero points, scale times scale."""
    one, other = operands(ctx, node, (whole(ctx, node, 0), whole(ctx, node, 1)))
    a, b = one.integers, other.integers
    corners = [
        (x - a.zero_point) * (y - b.zero_point) for x in (a.low, a.high) for y in (b.low, b.high)
    ]
    if min(corners) < S32.low or max(corners) > S32.high:
        raise UnsupportedOp(
            node.name,
            IMPORTER,
            f"a product of {a.dtype} and {b.dtype} needs more than 32 bits; quantize both before",
        )
    name = ctx.name(node)
    scale = one.scale * other.scale
    op = Mul(name, (a.tensor, b.tensor), name, (a.zero_point, b.zero_point))
    ctx.builder.add(op, S32, Quantization(tuple(float(s) for s in scale)))
    source = Integers(name, S32, min(corners), max(corners))
    ctx.put(node, replace(one, source=source, scale=scale, shape=repeated(one.shape, other.shape)))


def operands(ctx: Context, node: Node, reals: tuple[Real, Real]) -> tuple[Real, Real]:
    """Two activations as one op can read them: of one rank, in one order of axes, a size of 1
    repeated to the other's. ``UnsupportedOp`` where their shapes don't fit."""
    one, other = reals
    try:
        repeated(one.shape, other.shape)
    except ValueError as error:
        raise UnsupportedOp(
            node.name,
            IMPORTER,
            f"shapes {one.shape} and {other.shape} without the batch; make them equal, or sizes 1",
        ) from error
    orders = [r.order for r in reals]
    if any(o is not None for o in orders) and not (
        orders[0] is not None and orders[1] is not None and np.array_equal(orders[0], orders[1])
    ):
        one, other = unflattened(ctx, node, one), unflattened(ctx, node, other)
    return aligned(ctx, node, settle(ctx, node, one), settle(ctx, node, other))


def repeated(one: Shape, other: Shape) -> Shape:
    """The shape of both together; ``ValueError`` where there is none, or ranks differ."""
    if len(one) != len(other):
        raise ValueError("ranks differ")
    return np.broadcast_shapes(one, other)
