"""Rescales that .tflite runtimes share: the plain definition, on the sums that tell them apart."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from hwkit.ir.arith import rescale
from hwkit.ir.ops import Rounding
from hwkit.ir.tflite import nearest_rescale


def rounded(value: Fraction) -> int:
    """Half away from zero."""
    whole = int(abs(value) + Fraction(1, 2))
    return whole if value >= 0 else -whole


@pytest.mark.parametrize("ratio", [0.25, 2.0**-9, 0.75 / 64, 33 / 64, 0.5, 1.5, 0.0137, 2.0**-30])
@pytest.mark.parametrize("largest", [1000, 70000])
def test_rounds_once_half_away_from_zero(ratio: float, largest: int) -> None:
    sums = np.unique(np.linspace(-largest, largest, 20001).astype(np.int64))
    r = nearest_rescale([ratio], largest, 0, -(1 << 31), (1 << 31) - 1)
    expected = [rounded(Fraction(ratio) * int(a)) for a in sums]
    assert rescale(sums, r, "example").tolist() == expected


def test_channels_that_may_fall_half_way_and_others() -> None:
    r = nearest_rescale([0.25, 0.0137], 1000, 0, -128, 127)
    assert (r.rounding, r.left_shift) == (Rounding.DOUBLE, 21)
    sums = np.array([[2, 100], [-2, -100], [6, 511]])
    assert rescale(sums, r, "example").tolist() == [[1, 1], [-1, -1], [2, 7]]


def test_ratios_that_have_no_room_are_refused() -> None:
    with pytest.raises(ValueError, match="half-way"):
        nearest_rescale([(2**20 + 1) / 2**26], 1 << 28, 0, -128, 127)
