"""A rescale into int8 as one product and one shift of what lies above the first step, exactly.

Double rounding takes a 64-bit product and two roundings. Over the sums that a channel can have, it
is a staircase, and where a line rounded down has its steps at the very same sums,

    ((x * multiplier + (offset << 20)) >> 36,   0 <= x <= last,

with ``x`` the sum less the last one before the first step, clamped, gives the same integers. The
clamp keeps the product short, and makes one of the result unnecessary.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwkit.ir.arith import rescale
from hwkit.ir.ops import Rescale, Rounding
from hwkit.ir.types import Array
from hwkit.lower.thresholds import thresholds

OFFSET_BITS = 20
"""Of the product's fraction, those that the offset does not have."""

SHIFT = 36
"""Bits of the product's fraction."""

MOST_LAST = 1 << 20
"""A core multiplies ``x`` in 32 bits: ``last`` is less."""


@dataclass(frozen=True, slots=True, eq=False)
class Staircase:
    """Of each channel, int64 (channels,): ``first`` is the sum that x = 0 stands for, ``last`` in
    0 .. 2**20 - 1, ``multiplier`` in 0 .. 2**32 - 1, ``offset`` in -2**24 .. 2**24."""

    first: Array
    last: Array
    multiplier: Array
    offset: Array

    def __call__(self, sums: Array) -> Array:
        """What sums (k, channels), int64, are rescaled to."""
        x = np.clip(sums - self.first, 0, self.last)
        scaled: Array = (x * self.multiplier + (self.offset << OFFSET_BITS)) >> SHIFT
        return scaled


def staircase(
    multiplier: Array, shift: Array, zero_point: int, low: Array, high: Array
) -> Staircase | None:
    """The staircase of double rounding by ``multiplier / 2**shift`` into -128..127, for sums of
    ``low..high``, all int64 (channels,). None where one channel's steps lie on no line.

    Example: multiplier 2**30, shift 38, zero point 0, sums 0..1023 have x, so ``first`` is 126, ``last`` 769 and the multiplier 2**28.
    """
    scale = tuple(map(int, multiplier)), tuple(map(int, shift))
    r = Rescale(*scale, Rounding.DOUBLE, -128, 127, zero_point)
    steps = thresholds(lambda a: rescale(a, r, "staircase"), low, high, -128, 127)
    values = np.arange(-127, 128, dtype=np.int64)
    # Steps at or below the lowest sum, and those that no sum reaches, ask nothing.
    real = (steps > low[:, np.newaxis]) & (steps <= high[:, np.newaxis])
    bottom = -128 + (steps <= low[:, np.newaxis]).sum(axis=1)
    top = bottom + real.sum(axis=1)
    constant = top == bottom
    first = np.where(constant, low, np.where(real, steps, high[:, np.newaxis]).min(axis=1) - 1)
    last = np.where(constant, 0, np.where(real, steps, low[:, np.newaxis]).max(axis=1) - first)
    if int(last.max()) + 8 > MOST_LAST:
        return None
    offset = bottom << (SHIFT - OFFSET_BITS)
    made = np.zeros_like(offset)
    open_ = np.flatnonzero(~constant)
    ideal = np.where(shift <= SHIFT + 31, (multiplier << 5) >> np.clip(shift - 31, 0, 62), 0)
    for tried, (back, nudge) in enumerate(_LINES):
        m = np.clip(ideal[open_] + nudge, 0, (1 << 32) - 1)
        x = steps[open_] - (first - back)[open_, np.newaxis]
        ends = bottom[open_], top[open_], last[open_] + back
        least, most = _offsets(x, real[open_], *ends, m)
        good = least <= most
        chosen = open_[good]
        made[chosen], offset[chosen] = m[good], ((least + most) >> 1)[good]
        first[chosen] -= back
        last[chosen] += back
        open_ = open_[~good]
        # One channel's line may lie between two offsets; where most do, steps lie on no line.
        if not len(open_) or (tried == 10 and 4 * len(open_) > len(made) + 8):
            break
    return None if len(open_) else Staircase(first, last, made, offset)


_LINES = [(back, nudge) for back in range(8) for nudge in sorted(range(-20, 21), key=abs)]
"""By how much the first sum and the multiplier may be off, best first."""


def _offsets(
    x: Array, real: Array, bottom: Array, top: Array, last: Array, multiplier: Array
) -> tuple[Array, Array]:
    """The least and the most offset with which the line by ``multiplier`` has its steps at ``x``
    (channels, 255), those that are ``real``, and goes from ``bottom`` to ``top``."""
    m = multiplier[:, np.newaxis]
    reached = (np.arange(-127, 128, dtype=np.int64) << SHIFT) - m * x
    least = np.where(real, reached, bottom[:, np.newaxis] << SHIFT).max(axis=1)
    below = np.where(real, reached + m, (bottom[:, np.newaxis] + 1) << SHIFT).min(axis=1)
    below = np.minimum(below, ((top + 1) << SHIFT) - multiplier * last)
    return -(-least >> OFFSET_BITS), (below - 1) >> OFFSET_BITS
