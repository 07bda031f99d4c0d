"""Rescaling against exact fractions, and its limits."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwkit.errors import AccumulatorOverflow
from hwkit.ir.arith import check_width, float32_multiplier, quantize_multiplier, rescale
from hwkit.ir.ops import Rescale, Rounding
from tests.conformance.reference import scale_one

WIDE = 2**40
"""Wider than any result, so that the clamp hides nothing."""


@st.composite
def rescales(draw: st.DrawFn) -> Rescale:
    rounding = draw(st.sampled_from(list(Rounding)))
    if rounding is Rounding.DOUBLE:
        multiplier = draw(st.sampled_from([0, 2**30, 2**31 - 1]) | st.integers(2**30, 2**31 - 1))
        shift = draw(st.integers(31, 62))
    elif rounding is Rounding.FLOAT32:
        multiplier = draw(st.integers(0, 2**24))
        shift = draw(st.integers(0, 62))
    else:
        multiplier = draw(st.sampled_from([0, 1, 2**31 - 1]) | st.integers(0, 2**31 - 1))
        shift = draw(st.integers(0, 62))
    return Rescale((multiplier,), (shift,), rounding, -(2**62), 2**62)


INT32 = st.sampled_from([-(2**31), 2**31 - 1, 0, -1, 1]) | st.integers(-(2**31), 2**31 - 1)


@settings(max_examples=600)
@given(rescales(), st.lists(INT32, min_size=1, max_size=8))
def test_rescale_equals_exact_fractions(r: Rescale, values: list[int]) -> None:
    got = rescale(np.array(values, np.int64), r, "here")
    assert got.tolist() == [scale_one(v, r, 0) for v in values]


@settings(max_examples=200)
@given(st.integers(2**30, 2**31 - 1), st.integers(24, 31), st.integers(-(2**20), 2**20))
def test_double_with_a_left_shift_in_the_multiplier(m: int, shift: int, value: int) -> None:
    r = Rescale((m,), (shift,), Rounding.DOUBLE, -(2**62), 2**62)
    assert rescale(np.array([value]), r, "here").tolist() == [scale_one(value, r, 0)]


def test_per_channel_and_clamp() -> None:
    r = Rescale((1, 3), (0, 1), Rounding.HALF_UP, -4, 4, zero_point=1)
    assert rescale(np.array([[1, 1], [9, -9]]), r, "here").tolist() == [[2, 3], [4, -4]]


def test_left_shift_out_of_32_bits_raises() -> None:
    r = Rescale((1,), (0,), Rounding.FLOOR, -WIDE, WIDE, left_shift=20)
    with pytest.raises(AccumulatorOverflow, match="here: a sum of 2147483648"):
        rescale(np.array([2048]), r, "here")


def test_check_width_accepts_both_ends() -> None:
    check_width(np.array([-128, 127]), 8, "here")
    with pytest.raises(AccumulatorOverflow, match="128 does not fit its 8-bit"):
        check_width(np.array([128]), 8, "here")


@settings(max_examples=300)
@given(st.floats(2**-30, 2**20))
def test_quantized_multiplier_is_within_half_a_unit(ratio: float) -> None:
    multiplier, shift = quantize_multiplier(ratio)
    assert 2**30 <= multiplier < 2**31
    assert abs(Fraction(multiplier, 2**shift) - Fraction(ratio)) <= Fraction(1, 2 ** (shift + 1))


def test_quantized_multiplier_edges() -> None:
    assert quantize_multiplier(0.0) == (0, 31)
    assert quantize_multiplier(0.5) == (2**30, 31)
    assert quantize_multiplier(1 - 2**-40) == (2**30, 30)
    for bad in (-1.0, 2.0**30, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="not in"):
            quantize_multiplier(bad)


@settings(max_examples=300)
@given(st.floats(2**-30, 2**20, width=32))
def test_float32_multiplier_is_exact(scale: float) -> None:
    multiplier, shift = float32_multiplier(scale)
    assert multiplier <= 2**24
    assert Fraction(multiplier, 2**shift) == Fraction(scale)
