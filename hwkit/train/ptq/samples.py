"""Samples to calibrate and to test with: arrays, folders of them or of images, functions."""

from __future__ import annotations

import lzma
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tokenize import TokenError
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor

from hwkit.errors import ConfigError, ToolMissing
from hwkit.files import opened, size_text
from hwkit.ir.types import Array
from hwkit.train.ptq.named import from_module, is_named

MAX_BYTES = 1 << 32
_IMAGES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".webp"})
_REMEDY = "give .npy, .npz with x (and y), a folder of images or .npy, or package.module:factory"


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """``x`` float32 (N, ...) as the network takes it, channels first; ``labels`` int64 (N,) of the
    class of each, or None; ``inputs`` all arrays of N samples by name, where they have names."""

    x: Array
    labels: Array | None
    inputs: Mapping[str, Array] = field(default_factory=dict)

    def chosen(self, count: int, seed: int) -> Samples:
        """``count`` of them at random, or all there are."""
        if count >= len(self.x):
            return self
        picked = np.sort(np.random.default_rng(seed).permutation(len(self.x))[:count])
        labels = None if self.labels is None else self.labels[picked]
        return Samples(self.x[picked], labels, {k: v[picked] for k, v in self.inputs.items()})


def load_samples(source: str, channels_last: bool = False) -> Samples:
    """The samples that ``source`` names (see the module's first line); ``ConfigError`` names what
    is wrong with them. uint8 images become 0..1; other numbers stay as they are. Image files give
    their channels first, or last; arrays are in the order that they have."""
    if is_named(source):
        return _given(from_module(source), source)
    path = Path(source)
    if path.is_dir():
        return _folder(path, channels_last)
    if path.suffix not in (".npy", ".npz"):
        raise ConfigError(f"{source}: no such samples; {_REMEDY}")
    return _given(_read(path), source)


_UNREADABLE = (  # what NumPy's parser of headers and the modules below zipfile raise
    ValueError, TypeError, SyntaxError, TokenError, OverflowError, OSError, EOFError, KeyError,
    MemoryError, RuntimeError, zipfile.BadZipFile, zlib.error, lzma.LZMAError,
)  # fmt: skip


def _read(path: Path) -> Any:
    try:
        with opened(path, MAX_BYTES, _REMEDY) as stream:
            _require_small(path, stream)
            loaded = np.load(stream, allow_pickle=False)
            return (
                loaded if isinstance(loaded, np.ndarray) else {k: loaded[k] for k in loaded.files}
            )
    except _UNREADABLE as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ConfigError(f"{path}: not an array file ({reason:.80}); {_REMEDY}") from error


def _require_small(path: Path, stream: BinaryIO) -> None:
    """Packed arrays take no more than ``MAX_BYTES`` unpacked: zeros pack to a thousandth."""
    if not zipfile.is_zipfile(stream):
        stream.seek(0)
        return
    with zipfile.ZipFile(stream) as archive:
        size = sum(member.file_size for member in archive.infolist())
    stream.seek(0)
    if size > MAX_BYTES:
        raise ConfigError(
            f"{path}: its arrays take {size_text(size)}, more than {size_text(MAX_BYTES)}; give "
            "fewer samples"
        )


def _given(value: Any, source: str) -> Samples:
    """An array, a pair of arrays, or x and y by name."""
    labels = None
    if isinstance(value, dict):
        return _named(value, source)
    if isinstance(value, tuple | list) and len(value) == 2:
        value, labels = value
    return samples(value, labels, source)


def _named(arrays: Mapping[str, Any], source: str) -> Samples:
    """Arrays by name: ``labels`` or ``y`` has labels, unless it is a ``y`` of several numbers for
    each sample; ``x`` or the first one is an only input."""
    told = next((n for n in ("labels", "y") if n in arrays), "")
    if told == "y" and len(arrays) > 1 and np.ndim(arrays["y"]) > 1:
        told = ""
    named = {name: value for name, value in arrays.items() if name != told}
    labels = arrays[told] if told else None
    if not named:
        raise ConfigError(f"{source}: holds {', '.join(list(arrays)[:8]) or 'nothing'}, no x")
    first = next((n for n in ("x", "images", "inputs") if n in named), next(iter(named)))
    made = samples(named[first], labels, source)
    inputs = {}
    for name, value in named.items():
        fits = np.ndim(value) > 1 and len(value) == len(made.x)
        if fits:
            inputs[name] = made.x if name == first else samples(value, None, source).x
    return Samples(made.x, made.labels, inputs)


def samples(x: Any, labels: Any = None, source: str = "samples") -> Samples:
    """Arrays or tensors as ``Samples``; ``ConfigError`` for other kinds, other shapes, NaN."""
    try:
        x = np.asarray(x)
        labels = None if labels is None else np.asarray(labels)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ConfigError(f"{source}: gives {type(x).__name__}, no array; {_REMEDY}") from error
    if x.dtype.kind not in "fiub" or x.ndim < 2 or x.size == 0:
        raise ConfigError(f"{source}: x is {x.dtype} of shape {x.shape}; give numbers (N, ...)")
    x = x.astype(np.float32) / np.float32(255) if x.dtype == np.uint8 else x.astype(np.float32)
    if not np.isfinite(x).all():
        raise ConfigError(f"{source}: x holds NaN or infinite numbers; leave those samples out")
    if labels is not None:
        if labels.shape != (len(x),) or labels.dtype.kind not in "iu":
            raise ConfigError(
                f"{source}: y is {labels.dtype} of shape {labels.shape} for {len(x)} samples; give "
                "one class number each, or no y"
            )
        labels = labels.astype(np.int64)
    return Samples(x, labels)


def _folder(folder: Path, channels_last: bool) -> Samples:
    """All images or .npy of a folder, in order of their names; those in its folders by class."""
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in _IMAGES | {".npy"})
    if not files:
        raise ConfigError(f"{folder}: holds no images and no .npy; {_REMEDY}")
    arrays = [_one(path, channels_last) for path in files]
    shapes = sorted({a.shape for a in arrays})
    if len(shapes) > 1:
        raise ConfigError(
            f"{folder}: files of shapes {', '.join(map(str, shapes[:3]))}; bring them to one size"
        )
    parents = [path.parent for path in files]
    classes = sorted(set(parents))
    labels = None
    if len(classes) > 1 and folder not in classes:
        labels = np.array([classes.index(parent) for parent in parents])
    return samples(np.stack(arrays), labels, str(folder))


def _one(path: Path, channels_last: bool) -> Array:
    if path.suffix == ".npy":
        loaded = _read(path)
        return np.asarray(loaded)
    try:
        from PIL import Image
    except ImportError as error:
        raise ToolMissing("pillow", "pip install pillow, or give .npy") from error
    try:
        with Image.open(path) as image:
            pixels = np.asarray(image if image.mode == "L" else image.convert("RGB"))
    except (OSError, ValueError, SyntaxError) as error:
        raise ConfigError(f"{path}: not an image ({error!s:.80}); take it out") from error
    pixels = pixels[:, :, None] if pixels.ndim == 2 else pixels
    return pixels if channels_last else pixels.transpose(2, 0, 1)


def as_tensor(x: Array) -> Tensor:
    """An array as a tensor that shares its memory."""
    return torch.from_numpy(np.ascontiguousarray(x))


def gathered(batches: Any) -> Samples:
    """Samples from one array or tensor, a pair of them with labels, or an iterable of either, as
    a data loader gives them."""
    if isinstance(batches, Mapping):
        return _named(batches, "samples")
    if hasattr(batches, "shape") or isinstance(batches, Samples):
        return batches if isinstance(batches, Samples) else samples(batches)
    if (
        isinstance(batches, tuple)
        and len(batches) == 2
        and all(hasattr(b, "shape") for b in batches)
    ):
        return samples(*batches)
    try:
        parts = list(batches)
    except TypeError as error:
        raise ConfigError(
            f"batches: {type(batches).__name__} gives no batches; give samples (N, ...) or a loader"
        ) from error
    if not parts:
        raise ConfigError("batches: there are none; give some hundred samples")
    found = [samples(*p) if isinstance(p, tuple | list) else samples(p) for p in parts]
    if len({f.x.shape[1:] for f in found}) > 1:
        raise ConfigError("batches: samples of several shapes; give one shape")
    labels = [f.labels for f in found if f.labels is not None]
    joined = np.concatenate(labels) if len(labels) == len(found) else None
    return Samples(np.concatenate([f.x for f in found]), joined)
