"""Softmax of 8-bit integers to s8 with scale 1/256, in the two arithmetics that devices use."""

from __future__ import annotations

from math import frexp

import numpy as np

from hwkit.ir.ops import SoftmaxKind
from hwkit.ir.types import Array

_DIFF_BITS = 5
"""Integer bits of the scaled difference (Q5.26) in TFLM's softmax."""
_SUM_BITS = 12
"""Integer bits of the sum of exponentials (Q12.19)."""
_INT32_MAX = (1 << 31) - 1


def softmax(x: Array, input_scale: float, kind: SoftmaxKind) -> Array:
    """Softmax over the last axis of integers with step ``input_scale``; int64 in -128..127.

    Example: two equal inputs give 0 and 0 (0.5 * 256 - 128) in either kind.
    """
    difference = x.astype(np.int64) - x.max(axis=-1, keepdims=True)
    return (
        _float(difference, input_scale)
        if kind is SoftmaxKind.FLOAT
        else _fixed(difference, input_scale)
    )


def _float(difference: Array, input_scale: float) -> Array:
    """LiteRT's kernel, each step in float32: a table of exponentials, their sum from left to
    right, one reciprocal, a product rounded half away from zero."""
    steps = np.float32(input_scale) * np.arange(256, dtype=np.float32)
    # The C library's expf is the double function rounded once.
    table = np.exp(-steps.astype(np.float64)).astype(np.float32)
    exponential = table[-difference]
    total = np.add.accumulate(exponential, axis=-1, dtype=np.float32)[..., -1:]
    scaled = exponential * (np.float32(1) / (total * np.float32(1 / 256)))
    rounded: Array = np.floor(scaled.astype(np.float64) + 0.5).astype(np.int64) - 128
    return np.clip(rounded, -128, 127)


def beta_multiplier(input_scale: float) -> tuple[int, int, int]:
    """``(multiplier, left_shift, diff_min)`` of TFLM's softmax for a step ``input_scale``.

    A difference d >= diff_min is scaled to Q5.26 as ``srdhm(d << left_shift, multiplier)``;
    below diff_min the output is -128. Example: step 1/16 gives left_shift 23.
    """
    real = min(float(np.float32(input_scale)) * (1 << (31 - _DIFF_BITS)), float(_INT32_MAX))
    mantissa, left_shift = frexp(real)
    multiplier = int(mantissa * (1 << 31) + 0.5)
    if multiplier == 1 << 31:
        multiplier, left_shift = 1 << 30, left_shift + 1
    left_shift = max(left_shift, 0)
    radius = ((1 << _DIFF_BITS) - 1) * (1 << (31 - _DIFF_BITS)) / (1 << left_shift)
    return multiplier, left_shift, -int(radius)


def _fixed(difference: Array, input_scale: float) -> Array:
    multiplier, left_shift, diff_min = beta_multiplier(input_scale)
    inside = difference >= diff_min
    scaled = _srdhm(np.where(inside, difference, 0) << left_shift, np.int64(multiplier))
    exponential = _exp_of_negative(scaled)
    total = np.where(inside, _round_shift(exponential, _SUM_BITS), 0).sum(axis=-1, keepdims=True)
    headroom = 32 - np.ceil(np.log2(total + 1)).astype(np.int64)
    reciprocal = _reciprocal_of_one_plus((total << headroom) - (1 << 31))
    bits_over_unit = _SUM_BITS - headroom
    scaled_down = _round_shift(_srdhm(reciprocal, exponential), bits_over_unit + 31 - 8)
    return np.where(inside, np.clip(scaled_down - 128, -128, 127), -128)


def _srdhm(a: Array, b: Array | np.int64) -> Array:
    """Saturating rounding doubling high multiply: ``round(a * b / 2**31)`` in 32 bits."""
    product: Array = (a * b + (1 << 30)) >> 31
    return np.minimum(product, _INT32_MAX)


def _round_shift(a: Array, exponent: Array | int) -> Array:
    """``a / 2**exponent`` rounded half away from zero; exponent >= 1."""
    quotient: Array = (a + (np.int64(1) << (exponent - 1)) + (a >> 63)) >> exponent
    return quotient


def _saturating_shift(a: Array, exponent: int) -> Array:
    shifted: Array = a << exponent
    return np.clip(shifted, -_INT32_MAX - 1, _INT32_MAX)


def _exp_of_negative(a: Array) -> Array:
    """exp of Q5.26 values <= 0 as Q0.31: a polynomial on (-1/4, 0] and a table of powers."""
    quarter = 1 << 24
    low = (a & (quarter - 1)) - quarter
    result = _exp_near_zero(_saturating_shift(low, _DIFF_BITS))
    remainder = low - a
    # exp(-2**k) in Q0.31 for k = -2 .. 4.
    powers = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)
    for k, power in enumerate(powers, start=-2):
        bit = (remainder >> (26 + k)) & 1
        result = np.where(bit, _srdhm(result, np.int64(power)), result)
    return np.where(a == 0, _INT32_MAX, result)


def _exp_near_zero(a: Array) -> Array:
    """exp on [-1/4, 0) in Q0.31: Taylor series around -1/8."""
    x = a + (1 << 28)
    x2 = _srdhm(x, x)
    x3 = _srdhm(x2, x)
    x4 = _srdhm(x2, x2)
    one_third = np.int64(715827883)
    tail = _round_shift(_srdhm(_round_shift(x4, 2) + x3, one_third) + x2, 1)
    at_one_eighth = 1895147668
    return at_one_eighth + _srdhm(x + tail, np.int64(at_one_eighth))


def _reciprocal_of_one_plus(a: Array) -> Array:
    """1 / (1 + a) for a in [0, 1) in Q0.31: three Newton steps from 48/17 - 32/17 d."""
    half_denominator = (a + _INT32_MAX + 1) >> 1
    x = 1515870810 + _srdhm(half_denominator, np.int64(-1010580540))
    for _ in range(3):
        error = (1 << 29) - _srdhm(half_denominator, x)
        x = x + _saturating_shift(_srdhm(x, error), 2)
    return _saturating_shift(x, 1)
