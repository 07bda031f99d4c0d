"""A rescale into int8 as one product and one shift of what lies above the first step, exactly.

Double rounding takes a 64-bit product and two roundings. Over the sums that a channel can have, it
is a staircase, and where a line rounded down has its steps at the very same sums,

    ((x * multiplier >> 20) + offset) >> 16,   0 <= x <= last,

with ``x`` the sum less ``first``, clamped, gives the same integers. The clamp keeps the product
short, and makes one of the result unnecessary. Double rounding rounds halves away from zero: steps
on both sides of zero lie on two lines, and sums below zero have ``step`` added to the offset.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from hwkit.ir.arith import rescale
from hwkit.ir.ops import Rescale, Rounding
from hwkit.ir.types import Array
from hwkit.lower.thresholds import thresholds

LOW_BITS = 20
"""Of the product, those that are dropped before the offset is added."""

SHIFT = 36
"""Bits of the product's fraction."""

MOST_LAST = 1 << 20
"""A core multiplies ``x`` in 32 bits: ``last`` is less."""

_BACK = range(8)
_MOST_NUDGE = 20
_NUDGES = sorted(range(-_MOST_NUDGE, _MOST_NUDGE + 1), key=abs)
"""By how much the first sum and the multiplier may be off, best first."""

_FEW = 3
"""Most channels that have a line have it with so many multipliers: only then the rest is tried."""

_FAR = 1 << 61
"""Beyond each offset, in units of 2**-SHIFT."""


@dataclass(frozen=True, slots=True, eq=False)
class Staircase:
    """Of each channel, int64 (channels,): ``first`` is the sum that x = 0 stands for, ``last`` in
    0 .. 2**20 - 1, ``multiplier`` in 0 .. 2**32 - 1, ``offset`` in -2**24 .. 2**24; ``zero`` the x
    of sum 0 where sums below it have ``step`` added, else 0."""

    first: Array
    last: Array
    multiplier: Array
    offset: Array
    zero: Array
    step: Array

    @property
    def split(self) -> Array:
        """Whether a channel has two lines, bool (channels,)."""
        return self.zero > 0

    def __call__(self, sums: Array) -> Array:
        """What sums (k, channels), int64, are rescaled to."""
        x = np.clip(sums - self.first, 0, self.last)
        offset = self.offset + np.where(x < self.zero, self.step, 0)
        scaled: Array = ((x * self.multiplier >> LOW_BITS) + offset) >> (SHIFT - LOW_BITS)
        return scaled


def staircase(
    multiplier: Array, shift: Array, zero_point: int, low: Array, high: Array
) -> Staircase | None:
    """The staircase of double rounding by ``multiplier / 2**shift`` into -128..127, for sums of
    ``low..high``, all int64 (channels,). None where one channel's steps lie on no two lines.

    Example: multiplier 2**30, shift 38, zero point 0, sums 0..1023 have steps at 127, 383, 639 and
    895, so ``first`` is 126, ``last`` 769 and the multiplier 2**28.
    """
    tables = (np.asarray(table, np.int64).tobytes() for table in (multiplier, shift, low, high))
    return _found(zero_point, *tables)


@lru_cache(maxsize=256)
def _found(zero_point: int, *tables: bytes) -> Staircase | None:
    """``staircase`` of the tables' bytes: each kernel that a layer could take asks for the same."""
    multiplier, shift, low, high = (np.frombuffer(table, np.int64) for table in tables)
    scale = tuple(map(int, multiplier)), tuple(map(int, shift))
    r = Rescale(*scale, Rounding.DOUBLE, -128, 127, zero_point)
    steps = thresholds(lambda a: rescale(a, r, "staircase"), low, high, -128, 127).T
    # Steps at or below the lowest sum, and those that no sum reaches, ask nothing.
    real = (steps > low) & (steps <= high)
    first = np.where(real, steps, high + 1).min(axis=0) - 1
    end = np.maximum(np.where(real, steps, low).max(axis=0), first)
    if int((end - first).max()) + len(_BACK) > MOST_LAST:
        return None
    edges = [first, end, np.zeros_like(first), np.full_like(first, -1)]
    sums = np.concatenate([steps, steps - 1, edges]).clip(first, end)
    values = rescale(sums.copy(), r, "staircase")
    slope = np.where(shift <= SHIFT + 31, (multiplier << 5) >> np.clip(shift - 31, 0, 62), 0)
    made = _Lines(first, end, slope, sums, values)
    made.fit(split=False)
    made.fit(split=True)
    return made.staircase()


class _Lines:
    """Lines of channels, as far as they have been found."""

    def __init__(self, first: Array, end: Array, slope: Array, sums: Array, values: Array) -> None:
        """``sums`` (k, channels), where steps lie and ends, have ``values``."""
        self._end, self._slope, self._sums, self._values = end, slope, sums, values
        self._first, self._open = first.copy(), np.arange(len(first))
        zeros = (np.zeros_like(first) for _ in range(4))
        self._multiplier, self._offset, self._zero, self._step = zeros

    def fit(self, split: bool) -> None:
        """Finds lines, or with ``split`` two for the sums below zero and the others."""
        self._choose(_BACK[:1], _NUDGES[:_FEW], split)
        hopeful = self._hopeful(split)
        self._open, hopeless = self._open[hopeful], self._open[~hopeful]
        self._choose(_BACK, _NUDGES, split)
        self._open = np.concatenate([self._open, hopeless])

    def staircase(self) -> Staircase | None:
        """None where a channel has no line."""
        if len(self._open):
            return None
        last = self._end - self._first
        found = self._first, last, self._multiplier, self._offset, self._zero, self._step
        for table in found:
            table.flags.writeable = False  # whoever asks next is given the same
        return Staircase(*found)

    def _choose(self, back: range, nudges: list[int], split: bool) -> None:
        """Gives each open channel the first line that fits."""
        of, first = self._open, self._first[self._open]
        if not len(of):
            return
        m = np.clip(self._slope[of] + np.array(nudges)[:, None], 0, (1 << 32) - 1)
        bounds = np.stack([self._bounds(each, first, split) for each in m], axis=2)
        # A line that begins earlier is higher by as many multipliers: (2, back, nudges, channels).
        earlier = np.array(back)[:, None, None] * m
        least, most = bounds[:, :, None] - earlier
        least, most = -(-least >> LOW_BITS), most >> LOW_BITS
        lines = (least <= most).all(axis=0).reshape(len(back) * len(nudges), len(of))
        found = lines.any(axis=0)
        which = np.unravel_index(lines.argmax(axis=0)[found], (len(back), len(nudges)))
        chosen, (at,) = of[found], np.nonzero(found)
        free = most[:, *which, at] > (_FAR >> 1 + LOW_BITS)
        offset, below = np.where(free, 0, (least + most)[:, *which, at] >> 1)
        self._first[chosen] = first[found] - np.array(back)[which[0]]
        self._multiplier[chosen], self._offset[chosen] = m[which[1], at], offset
        if split:
            self._zero[chosen] = np.maximum(-self._first[chosen], 0)
            self._step[chosen] = below - offset
        self._open = of[~found]

    def _hopeful(self, split: bool) -> Array:
        """Whether an open channel has room for an offset under any of the multipliers, bool.

        The room, ``most - least``, is the same wherever a line begins, and concave in the
        multiplier: each value bounds it by a straight line. So bisection finds where it is widest.
        """
        slope, first = self._slope[self._open], self._first[self._open]

        def room(nudge: Array) -> Array:
            least, most = self._bounds(slope + nudge, first, split)
            narrow: Array = (most - least).min(axis=0)
            return narrow

        left, right = np.full_like(slope, -_MOST_NUDGE), np.full_like(slope, _MOST_NUDGE)
        while (left < right).any():
            middle = (left + right) >> 1
            rises = room(middle + 1) > room(middle)
            left, right = np.where(rises, middle + 1, left), np.where(rises, right, middle)
        hopeful: Array = room(left) >= 0
        return hopeful

    def _bounds(self, m: Array, first: Array, split: bool) -> Array:
        """The least and the most offset of open channels that lifts ``m * (sum - first)`` to its
        value or to less than 1 above, in units of 2**-SHIFT: for all sums or, with ``split``, for
        those from 0 on; and for the others. Where there are none, ``_FAR`` off. (2, 2, channels)"""
        sums = self._sums[:, self._open]
        rest = (self._values[:, self._open] << SHIFT) - m * (sums - first)
        if not split:
            least = np.stack([rest.max(axis=0), np.full_like(m, -_FAR)])
            most = np.stack([rest.min(axis=0), np.full_like(m, _FAR)])
        else:
            parts = np.stack([sums >= 0, sums < 0])
            least = np.where(parts, rest, -_FAR).max(axis=1)
            most = np.where(parts, rest, _FAR).min(axis=1)
        return np.stack([least, most + (1 << SHIFT) - 1])
