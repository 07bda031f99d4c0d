"""Where float networks come from: Python, a float .onnx, a float .tflite."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hwkit.errors import ConfigError
from hwkit.files import opened
from hwkit.train.pipeline import _NO_CHECKPOINT, MAX_CHECKPOINT_BYTES
from hwkit.train.ptq.named import from_module, is_named
from hwkit.train.ptq.onnx_file import load_onnx
from hwkit.train.ptq.onnx_plain import as_float
from hwkit.train.ptq.tflite_file import Runner, load_tflite


def load_model(
    source: str, sample: Tensor, state: Path | None = None, runner: Runner | None = None
) -> nn.Module:
    """The float network that ``source`` names: ``package.module:factory``, with the state dict in
    ``state`` if given, or a float ``.onnx`` or ``.tflite`` file, the latter compared with what
    ``runner`` gives; ``sample`` (1, ...) is one of its input.

    Raises ``ConfigError`` for what is no network, and for a state that does not fit.
    """
    if is_named(source):
        found = from_module(source)
        if not isinstance(found, nn.Module):
            raise ConfigError(f"{source}: gives {type(found).__name__}; give a torch.nn.Module")
        if state is not None:
            _load_state(found, state)
        return found
    if not is_file(source):
        raise ConfigError(
            f"{source}: no float network that is read; give package.module:factory, or a float "
            ".onnx or .tflite"
        )
    if state is not None:
        raise ConfigError(f"{source}: has its weights in it; leave --state out")
    if is_tflite(source):
        return load_tflite(Path(source), sample, runner)
    with as_float(Path(source)) as path:
        return load_onnx(path, sample)


def is_tflite(source: str) -> bool:
    """Whether ``source`` names a file whose maps have their channels last."""
    return Path(source).suffix.lower() == ".tflite"


def is_file(source: str) -> bool:
    """Whether ``source`` names a file that is read here."""
    return Path(source).suffix.lower() in (".onnx", ".tflite")


def _load_state(module: nn.Module, path: Path) -> None:
    value: Any
    try:
        with opened(
            path, MAX_CHECKPOINT_BYTES, "save it with torch.save(model.state_dict(), ..)"
        ) as f:
            value = torch.load(f, map_location="cpu", weights_only=True)
    except _NO_CHECKPOINT as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ConfigError(
            f"{path}: not a state dict ({reason:.80}); save it with "
            "torch.save(model.state_dict(), ..)"
        ) from error
    if isinstance(value, dict) and isinstance(value.get("state_dict"), dict):
        value = value["state_dict"]
    if not isinstance(value, dict) or not all(isinstance(v, Tensor) for v in value.values()):
        raise ConfigError(f"{path}: holds {type(value).__name__}, no state dict of tensors")
    try:
        module.load_state_dict(value)
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise ConfigError(
            f"{path}: does not fit {type(module).__name__} ({lines[-1]:.160}); give its own state"
        ) from error
