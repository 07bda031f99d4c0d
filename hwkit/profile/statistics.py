"""Figures over repeated runs. Integers stay integers: every statistic of counted cycles is a
number of cycles."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

from hwkit.errors import ConfigError

T = TypeVar("T")
MAX_REPEATS = 1_000_000
CONFIDENCE = 0.95
"""Of every interval of a median."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Smallest, median, 95th percentile and median absolute deviation, in the samples' unit, and
    the interval ``low..high`` of the median (``median_interval``; None of fewer than 6 samples)."""

    min: int | float
    median: int | float
    p95: int | float
    mad: int | float
    low: int | float | None = None
    high: int | float | None = None

    @property
    def uncertainty(self) -> float | None:
        """Half of the interval, as a share of the median; None where there is no interval.

        Example: 0.02 of a median of 100 in 98..102."""
        if self.low is None or self.high is None:
            return None
        half = (self.high - self.low) / 2
        return half / self.median if self.median else (math.inf if half else 0.0)


def median(samples: Sequence[float]) -> float:
    """The middle sample; of an even number, the mean of the middle two, or for integers the lower.

    Examples: ``[3, 1, 2]`` gives 2; ``[1, 2]`` gives 1; ``[1.0, 2.0]`` gives 1.5.
    """
    ordered = sorted(samples)
    high = len(ordered) // 2
    low = (len(ordered) - 1) // 2
    if all(isinstance(sample, int) for sample in samples):
        return ordered[low]
    return ordered[low] if low == high else (ordered[low] + ordered[high]) / 2


def p95(samples: Sequence[float]) -> float:
    """The smallest sample that at least 95 % of the samples do not exceed (nearest rank).

    Example: of 1, 2, ..., 100 it is 95; of fewer than 20 samples, the largest.
    """
    return sorted(samples)[math.ceil(95 * len(samples) / 100) - 1]


def median_interval(samples: Sequence[float]) -> tuple[float, float] | None:
    """Two of the samples between which the median of all that could be drawn lies with at least
    95 % confidence, whatever its distribution; None where there are too few for that.

    The ranks come from the binomial distribution with a half: as many samples are below the true
    median as a coin gives heads (David and Nagaraja, Order Statistics, 3rd ed., 7.1). Samples are
    taken to be independent. Example: of 6 samples the smallest and the largest (96.9 %), of 100 the
    40th and the 61st.
    """
    rank = _rank(len(samples))
    if rank is None:
        return None
    ordered = sorted(samples)
    return ordered[rank], ordered[-1 - rank]


@cache
def _rank(count: int) -> int | None:
    """The largest k with P(at most k heads of ``count``) no more than half of what ``CONFIDENCE``
    leaves; None where not even k = 0 is. Below 12 deviations from the mean nothing adds up."""
    tail, rank = 0.0, None
    start = max(0, count // 2 - 6 * math.isqrt(count) - 12)
    for k in range(start, count // 2 + 1):
        ways = math.lgamma(count + 1) - math.lgamma(k + 1) - math.lgamma(count - k + 1)
        tail += math.exp(ways - count * math.log(2))
        if tail > (1 - CONFIDENCE) / 2:
            break
        rank = k
    return rank


def spread(samples: Sequence[float]) -> Spread:
    """All of them; ``ConfigError`` without samples or with one that is not finite.

    Example: ``[10, 10, 14]`` gives ``Spread(min=10, median=10, p95=14, mad=0)``.
    """
    if not samples or not all(math.isfinite(sample) for sample in samples):
        raise ConfigError(f"no statistics of {list(samples)[:4]}: finite numbers are needed")
    middle = median(samples)
    low, high = median_interval(samples) or (None, None)
    return Spread(
        min=min(samples),
        median=middle,
        p95=p95(samples),
        mad=median([abs(sample - middle) for sample in samples]),
        low=low,
        high=high,
    )


def repeated(sample: Callable[[], T], repeats: int, warm_up: int = 1) -> list[T]:
    """Calls ``sample`` ``warm_up`` times for nothing, then ``repeats`` times for its results.

    Raises ``ConfigError`` for repeats outside 1..1,000,000 or a negative warm-up.
    """
    check_repeats(repeats, warm_up)
    for _ in range(warm_up):
        sample()
    return [sample() for _ in range(repeats)]


def check_repeats(repeats: int, warm_up: int) -> None:
    """``ConfigError`` unless 1 <= repeats <= 1,000,000 and 0 <= warm_up <= 1,000,000."""
    if not 1 <= repeats <= MAX_REPEATS:
        raise ConfigError(f"repeats {repeats}: give a number from 1 to {MAX_REPEATS}")
    if not 0 <= warm_up <= MAX_REPEATS:
        raise ConfigError(f"warm-up {warm_up}: give a number from 0 to {MAX_REPEATS}")
