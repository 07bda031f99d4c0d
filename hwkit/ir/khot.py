"""Weights with at most K non-zero binary digits: K shifts and K - 1 adds replace a multiplier.

A digit is 1 or -1. ``khot`` takes the nearest power of two, then the nearest one to what is left,
K times. That is the nearest K-hot integer there is, up to ties.
"""

from __future__ import annotations

import numpy as np

from hwkit.ir.types import Array


def khot(weights: Array, terms: int, high: int) -> Array:
    """Each integer replaced by one of at most ``terms`` signed powers of two, in -high..high.

    ``high`` is ``2**b - 1``, ``|weights| <= high + 1``; ties go to the smaller magnitude. Example:
    27 becomes 32, 28 (32 - 4), 27 (32 - 4 - 1) with 1, 2, 3 terms, if ``high`` is 63; with one
    term and ``high`` 31 it becomes 16.
    """
    if terms < 1:
        raise ValueError(f"{terms} terms are not at least 1")
    weights = np.asarray(weights, np.int64)
    rest = np.clip(weights, -high, high)
    found = np.zeros_like(rest)
    for left in range(terms, 0, -1):
        power = _nearest_power(rest)
        if left == terms == 1:
            power = np.clip(power, -(high + 1) // 2, (high + 1) // 2)
        found += power
        rest -= power
    return found


def _nearest_power(x: Array) -> Array:
    """The signed power of two nearest to each integer, 0 for 0; ties to the smaller: 3 gives 2."""
    magnitude = np.abs(x)
    exponent = np.frexp(magnitude.astype(np.float64))[1] - 1
    below = np.where(magnitude > 0, np.int64(1) << np.maximum(exponent, 0), 0)
    power = np.where(2 * magnitude > 3 * below, 2 * below, below)
    signed: Array = np.sign(x) * power
    return signed


def digits(weights: Array) -> Array:
    """Non-zero digits of each integer in its shortest signed-digit form (non-adjacent form).

    Example: 7 = 8 - 1 has 2, 5 has 2, 0 has none.
    """
    x = np.abs(np.asarray(weights, np.int64))
    # In the non-adjacent form the non-zero digits stand where x and 3x differ.
    counts: Array = np.bitwise_count(x ^ (3 * x)).astype(np.int64)
    return counts


def adders(weights: Array) -> int:
    """Adders inside the products: one less than the digits of each weight that is not 0.

    The adders that sum the products are not counted; any multiplier needs them as well. Example:
    [7, 4, 0] needs 1, for 8 - 1.
    """
    return int(np.maximum(digits(weights) - 1, 0).sum())
