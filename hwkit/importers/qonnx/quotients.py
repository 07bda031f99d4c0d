"""``Div`` of two activations: one table, of the numbers that both are functions of, or of both."""

from __future__ import annotations

import numpy as np

from hwkit.errors import UnsupportedOp
from hwkit.importers.qonnx.context import Context
from hwkit.importers.qonnx.file import Node
from hwkit.importers.qonnx.functions import entries, is_table, tabled
from hwkit.importers.qonnx.integers import settle
from hwkit.importers.qonnx.products import operands, repeated
from hwkit.importers.qonnx.rounding import IMPORTER
from hwkit.importers.qonnx.values import Integers, Real, Table
from hwkit.ir.arith import rescale
from hwkit.ir.ops import Add, Lookup, Requantize, Rescale, Rounding
from hwkit.ir.types import S16, S32, Array

_LARGE = 3.0e38
"""What is divided by 0 becomes, as float32 saturates in a quantizer."""


def divided(ctx: Context, node: Node) -> None:
    """``Div``, of two activations of at most 8 bits or of two functions of one."""
    one, other = ctx.real(node, 0), ctx.real(node, 1)
    alike = is_table(one) and is_table(other) and one.shape == other.shape
    found = _of_one(ctx, node, one, other) if alike else None
    ctx.put(node, _of_both(ctx, node, one, other) if found is None else found)


def _of_one(ctx: Context, node: Node, one: Real, other: Real) -> Real | None:
    """Where one operand's integers come by tables from the other's."""
    if one.layout != other.layout or one.order is not other.order:
        return None
    for first, x in _origins(ctx, one):
        for second, y in _origins(ctx, other):
            if first.tensor == second.tensor:
                return tabled(node, one, first, _quotient(x, y))
    return None


def _origins(ctx: Context, real: Real) -> list[tuple[Integers, Array]]:
    """The integers of ``real`` and its values; and those behind the tables that they come from."""
    integers, values = entries(real)
    found = [(integers, values)]
    makers = {op.output: op for op in ctx.builder.nodes}
    while isinstance(op := makers.get(integers.tensor), Lookup | Requantize):
        tensor = ctx.builder.tensors[op.input]
        if tensor.dtype.bits > 16 or (isinstance(op, Requantize) and _by_channel(op.rescale)):
            break
        if isinstance(op, Lookup):
            made = ctx.builder.constants[op.table].astype(np.int64)
        else:
            every = np.arange(tensor.dtype.low, tensor.dtype.high + 1)
            made = rescale(every - op.input_zero_point, op.rescale, op.name)
        values = values[made - integers.dtype.low]
        facts = tensor.quantization
        point = 0 if facts is None else facts.zero_point
        integers = Integers(op.input, tensor.dtype, tensor.dtype.low, tensor.dtype.high, point)
        found.append((integers, values))
    return found


def _by_channel(r: Rescale) -> bool:
    return max(len(r.multiplier), len(r.offset)) > 1


def _of_both(ctx: Context, node: Node, one: Real, other: Real) -> Real:
    """A table of 65536 entries: two integers of 8 bits side by side, ``256 x + y``."""
    one, other = operands(ctx, node, (settle(ctx, node, one), settle(ctx, node, other)))
    sides = (one, other)
    if any(r.integers.dtype.bits > 8 or not is_table(r) for r in sides):
        remedy = "Div of two activations that are not both quantized to 8 bits; quantize them"
        raise UnsupportedOp(node.name, IMPORTER, remedy)
    a, b = one.integers, other.integers
    name = f"{ctx.name(node)}.both"
    high, low = (Rescale((k,), (0,), Rounding.FLOOR, S32.low, S32.high) for k in (256, 1))
    zero = 256 * a.zero_point + b.zero_point + S16.low - 256 * a.dtype.low - b.dtype.low
    total = Rescale((1,), (0,), Rounding.FLOOR, S16.low, S16.high, zero)
    points = (a.zero_point, b.zero_point)
    op = Add(name, (a.tensor, b.tensor), name, points, (high, low), rescale=total)
    ctx.builder.add(op, S16)
    (_, x), (_, y) = entries(one), entries(other)
    rows = np.zeros((256, 256))
    rows[: x.size, : y.size] = _quotient(x[:, None], y[None]) * _reached(a)[:, None] * _reached(b)
    both = Integers(name, S16, S16.low, S16.high)
    shape = repeated(one.shape, other.shape)
    return Real(Table(both, rows.reshape(-1)), shape, np.ones(1), order=one.order, axes=one.axes)


def _reached(integers: Integers) -> Array:
    """1 for each integer of the type that the tensor may hold, 0 for others."""
    every = np.arange(integers.dtype.low, integers.dtype.high + 1)
    return ((every >= integers.low) & (every <= integers.high)).astype(np.float64)


def _quotient(x: Array, y: Array) -> Array:
    """0 / 0, which no runtime defines, is 0."""
    with np.errstate(all="ignore"):
        return np.nan_to_num(x / y, nan=0.0, posinf=_LARGE, neginf=-_LARGE)
