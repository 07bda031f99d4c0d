"""How large the integers inside a kernel can be, which decides what arithmetic it needs."""

from __future__ import annotations

import numpy as np

from hwkit.ir.ops import Rescale
from hwkit.ir.types import IntType


def x_bound(dtype: IntType, zero_point: int) -> int:
    """Largest ``|x - zero_point|``. Example: s8 around -128 reaches 255."""
    return max(dtype.high - zero_point, zero_point - dtype.low)


def sum_bound(largest: int, accumulator_bits: int) -> int:
    """``largest``, or what the accumulator holds if that is less."""
    return min(largest, 1 << (accumulator_bits - 1))


def range_after(r: Rescale | None, most: int) -> int:
    """Largest magnitude of an add's input of at most ``most``, rescaled: rounding twice moves a
    quotient by at most 1."""
    if r is None:
        return most
    scaled = max(
        ((most << r.left_shift) * int(m) + abs(int(o)) >> int(s)) + 2
        for m, s, o in zip(*np.broadcast_arrays(r.multiplier, r.shift, r.offset), strict=True)
    )
    ends = (r.zero_point - scaled, r.zero_point + scaled)
    return max(abs(min(max(end, r.low), r.high)) for end in ends)
