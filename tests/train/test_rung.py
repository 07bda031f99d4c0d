"""Shares of a training."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("brevitas")

from hwkit.train.data import Dataset
from hwkit.train.recipe import Phase
from hwkit.train.rung import shortened

DATA = Dataset(
    "d", np.zeros((90, 1, 2, 2), np.float32), np.arange(90), np.zeros((1, 1, 2, 2)), np.zeros(1)
)


@pytest.mark.parametrize(
    ("epochs", "share", "wanted", "samples"),
    [(18, 1 / 9, 2, 90), (18, 1.0, 18, 90), (4, 0.4, 2, 90), (3, 1 / 9, 1, 30), (1, 1 / 9, 1, 10),
     (1, 1e-3, 1, 8), (0, 0.5, 0, 90)],
)  # fmt: skip
def test_less_than_an_epoch_is_one_of_fewer_samples(
    epochs: int, share: float, wanted: int, samples: int
) -> None:
    phase, data = shortened(Phase(epochs, 8, 0.01), share, DATA)
    assert (phase.epochs, len(data.train_labels)) == (wanted, samples)
    assert len(data.train_images) == samples and data.train_labels[-1] == 89
    assert len(data.test_images) == 1
