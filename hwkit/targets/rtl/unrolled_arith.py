"""Rounding, clamping and sums on da4ml's symbolic integers: what ``ir.arith`` does to arrays.

A symbol is one bundle of wires of the circuit to be, with the interval of the integers that can be
on it; arithmetic on symbols adds adders to the circuit. Arrays hold symbols (dtype object).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from hwkit.errors import UnsupportedOp
from hwkit.ir import arith
from hwkit.ir.ops import Overflow, Rescale, Rounding
from hwkit.ir.types import Array
from hwkit.lower.lowest_terms import lowest_terms

TARGET = "unrolled RTL"

ROUNDINGS = (Rounding.HALF_UP, Rounding.HALF_EVEN, Rounding.FLOOR)

MAX_SHIFT = 24
"""Bits behind the binary point that a symbol may have; da4ml's constants end at 32."""

MAX_CONSTANT = (1 << 31) - 1
"""Of what is added to a symbol."""

EXTRA_DEPTH = 2
"""Adders by which a sum may be deeper than its shallowest tree, to share more with other sums: one
or two save what a tree without bound does, in half its stages."""

Symbol = Any
"""A ``da4ml.trace.FixedVariable``."""


def inputs(count: int, low: int, high: int, adders_per_stage: int) -> Array:
    """``count`` symbols for integers in ``low..high``.

    No adder of the circuit that they flow into straddles two stages of ``adders_per_stage``
    adders in a chain.
    """
    from da4ml.trace import FixedVariable

    hardware = (1, -1, adders_per_stage)  # one carry chain for each adder, one delay for each
    return _objects([FixedVariable(low, high, 1, hwconf=hardware) for _ in range(count)])


def constants(values: Array, like: Array) -> Array:
    """Integers as symbols for the circuit in which those of ``like`` are."""
    from da4ml.trace import FixedVariable

    hardware = like.flat[0].hwconf
    made = [FixedVariable.from_const(float(v), hwconf=hardware) for v in values.ravel()]
    return _objects(made).reshape(values.shape)


def _objects(symbols: list[Symbol]) -> Array:
    result = np.empty(len(symbols), object)
    result[:] = symbols
    return result


def each(symbols: Array, one: Callable[[Symbol], Symbol]) -> Array:
    """``one`` of every symbol."""
    return _objects([one(v) for v in symbols.ravel()]).reshape(symbols.shape)


def pairwise(a: Array, b: Array, join: Callable[[Symbol, Symbol], Symbol]) -> Array:
    """``join`` of the symbols at each place; shapes are broadcast as in numpy."""
    a, b = np.broadcast_arrays(a, b)
    joined = [join(p, q) for p, q in zip(a.ravel(), b.ravel(), strict=True)]
    return _objects(joined).reshape(a.shape)


def tree(symbols: list[Symbol], join: Callable[[Symbol, Symbol], Symbol]) -> Symbol:
    """``symbols`` joined in pairs, pairs of pairs, ...: the shallowest circuit."""
    while len(symbols) > 1:
        pairs = zip(symbols[::2], symbols[1::2], strict=False)
        rest = symbols[len(symbols) // 2 * 2 :]
        symbols = [join(a, b) for a, b in pairs] + rest
    return symbols[0]


def rescale(symbols: Array, r: Rescale, node: str) -> Array:
    """``ir.arith.rescale`` on symbols (channels last).

    Raises ``UnsupportedOp`` for a rounding of two steps or through floats. Example: multiplier 1,
    shift 3, half up adds 4 and drops three wires.
    """
    if r.rounding not in ROUNDINGS:
        remedy = f"it rounds {r.rounding}; use {', '.join(ROUNDINGS)}"
        raise UnsupportedOp(node, TARGET, remedy)
    rows = np.broadcast_arrays(r.multiplier, r.shift, r.offset)
    factors = [
        _lowest_terms(int(m) << r.left_shift, int(s), int(o), r.rounding, node)
        for m, s, o in zip(*rows, strict=True)
    ]
    result = np.empty(symbols.shape, object)
    for index in np.ndindex(symbols.shape):
        m, s, o = factors[index[-1] % len(factors)]
        value = _scaled(symbols[index], m, s, o, r.rounding)
        limit = _wrapped if r.overflow is Overflow.WRAP else clamp
        result[index] = limit(value + r.zero_point, r.low, r.high)
    return result


def _lowest_terms(
    multiplier: int, shift: int, offset: int, rounding: Rounding, node: str
) -> tuple[int, int, int]:
    """The same rescale with the smallest shift; ``UnsupportedOp`` where that is too large."""
    m, s, o = lowest_terms(multiplier, shift, offset, rounding)
    if s > MAX_SHIFT:
        remedy = (
            f"its factor {multiplier}/2**{shift} = {multiplier / (1 << shift):.6g} needs a shift "
            f"of {s}, at most {MAX_SHIFT}: train with power-of-two scales"
        )
        raise UnsupportedOp(node, TARGET, remedy)
    if abs(o) > MAX_CONSTANT:
        remedy = f"its offset {o}/2**{s} is out of reach: at most {MAX_CONSTANT}/2**{s}"
        raise UnsupportedOp(node, TARGET, remedy)
    return m, s, o


def _scaled(symbol: Symbol, multiplier: int, shift: int, offset: int, rounding: Rounding) -> Symbol:
    """``round((symbol * multiplier + offset) / 2**shift)``."""
    if symbol.low == symbol.high:
        wide = Rescale((multiplier,), (shift,), rounding, -(1 << 47), 1 << 47, offset=(offset,))
        value = arith.rescale(np.array([int(symbol.low)]), wide, TARGET)
        return symbol.from_const(float(value[0]), hwconf=symbol.hwconf)
    product = symbol * multiplier + float(offset)
    if shift == 0 or product.low == product.high:
        return product if shift == 0 else _scaled(product, 1, shift, 0, rounding)
    step = 2.0**-shift
    product = product * step
    if rounding is Rounding.HALF_UP:
        product = product + 0.5
    elif rounding is Rounding.HALF_EVEN:
        odd = product.quantize(0, 1, 0)
        product = product + (0.5 - step) + odd * step
    signed, integer, _ = product.kif
    return product.quantize(signed, max(integer, 0), 0)


def _wrapped(symbol: Symbol, low: int, high: int) -> Symbol:
    """The wires of ``symbol`` that ``low..high`` has: a power of two of integers."""
    bits = (high - low).bit_length()
    if low == -1 << (bits - 1):
        return symbol.quantize(1, bits - 1, 0)
    raised = symbol - low
    if raised.low < 0:  # da4ml does not extend the sign into wires above a symbol's own
        raised += float(-(int(raised.low) >> bits << bits))
    return raised.quantize(0, bits, 0) + low


def clamp(symbol: Symbol, low: int, high: int) -> Symbol:
    """``min(max(symbol, low), high)``; a limit that cannot be reached costs nothing.

    Above 0 and below a power of two, saturation is an OR of the wires above the limit instead of
    a comparison.
    """
    if symbol.high <= low or symbol.low >= high:
        edge = min(max(int(symbol.low), low), high)
        return symbol.from_const(float(edge), hwconf=symbol.hwconf)
    symbol = symbol.max_of(low)
    if symbol.high <= high:
        return symbol
    bits = high.bit_length()
    if symbol.low < 0 or high + 1 != 1 << bits or not bits:
        return symbol.min_of(high)
    above = symbol.quantize(0, symbol.kif[1], -bits).unary_bit_op("any")
    return above.msb_mux(float(high), symbol.quantize(0, bits, 0))


def matrix_product(symbols: Array, weight: Array, bias: Array) -> Array:
    """(..., I) symbols times (O, I) weights plus (O,), as adder trees that share partial sums."""
    rows = symbols.reshape(-1, symbols.shape[-1])
    sums = [_vector_product(row, weight, bias) for row in rows]
    return np.stack(sums).reshape(*symbols.shape[:-1], len(weight))


def _vector_product(row: Array, weight: Array, bias: Array) -> Array:
    from da4ml.trace import FixedVariableArray

    known = np.array([v.low == v.high for v in row])
    values = np.array([int(v.low) for v in row[known]], np.int64)
    bias = bias + weight[:, known] @ values
    variable = row[~known]
    used = np.any(weight[:, ~known] != 0, axis=1) if len(variable) else np.zeros(len(bias), bool)
    result = constants(bias, row)
    if used.any():
        columns = weight[used][:, ~known].T.astype(np.float64)
        product = FixedVariableArray(variable, {"hard_dc": EXTRA_DEPTH}) @ columns
        result[used] = [v + int(b) for v, b in zip(product, bias[used], strict=True)]
    return result
