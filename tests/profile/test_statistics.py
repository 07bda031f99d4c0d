"""Statistics against their definitions; integers in, integers out."""

from __future__ import annotations

import math
import statistics
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwkit.errors import ConfigError
from hwkit.profile.statistics import Spread, median, median_interval, p95, repeated, spread

integers = st.lists(st.integers(0, 2**40), min_size=1, max_size=60)
reals = st.lists(st.floats(0, 1e6), min_size=1, max_size=60)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(integers)
def test_integers_stay_integers(samples: list[int]) -> None:
    found = spread(samples)
    assert all(isinstance(x, int) for x in (found.min, found.median, found.p95, found.mad))
    assert found.median == statistics.median_low(samples)
    assert found.mad == statistics.median_low([abs(x - found.median) for x in samples])


@settings(derandomize=True, deadline=None, max_examples=100)
@given(reals)
def test_medians_of_reals(samples: list[float]) -> None:
    ordered = sorted(samples)
    assert median(samples) == statistics.median(ordered)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(integers)
def test_p95_is_the_smallest_that_covers_95_percent(samples: list[int]) -> None:
    found = p95(samples)
    assert found in samples
    assert sum(x <= found for x in samples) * 100 >= 95 * len(samples)
    below = [x for x in samples if x < found]
    assert len(below) * 100 < 95 * len(samples)


def test_the_docstring_examples() -> None:
    assert (median([3, 1, 2]), median([1, 2]), median([1.0, 2.0])) == (2, 1, 1.5)
    assert p95(range(1, 101)) == 95
    assert p95([1, 2, 3]) == 3
    assert spread([10, 10, 14]) == Spread(10, 10, 14, 0)


@pytest.mark.parametrize("samples", [[], [1.0, math.nan], [math.inf]])
def test_no_statistics_of_nothing_or_of_nan(samples: list[float]) -> None:
    with pytest.raises(ConfigError, match="no statistics of"):
        spread(samples)


def test_warm_up_runs_are_thrown_away() -> None:
    calls = iter(range(100))
    assert repeated(lambda: next(calls), repeats=3, warm_up=2) == [2, 3, 4]


@pytest.mark.parametrize(("repeats", "warm_up"), [(0, 0), (-1, 0), (2_000_000, 0), (1, -1)])
def test_repeats_and_warm_up_have_bounds(repeats: int, warm_up: int) -> None:
    with pytest.raises(ConfigError, match="give a number from"):
        repeated(lambda: 0, repeats, warm_up)


@pytest.mark.parametrize("count", [6, 7, 20, 60, 333])
def test_the_interval_of_a_median_is_as_likely_as_it_says_and_no_wider(count: int) -> None:
    low, high = median_interval(list(range(count))) or (-1, -1)
    rank = int(low)
    assert high == count - 1 - rank

    def outside(k: int) -> Fraction:
        """That the true median is below the sample of rank k, or above its counterpart."""
        return Fraction(2 * sum(math.comb(count, heads) for heads in range(k + 1)), 2**count)

    assert outside(rank) <= Fraction(1, 20) < outside(rank + 1)


def test_few_samples_have_no_interval() -> None:
    assert median_interval([1.0, 2.0, 3.0, 4.0, 5.0]) is None
    assert spread([1, 2, 3]).uncertainty is None
    assert spread([10] * 6).uncertainty == 0
    assert spread([95, 100, 100, 100, 100, 105]).uncertainty == 0.05
    assert spread([0, 0, 0, 0, 0, 0]).uncertainty == 0
