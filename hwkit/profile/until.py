"""Samples until the median is known well enough, and whether the machine stayed the same meanwhile.

A host's clock, caches and other programs make every sample another one. How many are enough cannot
be said before: they are drawn in batches, each as many as there are already, until the interval of
the median (``statistics.median_interval``) is small or a bound is reached. Looking several times
makes it likelier that a lucky interval ends it; doubling keeps the looks few, and ranks are whole
numbers that err on the safe side: of 600 intervals each, of skewed and of heavy-tailed samples, at
least 94 % held the median (``tests/profile/test_until.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from hwkit.errors import ConfigError
from hwkit.profile.statistics import MAX_REPEATS, Spread, spread

T = TypeVar("T")
TURNS = 8
"""Parts that what is sampled together is drawn in, at least."""
Draw = Callable[[int], Sequence[float]]


@dataclass(frozen=True, slots=True)
class Effort:
    """Half of the interval at most ``within`` of the median (0.02: 2 %), by ``least`` samples at
    least and ``most`` at most. ``ConfigError`` for what no sampling can reach."""

    within: float = 0.02
    least: int = 16
    most: int = 1024

    def __post_init__(self) -> None:
        if not 0 < self.within < 1:
            raise ConfigError(f"within {self.within:g}: give a share of the median, as 0.02")
        if not 6 <= self.least <= self.most <= MAX_REPEATS:
            raise ConfigError(
                f"repeats {self.least} to {self.most}: an interval needs 6 at least, "
                f"{MAX_REPEATS} at most"
            )

    def is_enough(self, of: Spread) -> bool:
        """Whether a median is known so well."""
        return of.uncertainty is not None and of.uncertainty <= self.within


def until_small(
    draw: Callable[[int], Sequence[T]], is_enough: Callable[[Sequence[T]], bool], effort: Effort
) -> list[T]:
    """What ``draw`` gives for the number of samples that it is asked for, batch by batch, until
    ``is_enough`` of all or there are ``effort.most``.

    Example: of samples that are all alike, ``effort.least``.
    """
    taken: list[T] = []
    while len(taken) < effort.most:
        wanted = len(taken) or effort.least
        taken += draw(min(wanted, effort.most - len(taken)))
        if is_enough(taken):
            break
    return taken


def in_turns(draws: Mapping[str, Draw], effort: Effort) -> dict[str, list[float]]:
    """Samples of several things, until the median of each is known well enough: a few of every one
    that is not in each round, so that what the machine does meanwhile meets all of them.

    Example: of two that are alike each time, ``effort.least`` of both (a multiple of 8).
    """
    taken: dict[str, list[float]] = {name: [] for name in draws}
    while left := [name for name, some in taken.items() if not _is_done(some, effort)]:
        for name in left:
            some = taken[name]
            wanted = max(1, effort.least // TURNS)
            if len(some) >= effort.least:
                wanted = len(some)  # twice as many, for as few looks as may be
            some += draws[name](min(wanted, effort.most - len(some)))
    return taken


def _is_done(some: Sequence[float], effort: Effort) -> bool:
    if len(some) < effort.least:
        return False
    return len(some) >= effort.most or effort.is_enough(spread(some))


@dataclass(frozen=True, slots=True)
class Drift:
    """One thing measured ``before`` and ``after`` all others, in the same unit."""

    reference: str
    before: Spread
    after: Spread

    @property
    def share(self) -> float:
        """By how much the machine became slower meanwhile. Example: 0.03 is 3 %, below 0 faster."""
        return self.after.median / self.before.median - 1 if self.before.median else 0.0

    def is_there(self, within: float) -> bool:
        """Whether the two intervals are apart, by more than ``within`` of the median."""
        before, after = self.before, self.after
        if before.low is None or before.high is None or after.low is None or after.high is None:
            return False
        apart = after.low > before.high or after.high < before.low
        return apart and abs(self.share) > within
