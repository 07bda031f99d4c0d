"""Whole steps of an offset become a bias only where every sum with it still fits 32 bits."""

from __future__ import annotations

from fractions import Fraction

import pytest

from hwkit.importers.qonnx.plan import _Sums

LOW, HIGH = -(2**31), 2**31 - 1


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 100, 3),
        (LOW - 2, 0, 3),  # as low as it may be: with 2, one step less, it is at the end
        (LOW - 3, 0, 0),
        (0, HIGH - 4, 3),
        (0, HIGH - 3, 0),
    ],
)
def test_steps_that_leave_32_bits_stay_in_the_offset(low: int, high: int, expected: int) -> None:
    assert _Sums(Fraction(1, 2), Fraction(7, 4), low, high).whole_steps() == expected
