"""As many samples as it takes and no more; a machine that changes meanwhile is noticed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from hwkit.errors import ConfigError
from hwkit.profile.statistics import spread
from hwkit.profile.until import Drift, Effort, in_turns, until_small

Draw = Callable[[int], list[float]]
EFFORT = Effort(0.02, 16, 1024)


def skewed(seed: int) -> Draw:
    """Of median 1."""
    rng = np.random.default_rng(seed)
    return lambda count: np.exp(0.1 * rng.standard_normal(count)).tolist()


def heavy_tailed(seed: int) -> Draw:
    """As a host that is interrupted now and then; of median 1."""
    rng = np.random.default_rng(seed)
    middle = 0.02 * np.log(2) ** 3
    return lambda count: (1 - middle + 0.02 * rng.standard_exponential(count) ** 3).tolist()


@pytest.mark.parametrize("noise", [skewed, heavy_tailed])
def test_intervals_hold_the_median_as_often_as_they_say(noise: Callable[[int], Draw]) -> None:
    draws = {str(seed): noise(seed) for seed in range(600)}
    taken = in_turns(draws, EFFORT)
    found = {name: spread(some) for name, some in taken.items()}
    held = sum((of.low or 0) <= 1 <= (of.high or 0) for of in found.values())
    assert held >= 0.94 * len(found)
    small = [of.uncertainty for name, of in found.items() if len(taken[name]) < EFFORT.most]
    assert small and all(share is not None and share <= 0.02 for share in small)


def test_samples_that_are_alike_are_few() -> None:
    alike: Draw = lambda count: [5.0] * count  # noqa: E731
    assert in_turns({"a": alike, "b": alike}, Effort(0.01, 16, 1000)) == {
        "a": [5.0] * 16, "b": [5.0] * 16
    }  # fmt: skip


def test_what_is_sampled_together_takes_turns() -> None:
    order: list[str] = []

    def draws(name: str) -> Draw:
        def draw(count: int) -> list[float]:
            order.extend([name] * count)
            return [1.0] * count

        return draw

    in_turns({"a": draws("a"), "b": draws("b")}, Effort(0.02, 16, 100))
    assert order.count("a") == order.count("b") == 16
    assert "".join(order).index("b") == 2  # after an eighth of what the first needs


def test_batches_double_up_to_the_bound() -> None:
    asked: list[int] = []

    def draw(count: int) -> list[int]:
        asked.append(count)
        return [0] * count

    assert len(until_small(draw, lambda some: False, Effort(0.02, 10, 75))) == 75
    assert asked == [10, 10, 20, 35]


@pytest.mark.parametrize(("within", "least", "most"), [(0, 16, 20), (1.0, 16, 20), (0.1, 5, 20),
                                                       (0.1, 30, 20)])  # fmt: skip
def test_efforts_that_cannot_be(within: float, least: int, most: int) -> None:
    with pytest.raises(ConfigError, match=r"give a share|an interval needs"):
        Effort(within, least, most)


def test_a_drift_is_one_where_intervals_are_apart() -> None:
    steady, slower = spread([1.0, 1.01] * 10), spread([1.1, 1.11] * 10)
    assert not Drift("call", steady, steady).is_there(0.02)
    assert Drift("call", steady, slower).is_there(0.02)
    assert Drift("call", steady, slower).share == pytest.approx(0.0995, abs=1e-3)
    assert not Drift("call", steady, slower).is_there(0.2)
    assert not Drift("call", steady, spread([1.5])).is_there(0.02)  # nothing is known of one sample
