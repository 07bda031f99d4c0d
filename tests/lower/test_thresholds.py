"""Thresholds against the rescale they stand for, over every sum that can occur."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hwkit.ir.arith import float32_multiplier, quantize_multiplier, rescale
from hwkit.ir.ops import Rescale, Rounding
from hwkit.ir.types import Array
from hwkit.lower.thresholds import rescale_thresholds, thresholds


def counted(t: Array, sums: Array, first: int) -> Array:
    """What a MultiThreshold gives for sums (n, channels)."""
    reached: Array = (sums[..., np.newaxis] >= t).sum(axis=-1)
    return first + reached


@st.composite
def rescales(draw: st.DrawFn) -> tuple[Rescale, Array, int, int]:
    rounding = draw(st.sampled_from(tuple(Rounding)))
    channels = draw(st.integers(1, 3))
    entries = draw(st.sampled_from((1, channels)))
    ratios = draw(st.lists(st.floats(2**-9, 1.5), min_size=entries, max_size=entries))
    if rounding is Rounding.FLOAT32:
        pairs = [float32_multiplier(ratio) for ratio in ratios]
    elif rounding is Rounding.DOUBLE or draw(st.booleans()):
        pairs = [quantize_multiplier(ratio) for ratio in ratios]
    else:
        pairs = [(1, draw(st.integers(0, 9))) for _ in ratios]
    low = draw(st.integers(-130, 20))
    high = draw(st.integers(low, low + 255))
    multiplier, shift = zip(*pairs, strict=True)
    r = Rescale(multiplier, shift, rounding, low, high, draw(st.integers(-20, 20)))
    bias = np.array(draw(st.lists(st.integers(-300, 300), min_size=channels, max_size=channels)))
    first = draw(st.integers(-2000, 1000))
    return r, bias, first, draw(st.integers(first, first + 2500))


@settings(max_examples=300)
@given(rescales())
def test_every_sum_of_every_rounding(case: tuple[Rescale, Array, int, int]) -> None:
    r, bias, low, high = case
    lows, highs = np.full(len(bias), low), np.full(len(bias), high)
    t = rescale_thresholds(r, bias, lows, highs, "test")
    assert (np.diff(t, axis=1) >= 0).all()
    assert t.size == 0 or (t.min() >= low and t.max() <= high + 1)
    sums = np.repeat(np.arange(low, high + 1)[:, np.newaxis], len(bias), axis=1)
    np.testing.assert_array_equal(counted(t, sums, r.low), rescale(sums + bias, r, "test"))


def test_ties_go_where_the_rounding_sends_them() -> None:
    bias, low, high = np.zeros(1, np.int64), np.array([-9]), np.array([9])
    found = {
        rounding: rescale_thresholds(
            Rescale((1,), (1,), rounding, 0, 3), bias, low, high, "test"
        ).tolist()
        for rounding in (Rounding.HALF_UP, Rounding.HALF_EVEN, Rounding.FLOOR)
    }
    # Sums 1, 3 and 5 are the ties 0.5, 1.5 and 2.5.
    assert found == {
        Rounding.HALF_UP: [[1, 3, 5]],
        Rounding.HALF_EVEN: [[2, 3, 6]],
        Rounding.FLOOR: [[2, 4, 6]],
    }


def test_values_out_of_reach_lie_one_above_the_sums() -> None:
    t = thresholds(lambda a: np.clip(a, 0, 3), np.array([0]), np.array([1]), 0, 3)
    assert t.tolist() == [[1, 2, 2]]
