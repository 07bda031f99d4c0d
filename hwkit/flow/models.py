"""Getting a graph from whatever file the user has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hwkit.errors import ConfigError, FormatError
from hwkit.ir import serialize
from hwkit.ir.counts import macs, peak_activation_bytes, weight_bits, weight_bytes
from hwkit.ir.graph import Graph
from hwkit.ir.types import Array


def load(path: str | Path) -> Graph:
    """The graph in a ``.hwk``, QONNX ``.onnx`` or int8 ``.tflite`` file.

    Raises ``ConfigError`` for a missing file or an unknown ending, ``FormatError`` for a damaged
    one, ``UnsupportedOp`` for an operation that hwkit lacks.
    """
    path = Path(path)
    if not path.is_file():
        raise ConfigError(f"{path}: no such file; give a .hwk, .onnx or .tflite file")
    if path.suffix == ".hwk":
        return serialize.load(path)
    if path.suffix in (".onnx", ".tflite"):
        from hwkit.importers import load_model

        return load_model(path)
    raise ConfigError(f"{path}: unknown ending {path.suffix!r}; give a .hwk, .onnx or .tflite file")


def load_array(path: str | Path) -> Array:
    """The integers in a ``.npy`` file (never pickle); ``ConfigError`` for anything else."""
    import numpy as np

    try:
        value = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}; give an existing .npy") from error
    except (ValueError, EOFError, SyntaxError, OverflowError, TypeError) as error:
        raise FormatError(f"{path}: not a readable .npy ({error}); save it with numpy") from error
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "iu" or value.ndim < 2:
        what = f"{value.dtype}{value.shape}" if isinstance(value, np.ndarray) else "an archive"
        raise ConfigError(f"{path}: holds {what}; needs integers, first axis the batch")
    return np.asarray(value)


def inspect(graph: Graph) -> dict[str, Any]:
    """What ``hwkit inspect`` prints: a row per layer, totals, peak activation bytes."""
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

    def tensor(name: str) -> dict[str, Any]:
        kind = graph.tensors[name]
        return {"name": name, "shape": list(kind.shape), "type": str(kind.dtype)}

    return {
        "name": graph.name,
        "digest": serialize.digest(graph),
        "inputs": [tensor(name) for name in graph.inputs],
        "outputs": [tensor(name) for name in graph.outputs],
        "layers": layers,
        "total": {
            "macs": sum(macs(graph, op) for op in graph.nodes),
            "weight_bytes": sum(weight_bytes(graph, op) for op in graph.nodes),
        },
        "peak_activation_bytes": peak_activation_bytes(graph),
        "metadata": dict(graph.metadata),
    }


def save_array(path: Path, value: Array) -> None:
    """Writes ``value`` as ``.npy``, whole or not at all."""
    import io

    import numpy as np

    from hwkit.files import write_whole

    buffer = io.BytesIO()
    np.save(buffer, value, allow_pickle=False)
    write_whole(path, buffer.getvalue())
