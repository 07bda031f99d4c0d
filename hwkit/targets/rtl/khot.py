"""Weights as few signed powers of two, found in the integers themselves."""

from __future__ import annotations

import numpy as np

from hwkit.ir.types import Array


def digits(weight: Array) -> Array:
    """Non-zero digits of each integer in its non-adjacent form, the fewest of any signed binary.

    Example: 7 = 8 - 1 has 2, 6 = 8 - 2 has 2, -4 has 1, 0 has none.
    """
    magnitude = np.abs(weight.astype(np.int64))
    ones = np.unpackbits((magnitude ^ 3 * magnitude)[..., None].view(np.uint8), axis=-1)
    count: Array = ones.sum(axis=-1, dtype=np.int64)
    return count


def terms(value: int) -> list[tuple[int, bool]]:
    """``(shift, negative)`` of each digit, lowest first.

    Example: 7 gives [(0, True), (3, False)].
    """
    found = []
    shift, rest = 0, abs(value)
    while rest:
        if rest & 1:
            digit = 2 - (rest & 3)  # 1, or -1 before another one
            found.append((shift, (digit < 0) != (value < 0)))
            rest -= digit
        rest >>= 1
        shift += 1
    return found


def encode(value: int, hot: int, shift_bits: int) -> int:
    """The field of ``hwk_matrix`` for a weight: for each term shift, sign, present."""
    width = shift_bits + 2
    word = 0
    for k, (shift, negative) in enumerate(terms(value)):
        assert k < hot
        word |= (shift | int(negative) << shift_bits | 1 << (shift_bits + 1)) << k * width
    return word
