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

_LINES = [(back, nudge) for back in range(8) for nudge in sorted(range(-20, 21), key=abs)]
"""By how much the first sum and the multiplier may be off, best first."""

_FEW = 10
"""After so many lines that fit few channels, no other one will."""


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
        before = len(self._open)
        for tried, (back, nudge) in enumerate(_LINES):
            of = self._open
            if not len(of) or (tried == _FEW and 4 * len(of) > 3 * before + 8):
                return
            m = np.clip(self._slope[of] + nudge, 0, (1 << 32) - 1)
            first = self._first[of] - back
            sums, values = self._sums[:, of], self._values[:, of]
            rest = values * (1 << SHIFT) - m * (sums - first)
            upper = (sums >= 0) if split else np.ones_like(sums, bool)
            least, most = _offsets(rest, upper)
            least_below, most_below = _offsets(rest, ~upper)
            good = (least <= most) & (least_below <= most_below)
            chosen, offset = of[good], ((least + most) >> 1)[good]
            self._first[chosen], self._multiplier[chosen] = first[good], m[good]
            self._offset[chosen] = offset
            if split:
                self._zero[chosen] = np.maximum(-first[good], 0)
                self._step[chosen] = ((least_below + most_below) >> 1)[good] - offset
            self._open = of[~good]

    def staircase(self) -> Staircase | None:
        """None where a channel has no line."""
        if len(self._open):
            return None
        last = self._end - self._first
        factors = self._multiplier, self._offset, self._zero, self._step
        return Staircase(self._first, last, *factors)


def _offsets(rest: Array, used: Array) -> tuple[Array, Array]:
    """The least and the most offset of each channel that lifts every ``rest`` that is ``used`` to
    less than an integer above 0. Where none is: anything."""
    none = ~used.any(axis=0)
    least = np.where(used, rest, -(1 << 62)).max(axis=0)
    most = np.where(used, rest, 1 << 62).min(axis=0) + (1 << SHIFT) - 1
    least, most = np.where(none, 0, least), np.where(none, 0, most)
    return -(-least >> LOW_BITS), most >> LOW_BITS
