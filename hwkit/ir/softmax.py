"""Softmax of 8-bit integers to s8 with scale 1/256, in the two arithmetics that devices use."""

from __future__ import annotations

from math import frexp

import numpy as np

from hwkit.ir.fixed_point import (
    INT32_MAX,
    exp_of_negative,
    reciprocal_of_one_plus,
    round_shift,
    srdhm,
)
from hwkit.ir.ops import SoftmaxKind
from hwkit.ir.types import Array

_DIFF_BITS = 5
"""Integer bits of the scaled difference (Q5.26) in TFLM's softmax."""
SUM_BITS = 12
"""Integer bits of the sum of exponentials (Q12.19)."""


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
    exponential = float_exponentials(input_scale)[-difference]
    total = np.add.accumulate(exponential, axis=-1, dtype=np.float32)[..., -1:]
    scaled = exponential * (np.float32(1) / (total * np.float32(1 / 256)))
    rounded: Array = np.floor(scaled.astype(np.float64) + 0.5).astype(np.int64) - 128
    return np.clip(rounded, -128, 127)


def float_exponentials(input_scale: float) -> Array:
    """LiteRT's table: ``exp(-k * input_scale)`` for k of 0..255, float32 (256,)."""
    steps = np.float32(input_scale) * np.arange(256, dtype=np.float32)
    # The C library's expf is the double function rounded once.
    return np.exp(-steps.astype(np.float64)).astype(np.float32)


def beta_multiplier(input_scale: float) -> tuple[int, int, int]:
    """``(multiplier, left_shift, diff_min)`` of TFLM's softmax for a step ``input_scale``.

    A difference d >= diff_min is scaled to Q5.26 as ``srdhm(d << left_shift, multiplier)``;
    below diff_min the output is -128. Example: step 1/16 gives left_shift 23.
    """
    real = min(float(np.float32(input_scale)) * (1 << (31 - _DIFF_BITS)), float(INT32_MAX))
    mantissa, left_shift = frexp(real)
    # TFLM rounds here; a float32 has 24 bits, and INT32_MAX 31: nothing is left to round.
    multiplier = int(mantissa * (1 << 31))
    left_shift = max(left_shift, 0)
    radius = ((1 << _DIFF_BITS) - 1) * (1 << (31 - _DIFF_BITS)) / (1 << left_shift)
    return multiplier, left_shift, -int(radius)


def fixed_exponentials(input_scale: float) -> tuple[Array, Array]:
    """TFLM's ``exp(-k * input_scale)`` for k of 0..255 in Q0.31, int64 (256,), and whether it
    counts: those too small for Q5.26 give -128 and add nothing."""
    multiplier, left_shift, diff_min = beta_multiplier(input_scale)
    difference = -np.arange(256, dtype=np.int64)
    inside = difference >= diff_min
    scaled = srdhm(np.where(inside, difference, 0) << left_shift, np.int64(multiplier))
    return exp_of_negative(scaled, _DIFF_BITS), inside


def _fixed(difference: Array, input_scale: float) -> Array:
    exponentials, counted = fixed_exponentials(input_scale)
    exponential, inside = exponentials[-difference], counted[-difference]
    total = np.where(inside, round_shift(exponential, SUM_BITS), 0).sum(axis=-1, keepdims=True)
    headroom = 32 - np.ceil(np.log2(total + 1)).astype(np.int64)
    reciprocal = reciprocal_of_one_plus((total << headroom) - (1 << 31))
    bits_over_unit = SUM_BITS - headroom
    scaled_down = round_shift(srdhm(reciprocal, exponential), bits_over_unit + 31 - 8)
    return np.where(inside, np.clip(scaled_down - 128, -128, 127), -128)
