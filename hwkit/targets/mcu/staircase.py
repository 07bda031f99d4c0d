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

_MOST_NUDGE = 20
_LINES = [
    (back, nudge)
    for back in range(8)
    for nudge in sorted(range(-_MOST_NUDGE, _MOST_NUDGE + 1), key=abs)
]
"""By how much the first sum and the multiplier may be off, best first."""

_FEW = 3
"""Most channels that have a line have found it after so many: the others are then looked at."""


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
    scale = tuple(map(int, multiplier)), tuple(map(int, shift))
    r = Rescale(*scale, Rounding.DOUBLE, -128, 127, zero_point)
    steps = thresholds(lambda a: rescale(a, r, "staircase"), low, high, -128, 127).T
    # Steps at or below the lowest sum, and those that no sum reaches, ask nothing.
    real = (steps > low) & (steps <= high)
    first = np.where(real, steps, high + 1).min(axis=0) - 1
    end = np.maximum(np.where(real, steps, low).max(axis=0), first)
    if int((end - first).max()) + len(_LINES) >= MOST_LAST:
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
        hopeless = self._open[:0]
        for tried, (back, nudge) in enumerate(_LINES):
            if tried == _FEW:
                hopeful = self._hopeful(split)
                self._open, hopeless = self._open[hopeful], self._open[~hopeful]
            of = self._open
            if not len(of):
                break
            m = np.clip(self._slope[of] + nudge, 0, (1 << 32) - 1)
            first = self._first[of] - back
            (least, most), (least_below, most_below) = self._offsets(m, first, split)
            least, least_below = -(-least >> LOW_BITS), -(-least_below >> LOW_BITS)
            most, most_below = most >> LOW_BITS, most_below >> LOW_BITS
            good = (least <= most) & (least_below <= most_below)
            chosen, offset = of[good], ((least + most) >> 1)[good]
            self._first[chosen], self._multiplier[chosen] = first[good], m[good]
            self._offset[chosen] = offset
            if split:
                self._zero[chosen] = np.maximum(-first[good], 0)
                self._step[chosen] = ((least_below + most_below) >> 1)[good] - offset
            self._open = of[~good]
        self._open = np.concatenate([self._open, hopeless])

    def _hopeful(self, split: bool) -> Array:
        """Whether an open channel has room for an offset under any of the multipliers, bool.

        The room, ``most - least``, is the same wherever a line begins, and concave in the
        multiplier: each value bounds it by a straight line. So bisection finds where it is widest.
        """
        slope, first = self._slope[self._open], self._first[self._open]

        def room(nudge: Array) -> Array:
            above, below = self._offsets(slope + nudge, first, split)
            narrow: Array = np.minimum(above[1] - above[0], below[1] - below[0])
            return narrow

        left, right = np.full_like(slope, -_MOST_NUDGE), np.full_like(slope, _MOST_NUDGE)
        while (left < right).any():
            middle = (left + right) >> 1
            rises = room(middle + 1) > room(middle)
            left, right = np.where(rises, middle + 1, left), np.where(rises, right, middle)
        hopeful: Array = room(left) >= 0
        return hopeful

    def _offsets(self, m: Array, first: Array, split: bool) -> tuple[tuple[Array, Array], ...]:
        """The least and the most offset of open channels, in units of 2**-SHIFT, that lifts
        ``m * (sum - first)`` to its value or to less than 1 above: for all sums or, with ``split``,
        for those from 0 on; and for the others. Where there are none, 0 and 0."""
        sums = self._sums[:, self._open]
        rest = (self._values[:, self._open] << SHIFT) - m * (sums - first)
        if not split:
            none = np.zeros_like(m)
            return _bounds(rest, rest), (none, none)
        upper = sums >= 0
        return tuple(
            _bounds(np.where(of, rest, -_FAR), np.where(of, rest, _FAR)) for of in (upper, ~upper)
        )

    def staircase(self) -> Staircase | None:
        """None where a channel has no line."""
        if len(self._open):
            return None
        last = self._end - self._first
        factors = self._multiplier, self._offset, self._zero, self._step
        return Staircase(self._first, last, *factors)


_FAR = 1 << 61
"""Beyond each offset."""


def _bounds(least: Array, most: Array) -> tuple[Array, Array]:
    """Of each channel; 0 and 0 where all of ``most`` is ``_FAR``."""
    low, high = least.max(axis=0), most.min(axis=0)
    none = high == _FAR
    return np.where(none, 0, low), np.where(none, 0, high + (1 << SHIFT) - 1)
