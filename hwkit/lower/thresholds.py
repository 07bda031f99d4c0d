"""Thresholds: a rescale as comparisons, exactly.

Counting how many of ``t_1 <= t_2 <= ..`` a sum reaches gives the rescaled value without a
multiplication (FINN's MultiThreshold; Umuroglu et al., FPGA 2017). A threshold is the smallest sum
that the rescale takes to a value, found by bisection over the rescale itself, so that every
rounding, multiplier, shift and clamp comes out as the interpreter has it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hwkit.ir.arith import rescale
from hwkit.ir.ops import Rescale
from hwkit.ir.types import Array


def thresholds(
    function: Callable[[Array], Array], low: Array, high: Array, first: int, last: int
) -> Array:
    """``t`` (channels, last - first), int64: ``function(a) = first + sum_k (a >= t[c, k])``.

    ``function`` takes sums (k, channels) to values of the same shape, never falls as a sum grows,
    and gives values of ``first..last``. It is asked only for sums of ``low[c]..high[c]``, those
    that can occur in channel ``c``; a value that none of them reaches has ``t = high[c] + 1``.

    Example: (a + 1) >> 1 into 0..2 over sums 0..7 has the thresholds 1 and 3.
    """
    values = np.arange(first + 1, last + 1, dtype=np.int64)[:, np.newaxis]
    shape = (len(values), len(low))
    below = np.broadcast_to(low.astype(np.int64) - 1, shape).copy()
    reached = np.broadcast_to(high.astype(np.int64) + 1, shape).copy()
    # Between the two lies the threshold: ``below`` is too small, ``reached`` is large enough.
    while (open_ := reached - below > 1).any():
        middle = np.where(open_, (below + reached) >> 1, np.minimum(reached, high))
        enough = function(middle) >= values
        reached = np.where(open_ & enough, middle, reached)
        below = np.where(open_ & ~enough, middle, below)
    return np.ascontiguousarray(reached.T)


def rescale_thresholds(r: Rescale, bias: Array, low: Array, high: Array, where: str) -> Array:
    """The thresholds of ``rescale(sum + bias[c])``: bias and rescale in one; see ``thresholds``.

    ``low`` and ``high`` bound the sums without the bias. Where every channel has the same
    thresholds, one row of them. ``AccumulatorOverflow`` as in ``arith.rescale``.
    """
    t = thresholds(lambda a: rescale(a + bias, r, where), low, high, r.low, r.high)
    return shared_row(t)


def shared_row(t: Array) -> Array:
    """One row where all rows are equal, else ``t`` as it is."""
    return t[:1] if (t == t[:1]).all() else t
