"""Figures over repeated runs. Integers stay integers: every statistic of counted cycles is a
number of cycles."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from hwkit.errors import ConfigError

T = TypeVar("T")
MAX_REPEATS = 1_000_000


@dataclass(frozen=True, slots=True)
class Spread:
    """Smallest, median, 95th percentile and median absolute deviation, in the samples' unit."""

    min: int | float
    median: int | float
    p95: int | float
    mad: int | float


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


def spread(samples: Sequence[float]) -> Spread:
    """All of them; ``ConfigError`` without samples or with one that is not finite.

    Example: ``[10, 10, 14]`` gives ``Spread(min=10, median=10, p95=14, mad=0)``.
    """
    if not samples or not all(math.isfinite(sample) for sample in samples):
        raise ConfigError(f"no statistics of {list(samples)[:4]}: finite numbers are needed")
    middle = median(samples)
    return Spread(
        min=min(samples),
        median=middle,
        p95=p95(samples),
        mad=median([abs(sample - middle) for sample in samples]),
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
