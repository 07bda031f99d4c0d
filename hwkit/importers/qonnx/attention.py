"""What attention is made of: products of two activations, softmax, constants that are added.

Heads cost nothing but where a product wants its matrices apart: transposing in the file renames
axes, and a product takes an operand's matrices either way round.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from math import prod

import numpy as np

from hwkit.errors import UnsupportedOp
from hwkit.importers.qonnx import layers
from hwkit.importers.qonnx.arrange import arranged, last
from hwkit.importers.qonnx.context import Context
from hwkit.importers.qonnx.file import Node
from hwkit.importers.qonnx.integers import narrow
from hwkit.importers.qonnx.layout import Layout, in_order
from hwkit.importers.qonnx.rounding import IMPORTER
from hwkit.importers.qonnx.values import Integers, Real, Weight
from hwkit.ir.ops import Constant, MatMul, Softmax, SoftmaxKind
from hwkit.ir.softmax_table import FRACTION_BITS
from hwkit.ir.types import S8, S32, IntType, Quantization


def matmul(ctx: Context, node: Node) -> None:
    """``MatMul``: with constant weights a dense layer, else a product of two activations."""
    if not isinstance(ctx.value(node, 0), Real) or not isinstance(ctx.value(node, 1), Real):
        layers.matmul(ctx, node)
        return
    a, b = (_matrices(ctx, node, _one_scale(node, narrow(ctx, node, k))) for k in (0, 1))
    rank = len(a.shape)
    if rank != len(b.shape) or rank < 2:
        remedy = f"shapes {a.shape} and {b.shape} without the batch; give both one rank, 2 or more"
        raise UnsupportedOp(node.name, IMPORTER, remedy)
    outer = sorted((a.shape[:-2], b.shape[:-2]))
    if outer[0] != outer[1] and set(outer[0]) != {1}:
        remedy = f"products of {a.shape} and {b.shape}; repeat all matrices of one, or none"
        raise UnsupportedOp(node.name, IMPORTER, remedy)
    one, two = a.integers, b.integers
    reach = a.shape[-1] * prod(max(s.high - s.zero_point, s.zero_point - s.low) for s in (one, two))
    if reach > S32.high:
        bits = f"{one.dtype.bits} and {two.dtype.bits}"
        raise UnsupportedOp(node.name, IMPORTER, f"sums of {bits} bits leave 32; use 8 bits")
    name = ctx.name(node)
    transposed = (_is_turned(a.layout), _is_turned(b.layout))
    op = MatMul(name, (one.tensor, two.tensor), name, transposed, (one.zero_point, two.zero_point))
    scale = a.scale * b.scale
    ctx.builder.add(op, S32, Quantization((float(scale[0]),)))
    shape = (*outer[1], a.shape[-2], b.shape[-1])
    ctx.put(node, Real(Integers(name, S32, -reach, reach), shape, scale, axes=in_order(rank)))


def _one_scale(node: Node, real: Real) -> Real:
    if real.scale.size > 1:
        raise UnsupportedOp(node.name, IMPORTER, "per-channel activation scales; use one scale")
    return real


def _matrices(ctx: Context, node: Node, real: Real) -> Real:
    """``real`` with its last two axes last in the graph, whichever of them comes first there."""
    wanted = in_order(len(real.shape))
    held = [axis for axis in real.layout if axis in wanted[-2:]]
    if held != sorted(held):
        wanted = (*wanted[:-2], wanted[-1], wanted[-2])
    return arranged(ctx, node, real, wanted)


def _is_turned(layout: Layout) -> bool:
    return any(one > two for one, two in pairwise(layout))


def softmax(ctx: Context, node: Node) -> None:
    """``Softmax`` along one axis."""
    real = _one_scale(node, narrow(ctx, node, 0))
    rank = len(real.shape) + 1
    axis = node.attribute("axis", -1 if ctx.opset >= 13 else 1) % rank
    if axis == 0 or (ctx.opset < 13 and axis != rank - 1):
        raise UnsupportedOp(node.name, IMPORTER, f"a softmax over axis {axis}; use the last one")
    if real.integers.dtype.bits > 8:
        remedy = f"a softmax of {real.integers.dtype.bits} bits; quantize its input to 8"
        raise UnsupportedOp(node.name, IMPORTER, remedy)
    real = last(ctx, node, real, axis - 1)
    name = ctx.name(node)
    op = Softmax(name, real.integers.tensor, name, float(real.scale[0]), SoftmaxKind.TABLE)
    step = 2.0**-FRACTION_BITS
    ctx.builder.add(op, S32, Quantization((step,)))
    parts = Integers(name, S32, 0, 1 << FRACTION_BITS)
    ctx.put(node, replace(real, source=parts, scale=np.array([step])))


def constant_activation(ctx: Context, node: Node, weight: Weight, rank: int) -> Real:
    """A quantized constant as an activation of ``rank`` axes, the batch left out: positions that
    are added, a class token that is joined."""
    integers = weight.integers
    integers = integers.reshape((1,) * (rank + 1 - integers.ndim) + integers.shape)
    if integers.shape[0] != 1 or weight.scale.size > 1:
        remedy = "a constant with a batch or scales of its own; quantize it by one scale"
        raise UnsupportedOp(node.name, IMPORTER, remedy)
    low, high = int(integers.min()), int(integers.max())
    dtype = next(
        (t for t in (S8, IntType(16, True)) if t.low <= low and high <= t.high), weight.dtype
    )
    name = ctx.name(node, weight.layer or f"{ctx.name(node)}.constant")
    facts = Quantization((float(weight.scale.flat[0]),))
    ctx.builder.constant(f"{name}.value", integers[0], dtype)
    ctx.builder.add(Constant(name, f"{name}.value", name), dtype, facts)
    source = Integers(name, dtype, low, high)
    scale = weight.scale.reshape(-1)[:1]
    return Real(source, integers.shape[1:], scale, axes=in_order(rank))
