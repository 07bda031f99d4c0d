"""Reads other people's quantized networks into a graph: QONNX and int8 ``.tflite``."""

from __future__ import annotations

from pathlib import Path

from hwkit.errors import ConfigError, FormatError
from hwkit.ir.graph import Graph

_TFLITE_MARK = b"TFL3"


def load_model(path: str | Path) -> Graph:
    """The graph in ``path``: QONNX (.onnx) or TensorFlow Lite (.tflite), told by its content.

    Raises ``ConfigError`` when it cannot be opened, ``FormatError`` when it is neither, and what
    the importers raise.
    """
    path = Path(path)
    try:
        with path.open("rb") as stream:
            head = stream.read(8)
    except OSError as error:
        raise ConfigError(
            f"{path}: {error.strerror or error}; give an existing .onnx or .tflite"
        ) from error
    if head[4:8] == _TFLITE_MARK:
        from hwkit.importers.tflite import load_tflite

        return load_tflite(path)
    if path.suffix.lower() == ".tflite":
        raise FormatError(f"{path}: not a TensorFlow Lite file or cut short; convert it again")
    if not head:
        raise FormatError(f"{path}: is empty; export the model again")
    from hwkit.importers.qonnx import load_qonnx

    return load_qonnx(path)
