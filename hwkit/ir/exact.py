"""Integer matrix products through float BLAS, used only where that is provably exact.

This is the one place that says so. A float32 holds every integer up to 2**24, a float64 every
integer up to 2**53. If the sum of the absolute values of all products of one output stays at or
below that limit, then so does every partial sum in whatever order it is taken, fused or not:
nothing is ever rounded. Above 2**53 plain int64 is used.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hwkit.ir.types import Array


def bound(weight: Array, x_max: int) -> Array:
    """For each output (axis 0 of ``weight``): the largest possible sum of |w * x|, |x| <= x_max."""
    flat = weight.reshape(weight.shape[0], -1).astype(np.int64)
    sums: Array = np.abs(flat).sum(axis=1) * x_max
    return sums


def compute_dtype(largest_sum: int) -> np.dtype[Any]:
    """The fastest dtype in which sums up to ``largest_sum`` are exact: float32, float64, int64."""
    if largest_sum <= 1 << 24:
        return np.dtype(np.float32)
    return np.dtype(np.float64) if largest_sum <= 1 << 53 else np.dtype(np.int64)
