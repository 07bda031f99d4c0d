"""``Rescale`` as ``hwk_rescale_t``."""

from __future__ import annotations

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

_ANY_SHIFT = 33
"""Of a multiplier 0, which gives 0 with any; the shortest arithmetic takes this one."""


def rescale(r: Rescale | None, bound: int, purpose: str = "") -> Struct:
    """The descriptor of ``r`` for integers in ``-bound..bound``; None passes sums through.

    ``purpose`` starts the names of its tables.
    """
    if r is None:
        return _struct(_NONE, None, None, (0, 0, 0, 0), (0, 32), (0, 0, 0))
    pairs = [normalized(m, s, r.rounding) for m, s in zip(r.multiplier, r.shift, strict=True)]
    bits = min((bound << r.left_shift).bit_length() + 1, 32)
    multipliers = shifts = None
    if len(set(pairs)) > 1:
        multipliers = Table(f"{purpose}multipliers", np.array([m for m, _ in pairs], np.int32))
        shifts = Table(f"{purpose}shifts", np.array([s for _, s in pairs], np.uint8))
    numbers = [s for _, s in pairs]
    first = (pairs[0][0], min(numbers), min(numbers), max(numbers))
    limits = (r.zero_point, r.low, r.high)
    return _struct(ROUNDINGS[r.rounding], multipliers, shifts, first, (r.left_shift, bits), limits)


def normalized(multiplier: int, shift: int, rounding: Rounding) -> tuple[int, int]:
    """An equal pair with the largest multiplier below 2**31: shifts above 32 need no low word.

    Double rounding rounds at a fixed bit and keeps its pair. Example: (1, 3) becomes (2**30, 33).
    """
    if multiplier == 0:
        return 0, _ANY_SHIFT
    if rounding is Rounding.DOUBLE:
        return multiplier, shift
    by = min(31 - multiplier.bit_length(), MAX_SHIFT - shift)
    return multiplier << by, shift + by


def _struct(
    rounding: Enumerator,
    multipliers: Table | None,
    shifts: Table | None,
    first: tuple[int, int, int, int],
    before: tuple[int, int],
    limits: tuple[int, int, int],
) -> Struct:
    return Struct(
        {
            "rounding": rounding,
            "multipliers": multipliers,
            "shifts": shifts,
            "multiplier": first[0],
            "shift": first[1],
            "lowest_shift": first[2],
            "highest_shift": first[3],
            "left_shift": before[0],
            "input_bits": before[1],
            "zero_point": limits[0],
            "low": limits[1],
            "high": limits[2],
        }
    )
