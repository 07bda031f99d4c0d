"""Reads other people's quantized networks into a graph: QONNX and int8 ``.tflite``."""

from __future__ import annotations

from pathlib import Path

from hwkit.errors import FormatError
from hwkit.files import opened
from hwkit.ir.graph import Graph

MAX_FILE_BYTES = 512 << 20
"""Of either kind; the importers may take less."""

_TFLITE_MARK = b"TFL3"


def load_model(path: str | Path) -> Graph:
    """The graph in ``path``: QONNX (.onnx) or TensorFlow Lite (.tflite), told by its content.

    Raises ``ConfigError`` when it cannot be opened, ``FormatError`` when it is neither, and what
    the importers raise.
    """
    path = Path(path)
    with opened(path, MAX_FILE_BYTES, "give an existing .onnx or .tflite") as stream:
        head = stream.read(8)
    if head[4:8] == _TFLITE_MARK:
        from hwkit.importers.tflite import load_tflite

        return load_tflite(path)
    if path.suffix.lower() == ".tflite":
        raise FormatError(f"{path}: not a TensorFlow Lite file or cut short; convert it again")
    if not head:
        raise FormatError(f"{path}: is empty; export the model again")
    from hwkit.importers.qonnx import load_qonnx

    return load_qonnx(path)
