"""Getting a graph from whatever file the user has."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from hwkit.errors import ConfigError
from hwkit.files import opened
from hwkit.importers import ENDINGS, load_model
from hwkit.importers.parts import parts_of, shown
from hwkit.ir import serialize
from hwkit.ir.counts import macs, peak_activation_bytes, state_bytes, weight_bits, weight_bytes
from hwkit.ir.graph import Graph
from hwkit.lower.double_rounding import rounded_to


def load(path: str | Path, bits: int | None = None) -> Graph:
    """The graph in a ``.hwk``, quantized ``.onnx`` (or ``.qonnx``) or int8 ``.tflite`` file, its
    weights in at most ``bits`` bits if given (``lower.double_rounding``).

    Raises ``ConfigError`` for a missing file or an unknown ending, ``FormatError`` for a damaged
    one, ``UnsupportedOp`` for an operation that hwkit lacks.
    """
    graph = _read(Path(path))
    return graph if bits is None else rounded_to(graph, bits)


def _read(path: Path) -> Graph:
    remedy = "give a .hwk, .onnx or .tflite file"
    if not os.path.lexists(path):
        raise ConfigError(f"{path}: no such file; {remedy}")
    if path.suffix == ".hwk":
        return serialize.load(path)
    if is_foreign(path):
        return load_model(path)
    with opened(path, serialize.MAX_FILE_BYTES, remedy):
        raise ConfigError(f"{path}: unknown ending {path.suffix!r}; {remedy}")


def is_foreign(path: Path) -> bool:
    """Whether a file's ending is of a kind that others write."""
    return path.suffix.lower() in ENDINGS


def inspect(graph: Graph) -> dict[str, Any]:
    """What ``hwkit inspect`` prints: a row per layer, totals, peak activation bytes, states."""
    layers = [
        {
            "index": index,
            "name": op.name,
            "op": type(op).__name__,
            "output_shape": list(graph.tensors[op.output].shape),
            "output_type": str(graph.tensors[op.output].dtype),
            "weight_bits": weight_bits(graph, op),
            "macs": macs(graph, op),
            "weight_bytes": weight_bytes(graph, op),
        }
        for index, op in enumerate(graph.nodes)
    ]

    parts = parts_of(graph)

    def tensor(name: str) -> dict[str, Any]:
        kind = graph.tensors[name]
        return {"name": name, "shape": list(kind.shape), "type": str(kind.dtype)}

    return {
        "name": graph.name,
        "digest": serialize.digest(graph),
        "inputs": [tensor(name) for name in graph.inputs],
        "outputs": [tensor(name) for name in graph.outputs],
        "states": [{**tensor(state.tensor), "update": state.update} for state in graph.states],
        "layers": layers,
        "total": {
            "macs": sum(macs(graph, op) for op in graph.nodes),
            "weight_bytes": sum(weight_bytes(graph, op) for op in graph.nodes),
        },
        "peak_activation_bytes": peak_activation_bytes(graph),
        "state_bytes": state_bytes(graph),
        "metadata": shown(graph.metadata),
        "float_parts": None if parts is None else parts.to_json(),
    }
