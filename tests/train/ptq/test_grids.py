"""Ranges of activations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("torch")
pytest.importorskip("brevitas")

from hwkit.train.ptq.grids import (
    BINS,
    RANGES,
    Histogram,
    Style,
    grid,
    rounded,
)
from hwkit.train.ptq.twin import Grid

STYLES = (Style(), Style(symmetric=True), Style(dyadic=True))


def test_the_example_of_the_docstring() -> None:
    made = grid(-1.0, 1.55, 8, Style())
    assert made.scale == pytest.approx(0.01) and made.zero_point == 100
    assert (Grid(0.5, 2, 8).low, Grid(0.5, 2, 8).high) == (-1.0, 126.5)


@given(st.floats(-1e3, 0), st.floats(0, 1e3), st.integers(2, 8), st.sampled_from(STYLES))
def test_zero_and_both_ends_are_near_a_value(
    low: float, high: float, bits: int, style: Style
) -> None:
    made = grid(low, high, bits, style)
    assert rounded(np.zeros(1), made)[0] == 0
    for end in (low, high):
        assert abs(rounded(np.array([end]), made)[0] - end) <= made.scale * 0.5001 + 1e-9
    assert not made.signed or made.zero_point == 0
    if style.dyadic:
        assert np.log2(made.scale) % 1 == 0


def _noise_with_outlier() -> Histogram:
    values = np.append(np.random.default_rng(0).normal(0, 1, 20_000), 40.0)
    counts, edges = np.histogram(values, BINS, (values.min(), 40.0))
    return Histogram(float(edges[0]), float(edges[-1]), counts.astype(float))


@pytest.mark.parametrize("name", ["percentile", "mse", "kl"])
def test_an_outlier_does_not_take_all_levels(name: str) -> None:
    h = _noise_with_outlier()
    wide, made = RANGES["minmax"](h, 4, Style()), RANGES[name](h, 4, Style())
    assert wide.high > 35 > 20 > made.high
    errors = [((rounded(h.centers, g) - h.centers) ** 2 @ h.counts) for g in (wide, made)]
    assert errors[1] < errors[0]


def test_least_squares_is_no_worse_than_the_others() -> None:
    h = _noise_with_outlier()
    losses = {
        name: float((rounded(h.centers, find(h, 4, Style())) - h.centers) ** 2 @ h.counts)
        for name, find in RANGES.items()
    }
    assert losses["mse"] <= 1.01 * min(losses.values())
