"""A ``Rescale`` as the parameters of ``hwk_rescale``: shifts where they serve, else multipliers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from hwkit.errors import AccumulatorOverflow, UnsupportedOp
from hwkit.ir.arith import rescale
from hwkit.ir.ops import Overflow, Rescale, Rounding
from hwkit.ir.types import IntType
from hwkit.targets.rtl.ranges import Range, signed_bits

TARGET = "rtl"
LATENCY_CYCLES = 4
_ROUNDINGS = {
    Rounding.FLOOR: 0,
    Rounding.HALF_UP: 1,
    Rounding.HALF_EVEN: 2,
    Rounding.DOUBLE: 3,
}
HALF_AWAY = 4
"""Of ``hwk_rescale`` alone: the mean of TFLite's average pooling rounds so."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """Parameters of ``hwk_rescale`` but for lanes; ``factors`` one for all or one a channel.

    ``result`` is the range of what comes out, ``dsp`` the multipliers of one lane (0 without).
    """

    parameters: Mapping[str, int]
    factors: tuple[int, ...]
    field_bits: int
    dtype: IntType
    result: Range
    dsp: int


def scaling(
    r: Rescale, source: IntType, x: Range, offset: int, dtype: IntType, node: str
) -> Scaling:
    """``r`` of ``x + offset`` where ``x`` of type ``source`` is in the range given.

    ``UnsupportedOp`` for a rounding that has no circuit.
    """
    if r.rounding not in _ROUNDINGS:
        raise UnsupportedOp(node, TARGET, f"it rounds {r.rounding}; use {Rounding.HALF_UP}")
    centred = x.moved(offset)
    unclamped = _unclamped(r, centred)
    clamps = unclamped is None or unclamped.low < r.low or unclamped.high > r.high
    result = Range(r.low, r.high)
    if unclamped is not None:
        result = Range(
            min(max(unclamped.low, r.low), r.high), max(min(unclamped.high, r.high), r.low)
        )
    if r.overflow is Overflow.WRAP:
        if (r.low, r.high) != (dtype.low, dtype.high):
            remedy = f"it wraps into {r.low}..{r.high} on wires of {dtype}; wrap into the type"
            raise UnsupportedOp(node, TARGET, remedy)
        clamps, result = False, Range(r.low, r.high)
    if r.rounding is Rounding.DOUBLE:
        kind, factors, bits, right_bits, shift = _twice(r)
    else:
        kind, factors, bits, shift = _once(r)
        right_bits = 0
    largest = max(f & ((1 << bits) - 1) for f in factors)
    gain = 1 << largest if kind == 1 else max(largest, 1)
    product = Range(min(centred.low, 0) * gain, max(centred.high, 0) * gain)
    p_bits = signed_bits(product) + (1 if shift else 0)
    p_bits = max(p_bits, shift + 2)
    q_bits = max(p_bits - (0 if right_bits and shift == 0 else shift), dtype.bits) + 2
    x_bits = signed_bits(centred)
    parameters = {
        "KIND": kind,
        "ROUNDING": _ROUNDINGS[r.rounding],
        "F_BITS": bits,
        "R_BITS": right_bits,
        "IN_BITS": source.bits,
        "IN_SIGNED": int(source.signed),
        "X_BITS": x_bits,
        "P_BITS": p_bits,
        "Q_BITS": q_bits,
        "SHIFT": shift,
        "OFFSET": offset,
        "ZERO": r.zero_point,
        "LOW": r.low,
        "HIGH": r.high,
        "CLAMPS": int(clamps),
        "OUT_BITS": dtype.bits,
    }
    dsp = -(-x_bits // 18) * -(-(bits + 1) // 18) if kind == 2 else 0
    field_bits = 1 if kind == 0 else bits + right_bits
    return Scaling(parameters, factors, field_bits, dtype, result, dsp)


def _unclamped(r: Rescale, x: Range) -> Range | None:
    """What ``r`` makes of ``x`` before its clamp (it grows with ``x``); None where an end of the
    range, which need not be reached, leaves a device's 32 bits."""
    free = replace(r, low=-(1 << 62), high=1 << 62, overflow=Overflow.SATURATE)
    ends = np.array([[x.low] * len(r.shift), [x.high] * len(r.shift)], np.int64)
    try:
        y = rescale(ends, free, "")
    except AccumulatorOverflow:
        return None
    return Range(int(y.min()), int(y.max()))


def _once(r: Rescale) -> tuple[int, tuple[int, ...], int, int]:
    """Kind, factors, their width and one shift for all: ``m / 2**s = factor / 2**shift``."""
    pairs = [_reduced(m << r.left_shift, s) for m, s in zip(r.multiplier, r.shift, strict=True)]
    shift = max(s for _, s in pairs)
    factors = tuple(m << (shift - s) for m, s in pairs)
    if all(f == 1 for f in factors):
        return 0, (1,), 1, shift
    if all(f and not f & (f - 1) for f in factors):
        lefts = _merged(tuple(f.bit_length() - 1 for f in factors))
        return 1, lefts, max(max(lefts).bit_length(), 1), shift
    return 2, _merged(factors), max(max(factors).bit_length(), 1), shift


def _reduced(multiplier: int, shift: int) -> tuple[int, int]:
    if multiplier == 0:
        return 0, 0
    zeros = min((multiplier & -multiplier).bit_length() - 1, shift)
    return multiplier >> zeros, shift - zeros


def _twice(r: Rescale) -> tuple[int, tuple[int, ...], int, int, int]:
    """TFLite's two roundings: factor ``m << e`` below, the second shift above it."""
    lefts = [max(31 - s, 0) + r.left_shift for s in r.shift]
    factors = [m << left for m, left in zip(r.multiplier, lefts, strict=True)]
    rights = [max(s - 31, 0) for s in r.shift]
    bits = max(max(factors).bit_length(), 1)
    right_bits = max(max(rights).bit_length(), 1)
    both = tuple(f | right << bits for f, right in zip(factors, rights, strict=True))
    return 2, _merged(both), bits, right_bits, 31


def _merged(factors: tuple[int, ...]) -> tuple[int, ...]:
    return factors[:1] if len(set(factors)) == 1 else factors


def mean(
    count: int, low: int, high: int, source: IntType, x: Range, dtype: IntType, node: str
) -> Scaling:
    """The mean of ``count`` integers from their sum, half away from zero, clamped.

    A division by ``count`` is a product with a reciprocal, precise enough for every sum in ``x``.
    """
    most = max(-x.low, x.high, 1)
    # |sum| * m / 2**s must round as |sum| / count: an error below 1 / (2 * count) at the most.
    shift = 0 if count == 1 else (2 * most * count).bit_length() + 1
    multiplier = -(-(1 << shift) // count)
    r = Rescale((multiplier,), (shift,), Rounding.HALF_UP, low, high)
    made = scaling(r, source, x, 0, dtype, node)
    parameters = {**made.parameters, "ROUNDING": HALF_AWAY, "CLAMPS": 1}
    lowest = max(low, made.result.low - 1)  # a negative tie goes one further down
    return replace(made, parameters=parameters, result=Range(lowest, made.result.high))
