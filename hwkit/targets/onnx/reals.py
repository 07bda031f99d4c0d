"""A rescale between reals: the quantizers of QONNX that give its integers, whatever its rounding.

QONNX divides a real by a scale, adds the zero point, rounds and clips. Half-even, floor and half up
are one such step. TFLM's double rounding is half up with an offset of its first rounding's half
step, towards the other side for numbers below 0: there it takes two quantizers, one a sign, and
their sum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwkit.ir.ops import Rescale, Rounding
from hwkit.ir.types import Array

_HIGH_BITS = 31
_TIES = 24
"""Sums have about so many bits: a tie of ``multiplier / 2**shift`` that needs more is never met."""
_STATED = 2.0**-28
_FINE = 2.0**-32
_CANDIDATES = 1 << 12


@dataclass(frozen=True, slots=True)
class Step:
    """One quantizer: ``mode``, what is added before, in steps of the output, and the side of 0 that
    it takes (0: both)."""

    mode: str
    added: Array
    side: int = 0


def steps_of(r: Rescale) -> tuple[Step, ...]:
    """The quantizers whose sum has the integers of ``r`` (without zero point and range), of reals
    that are its input times its factors."""
    shift = np.array(r.shift, np.float64)
    offset = np.array(r.offset, np.float64) / 2.0**shift
    zero = np.zeros(1)
    match r.rounding:
        case Rounding.FLOOR:
            return (Step("FLOOR", offset),)
        case Rounding.HALF_UP if _has_ties(r):
            return (Step("FLOOR", offset + 0.5),)
        case Rounding.DOUBLE:
            right = np.maximum(shift - _HIGH_BITS, 0)
            if not right.any():
                return (Step("FLOOR", zero + 0.5),) if _has_ties(r) else (Step("ROUND", zero),)
            half = np.where(right > 0, 0.5 * 2.0**-right, 0.0)
            above = Step("FLOOR", 0.5 + half, 1)
            if r.low >= r.zero_point:
                return (above,)
            return above, Step("CEIL", -0.5 - half, -1)
    return (Step("ROUND", offset),)


def _has_ties(r: Rescale) -> bool:
    """Whether a sum of usual size can lie halfway."""
    if any(r.offset):
        return True
    pairs = zip(r.multiplier, r.shift, strict=True)
    return any(m and 0 < s - ((m & -m).bit_length() - 1) <= _TIES for m, s in pairs)


def factored(wanted: Array, stated: Array | None) -> tuple[Array, Array]:
    """``wanted`` (above 0) as a product of two float32: ``stated`` and 1 where that is it, else a
    scale and a gain near 1, to ``2**-32``.

    Example: 0.1 is 0.09999999403953552 times 1.000000059604645, nearly.
    """
    if stated is not None and stated.size in (1, wanted.size):
        known = stated.astype(np.float32)
        if (np.abs(known.astype(np.float64) - wanted) <= _STATED * wanted).all():
            return known, np.ones(1, np.float32)
    alone = wanted.astype(np.float32)
    if (np.abs(alone.astype(np.float64) - wanted) <= _FINE * wanted).all():
        return alone, np.ones(1, np.float32)
    gains = (1 + np.arange(_CANDIDATES) * 2.0**-23).astype(np.float32)
    rows = [_best(float(value), gains) for value in wanted]
    scale, gain = (np.array(column, np.float32) for column in zip(*rows, strict=True))
    return scale, gain


def _best(wanted: float, gains: Array) -> tuple[float, float]:
    scales = (wanted / gains.astype(np.float64)).astype(np.float32)
    errors = np.abs(scales.astype(np.float64) * gains - wanted)
    k = int(errors.argmin())
    return float(scales[k]), float(gains[k])
