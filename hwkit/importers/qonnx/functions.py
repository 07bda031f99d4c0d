"""Functions of single numbers: tables of narrow integers, and curves of sums.

What is quantized already has few values, and a function of them is a table. Functions in a row, and
sums and products of functions of the same integers (``x * sigmoid(x)``, a GELU written with
``Erf``), are one table. A function of a layer's sums stays a curve until its quantizer is known
(``curves.py``).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hwkit.errors import GraphError, UnsupportedOp
from hwkit.importers.qonnx.context import Context
from hwkit.importers.qonnx.file import Node
from hwkit.importers.qonnx.leaky import bent
from hwkit.importers.qonnx.rounding import IMPORTER
from hwkit.importers.qonnx.unary import FUNCTIONS
from hwkit.importers.qonnx.values import Curve, Integers, Layer, Real, Table
from hwkit.ir.types import Array

TABLE_BITS = 16
"""Widest integers of which a table is made."""

_Function = Callable[[Array], Array]


def function(ctx: Context, node: Node) -> None:
    """An operator of ``unary.FUNCTIONS``."""
    real = ctx.real(node, 0)
    if node.op_type == "LeakyRelu" and not is_table(real):
        ctx.put(node, bent(ctx, node, real, np.array([node.attribute("alpha", 0.01)])))
        return
    ctx.put(node, applied(node, real, lambda x: FUNCTIONS[node.op_type](node, x)))


def power(ctx: Context, node: Node) -> None:
    """``Pow`` with a constant exponent."""
    exponent = ctx.numbers(node, 1)
    if exponent is None or exponent.size != 1:
        raise UnsupportedOp(node.name, IMPORTER, "its exponent is no single constant")
    value = float(exponent.flat[0])
    ctx.put(node, applied(node, ctx.real(node, 0), lambda x: np.asarray(np.power(x, value))))


def is_table(real: Real) -> bool:
    """Whether a function of ``real`` is a table: one scale, integers of at most 16 bits."""
    if real.slope is not None or isinstance(real.source, Layer | Curve):
        return False
    narrow = isinstance(real.source, Table) or real.integers.dtype.bits <= TABLE_BITS
    return narrow and real.scale.size == real.offset.size == 1


def applied(node: Node, real: Real, f: _Function) -> Real:
    """``f`` of every value of ``real``."""
    if is_table(real):
        integers, x = entries(real)
        with np.errstate(all="ignore"):  # What is no finite number is refused, once, by name.
            return tabled(node, real, integers, f(x))
    if isinstance(real.source, Curve) or real.slope is None:
        base, inner = _curve(real)
        return _curved(real, base, lambda x: f(inner(x)))
    raise UnsupportedOp(node.name, IMPORTER, "a function of a LeakyRelu; put a quantizer between")


def tabled(node: Node, real: Real, integers: Integers, values: Array) -> Real:
    """``values`` for all ``integers``, in the shape of ``real``; finite where these reach."""
    finite = np.isfinite(values)
    if not finite.all():
        reached = slice(integers.low - integers.dtype.low, integers.high - integers.dtype.low + 1)
        if not finite[reached].all():
            raise GraphError(
                node.name,
                f"{node.op_type} is not finite for all {integers.dtype} integers; clip them",
            )
        values = np.where(finite, values, 0.0)
    table = Table(integers, np.asarray(values, np.float64))
    return Real(table, real.shape, np.ones(1), order=real.order, axes=real.axes)


def _curved(real: Real, base: Real, f: _Function) -> Real:
    return Real(Curve(base, f), real.shape, np.ones(1), order=real.order, axes=real.axes)


def entries(real: Real) -> tuple[Integers, Array]:
    """The integers of a table or of a narrow tensor, and the real of each value of their type."""
    if isinstance(real.source, Table):
        integers, values = real.source.integers, real.source.values
    else:
        integers = real.integers
        values = np.arange(integers.dtype.low, integers.dtype.high + 1) - integers.zero_point
    return integers, np.clip(real.scale[0] * values + real.offset[0], real.low, real.high)


def _curve(real: Real) -> tuple[Real, _Function]:
    """The sums below a curve, and the function of them; the identity for sums alone."""
    if not isinstance(real.source, Curve):
        return real, lambda x: x
    inner, gain, offset = real.source.function, real.scale, real.offset
    if gain.size > 1 or offset.size > 1:
        raise UnsupportedOp(
            "a function of sums", IMPORTER, "a gain by channel behind it; put a quantizer between"
        )
    low, high = real.low, real.high
    return real.source.base, lambda x: np.clip(gain[0] * inner(x) + offset[0], low, high)


def combined(node: Node, one: Real, other: Real) -> Real | None:
    """``Add``, ``Sub``, ``Mul`` or ``Div`` of two functions of the same numbers, if they are."""
    if not isinstance(one.source, Table | Curve) and not isinstance(other.source, Table | Curve):
        return None
    return together(node, _OPERATORS[node.op_type], one, other)


def together(node: Node, f: Callable[..., Array], *reals: Real) -> Real | None:
    """``f`` of several functions of the same numbers, as one; None where they are not."""
    first = reals[0]
    if any(r.shape != first.shape or r.layout != first.layout for r in reals[1:]):
        return None
    if all(is_table(r) for r in reals):
        parts = [entries(r) for r in reals]
        if len({integers.tensor for integers, _ in parts}) > 1:
            return None
        with np.errstate(all="ignore"):
            return tabled(node, first, parts[0][0], f(*(values for _, values in parts)))
    if any(is_table(r) or r.slope is not None for r in reals):
        return None
    base = next((r.source.base for r in reals if isinstance(r.source, Curve)), first)
    over = [_over(base, r) for r in reals]
    inner = [part for part in over if part is not None]
    if len(inner) < len(over):
        return None
    return _curved(first, base, lambda x: f(*(part(x) for part in inner)))


def _over(base: Real, real: Real) -> _Function | None:
    """``real`` as a function of ``base``, where both are of the same sums."""
    if isinstance(real.source, Curve):
        own, function = _curve(real)
        return function if own.is_same(base) else None
    if real.is_same(base):
        return lambda x: x
    sizes = (base.scale.size, base.offset.size, real.scale.size, real.offset.size)
    if real.source is not base.source or real.order is not base.order or set(sizes) != {1}:
        return None
    if base.is_clamped or not base.scale[0]:
        return None
    gain = real.scale[0] / base.scale[0]
    offset = real.offset[0] - gain * base.offset[0]
    low, high = real.low, real.high
    return lambda x: np.clip(gain * x + offset, low, high)


_OPERATORS: dict[str, Callable[[Array, Array], Array]] = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Div": np.divide,
}


def quotient(ctx: Context, node: Node, constant: Array) -> None:
    """A constant divided by an activation: a function."""
    if constant.size != 1:
        raise UnsupportedOp(node.name, IMPORTER, "divides several constants; multiply instead")
    value = float(constant.flat[0])

    def over(x: Array) -> Array:
        with np.errstate(all="ignore"):
            return np.asarray(value / x)

    ctx.put(node, applied(node, ctx.real(node, 1), over))
