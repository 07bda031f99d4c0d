"""``Rescale`` as ``hwk_rescale_t``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hwkit.ir.arith import MAX_SHIFT
from hwkit.ir.ops import Rescale, Rounding
from hwkit.targets.mcu.structs import Enumerator, Struct, Table

ROUNDINGS = {
    Rounding.HALF_UP: Enumerator("HWK_ROUND_HALF_UP", 1),
    Rounding.HALF_EVEN: Enumerator("HWK_ROUND_HALF_EVEN", 2),
    Rounding.FLOOR: Enumerator("HWK_ROUND_FLOOR", 3),
    Rounding.DOUBLE: Enumerator("HWK_ROUND_DOUBLE", 4),
}
_NONE = Enumerator("HWK_ROUND_NONE", 0)

HIGH_SHIFT = 33
"""From here on the high word of a product decides, and the kernels never look at the low one."""

_ANY_SHIFT = HIGH_SHIFT
"""Of a multiplier 0, which gives 0 with any: the shortest arithmetic."""

_MOST_LEFT_SHIFT = 30
"""Of an integer of 32 bits, one of which is its sign: 1 shifted by more is none."""

_INT64_MAX = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class _Channel:
    """One channel's part of a rescale."""

    multiplier: int
    shift: int
    offset: int


def rescale(r: Rescale | None, bound: int, purpose: str = "", output_bytes: int = 1) -> Struct:
    """The descriptor of ``r`` for integers in ``-bound..bound``; None passes sums through.

    ``purpose`` starts the names of its tables; ``output_bytes`` is how wide a kernel stores what
    it gives. A bound beyond 2**31 is for kernels of long sums.
    """
    if r is None:
        return _struct(_NONE, [_Channel(0, 0, 0)], (0, 32, 4), (0, 0, 0), purpose)
    most = bound << r.left_shift if bound > 1 << 31 else min(bound << r.left_shift, 1 << 31)
    channels = [normalized(m, s, o, r.rounding, most) for m, s, o in _entries(r)]
    rounding, zero_point = r.rounding, r.zero_point
    if rounding is Rounding.HALF_EVEN and not any(has_tie(c, most) for c in channels):
        rounding = Rounding.HALF_UP
    by = 0 if rounding is Rounding.DOUBLE else _lift(channels, r.left_shift, most)
    channels = [_Channel(c.multiplier, c.shift + by, c.offset << by) for c in channels]
    most <<= by
    bits = min(most.bit_length() + 1, 32)
    if any(r.offset) and rounding is not Rounding.HALF_EVEN:
        channels, zero_point = _rounded_down(channels, rounding, zero_point, most)
        rounding = Rounding.FLOOR
    limits = (zero_point, r.low, r.high)
    widths = (r.left_shift + by, bits, output_bytes)
    return _struct(ROUNDINGS[rounding], channels, widths, limits, purpose)


def _entries(r: Rescale) -> Iterator[tuple[int, int, int]]:
    """Multiplier, shift and offset of each channel, or of all of them."""
    for c in range(r.channels):
        k = min(c, len(r.multiplier) - 1)
        yield r.multiplier[k], r.shift[k], r.offset[min(c, len(r.offset) - 1)]


def normalized(
    multiplier: int, shift: int, offset: int, rounding: Rounding, most: int = 1 << 31
) -> _Channel:
    """An equal channel with the largest multiplier below 2**31: shifts above 32 need no low word.

    Products with integers of at most ``most`` in magnitude stay in 63 bits. Double rounding rounds
    at a fixed bit and keeps its pair. Example: (1, 3, 5) becomes (2**30, 33, 5 * 2**30).
    """
    if multiplier == offset == 0:
        return _Channel(0, _ANY_SHIFT, 0)
    if rounding is Rounding.DOUBLE:
        return _Channel(multiplier, shift, offset)
    room = MAX_SHIFT - 1 - abs(offset).bit_length() if offset else MAX_SHIFT
    bits = min(31, 63 - most.bit_length())
    by = max(min(bits - multiplier.bit_length(), MAX_SHIFT - shift, room), 0)
    return _Channel(multiplier << by, shift + by, offset << by)


def _lift(channels: list[_Channel], left_shift: int, most: int) -> int:
    """Bits by which integers move up further, and shifts with them, so that all shifts are 33 or
    more; 0 where that is so already or has no room, and where all are 32: compiled for that shift
    alone, 64-bit arithmetic is a high word as well.

    Sums stay in 64 bits: a product takes 62, an offset and a half 61 each. Example: a shift of 32
    with integers of 16 bits is one of 33 with their doubles.
    """
    shifts = {c.shift for c in channels}
    by = 0 if shifts == {HIGH_SHIFT - 1} else max(HIGH_SHIFT - min(shifts), 0)
    fits = left_shift + by <= _MOST_LEFT_SHIFT and (most << by).bit_length() <= 31
    for c in channels:
        fits &= c.shift + by <= MAX_SHIFT and abs(c.offset << by).bit_length() < MAX_SHIFT
    return by if fits else 0


def _rounded_down(
    channels: list[_Channel], rounding: Rounding, zero_point: int, most: int
) -> tuple[list[_Channel], int]:
    """Channels that round down to what ``channels`` round to, and the zero point that is left:
    offsets take in the rounding constant and, as long as sums stay in 64 bits, the zero point."""
    half = 0 if rounding is Rounding.FLOOR else 1
    down = [_Channel(c.multiplier, c.shift, c.offset + (half << c.shift >> 1)) for c in channels]
    zero = [_Channel(c.multiplier, c.shift, c.offset + (zero_point << c.shift)) for c in down]
    if all(most * c.multiplier + abs(c.offset) <= _INT64_MAX for c in zero):
        return zero, 0
    return down, zero_point


def has_tie(c: _Channel, most: int) -> bool:
    """Whether ``x * multiplier + offset`` lies halfway between two results for an integer x of
    at most ``most`` in magnitude.

    Such x are one residue class, if any: those of ``x * multiplier = 2**(shift-1) - offset`` modulo
    ``2**shift``. Example: multiplier 3, shift 4, offset 1: 3 * 13 + 1 = 40 = 2.5 * 16, so the
    class is 13 modulo 16, which has -3, and no smaller x is a tie.
    """
    if c.shift == 0:
        return False
    wanted = (1 << (c.shift - 1)) - c.offset
    if c.multiplier == 0:
        return wanted % (1 << c.shift) == 0
    step = min(c.multiplier & -c.multiplier, 1 << c.shift)
    if wanted % step:
        return False
    modulus = (1 << c.shift) // step
    x = wanted // step * pow(c.multiplier // step, -1, modulus) % modulus
    return min(x, modulus - x) <= most


def _struct(
    rounding: Enumerator,
    channels: list[_Channel],
    widths: tuple[int, int, int],
    limits: tuple[int, int, int],
    purpose: str,
) -> Struct:
    """Tables of what differs between channels; offsets are always one."""
    multipliers = shifts = offsets = None
    if len({(c.multiplier, c.shift) for c in channels}) > 1:
        values = np.array([(c.multiplier, c.shift) for c in channels])
        multipliers = Table(f"{purpose}multipliers", values[:, 0].astype(np.int32))
        shifts = Table(f"{purpose}shifts", values[:, 1].astype(np.uint8))
    numbers = [c.shift for c in channels]
    different = len({c.offset for c in channels}) > 1
    if any(c.offset for c in channels):
        of = channels if different else channels[:1]
        offsets = Table(f"{purpose}offsets", np.array([c.offset for c in of], np.int64))
    return Struct(
        {
            "rounding": rounding,
            "multipliers": multipliers,
            "shifts": shifts,
            "offsets": offsets,
            "multiplier": channels[0].multiplier,
            "shift": min(numbers),
            "lowest_shift": min(numbers),
            "highest_shift": max(numbers),
            "left_shift": widths[0],
            "input_bits": widths[1],
            "output_bytes": widths[2],
            "offset_step": int(different),
            "zero_point": limits[0],
            "low": limits[1],
            "high": limits[2],
        }
    )
