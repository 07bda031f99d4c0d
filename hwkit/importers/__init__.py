"""Reads other people's quantized networks into a graph: ONNX in four forms, ``.tflite``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hwkit.errors import AccumulatorOverflow, FormatError
from hwkit.files import opened
from hwkit.importers.proof import FileRunner, Proof, proof_feeds, prove
from hwkit.ir.graph import Graph

MAX_FILE_BYTES = 512 << 20
"""Of either kind; the importers may take less."""

ENDINGS = (".onnx", ".qonnx", ".tflite")
"""Of files that are read here."""

_TFLITE_MARK = b"TFL3"


def load_model(path: str | Path) -> Graph:
    """The graph in ``path``: quantized ONNX or TensorFlow Lite (.tflite), told by its content.

    Raises ``ConfigError`` when it cannot be opened, ``FormatError`` when it is neither, and what
    the importers raise.
    """
    return open_model(path)[0]


def load_proven(path: str | Path, samples: int | None = None) -> tuple[Graph, Proof | None]:
    """The graph in ``path``, and how it compares with the file's own execution on ``samples``
    random inputs (by default as many as take a moment); the counts are in its metadata.

    None instead of a proof where the file's format has no execution here, or where random inputs
    overflow an accumulator.
    """
    graph, runner = open_model(path)
    if runner is None:
        return graph, None
    try:
        proof = prove(graph, runner, proof_feeds(graph, samples))
    except AccumulatorOverflow:
        return graph, None
    return noted(graph, proof), proof


def noted(graph: Graph, proof: Proof) -> Graph:
    """``graph`` with the counts of ``proof`` in its metadata, and what they were taken by."""
    counts = {key: str(value) for key, value in proof.counts().items()} | {"by": proof.by}
    return replace(graph, metadata={**graph.metadata, **counts})


def open_model(path: str | Path) -> tuple[Graph, FileRunner | None]:
    """The graph in ``path``, and the file's own execution if there is one; see ``load_model``."""
    path = Path(path)
    with opened(path, MAX_FILE_BYTES, "give an existing .onnx or .tflite") as stream:
        head = stream.read(8)
    if head[4:8] == _TFLITE_MARK:
        from hwkit.importers.tflite.importer import load_tflite

        return load_tflite(path), None
    if path.suffix.lower() == ".tflite":
        raise FormatError(f"{path}: not a TensorFlow Lite file or cut short; convert it again")
    if not head:
        raise FormatError(f"{path}: is empty; export the model again")
    from hwkit.importers.onnx_parts import import_with_parts
    from hwkit.importers.parts import KEY
    from hwkit.importers.qonnx.linear import is_linear
    from hwkit.importers.qonnx.runtime import OnnxRuntimeRunner, is_installed
    from hwkit.importers.qonnx.source import QonnxRunner

    graph, imported = import_with_parts(path)
    # Of a part of the file there is no file, and its definitions are executed.
    if is_linear(imported.model) and is_installed() and KEY not in graph.metadata:
        return graph, OnnxRuntimeRunner(imported, path)
    return graph, QonnxRunner(imported)
