"""Training recipes: TOML files, typed and checked."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from hwkit.errors import ConfigError, FormatError, near
from hwkit.files import read_file
from hwkit.record import from_json

MAX_RECIPE_BYTES = 1 << 20
DATASETS = ("digits", "mnist5k", "jets")
"""That come with packages, or are generated; any other is a file of yours, ``.npz``."""
_BUILT_IN = Path(__file__).resolve().parent / "recipes"
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Block:
    """One stage of a network.

    ``conv``: convolution, ReLU. ``separable``: depthwise, ReLU, pointwise, ReLU. ``residual``:
    depthwise, ReLU, pointwise, added to the block's input, ReLU; keeps shape and ignores
    ``channels`` and ``stride``. ``basic``: ResNet's block of two convolutions and a shortcut.
    ``average_pool``: windows of ``kernel``, 0 for the whole map. ``dense``: flatten and a linear
    layer of ``channels`` outputs; the last one gives the classes, a ReLU is behind the others.
    """

    name: str
    kind: Literal["conv", "separable", "residual", "basic", "average_pool", "dense"]
    channels: int = 0
    kernel: int = 3
    stride: int = 1


@dataclass(frozen=True, slots=True)
class Quantization:
    """Bits of weights and activations, 2 to 8, and what scales may be.

    ``scheme``: ``brevitas``, or ``qfx`` for trainable fixed point, which wants power-of-two
    scales. Only QFX takes the fields after it: ``rounding`` and ``overflow`` of activations as in
    ``ap_fixed``, ``input_bits``, ``batch_norm`` (``keep`` gives it its own fixed-point
    multiplier), and ``terms``, the most non-zero binary digits of a weight (0: any).
    """

    scales: Literal["float", "power_of_two"]
    weight_bits: int = 8
    activation_bits: int = 8
    per_channel: bool = True
    scheme: Literal["brevitas", "qfx"] = "brevitas"
    rounding: Literal["floor", "half_up", "half_even"] = "half_even"
    overflow: Literal["saturate", "wrap"] = "saturate"
    input_bits: int = 8
    batch_norm: Literal["fold", "keep"] = "fold"
    terms: int = 0


@dataclass(frozen=True, slots=True)
class Phase:
    """One training phase: AdamW, one-cycle learning rate.

    ``shift_pixels`` moves each training image by up to so many pixels, at random.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float = 0.0
    shift_pixels: int = 0


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides a trained network, next to the versions of its libraries.

    ``dataset`` is one of ``DATASETS`` or a file ``.npz`` (``train.data``), beside the recipe.
    ``resolution``: side of the images that the network sees, means of the data set's; 0: as they
    are.
    """

    name: str
    dataset: str
    seed: int
    blocks: tuple[Block, ...]
    quantization: Quantization
    float_training: Phase
    qat: Phase
    resolution: int = 0


def built_in() -> tuple[str, ...]:
    """Names of the recipes that come with hwkit, sorted."""
    return tuple(sorted(path.stem for path in _BUILT_IN.glob("*.toml")))


def recipe_path(name: str | Path) -> Path:
    """The path of a recipe file, or of the built-in recipe with that name."""
    path = Path(name)
    inside = _BUILT_IN / f"{name}.toml"
    return inside if path.suffix == "" and not path.exists() and inside.exists() else path


def read_recipe(name: str | Path) -> Recipe:
    """The recipe in a TOML file (or a built-in one by name).

    Raises ``ConfigError`` naming file and key: cannot be opened, no TOML, unknown or missing key,
    wrong type, value out of range. Example: ``read_recipe("digits").seed``.
    """
    path = recipe_path(name)
    try:
        remedy = f"give a recipe file, or one that comes with hwkit; {near(str(name), built_in())}"
        data = read_file(path, MAX_RECIPE_BYTES, remedy)
        value = tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: not TOML ({error}); correct the recipe") from error
    return recipe_from(value, path)


def recipe_from(value: Any, path: Path) -> Recipe:
    """The recipe in ``value``, as ``tomllib`` gives it, of the file ``path``; ``ConfigError`` as
    ``read_recipe``."""
    try:
        recipe = from_json(Recipe, value, str(path))
    except FormatError as error:
        raise ConfigError(str(error)) from error
    if recipe.dataset.endswith(".npz"):
        recipe = replace(recipe, dataset=str(path.parent.resolve() / recipe.dataset))
    _check(recipe, path)
    return recipe


def recipe_text(recipe: Recipe) -> str:
    """``recipe`` as the TOML file that ``read_recipe`` reads as the same; fields at their defaults
    are left out.

    Example: begins ``name = "digits"``.
    """
    parts = [
        _lines(recipe, ("name", "dataset", "seed", "resolution")),
        *(
            f"[{key}]\n{_lines(getattr(recipe, key))}"
            for key in ("quantization", "float_training", "qat")
        ),
        *(f"[[blocks]]\n{_lines(block)}" for block in recipe.blocks),
    ]
    return "\n".join(parts)


def _lines(record: Any, only: tuple[str, ...] | None = None) -> str:
    """``key = value`` for each field that is not at its default. Of text, numbers and truth JSON
    is TOML, for what JSON escapes."""
    shown = [f for f in fields(record) if only is None or f.name in only]
    given = [(f.name, getattr(record, f.name), f.default) for f in shown]
    kept = [(name, value) for name, value, default in given if value != default]
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in kept)


def _check(recipe: Recipe, path: Path) -> None:
    q = recipe.quantization
    if recipe.dataset not in DATASETS and not recipe.dataset.endswith(".npz"):
        raise ConfigError(
            f"{path}: dataset: expected {' or '.join(DATASETS)} or a file .npz, got "
            f"{recipe.dataset!r:.40}"
        )
    _in_range(path, "seed", recipe.seed, 0, 2**31 - 1)
    _in_range(path, "resolution", recipe.resolution, 0, 4096)
    _in_range(path, "quantization.weight_bits", q.weight_bits, 2, 8)
    _in_range(path, "quantization.activation_bits", q.activation_bits, 2, 8)
    _in_range(path, "quantization.input_bits", q.input_bits, 2, 8)
    _in_range(path, "quantization.terms", q.terms, 0, 8)
    if q.scheme == "qfx" and q.scales != "power_of_two":
        raise ConfigError(f"{path}: quantization.scales: qfx is fixed point; use 'power_of_two'")
    if q.scheme == "brevitas" and q != Quantization(
        q.scales, q.weight_bits, q.activation_bits, q.per_channel
    ):
        raise ConfigError(
            f"{path}: quantization: rounding, overflow, input_bits, batch_norm and terms are "
            "chosen with scheme = 'qfx' only"
        )
    for key, phase in (("float_training", recipe.float_training), ("qat", recipe.qat)):
        _in_range(path, f"{key}.epochs", phase.epochs, 0, 10_000)
        _in_range(path, f"{key}.batch_size", phase.batch_size, 1, 100_000)
        _in_range(path, f"{key}.learning_rate", phase.learning_rate, 1e-9, 10)
        _in_range(path, f"{key}.weight_decay", phase.weight_decay, 0, 10)
        _in_range(path, f"{key}.shift_pixels", phase.shift_pixels, 0, 8)
    if not 1 <= len(recipe.blocks) <= 1000 or recipe.blocks[-1].kind != "dense":
        raise ConfigError(f"{path}: blocks: needs 1 to 1000 blocks, the last one 'dense'")
    seen: set[str] = set()
    for i, block in enumerate(recipe.blocks):
        where = f"blocks[{i}]"
        if not _NAME.fullmatch(block.name) or block.name in seen:
            raise ConfigError(
                f"{path}: {where}.name: {block.name!r:.40} must be lower-case letters, digits "
                "and underscores, each name once"
            )
        seen.add(block.name)
        _in_range(path, f"{where}.kernel", block.kernel, int(block.kind != "average_pool"), 32)
        _in_range(path, f"{where}.stride", block.stride, 1, 32)
        needs_channels = block.kind in ("conv", "separable", "basic", "dense")
        _in_range(path, f"{where}.channels", block.channels, int(needs_channels), 4096)


def _in_range(path: Path, key: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ConfigError(f"{path}: {key}: {value} is not in {low}..{high}")
