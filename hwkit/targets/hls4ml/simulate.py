"""Runs the compiled C simulation over a batch."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from hwkit.errors import DeviceError
from hwkit.ir.graph import Graph
from hwkit.ir.types import Array, TensorType
from hwkit.target import Artifact
from hwkit.targets.hls4ml.network import Network, distinct_outputs
from hwkit.toolchain import process

_TIMEOUT_S = 3600.0


def run(artifact: Artifact[Network], feeds: Mapping[str, Array]) -> dict[str, Array]:
    """Every output of ``csim`` for ``feeds`` (batch first, each input): one process per core, or
    one for successive steps of a graph with states, which are ports here.

    ``ToolFailed`` with the log's path when the simulation dies, ``DeviceError`` when it gives
    anything but one integer for each output.
    """
    graph = artifact.lowered.plan.graph
    x = _joined(graph, feeds)
    processes = 1 if artifact.lowered.graph.states else os.cpu_count() or 1
    parts = [part for part in np.array_split(x, processes) if len(part)]
    with ThreadPoolExecutor(max(len(parts), 1)) as pool:
        results = list(pool.map(lambda part: _run(artifact, part, {})[0], parts))
    names = distinct_outputs(graph)
    columns = sum(graph.tensors[name].elements for name in names)
    return _split(graph, np.concatenate([np.zeros((0, columns)), *results]), names)


def layer_outputs(artifact: Artifact[Network], feeds: Mapping[str, Array]) -> dict[str, Array]:
    """Every tensor that a layer of the project gives, by name, from the simulation's trace."""
    graph = artifact.lowered.plan.graph
    traced: Mapping[str, str] = artifact.lowered.plan.traced
    tensors = {op.output: graph.tensors[op.output] for op in graph.nodes if op.output in traced}
    sizes = {traced[name]: tensor.elements for name, tensor in tensors.items()}
    skipped = {traced[name] for name in graph.inputs}
    sizes = {name: size for name, size in sizes.items() if name not in skipped}
    trace = _run(artifact, _joined(graph, feeds), sizes)[1]
    starts = dict(zip(sizes, np.cumsum([0, *sizes.values()]).tolist(), strict=False))
    return {
        name: _integers(trace[:, starts[traced[name]] :][:, : tensor.elements], tensor)
        for name, tensor in tensors.items()
        if traced[name] not in skipped
    }


def _joined(graph: Graph, feeds: Mapping[str, Array]) -> Array:
    """All inputs of each sample in a row."""
    rows = [
        feeds[name].reshape(len(feeds[name]), graph.tensors[name].elements) for name in graph.inputs
    ]
    return np.concatenate(rows, axis=1).astype(np.float64)


def _split(graph: Graph, rows: Array, names: Sequence[str]) -> dict[str, Array]:
    """The tensors ``names``, which lie in a row one behind the other."""
    found, at = {}, 0
    for name in names:
        tensor = graph.tensors[name]
        found[name] = _integers(rows[:, at : at + tensor.elements], tensor)
        at += tensor.elements
    return found


def _run(artifact: Artifact[Network], x: Array, traced: Mapping[str, int]) -> tuple[Array, Array]:
    """Rows of outputs and of traced values, as the simulation wrote them."""
    graph = artifact.lowered.plan.graph
    outputs = sum(graph.tensors[name].elements for name in distinct_outputs(graph))
    with tempfile.TemporaryDirectory(prefix="hwkit-csim-") as name:
        scratch = Path(name)
        x.tofile(scratch / "x")
        arguments = [str(scratch / "x"), str(scratch / "y")]
        if traced:
            arguments.append(str(scratch / "trace"))
        for layer, size in traced.items():
            arguments += [layer, str(size)]
        log = artifact.folder / f"csim-{os.getpid()}-{scratch.name}.log"
        process.run([str(artifact.path), *arguments], log, cwd=scratch, timeout_s=_TIMEOUT_S)
        log.unlink()
        y = _rows(scratch / "y", len(x), outputs)
        trace = _rows(scratch / "trace", len(x), sum(traced.values())) if traced else y[:, :0]
    return y, trace


def _rows(path: Path, rows: int, columns: int) -> Array:
    values = np.fromfile(path)
    if values.size != rows * columns:
        raise DeviceError(
            f"the C simulation gave {values.size} values instead of {rows * columns}; "
            "deploy again into an empty folder"
        )
    return values.reshape(rows, columns)


def _integers(values: Array, tensor: TensorType) -> Array:
    """``values`` as integers in the tensor's container, or in int64 where one does not fit."""
    integers = np.rint(values)
    if not np.array_equal(integers, values):
        raise DeviceError(
            "the C simulation gave a value that is no integer; deploy again into an empty folder"
        )
    integers = integers.astype(np.int64).reshape(-1, *tensor.shape)
    container = integers.astype(tensor.dtype.container)
    return container if np.array_equal(container, integers) else integers
