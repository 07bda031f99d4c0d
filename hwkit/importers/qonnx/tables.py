"""Functions of one quantized tensor: what is computed of it element by element becomes one table.

``0.5 * x * (1 + erf(x / sqrt(2)))`` is many operators on one ``x`` of 8 bits: each is a table of
the real for every integer of its type, until a quantizer makes it a lookup.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hwkit.errors import GraphError, UnsupportedOp
from hwkit.importers.qonnx.context import Context
from hwkit.importers.qonnx.file import Node
from hwkit.importers.qonnx.integers import narrow
from hwkit.importers.qonnx.rounding import IMPORTER
from hwkit.importers.qonnx.unary import FUNCTIONS
from hwkit.importers.qonnx.values import Integers, Real, Table
from hwkit.ir.types import Array

_ARITHMETIC: dict[str, Callable[[Array, Array], Array]] = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Div": np.divide,
}


def table_of(real: Real) -> Table | None:
    """``real`` as a table of its integers; None where these are sums, wide, or have many scales."""
    source = real.source
    if real.scale.size > 1 or real.offset.size > 1:
        return None
    if isinstance(source, Table):
        values = source.values
        integers = source.integers
    elif isinstance(source, Integers) and source.dtype.bits <= 8:
        integers = source
        values = np.arange(source.dtype.low, source.dtype.high + 1) - float(source.zero_point)
    else:
        return None
    return Table(integers, np.clip(real.scale * values + real.offset, real.low, real.high))


def function(ctx: Context, node: Node) -> None:
    """An operator of one number, on a quantized activation or on what was computed of one."""
    real = ctx.real(node, 0)
    table = table_of(real)
    if table is None:
        real = narrow(ctx, node, 0)
        table = table_of(real)
    if table is None:
        raise UnsupportedOp(
            node.name, IMPORTER, "a function of more than 8 bits or per-channel scales"
        )
    with np.errstate(all="ignore"):
        _put(ctx, node, real, table.integers, FUNCTIONS[node.op_type](node, table.values))


def power(ctx: Context, node: Node) -> None:
    """``Pow`` with a constant exponent."""
    exponent, real = ctx.numbers(node, 1), ctx.real(node, 0)
    table = table_of(real)
    if exponent is None or exponent.size != 1 or table is None:
        raise UnsupportedOp(node.name, IMPORTER, "a power; raise 8-bit integers to a constant one")
    with np.errstate(all="ignore"):
        _put(ctx, node, real, table.integers, table.values ** float(exponent.flat[0]))


def combined(ctx: Context, node: Node) -> bool:
    """Whether ``node`` adds, multiplies or divides two functions of one tensor; then it is one."""
    reals = [ctx.value(node, k) for k in (0, 1)]
    one, two = (table_of(r) if isinstance(r, Real) else None for r in reals)
    if one is None or two is None or one.integers != two.integers:
        return False
    real = ctx.real(node, 0)
    is_table = any(isinstance(r, Real) and isinstance(r.source, Table) for r in reals)
    if not is_table and node.op_type == "Add":
        return False  # A sum of one tensor with itself needs no table.
    with np.errstate(all="ignore"):
        values = _ARITHMETIC[node.op_type](one.values, two.values)
    _put(ctx, node, real, one.integers, values)
    return True


def _put(ctx: Context, node: Node, real: Real, integers: Integers, values: Array) -> None:
    reached = values[integers.low - integers.dtype.low : integers.high - integers.dtype.low + 1]
    if not np.isfinite(reached).all():
        raise GraphError(node.name, f"{node.op_type} is not finite for every integer; clip before")
    table = Table(integers, np.nan_to_num(values, posinf=0.0, neginf=0.0))
    ctx.put(node, Real(table, real.shape, np.ones(1), order=real.order, axes=real.axes))
