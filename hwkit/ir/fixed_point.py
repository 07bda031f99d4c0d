"""Transcendental functions of 32-bit fixed-point numbers as TFLM computes them (gemmlowp).

``Qm.n`` is an integer of m integer and n fractional bits, m + n = 31. Everything runs on int64
arrays whose values fit 32 bits.
"""

from __future__ import annotations

import numpy as np

from hwkit.ir.types import Array

INT32_MAX = (1 << 31) - 1
"""Also the number 1 in Q0.31, as nearly as it has it."""
NEWTON_START, NEWTON_FACTOR = 1515870810, -1010580540
"""48/17 and -32/17 in Q2.29, the start of Newton's division."""


def srdhm(a: Array, b: Array | np.int64) -> Array:
    """Saturating rounding doubling high multiply: ``round(a * b / 2**31)`` in 32 bits."""
    product: Array = (a * b + (1 << 30)) >> 31
    return np.minimum(product, INT32_MAX)


def round_shift(a: Array, exponent: Array | int) -> Array:
    """``a / 2**exponent`` rounded half away from zero; exponent >= 1."""
    quotient: Array = (a + (np.int64(1) << (exponent - 1)) + (a >> 63)) >> exponent
    return quotient


def _saturating_shift(a: Array, exponent: int) -> Array:
    shifted: Array = a << exponent
    return np.clip(shifted, -INT32_MAX - 1, INT32_MAX)


def exp_of_negative(a: Array, integer_bits: int) -> Array:
    """exp of values <= 0 with 4 or 5 integer bits, as Q0.31: a polynomial on (-1/4, 0] and a table
    of powers. Example: exp_of_negative(0) is 2**31 - 1."""
    fraction = 31 - integer_bits
    quarter = 1 << (fraction - 2)
    low = (a & (quarter - 1)) - quarter
    result = _exp_near_zero(_saturating_shift(low, integer_bits))
    remainder = low - a
    # exp(-2**k) in Q0.31 for k = -2 .. integer_bits - 1.
    powers = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)
    for k, power in enumerate(powers[: integer_bits + 2], start=-2):
        bit = (remainder >> (fraction + k)) & 1
        result = np.where(bit, srdhm(result, np.int64(power)), result)
    return np.where(a == 0, INT32_MAX, result)


def _exp_near_zero(a: Array) -> Array:
    """exp on [-1/4, 0) in Q0.31: Taylor series around -1/8."""
    x = a + (1 << 28)
    x2 = srdhm(x, x)
    x3 = srdhm(x2, x)
    x4 = srdhm(x2, x2)
    one_third = np.int64(715827883)
    tail = round_shift(srdhm(round_shift(x4, 2) + x3, one_third) + x2, 1)
    at_one_eighth = 1895147668
    return at_one_eighth + srdhm(x + tail, np.int64(at_one_eighth))


def reciprocal_of_one_plus(a: Array) -> Array:
    """1 / (1 + a) for a in [0, 1) in Q0.31."""
    return _saturating_shift(_newton(a), 1)


def _newton(a: Array) -> Array:
    """2 / (1 + a) in Q2.29: three Newton steps from 48/17 - 32/17 d, d = (1 + a) / 2."""
    half_denominator = (a + INT32_MAX + 1) >> 1
    x = NEWTON_START + srdhm(half_denominator, np.int64(NEWTON_FACTOR))
    for _ in range(3):
        error = (1 << 29) - srdhm(half_denominator, x)
        x = x + _saturating_shift(srdhm(x, error), 2)
    return x


def logistic(a: Array) -> Array:
    """1 / (1 + exp(-a)) of Q4.27, as Q0.31. Example: logistic(0) is 2**30."""
    rising = reciprocal_of_one_plus(exp_of_negative(-np.abs(a), 4))
    result = np.where(a > 0, rising, INT32_MAX - rising)
    return np.where(a == 0, 1 << 30, result)


def tanh(a: Array) -> Array:
    """tanh of Q4.27, as Q0.31: (1 - e) / (1 + e) with e = exp(-2 |a|)."""
    # Twice a Q4.27 number is the same integer in Q5.26.
    e = exp_of_negative(-np.abs(a), 5)
    rising = _saturating_shift(_newton(e) - (1 << 29), 2)
    return np.where(a == 0, 0, np.where(a < 0, -rising, rising))
