"""Value-driven patch classification (QuantMCU, arXiv 2401.13714, section on VDPC): a patch of a map
that holds outliers keeps 8 bits along its branch, the others get the widths that are searched.

What an outlier is the paper says by words; here it is what lies outside the share phi in the middle
of a normal distribution with the mean and the deviation of the calibration values.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from hwkit.errors import ConfigError
from hwkit.ir.types import Array, IntType

PHI = 0.96
"""The share of a normal distribution that is not outlying; the paper's setting."""


def ordinary(counts: Array, dtype: IntType, phi: float = PHI) -> tuple[int, int]:
    """The least and the largest integer of ``dtype`` that is no outlier.

    ``counts`` (levels,): how often each was seen, ascending. v is one where
    ``|v - mean| > deviation * z``, z the normal quantile of (1 + phi) / 2. ``ConfigError`` for phi
    outside 0..1, its ends excluded. Example: -10 and 10 seen as often, phi 0.96 (z 2.05): -20, 20.
    """
    if not 0 < phi < 1:
        raise ConfigError(f"phi {phi:g}: is a share between 0 and 1; the paper's is {PHI}")
    values, total = np.arange(dtype.low, dtype.high + 1), counts.sum()
    if not total:
        return dtype.low, dtype.high
    mean = float(np.sum(counts * values) / total)
    deviation = float(np.sqrt(np.sum(counts * (values - mean) ** 2) / total))
    reach = NormalDist().inv_cdf((1 + phi) / 2) * deviation
    low, high = int(np.ceil(mean - reach)), int(np.floor(mean + reach))
    return max(low, dtype.low), min(high, dtype.high)


def outlying(maps: Array, count: int, bounds: tuple[int, int]) -> Array:
    """Which of ``count`` by ``count`` patches hold a value outside ``bounds``, by their own part of
    ``maps`` (N, H, W, C), halos not counted: (N, count, count) of bool.

    Example: one map of 4 by 4 zeros and a 9 in its first corner, 2 patches a side, bounds -1, 1:
    [[True, False], [False, False]].
    """
    outside: Array = np.any((maps < bounds[0]) | (maps > bounds[1]), axis=-1)
    found = np.zeros((len(maps), count, count), bool)
    for y, rows in enumerate(parts(maps.shape[1], count)):
        for x, columns in enumerate(parts(maps.shape[2], count)):
            found[:, y, x] = outside[:, rows, columns].any((1, 2))
    return found


def parts(size: int, count: int) -> tuple[slice, ...]:
    """``size`` rows in ``count`` parts. 5 in 2: 0 to 2 and 2 to 5."""
    return tuple(slice(size * k // count, size * (k + 1) // count) for k in range(count))
