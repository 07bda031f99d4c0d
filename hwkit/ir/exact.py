"""Integer matrix products through float BLAS, used only where that is provably exact.

This is the one place that says so. A float32 holds every integer up to 2**24, a float64 every
integer up to 2**53. If the sum of the absolute values of all products of one output stays at or
below that limit, then so does every partial sum in whatever order it is taken, fused or not:
nothing is ever rounded. Above 2**53 plain int64 is used.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def compute_dtype(largest_sum: int) -> np.dtype[Any]:
    """The fastest dtype in which sums up to ``largest_sum`` are exact: float32, float64, int64."""
    if largest_sum <= 1 << 24:
        return np.dtype(np.float32)
    return np.dtype(np.float64) if largest_sum <= 1 << 53 else np.dtype(np.int64)
