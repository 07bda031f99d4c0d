"""Rescales against the quantizer's own formula in exact fractions, on every sum of a range."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwkit.errors import UnsupportedOp
from hwkit.importers.qonnx.rounding import (
    Channel,
    Rescales,
    _bounded,
    check_mode,
    ratio,
    rescales_to,
    round_array,
    round_exact,
    tie_distance,
)
from hwkit.ir.arith import MAX_OFFSET, rescale
from hwkit.ir.ops import Rounding
from hwkit.ir.types import Array

MODES = ("ROUND", "FLOOR", "CEIL", "UP", "DOWN", "HALF_UP", "HALF_DOWN")


def applied(r: Rescales, sums: Array) -> Array:
    y = rescale(sums, r.first, "t")
    if r.second is not None:
        y = rescale(y, r.second, "t")
    return y if r.negative is None else y + rescale(sums, r.negative, "t")


def wanted(c: Channel, mode: str, zero_point: int, least: int, most: int) -> list[int]:
    exact = (c.ratio * a + c.offset + zero_point for a in range(c.low, c.high + 1))
    return [min(max(round_exact(x, mode), least), most) for x in exact]


def agree(c: Channel, mode: str, zero_point: int, least: int, most: int) -> Rescales:
    r = rescales_to("t", [c], mode, zero_point, least, most)
    got = applied(r, np.arange(c.low, c.high + 1))
    assert got.tolist() == wanted(c, mode, zero_point, least, most)
    return r


RANGES = st.sampled_from([(-8, 7), (0, 15), (-128, 127), (0, 255), (-2, 1), (0, 1), (-7, 7)])
SIMPLE = st.builds(Fraction, st.integers(1, 60), st.integers(1, 60))
DYADIC = st.builds(lambda m, k: Fraction(m, 1 << k), st.integers(1, 1 << 12), st.integers(0, 30))
OFFSETS = st.one_of(
    st.just(Fraction(0)),
    st.builds(Fraction, st.integers(-300, 300), st.integers(1, 40)),
    st.builds(lambda m, k: Fraction(m, 1 << k), st.integers(-5000, 5000), st.integers(0, 12)),
    st.builds(lambda m: Fraction(m, 1 << 20), st.integers(-(1 << 24), 1 << 24)),
)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(
    st.one_of(SIMPLE, DYADIC), OFFSETS, st.sampled_from(MODES), st.integers(-3, 3), RANGES,
    st.integers(-300, 100), st.integers(0, 300),
)  # fmt: skip
def test_every_sum_of_a_simple_ratio_is_exact(
    r: Fraction,
    offset: Fraction,
    mode: str,
    zero_point: int,
    clamp: tuple[int, int],
    low: int,
    count: int,
) -> None:
    agree(Channel(r, offset, low, low + count), mode, zero_point, *clamp)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(
    st.floats(2.0**-16, 2.0**8), st.floats(-50, 50), st.sampled_from(MODES), RANGES,
    st.integers(-(1 << 22), 1 << 22),
)  # fmt: skip
def test_any_ratio_is_exact_but_next_to_a_tie(
    r: float, offset: float, mode: str, clamp: tuple[int, int], low: int
) -> None:
    c = Channel(Fraction(r), Fraction(offset), low, low + 200)
    planned = rescales_to("t", [c], mode, 0, *clamp)
    got = applied(planned, np.arange(c.low, c.high + 1))
    exact = np.array([float(c.ratio * a + c.offset) for a in range(c.low, c.high + 1)])
    differs = got != wanted(c, mode, 0, *clamp)
    assert (tie_distance(exact, mode)[differs] < 1e-5).all()


def test_a_tenth_goes_to_even() -> None:
    """Ties at 5, 15, 25: no single multiplier has them, a grid of their own does."""
    r = agree(Channel(Fraction(1, 10), Fraction(0), -500, 500), "ROUND", 0, -128, 127)
    assert r.second is not None
    assert r.second.rounding is Rounding.HALF_EVEN


@pytest.mark.parametrize("ratio_", [Fraction(1, 49), Fraction(3, 7), Fraction(2, 9)])
def test_ratios_without_ties_are_one_rescale_without_an_offset(ratio_: Fraction) -> None:
    r = agree(Channel(ratio_, Fraction(0), -6000, 6000), "ROUND", 0, -128, 127)
    assert r == Rescales(r.first)
    assert r.first.offset == (0,)


def test_power_of_two_ratio_is_a_shift() -> None:
    r = agree(Channel(Fraction(1, 64), Fraction(0), -9000, 9000), "ROUND", 0, -128, 127)
    assert (r.first.multiplier, r.first.shift, r.first.offset) == ((1,), (6,), (0,))
    assert r.first.rounding is Rounding.HALF_EVEN


def test_ties_around_an_odd_zero_point() -> None:
    """QONNX adds the zero point before it rounds: 0.5 + 3 is 4, -0.5 + 3 is 2."""
    c = Channel(Fraction(1, 2), Fraction(0), -1, 1)
    agree(c, "ROUND", 3, 0, 15)
    assert wanted(c, "ROUND", 3, 0, 15) == [2, 3, 4]


def test_an_offset_beside_ties_never_looks_like_one() -> None:
    """Two channels share half-even; the second's offset is off the grid by next to nothing."""
    tied = Channel(Fraction(1, 2), Fraction(0), -9, 9)
    for tiny in (Fraction(1, 1 << 40), -Fraction(1, 1 << 40)):
        beside = Channel(Fraction(1, 2), tiny, -9, 9)
        r = rescales_to("t", [tied, beside], "ROUND", 0, -8, 7)
        sums = np.arange(-9, 10)
        got = applied(r, np.stack([sums, sums], axis=1))
        assert got[:, 0].tolist() == wanted(tied, "ROUND", 0, -8, 7)
        assert got[:, 1].tolist() == wanted(beside, "ROUND", 0, -8, 7)


def test_simple_fractions_survive_float64() -> None:
    assert ratio(0.125 / 20, 0.0625) == Fraction(1, 10)
    assert ratio(0.25 / 49, 0.25) == Fraction(1, 49)
    assert ratio(2.0**-30 * 3, 2.0**-4) == Fraction(3, 1 << 26)
    assert ratio(float(np.float32(0.1)), 1.0) != Fraction(1, 10)


def test_a_fraction_is_simple_up_to_a_denominator_of_4096() -> None:
    assert ratio(1 + 2.0**-12 + 2.0**-52, 1.0) == Fraction(4097, 4096)
    assert ratio(4098 / 4097, 1.0) == Fraction(4098 / 4097)


@pytest.mark.parametrize("mode", MODES)
def test_arrays_round_as_numbers_do(mode: str) -> None:
    x = np.arange(-24, 25) / 8
    assert round_array(x, mode).tolist() == [round_exact(Fraction(v), mode) for v in x]


def test_an_unknown_mode_is_named() -> None:
    with pytest.raises(UnsupportedOp, match="'STOCHASTIC'"):
        check_mode("q", "STOCHASTIC")


@pytest.mark.parametrize("offset", [0, 1, -3, 1 << 20, -(1 << 31), (1 << 40) + 1])
def test_a_multiplier_leaves_room_for_its_offset(offset: int) -> None:
    """As many bits as go, of twice what the offset takes: rounding is still to come."""
    multiplier, shift = _bounded((1 << 31) - 1, 62, Fraction(offset))
    assert 2 * (abs(offset) << shift) <= MAX_OFFSET
    assert shift == 62 or 4 * (abs(offset) << shift) > MAX_OFFSET
    assert multiplier == -(-((1 << 31) - 1) // (1 << (62 - shift)))
