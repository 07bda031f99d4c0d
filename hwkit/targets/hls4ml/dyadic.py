"""Rescales as a fixed-point project has them: constants behind a binary point."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from hwkit.errors import UnsupportedOp
from hwkit.ir.ops import NO_OFFSET, Overflow, Rescale, Rounding
from hwkit.ir.types import Array
from hwkit.lower.lowest_terms import lowest_terms
from hwkit.lower.short_rescale import short_rescale
from hwkit.targets.hls4ml.fixed import QUANTIZATION_MODES

TARGET = "hls4ml_csim"


@dataclass(frozen=True, slots=True)
class Factors:
    """Each channel's factor (or the only one) is ``multipliers[c] * 2**-fraction``."""

    multipliers: tuple[int, ...]
    fraction: int

    @property
    def bits(self) -> int:
        """Of the largest multiplier."""
        return max(max(self.multipliers).bit_length(), 1)

    @property
    def is_one(self) -> bool:
        """Whether nothing is multiplied."""
        return set(self.multipliers) == {1} and not self.fraction


ONE = Factors((1,), 0)


def factors(r: Rescale | None, node: str) -> Factors:
    """What ``r`` multiplies by, with as few bits behind the point as there are.

    Examples: multiplier 2**30, shift 33 gives ``(1,), 3``; multipliers 3 and 2, both with shift 2,
    give ``(3, 2), 2``. ``UnsupportedOp`` for a rounding that fixed-point types lack.
    """
    if r is None:
        return ONE
    if r.rounding not in QUANTIZATION_MODES:
        raise UnsupportedOp(node, TARGET, f"it rounds {r.rounding}; use {Rounding.HALF_EVEN}")
    terms = [_odd(m, s - r.left_shift) for m, s in zip(r.multiplier, r.shift, strict=True)]
    fraction = max((s for m, s in terms if m), default=0)
    return Factors(tuple(m << (fraction - s) if m else 0 for m, s in terms), fraction)


def _odd(multiplier: int, shift: int) -> tuple[int, int]:
    zeros = (multiplier & -multiplier).bit_length() - 1 if multiplier else 0
    return multiplier >> zeros, shift - zeros


def is_shift(r: Rescale | None) -> bool:
    """Whether ``r`` multiplies by nothing but powers of two and moves no zero point: then the
    binary points of a layer's weights hold it."""
    if r is None:
        return True
    return not r.zero_point and all(m and not m & (m - 1) for m in r.multiplier)


def offsets(r: Rescale | None) -> tuple[tuple[int, ...], int]:
    """What ``r`` adds to each channel (one entry or all), in units of ``2**-fraction`` of its
    result, and ``fraction``: as few bits as give the same integers.

    Example: multiplier 2**30, shift 33 (a factor of 1/8), offset 5 * 2**29 gives ((5,), 4) where
    halves go to the even integer, and ((2,), 3) where they go up.
    """
    if r is None or not any(r.offset):
        return (0,), 0
    rows = zip(*np.broadcast_arrays(r.multiplier, r.shift, r.offset), strict=True)
    terms = [lowest_terms(int(m) << r.left_shift, int(s), int(o), r.rounding) for m, s, o in rows]
    fraction = max((s for _, s, o in terms if o), default=0)
    return tuple(o << (fraction - s) if o else 0 for _, s, o in terms), fraction


def centred(r: Rescale, zero_point: int) -> Rescale:
    """``r`` of ``x - zero_point`` as a rescale of ``x``."""
    if not zero_point:
        return r
    rows = zip(*np.broadcast_arrays(r.multiplier, r.offset), strict=True)
    moved = tuple(int(o) - (zero_point * int(m) << r.left_shift) for m, o in rows)
    return replace(r, offset=moved)


def constant_multiplier(
    r: Rescale, zero_point: int, low: Array, high: Array, node: str
) -> tuple[Rescale, int]:
    """``r`` of ``x - zero_point``, for ``x`` of ``low[c]..high[c]``, as a rescale of ``x`` without
    a zero point, and an integer to add to it.

    Where a shorter multiplier gives the same integers it is that one, rounded down; 31 bits stay
    where a result has more than some thousand values. The integer is 0 but for zero points that
    would move ties from one even integer to the next.
    """
    found = short_rescale(r, low - zero_point, high - zero_point, node)
    if found is not None:
        return centred(found, zero_point), 0
    r = centred(r, zero_point)
    if not r.zero_point:
        return r, 0
    if r.rounding is Rounding.HALF_EVEN or r.overflow is Overflow.WRAP:
        low_end, high_end = r.low - r.zero_point, r.high - r.zero_point
        return replace(r, zero_point=0, low=low_end, high=high_end), r.zero_point
    rows = zip(*np.broadcast_arrays(r.shift, r.offset), strict=True)
    moved = tuple(int(o) + (r.zero_point << int(s)) for s, o in rows)
    return replace(r, zero_point=0, offset=moved), 0


def without_whole_steps(r: Rescale) -> tuple[Rescale, tuple[int, ...]]:
    """``r`` with offsets smaller than its multipliers, and the integers to add to each channel's
    sum beforehand: ``(a + q) * m + o`` in place of ``a * m + (q * m + o)``.

    Example: multiplier 3, offset 7 gives an offset of 1 and 2 to add.
    """
    if not any(r.offset):
        return r, NO_OFFSET
    rows = np.broadcast_arrays(r.multiplier, r.offset)
    pairs = [
        divmod(int(o), int(m) << r.left_shift) if m else (0, int(o))
        for m, o in zip(*rows, strict=True)
    ]
    return replace(r, offset=tuple(o for _, o in pairs)), tuple(q for q, _ in pairs)
