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
_MOST_BITS = 62
"""Of a product, in int64."""
_FAR = 1 << _MOST_BITS


def short_rescale(r: Rescale, low: Array, high: Array, where: str) -> Rescale | None:
    """``r`` of sums ``low[c]..high[c]`` as one that rounds down, each channel with the smallest
    shift for which a multiplier exists; the zero point is in the offset, the clamp that of ``r``.

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
    found = [
        _shortest(ratio, steps, rise, int(first), int(last))
        for ratio, rise, first, last in zip(
            ratios * len(low) if len(ratios) == 1 else ratios, rises, low, high, strict=True
        )
    ]
    terms = [term for term in found if term is not None]
    if len(terms) < len(found):
        return None
    multiplier, shift, offset = zip(*(terms[:1] if len(set(terms)) == 1 else terms), strict=True)
    return Rescale(multiplier, shift, Rounding.FLOOR, *clamp, offset=offset)


def _shortest(
    ratio: tuple[int, int], steps: Array, rises: Array, low: int, high: int
) -> tuple[int, int, int] | None:
    """The multiplier, shift and offset of one channel with which sums of ``low..high`` reach each
    of ``steps`` where it ``rises`` and not before, with the smallest shift; or None."""
    reached, waited = rises <= high, rises > low
    here, there = rises[reached], rises[waited] - 1
    widest, largest = max(-low, high) + 1, int(np.abs(steps).max()) + 1
    for shift in range(_MOST_BITS):
        below = (ratio[0] << shift) >> ratio[1]
        if max(widest * (below + 1), largest << shift).bit_length() > _MOST_BITS:
            return None
        for m in (below, below + 1):
            least = ((steps[reached] << shift) - m * here).max(initial=-_FAR)
            most = ((steps[waited] << shift) - m * there).min(initial=_FAR) - 1
            # Beyond the last step, and before the first, is the clamp: any offset would do.
            if not len(here):
                least = most - (1 << shift)
            elif not len(there):
                most = least + (1 << shift)
            if least <= most:
                return m, shift, _roundest(int(least), int(most))
    return None


def _roundest(least: int, most: int) -> int:
    """The integer of ``least..most`` with the most zeros at its end. Example: 5..9 gives 8."""
    for zeros in range(_MOST_BITS, -1, -1):
        value = -(-least >> zeros) << zeros
        if value <= most:
            return value
    raise AssertionError("least is not above most")
