"""Lowest terms give the integers of the terms that they were made from."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hwkit.ir.arith import rescale
from hwkit.ir.ops import Rescale, Rounding
from hwkit.lower.lowest_terms import lowest_terms

ROUNDINGS = st.sampled_from([Rounding.HALF_UP, Rounding.HALF_EVEN, Rounding.FLOOR])
SUMS = np.arange(-70, 71)


@settings(max_examples=400)
@given(ROUNDINGS, st.integers(0, 9), st.integers(0, 20), st.integers(0, 12), st.integers())
def test_every_integer(rounding: Rounding, odd: int, zeros: int, shift: int, offset: int) -> None:
    multiplier, offset = odd << zeros, offset % (1 << 16) - (1 << 15)
    m, s, o = lowest_terms(multiplier, shift, offset, rounding)
    wide = (1 << 61, -(1 << 61))
    a, b = (
        rescale(SUMS, Rescale((k,), (n,), rounding, wide[1], wide[0], offset=(p,)), "r")
        for k, n, p in ((multiplier, shift, offset), (m, s, o))
    )
    np.testing.assert_array_equal(a, b)
    assert s <= shift and m <= multiplier


def test_examples() -> None:
    assert lowest_terms(1 << 30, 33, 0, Rounding.HALF_UP) == (1, 3, 0)
    offset = (5 << 29) + 7
    assert lowest_terms(1 << 30, 33, offset, Rounding.HALF_UP) == (1, 3, 2)
    assert lowest_terms(1 << 30, 33, offset, Rounding.HALF_EVEN) == (2, 4, 5)
    assert lowest_terms(1 << 30, 33, 5 << 29, Rounding.HALF_EVEN) == (2, 4, 5)
    assert lowest_terms(8, 3, 4, Rounding.HALF_UP) == (1, 0, 1)
    assert lowest_terms(0, 7, 0, Rounding.FLOOR) == (0, 0, 0)
