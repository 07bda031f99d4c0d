"""Softmax of 8-bit integers to 2**30 parts of one: a table of exponentials, a reciprocal, products.

An exponential is off by at most 2**-32, and so is what the reciprocal adds: rounded to 8 bits, the
result is the real softmax's but where that lies within some millionths of a step of a tie.
"""

from __future__ import annotations

import numpy as np

from hwkit.ir.types import Array

FRACTION_BITS = 30
LONGEST = 4096
"""Integers in a row: their sum of exponentials has 43 bits."""
_EXPONENTIAL_BITS = 31
_SIZE = 256


def exponentials(input_scale: float) -> Array:
    """``2**31 * exp(-input_scale * d)`` of a difference d = 0..255, int64.

    Example: step 0.1 has 2147483648 and 1943125326 first.
    """
    real = np.exp(-float(input_scale) * np.arange(_SIZE)) * (1 << _EXPONENTIAL_BITS)
    table: Array = np.rint(real).astype(np.int64)
    return table


def softmax_table(x: Array, input_scale: float) -> Array:
    """Softmax over the last axis of integers with step ``input_scale``, int64 in 0..2**30.

    ``(e * R + 2**31) >> 32`` with ``R = floor(2**62 / sum(e))``. Example: two equal inputs give
    2**29 each.
    """
    difference = x.max(axis=-1, keepdims=True).astype(np.int64) - x
    each = exponentials(input_scale)[difference]
    reciprocal = (1 << 62) // each.sum(axis=-1, keepdims=True)
    parts: Array = (each * reciprocal + (1 << 31)) >> 32
    return parts
