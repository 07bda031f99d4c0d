"""Fixed-point functions: each step against fractions, each constant against the number it stands
for, each function against the real one."""

from __future__ import annotations

import ast
import inspect
from decimal import Decimal, localcontext
from fractions import Fraction
from math import floor

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hwkit.ir import fixed_point
from hwkit.ir.fixed_point import (
    INT32_MAX,
    exp_of_negative,
    logistic,
    reciprocal_of_one_plus,
    round_shift,
    srdhm,
    tanh,
)
from hwkit.ir.types import Array

INT32 = st.sampled_from([-(2**31), 2**31 - 1, 0, -1, 1, 2**30]) | st.integers(-(2**31), 2**31 - 1)
ONE = 1 << 31


def places(low: int, high: int) -> Array:
    """The ends, their neighbours, and a thousand integers between them."""
    between = np.random.default_rng(0).integers(low, high, 1000)
    return np.array([low, low + 1, high - 1, high, *between.tolist()], np.int64)


def in_decimals(a: int, bits: int) -> Decimal:
    return Decimal(a) / (1 << bits)


@settings(max_examples=200)
@given(INT32, INT32)
def test_high_product_rounds_half_up_and_saturates(a: int, b: int) -> None:
    exact = floor(Fraction(a * b, ONE) + Fraction(1, 2))
    assert srdhm(np.array([a]), np.array([b])).tolist() == [min(exact, INT32_MAX)]


@settings(max_examples=200)
@given(INT32, st.integers(1, 31), st.booleans())
def test_shifts_round_half_away_from_zero(a: int, exponent: int, tie: bool) -> None:
    if tie:
        a = (a >> exponent << exponent) + (1 << (exponent - 1))
    away = floor(Fraction(abs(a), 1 << exponent) + Fraction(1, 2))
    got = round_shift(np.array([a]), exponent).tolist()
    assert got == [away if a >= 0 else -away]


def test_constants_are_the_numbers_they_stand_for() -> None:
    """To the last bit: what depends on one may be too blunt to tell."""

    def rounded(x: Decimal, bits: int) -> int:
        return int((x * (1 << bits)).to_integral_value())

    written = {
        node.value
        for node in ast.walk(ast.parse(inspect.getsource(fixed_point)))
        if isinstance(node, ast.Constant) and isinstance(node.value, int) and node.value > 100
    }
    with localcontext() as context:
        context.prec = 40
        powers = [rounded((-(Decimal(2) ** k)).exp(), 31) for k in range(-2, 5)]
        eighth = rounded((-Decimal("0.125")).exp(), 31)
        start = (rounded(Decimal(48) / 17, 29), -rounded(Decimal(-32) / 17, 29))
        third = rounded(Decimal(1) / 3, 31)
    assert written == {*powers, eighth, third, *start}
    assert start == (fixed_point.NEWTON_START, -fixed_point.NEWTON_FACTOR)


def test_exponential_of_each_number_of_integer_bits() -> None:
    for integer_bits in (4, 5):
        a = places(-(1 << 31), 0)
        got = exp_of_negative(a, integer_bits)
        exact = np.exp(a / (1 << (31 - integer_bits))) * ONE
        # The polynomial's error is below 2**-21; a table's entry adds half a unit.
        assert np.abs(got - exact).max() < 1 << 10
        assert got[3] == INT32_MAX and got.min() >= 0 and got.max() <= INT32_MAX


def test_reciprocal_between_one_half_and_one() -> None:
    a = places(0, INT32_MAX)
    got = reciprocal_of_one_plus(a)
    assert np.abs(got - ONE / (1 + a / ONE)).max() < 8
    assert got[0] == INT32_MAX


def test_logistic_and_tanh_are_symmetric_and_near() -> None:
    a = places(-(1 << 31) + 1, INT32_MAX)
    x = a / (1 << 27)
    assert np.abs(logistic(a) - ONE / (1 + np.exp(-x))).max() < 1 << 10
    assert np.abs(tanh(a) - ONE * np.tanh(x)).max() < 1 << 11
    rising = a[a > 0]
    assert np.array_equal(logistic(rising) + logistic(-rising), np.full(rising.shape, INT32_MAX))
    assert np.array_equal(tanh(-rising), -tanh(rising))
    middle = np.array([0])
    assert logistic(middle).tolist() == [1 << 30] and tanh(middle).tolist() == [0]


def _plain_high(a: int, b: int) -> int:
    return min(floor(Fraction(a * b, ONE) + Fraction(1, 2)), INT32_MAX)


def _plain_shift(a: int, by: int) -> int:
    away = floor(Fraction(abs(a), 1 << by) + Fraction(1, 2))
    return away if a >= 0 else -away


def _plain_exp(a: int, integer_bits: int) -> int:
    """One exponential by the paper's recipe: cut off quarters, series around -1/8, table."""
    if a == 0:
        return INT32_MAX
    one = 1 << (31 - integer_bits)
    quarters, rest = divmod(a, one // 4)
    y = (rest - one // 4) << integer_bits
    x = y + ONE // 8
    x2 = _plain_high(x, x)
    x3, x4 = _plain_high(x2, x), _plain_high(x2, x2)
    cubic = _plain_high(_plain_shift(x4, 2) + x3, round(Fraction(ONE, 3)))
    series = x + _plain_shift(cubic + x2, 1)
    eighth = round(Decimal(ONE) * Decimal("-0.125").exp())
    result = eighth + _plain_high(series, eighth)
    left = -quarters - 1
    for k in range(integer_bits + 2):
        if left >> k & 1:
            power = round(Decimal(ONE) * (-(Decimal(2) ** (k - 2))).exp())
            result = _plain_high(result, power)
    return result


def _plain_newton(a: int) -> int:
    half = (a + ONE) // 2
    x = round(Fraction(48 << 29, 17)) + _plain_high(half, round(Fraction(-32 << 29, 17)))
    for _ in range(3):
        x += _plain_high(x, ONE // 4 - _plain_high(half, x)) * 4
    return x


def _saturated(a: int) -> int:
    return max(min(a, INT32_MAX), -ONE)


def test_every_bit_of_the_recipes() -> None:
    a = places(-(1 << 31), 0)[:600]
    for integer_bits in (4, 5):
        expected = [_plain_exp(int(v), integer_bits) for v in a]
        assert exp_of_negative(a, integer_bits).tolist() == expected
    b = places(0, INT32_MAX)[:600]
    expected = [_saturated(2 * _plain_newton(int(v))) for v in b]
    assert reciprocal_of_one_plus(b).tolist() == expected
    rising = [_saturated(2 * _plain_newton(_plain_exp(-int(v), 4))) for v in b]
    assert logistic(b[1:]).tolist() == rising[1:]
    bent = [_saturated(4 * (_plain_newton(_plain_exp(-int(v), 5)) - (1 << 29))) for v in b]
    assert tanh(b[1:]).tolist() == bent[1:]


def test_tanh_is_odd_from_the_least_step_on() -> None:
    a = np.array([1, 2, 3, 1 << 20, INT32_MAX])
    assert np.array_equal(tanh(-a), -tanh(a))
    assert (tanh(a) > 0).all()
