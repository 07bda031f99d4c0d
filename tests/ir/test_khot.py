"""Greedy K-hot weights against every sum of K signed powers of two."""

from __future__ import annotations

import numpy as np
import pytest

from hwkit.ir.khot import adders, digits, khot


@pytest.mark.parametrize("width", range(2, 9))
def test_greedy_is_as_near_as_brute_force_gets(width: int) -> None:
    high = (1 << (width - 1)) - 1
    integers = np.arange(-high, high + 1)
    reached = {0}
    for terms in range(1, width + 1):
        reached |= {a + (1 << k) * s for a in reached for k in range(width + 1) for s in (1, -1)}
        inside = np.array([v for v in reached if abs(v) <= high])
        found = khot(integers, terms, high)
        assert set(found.tolist()) <= set(inside.tolist())
        best = np.abs(integers[:, None] - inside).min(axis=1)
        assert np.array_equal(np.abs(found - integers), best), (width, terms)
        assert np.array_equal(khot(found, terms, high), found)
    assert np.array_equal(found, integers)


def test_digits_are_the_fewest_that_any_sum_has() -> None:
    fewest = {0: 0}
    frontier = {0}
    for count in range(1, 6):
        frontier = {a + s * (1 << k) for a in frontier for k in range(10) for s in (1, -1)}
        for v in frontier:
            fewest.setdefault(v, count)
    integers = np.arange(-255, 256)
    assert digits(integers).tolist() == [fewest[int(v)] for v in integers]


def test_examples() -> None:
    assert [int(khot(np.array(27), k, 63)) for k in (1, 2, 3)] == [32, 28, 27]
    assert int(khot(np.array(27), 1, 31)) == 16
    assert adders(np.array([7, 4, 0, -11])) == 1 + 0 + 0 + 2
    with pytest.raises(ValueError, match="at least 1"):
        khot(np.array([1]), 0, 7)
