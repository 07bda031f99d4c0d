"""A factor and an offset in as few bits as give the same integers."""

from __future__ import annotations

from hwkit.ir.ops import Rounding


def lowest_terms(
    multiplier: int, shift: int, offset: int, rounding: Rounding
) -> tuple[int, int, int]:
    """``(m, s, o)`` with the smallest ``s`` that this function knows, such that
    ``round((a * m + o) / 2**s)`` is that of the arguments for every integer ``a``.

    Zeros at the end of the multiplier are zeros of every product, so what the offset has below
    them only decides how one step rounds. For halves to the nearest even integer that is whether
    there are ties at all: one bit. ``rounding`` is one of ``HALF_UP``, ``HALF_EVEN``, ``FLOOR``
    where there is an offset.

    Examples: ``2**30, 33, 0`` gives ``1, 3, 0``; with an offset of ``5 * 2**29 + 7`` it is
    ``1, 3, 2`` for half up, and ``2, 4, 5`` for half even, which 7/2**33 more or less do not tie.
    """
    zeros = (multiplier & -multiplier).bit_length() - 1 if multiplier else shift
    half = (1 << shift) >> 1
    tied = rounding is Rounding.HALF_EVEN and half and offset & (2 * half - 1) == half
    if zeros >= shift and not tied:  # whole steps of the result
        return multiplier >> shift, 0, (offset + half * (rounding is not Rounding.FLOOR)) >> shift
    zeros = min(zeros, shift - 1)
    if rounding is Rounding.HALF_EVEN and offset & ((1 << zeros) - 1):
        zeros -= 1
        return multiplier >> zeros, shift - zeros, offset >> zeros | 1
    return multiplier >> zeros, shift - zeros, offset >> zeros
