"""A rescale as a line of its sums: every integer that double rounding gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hwkit.ir.arith import quantize_multiplier, rescale
from hwkit.ir.ops import Rescale, Rounding
from hwkit.ir.types import Array
from hwkit.targets.mcu.staircase import MOST_LAST, staircase


def _doubled(multiplier: Array, shift: Array, zero_point: int, sums: Array) -> Array:
    factors = tuple(map(int, multiplier)), tuple(map(int, shift))
    r = Rescale(*factors, Rounding.DOUBLE, -128, 127, zero_point)
    return rescale(sums.copy(), r, "test")


def _of(*ratios: float) -> tuple[Array, Array]:
    multiplier, shift = zip(*(quantize_multiplier(ratio) for ratio in ratios), strict=True)
    return np.array(multiplier, np.int64), np.array(shift, np.int64)


@settings(derandomize=True, deadline=None, max_examples=80, database=None)
@given(
    st.lists(st.floats(2.0**-12, 2.0**-3), min_size=1, max_size=4),
    st.integers(-128, 127),
    st.integers(1, 1 << 20),
    st.integers(-(1 << 19), 1 << 19),
)
def test_every_sum_is_rescaled_alike(
    ratios: list[float], zero_point: int, width: int, low: int
) -> None:
    multiplier, shift = _of(*ratios)
    ends = np.full(len(ratios), low), np.full(len(ratios), low + width)
    made = staircase(multiplier, shift, zero_point, *ends)
    assume(made is not None)
    assert made is not None
    assert made.last.max() < MOST_LAST and made.multiplier.max() < 1 << 32
    sums = np.unique(np.linspace(low, low + width, 5000, dtype=np.int64))
    near = (made.first[:, np.newaxis] + np.arange(-9, 3000)).reshape(-1)
    sums = np.concatenate([sums, near[(near >= low) & (near <= low + width)]])[:, np.newaxis]
    sums = np.broadcast_to(sums, (len(sums), len(ratios)))
    assert np.array_equal(made(sums), _doubled(multiplier, shift, zero_point, sums))


def test_every_sum_of_a_layer_with_and_without_a_relu() -> None:
    multiplier, shift = _of(0.0061, 0.0151, 0.0009)
    low, high = np.full(3, -70_000), np.full(3, 150_000)
    sums = np.broadcast_to(np.arange(-70_000, 150_001)[:, np.newaxis], (220_001, 3))
    for zero_point, lines in ((-128, 1), (-3, 2)):
        made = staircase(multiplier, shift, zero_point, low, high)
        assert made is not None and made.split.tolist() == [lines == 2] * 3
        assert np.array_equal(made(sums), _doubled(multiplier, shift, zero_point, sums))


def test_example() -> None:
    one = np.ones(1, np.int64)
    made = staircase(one << 30, 38 * one, 0, 0 * one, 1023 * one)
    assert made is not None
    assert (made.first[0], made.last[0], made.multiplier[0]) == (126, 769, 1 << 28)


def test_a_channel_of_one_value() -> None:
    made = staircase(*_of(0.01), -128, np.array([-500]), np.array([-400]))
    assert made is not None and made(np.array([[-500], [-400]])).tolist() == [[-128], [-128]]


@pytest.mark.parametrize("ratio", [0.4, 2.0**-18])
def test_no_line_where_sums_or_products_are_too_long(ratio: float) -> None:
    low, high = np.array([-(1 << 24)]), np.array([1 << 24])
    assert staircase(*_of(ratio), 0, low, high) is None
