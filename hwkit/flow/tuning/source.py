"""What is tuned: a recipe that is trained, or a float network that is quantized."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from hwkit.allocate.plan import BitPlan
from hwkit.errors import ConfigError, ToolMissing
from hwkit.files import read_file
from hwkit.flow.quantizing import quantize
from hwkit.flow.training import SENSITIVITY, train
from hwkit.flow.tuning.maps import inputs_of, narrow_run

Say = Callable[[str], None]
_MOST_BYTES = 4 << 30


class Source(Protocol):
    """A network that can be made at any plan of widths."""

    @property
    def name(self) -> str:
        """For people."""

    def made_of(self) -> dict[str, Any]:
        """Plain JSON that changes with all that decides the network."""

    def make(self, out: Path, widths: Sequence[int], say: Say) -> None:
        """The network at 8 bits, and in ``sensitivity.json`` what each of ``widths`` does to it."""

    def remake(self, out: Path, plan: BitPlan, first: Path, say: Say) -> None:
        """The network at ``plan``, from what ``make`` left in ``first``."""


@dataclass(frozen=True, slots=True)
class RecipeSource:
    """A recipe of ``hwkit train``, a file or a name, and a method of ``train.sensitivity``."""

    recipe: str
    sensitivity: str = SENSITIVITY

    @property
    def name(self) -> str:
        return Path(self.recipe).stem

    def made_of(self) -> dict[str, Any]:
        try:
            from hwkit.train.data import data_digest
            from hwkit.train.pipeline import recipe_digest, versions
            from hwkit.train.recipe import read_recipe
        except ModuleNotFoundError as error:
            raise ToolMissing(error.name or "torch", "pip install 'hwkit[train]'") from error
        data = data_digest(read_recipe(self.recipe))
        found = {"recipe": recipe_digest(self.recipe), "data": data, "versions": versions()}
        return found | {"sensitivity": self.sensitivity}

    def make(self, out: Path, widths: Sequence[int], say: Say) -> None:
        train(self.recipe, out, None, say, widths=widths, sensitivity=self.sensitivity)

    def remake(self, out: Path, plan: BitPlan, first: Path, say: Say) -> None:
        known = self._activations()
        trained = {name: bits for name, bits in plan.activation_bits.items() if name in known}
        replace(plan, activation_bits=trained).save(out / "asked.json")
        train(self.recipe, out, out / "asked.json", say, first / "checkpoint.pt", widths=())
        rest = {name: bits for name, bits in plan.activation_bits.items() if name not in known}
        narrow_run(out, rest, inputs_of(out))

    def _activations(self) -> frozenset[str]:
        """Maps that training calls as the graph does, and so can train at other widths."""
        from hwkit.train.data import shape_of
        from hwkit.train.recipe import read_recipe
        from hwkit.train.twins import activations_of

        recipe = read_recipe(self.recipe)
        return frozenset(activations_of(recipe, shape_of(recipe)))


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A float network of ``hwkit quantize``, and its ``options`` by name."""

    model: str
    calibration: str | None
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.model.rpartition(":")[2] or Path(self.model).stem

    def made_of(self) -> dict[str, Any]:
        try:
            from hwkit.train.pipeline import versions
        except ModuleNotFoundError as error:
            raise ToolMissing(error.name or "torch", "pip install 'hwkit[train]'") from error
        given = (self.model, self.calibration, self.options.get("test"), self.options.get("state"))
        digests = [None if text is None else content_digest(str(text)) for text in given]
        options = {key: str(value) for key, value in self.options.items()}
        return {"model": self.model, "digests": digests, "options": options, "versions": versions()}

    def make(self, out: Path, widths: Sequence[int], say: Say) -> None:
        quantize(self.model, self.calibration, out, say, **self.options)

    def remake(self, out: Path, plan: BitPlan, first: Path, say: Say) -> None:
        replace(plan, activation_bits={}).save(out / "asked.json")
        quantize(self.model, self.calibration, out, say, plan=out / "asked.json", **self.options)
        narrow_run(out, plan.activation_bits, inputs_of(out))


def source_of(
    text: str,
    calibration: str | None,
    options: Mapping[str, Any],
    sensitivity: str = SENSITIVITY,
) -> Source:
    """``package.module:factory`` and ``.onnx`` are networks, anything else is a recipe.

    Raises ``ConfigError`` for options that a recipe has no use for.
    """
    if ":" in text or text.endswith(".onnx"):
        if sensitivity != SENSITIVITY:
            raise ConfigError(
                f"--sensitivity {sensitivity}: of a network that is quantized only {SENSITIVITY} "
                "is known; leave it out, or give a recipe"
            )
        return ModelSource(text, calibration, options)
    if calibration is not None or any(value is not None for value in options.values()):
        raise ConfigError(
            f"{text}: a recipe names its own data; leave --calibration, --test and --state out, "
            "or give a network as package.module:factory or .onnx"
        )
    return RecipeSource(text, sensitivity)


def content_digest(text: str) -> str:
    """SHA-256 of what ``text`` names: a file, each file of a folder, or the file of a module."""
    path = Path(text)
    module, colon, _ = text.partition(":")
    if colon and not path.exists():
        found = importlib.util.find_spec(module.partition(".")[0]) if module else None
        origin = None if found is None else found.origin
        path = Path(module.replace(".", "/") + ".py")
        path = path if path.is_file() or origin is None else Path(origin)
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    state = hashlib.sha256()
    for file in files:
        state.update(f"{file.relative_to(path)}\0".encode())
        state.update(hashlib.sha256(read_file(file, _MOST_BYTES, "give what is there")).digest())
    return state.hexdigest()
