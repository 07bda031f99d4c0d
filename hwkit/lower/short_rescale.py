"""A rescale with the shortest multiplier that gives the same integers for every sum that can occur.

A multiplier of 31 bits tells sums apart that no layer ever has. All that a clamped rescale does to
the sums of a channel is to rise at some of them, its thresholds. Any multiplier and offset that
rise there are as good; rounding, ties, zero point and bias are in the offset.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hwkit.ir.arith import rescale
from hwkit.ir.ops import Overflow, Rescale, Rounding
from hwkit.ir.types import Array
from hwkit.lower.thresholds import thresholds

MOST_STEPS = 4096
"""Values of a result above which nothing shorter is looked for."""
_MOST_SHIFT = 48
_MOST_BITS = 62
"""Of a product, in int64."""


def short_rescale(r: Rescale, low: Array, high: Array, where: str) -> Rescale | None:
    """``r`` of sums ``low[c]..high[c]`` as one that rounds down, with the smallest shift for which
    multipliers exist; its zero point is 0 and in the offset, its clamp that of ``r``.

    None where there is none (halves that go to the even integer on both sides), for results of more
    than ``MOST_STEPS`` values and for those that wrap. ``AccumulatorOverflow`` as in
    ``arith.rescale``.

    Example: multiplier 1518500250, shift 37, half up, into 0..7 of sums 0..900 has the multiplier
    181, shift 14 and offset ``2**13``.
    """
    if r.overflow is Overflow.WRAP:
        return None
    ratios = [(m << r.left_shift, s) for m, s in zip(r.multiplier, r.shift, strict=True)]
    return short_steps(lambda a: rescale(a, r, where), ratios, low, high, (r.low, r.high))


def short_steps(
    function: Callable[[Array], Array],
    ratios: list[tuple[int, int]],
    low: Array,
    high: Array,
    clamp: tuple[int, int],
) -> Rescale | None:
    """The same of any ``function`` of sums (k, channels) that rises by about ``m / 2**s`` a step,
    ``(m, s)`` of ``ratios`` (one entry or one a channel), and is limited to ``clamp``."""
    low, high = low.astype(np.int64), high.astype(np.int64)
    ends = function(np.stack([low, high]))
    first = max(int(ends.min()) - 1, clamp[0])
    last = min(int(ends.max()) + 1, clamp[1])
    if last - first > MOST_STEPS:
        return None
    if first == last:
        return Rescale((0,), (0,), Rounding.FLOOR, *clamp, offset=(first,))

    def limited(sums: Array) -> Array:
        return np.clip(function(sums), first, last)

    rises = thresholds(limited, low, high, first, last)
    steps = np.arange(first + 1, last + 1, dtype=np.int64)
    channels = ratios * len(low) if len(ratios) == 1 else ratios
    widest = int(max(np.abs(rises).max(), np.abs(low).max())) + 1
    for shift in range(_MOST_SHIFT):
        below = [(m << shift) >> s for m, s in channels]
        largest = max(widest * (max(below) + 1), (max(abs(first), abs(last)) + 1) << shift)
        if largest.bit_length() > _MOST_BITS:
            return None
        found = _offsets(rises, steps << shift, low, high, np.array(below, np.int64))
        if found is not None:
            multiplier, offset = map(_one_or_all, found)
            shifts = (shift,) * len(multiplier)
            return Rescale(multiplier, shifts, Rounding.FLOOR, *clamp, offset=offset)
    return None


def _offsets(
    rises: Array, steps: Array, low: Array, high: Array, below: Array
) -> tuple[list[int], list[int]] | None:
    """A multiplier (of ``below`` and the next one) and an offset for each channel with which
    ``a * m + o`` reaches a step where it rises and not before, or None."""
    reached, waited = rises <= high[:, None], rises > low[:, None]
    far = np.int64(1) << _MOST_BITS
    multipliers, offsets = below.copy(), np.zeros(len(low), np.int64)
    open_ = np.ones(len(low), bool)
    for more in (0, 1):
        m = (below + more)[:, None]
        least = np.where(reached, steps - m * rises, -far).max(axis=1)
        most = np.where(waited, steps - m * (rises - 1) - 1, far).min(axis=1)
        for channel in np.flatnonzero(open_ & (least <= most)):
            multipliers[channel] = below[channel] + more
            offsets[channel] = _roundest(int(least[channel]), int(most[channel]))
            open_[channel] = False
    return None if open_.any() else (multipliers.tolist(), offsets.tolist())


def _roundest(least: int, most: int) -> int:
    """The integer of ``least..most`` with the most zeros at its end. Example: 5..9 gives 8."""
    for zeros in range(_MOST_BITS, -1, -1):
        value = -(-least >> zeros) << zeros
        if value <= most:
            return value
    raise AssertionError("least is not above most")


def _one_or_all(values: list[int]) -> tuple[int, ...]:
    return tuple(values[:1]) if len(set(values)) == 1 else tuple(values)
