"""Accuracy and area under the curve, as the runner reckons them."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hwkit.flow.mlperf.answers import _area, answers, quality
from hwkit.flow.mlperf.samples import File
from hwkit.targets.mcu.package.networks import NETWORKS
from tests.flow.mlperf.models import dense


def files(labels: list[int]) -> list[File]:
    return [File(str(k), 2, label, b"", 1) for k, label in enumerate(labels)]


def test_top1_is_of_the_mean_over_windows() -> None:
    told = {"0": [(0.9, 0.1), (0.2, 0.8), (0.2, 0.8)], "1": [(0.1, 0.9)], "2": [(4.0, 1.0)]}
    found = quality(NETWORKS["vww01"], files([1, 1, 1]), told)
    assert found.top1 is not None and round(found.top1, 3) == round(200 / 3, 3)
    assert found.auc is None  # there is no other class


def test_an_autoencoder_has_no_classes() -> None:
    told = {"0": [(1.0,), (3.0,)], "1": [(2.5,)], "2": [(1.5,)]}
    found = quality(NETWORKS["ad01"], files([1, 1, 0]), told)
    assert (found.top1, found.auc) == (None, 1.0)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 4)), min_size=2, max_size=30))
@settings(max_examples=40, deadline=None, derandomize=True, database=None)
def test_the_area_counts_pairs(rows: list[tuple[bool, int]]) -> None:
    yes = [score for positive, score in rows if positive]
    no = [score for positive, score in rows if not positive]
    found = _area(np.array([p for p, _ in rows]), np.array([float(s) for _, s in rows]))
    if not yes or not no:
        assert found is None
        return
    pairs = [(a > b) + (a == b) / 2 for a in yes for b in no]
    assert found is not None and abs(found - sum(pairs) / len(pairs)) < 1e-12


def test_of_a_fine_grid_six_decimals_are_told() -> None:
    x = bytes(490)
    (coarse,) = answers(NETWORKS["kws01"], dense(490, 12), [x])
    (fine,) = answers(NETWORKS["kws01"], dense(490, 12, 2.0**-14), [x])
    assert [round(value, 3) for value in coarse] == list(coarse)
    assert [round(value * 2**14 / 256, 3) for value in fine] == [
        round(value, 3) for value in (np.array(fine) * 64).tolist()
    ]
    assert any(round(value, 3) != value for value in fine)
