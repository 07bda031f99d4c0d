"""Softmax in its three arithmetics: near the real one, and integer for integer in plain steps."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import exp, floor, frexp
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwkit.ir.ops import SoftmaxKind
from hwkit.ir.softmax import beta_multiplier, softmax
from hwkit.ir.softmax16 import difference_multiplier, softmax16
from hwkit.ir.types import Array
from tests.ir.test_fixed_point import (
    _plain_exp,
    _plain_high,
    _plain_newton,
    _plain_shift,
    _saturated,
)

STEPS = st.sampled_from([2.0**-20, 1 / 16, 1 / 8, 0.1, 1.0, 31.0, 40.0]) | st.floats(
    2.0**-12, 2.0, width=32
)


def rows(low: int, high: int) -> st.SearchStrategy[list[int]]:
    value = st.integers(low, high) | st.sampled_from([low, high, 0, high - 1])
    return st.lists(value, min_size=1, max_size=12)


def real(row: list[int], step: float, unit: int) -> Array:
    e = [exp((v - max(row)) * step) for v in row]
    return np.array([v / sum(e) * unit for v in e])


@pytest.mark.parametrize("kind", list(SoftmaxKind))
@settings(max_examples=150)
@given(row=rows(-128, 127), step=STEPS)
def test_within_a_unit_of_the_real_one(kind: SoftmaxKind, row: list[int], step: float) -> None:
    got = softmax(np.array([row]), step, kind)[0]
    assert np.abs(got - np.clip(real(row, step, 256) - 128, -128, 127)).max() <= 1.01


def _plain_float(row: list[int], step: float) -> list[int]:
    e = [np.float32(exp(-float(np.float32(step) * np.float32(max(row) - v)))) for v in row]
    total = np.float32(0)
    for v in e:
        total = total + v
    scale = np.float32(1) / (total * np.float32(1 / 256))
    return [min(floor(float(v * scale) + 0.5) - 128, 127) for v in e]


def _plain_fixed(row: list[int], step: float) -> list[int]:
    multiplier, left, least = beta_multiplier(step)
    differences = [v - max(row) for v in row]
    exponentials = [
        _plain_exp(_plain_high(d << left, multiplier), 5) if d >= least else None
        for d in differences
    ]
    total = sum(_plain_shift(e, 12) for e in exponentials if e is not None)
    zeros = 32 - total.bit_length()
    reciprocal = _saturated(2 * _plain_newton((total << zeros) - (1 << 31)))
    return [
        -128 if e is None else min(_plain_shift(_plain_high(reciprocal, e), 35 - zeros) - 128, 127)
        for e in exponentials
    ]


@settings(max_examples=250)
@given(rows(-128, 127), STEPS)
def test_both_kinds_step_by_step(row: list[int], step: float) -> None:
    kinds = (SoftmaxKind.FLOAT, SoftmaxKind.FIXED)
    got = {kind: softmax(np.array(row), step, kind).tolist() for kind in kinds}
    assert got == {
        SoftmaxKind.FLOAT: _plain_float(row, step),
        SoftmaxKind.FIXED: _plain_fixed(row, step),
    }


def test_where_the_kinds_differ() -> None:
    """Few rows come so near a tie that the last bits of the arithmetic decide."""
    rows_ = np.random.default_rng(0).integers(-128, 128, (20000, 10))
    for step in (1 / 16, 1 / 8, 0.05):
        got = {kind: softmax(rows_, step, kind) for kind in SoftmaxKind}
        differ = (got[SoftmaxKind.FLOAT] != got[SoftmaxKind.FIXED]).any(axis=1)
        assert 3 < differ.sum() < 100
        for k in np.argwhere(differ).ravel().tolist():
            assert got[SoftmaxKind.FLOAT][k].tolist() == _plain_float(rows_[k].tolist(), step)
            assert got[SoftmaxKind.FIXED][k].tolist() == _plain_fixed(rows_[k].tolist(), step)


@given(STEPS)
def test_scale_of_the_difference(step: float) -> None:
    multiplier, left, least = beta_multiplier(step)
    ratio = min(Fraction(float(np.float32(step))) * (1 << 26), Fraction((1 << 31) - 1))
    assert 1 << 30 <= multiplier < 1 << 31
    if frexp(float(ratio))[1] >= 0:
        assert abs(Fraction(multiplier) - ratio * (1 << 31) / (1 << left)) <= Fraction(1, 2)
    # What is kept fits Q5.26 after the shift.
    assert -least << left <= 31 << 26
    assert (-least + 1) << left > 31 << 26
    assert beta_multiplier(1 / 16) == (1 << 30, 23, -(31 << 26 >> 23))


def _round(x: float) -> int:
    return floor(abs(x) + 0.5) * (1 if x >= 0 else -1)


def _entries(function: Callable[[Any], Any], low: float, high: float) -> list[int]:
    """A table's 513 numbers, one after the other in float32 as the runtime makes them."""
    f = np.float32
    step = f(f(high - low) / f(512))
    found = []
    for k in range(512):
        here = f(low) + f(k) * step
        value = f(function(here)) * f(32768)
        following = f(function(f(low) + f(k + 1) * step)) * f(32768)
        middle = _round(float(f(function(here + step / f(2))) * f(32768)))
        on_line = _round(float(f(following + f(_round(float(value)))) / f(2)))
        bend = _round(float(f(on_line - middle) / f(2)))
        found.append(min(max(_round(float(value)) - bend, -32768), 32767))
    last = _round(float(f(function(f(low) + f(512) * step)) * f(32768)))
    return [*found, min(max(last, -32768), 32767)]


EXPONENTIALS = _entries(np.exp, -10.0, 0.0)
RECIPROCALS = _entries(lambda x: np.float32(1) / (np.float32(1) + x), 0.0, 1.0)


def _line(table: list[int], at: int) -> int:
    k, rest = divmod(at + 32768, 128)
    return table[k] + ((table[k + 1] - table[k]) * rest + 64 >> 7)


@settings(max_examples=300)
@given(rows(-32768, 32767), STEPS.map(lambda step: step / 64))
def test_sixteen_bits_step_by_step(row: list[int], step: float) -> None:
    multiplier, shift = difference_multiplier(step)
    e = []
    for v in row:
        d = _plain_high((v - max(row)) << max(31 - shift, 0), multiplier)
        d = _plain_shift(d, shift - 31) if shift > 31 else d
        e.append(_line(EXPONENTIALS, min(max(d + 32767, -32768), 32767)))
    total = sum(e)
    zeros = 31 - (total.bit_length() - 1)
    mantissa = (total << (zeros - 1)) + (1 << 13) >> 14
    reciprocal = _line(RECIPROCALS, min(max(mantissa - (3 << 15), -32768), 32767))
    right = 31 - zeros
    expected = [min(max(v * reciprocal + (1 << (right - 1)) >> right, 0), 32767) for v in e]
    assert softmax16(np.array(row), step).tolist() == expected


@settings(max_examples=100)
@given(rows(-32768, 32767), st.floats(2.0**-14, 2.0**-7))
def test_sixteen_bits_near_the_real_one(row: list[int], step: float) -> None:
    got = softmax16(np.array([row, row]), step)
    assert np.abs(got - np.clip(real(row, step, 32768), 0, 32767)).max() < 32
    assert softmax16(np.array([7, 7]), step).tolist() == [16384, 16384]
