"""Rounding arithmetic on int64 arrays: the meaning of ``Rescale``.

Every intermediate fits int64: an accumulator of at most 2**31 times a multiplier below 2**31 is at
most 2**62 - 2**31 (as is one of 2**47 times one below 2**15, which verification sees to); an
offset and a rounding term add at most 2**61 each.
"""

from __future__ import annotations

from math import frexp
from typing import assert_never

import numpy as np

from hwkit.errors import AccumulatorOverflow
from hwkit.ir.ops import Overflow, Rescale, Rounding
from hwkit.ir.types import Array

MAX_SHIFT = 62
MAX_OFFSET = 1 << 61


def rescale(accumulator: Array, r: Rescale, where: str) -> Array:
    """Applies ``r`` to integers of any shape (channels last); returns int64 in ``r.low..r.high``.

    ``accumulator`` may be of an integer dtype or a float dtype that holds integers exactly.
    Raises ``AccumulatorOverflow`` naming ``where`` when a value leaves the 32 bits that a device
    has for it. Example: 5 * 1 / 2**1 is 3 half up, 2 half even, 2 floor.
    """
    a = accumulator.astype(np.int64)
    if r.left_shift:
        a <<= r.left_shift
        check_width(a, 32, where)
    multiplier = np.array(r.multiplier, np.int64)
    shift = np.array(r.shift, np.int64)
    match r.rounding:
        case Rounding.FLOAT32:
            a = _float32(a, multiplier, shift)
        case Rounding.DOUBLE:
            a = _double(a, multiplier, shift, where)
        case Rounding.HALF_UP:
            a = _product(a, multiplier, r)
            a += (np.int64(1) << shift) >> 1
            a >>= shift
        case Rounding.HALF_EVEN:
            a = _product(a, multiplier, r)
            odd = (a >> shift) & 1
            a += odd * (shift > 0)
            a += ((np.int64(1) << shift) >> 1) - (shift > 0)
            a >>= shift
        case Rounding.FLOOR:
            a = _product(a, multiplier, r)
            a >>= shift
        case _:
            assert_never(r.rounding)
    a += r.zero_point
    if r.overflow is Overflow.WRAP:
        a -= r.low
        a &= r.high - r.low
        a += r.low
        return a
    return np.clip(a, r.low, r.high, out=a)


def _product(a: Array, multiplier: Array, r: Rescale) -> Array:
    a *= multiplier
    if any(r.offset):
        a += np.array(r.offset, np.int64)
    return a


def _float32(a: Array, multiplier: Array, shift: Array) -> Array:
    """XNNPACK: one float32 product, rounded half to even; the scale is an exact float32."""
    scale = np.ldexp(multiplier.astype(np.float32), -shift).astype(np.float32)
    product = a.astype(np.float32) * scale
    rounded: Array = np.rint(product, out=product).astype(np.int64)
    return rounded


def _double(a: Array, multiplier: Array, shift: Array, where: str) -> Array:
    """TFLite's MultiplyByQuantizedMultiplier: two roundings, the second half away from zero."""
    exponent = 31 - shift
    a = a << np.maximum(exponent, 0)
    check_width(a, 32, where)
    a *= multiplier
    a += 1 << 30
    a >>= 31
    right = np.maximum(-exponent, 0)
    a += (a >> 63) * (right > 0)
    a += (np.int64(1) << right) >> 1
    a >>= right
    return a


def check_width(a: Array, bits: int, where: str) -> None:
    """Raises ``AccumulatorOverflow`` unless every value fits ``bits`` signed bits."""
    if a.size == 0:
        return
    low, high = int(a.min()), int(a.max())
    limit = 1 << (bits - 1)
    if low < -limit or high >= limit:
        worst = high if high >= limit else low
        raise AccumulatorOverflow(
            where,
            f"a sum of {worst} does not fit its {bits}-bit accumulator; "
            "use fewer inputs per output, fewer bits, or a wider accumulator",
        )


def quantize_multiplier(ratio: float) -> tuple[int, int]:
    """``(multiplier, shift)`` with 2**30 <= multiplier < 2**31 and ratio ~ multiplier / 2**shift.

    The mantissa is rounded half away from zero as TFLite does; a ratio below 2**-32 becomes
    (0, 31). Raises ``ValueError`` for a ratio that is negative, not finite, or 2**30 and above.
    Example: 0.5 gives (2**30, 31).
    """
    if not 0 <= ratio < 2**30:
        raise ValueError(f"ratio {ratio} is not in [0, 2**30)")
    if ratio == 0:
        return 0, 31
    mantissa, exponent = frexp(ratio)
    multiplier = int(mantissa * (1 << 31) + 0.5)
    if multiplier == 1 << 31:
        multiplier, exponent = 1 << 30, exponent + 1
    shift = 31 - exponent
    return (0, 31) if shift > MAX_SHIFT else (multiplier, shift)


def reduced_multiplier(ratio: float) -> tuple[int, int]:
    """``(multiplier, shift)`` with a multiplier below 2**15, as TFLite scales 64-bit sums.

    The 31-bit multiplier's lower half is rounded away. Example: 0.5 gives (2**14, 15).
    ``ValueError`` for a ratio that ``quantize_multiplier`` refuses, or of 2**15 and above.
    """
    multiplier, shift = quantize_multiplier(ratio)
    if shift < 16:
        raise ValueError(f"ratio {ratio} is not below 2**15")
    return min((multiplier + (1 << 15)) >> 16, (1 << 15) - 1), shift - 16


def float32_multiplier(scale: float) -> tuple[int, int]:
    """The float32 nearest to ``scale`` as ``(multiplier, shift)``, multiplier below 2**24.

    Example: 0.75 gives (3 * 2**22, 24). ``ValueError`` when it needs a shift outside 0..62.
    """
    value = float(np.float32(scale))
    if value == 0:
        return 0, 0
    mantissa, exponent = frexp(value)
    multiplier, shift = int(mantissa * (1 << 24)), 24 - exponent
    while shift > MAX_SHIFT and multiplier % 2 == 0:
        multiplier, shift = multiplier // 2, shift - 1
    if not 0 <= shift <= MAX_SHIFT:
        raise ValueError(f"scale {scale} is not in the range of a float32 rescale")
    return multiplier, shift
