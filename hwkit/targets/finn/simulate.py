"""Runs the built network over a batch, by FINN's definition of its layers."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from hwkit.errors import DeviceError
from hwkit.ir.types import Array, TensorType
from hwkit.target import Artifact
from hwkit.targets.finn.graph import Network
from hwkit.toolchain import isolated

_TIMEOUT_S = 3600.0

_SAMPLES_WORTH_A_PROCESS = 32
"""A process of FINN's takes some two seconds to start."""


def run(artifact: Artifact[Network], x: Array) -> Array:
    """Outputs for ``x`` (batch first), shared out among the cores.

    ``ToolFailed`` with the log's path when FINN ends with an error, for one when a value leaves
    the wires that FINN gives it.
    """
    graph = artifact.lowered.graph
    count = min(os.cpu_count() or 1, -(-len(x) // _SAMPLES_WORTH_A_PROCESS))
    parts = np.array_split(x, max(count, 1)) if len(x) else []
    with ThreadPoolExecutor(max(len(parts), 1)) as pool:
        results = list(pool.map(lambda part: _execute(artifact, part, ())[""], parts))
    tensor = graph.tensors[graph.outputs[0]]
    flat = np.concatenate(results) if results else np.zeros((0, tensor.elements), np.int64)
    return _integers(flat, tensor)


def layer_outputs(artifact: Artifact[Network], x: Array) -> dict[str, Array]:
    """The tensor of every op that FINN's network still has, by name."""
    graph = artifact.lowered.graph
    found = _execute(artifact, x, [op.output for op in graph.nodes])
    return {name: _integers(values, graph.tensors[name]) for name, values in found.items() if name}


def _execute(artifact: Artifact[Network], x: Array, names: Sequence[str]) -> dict[str, Array]:
    """The output under the name "" and the tensors ``names`` that there are, int64."""
    with tempfile.TemporaryDirectory(prefix="hwkit-finn-") as folder:
        scratch = Path(folder)
        np.save(scratch / "x.npy", x.astype(np.int64), allow_pickle=False)
        log = artifact.folder / f"execute-{os.getpid()}-{scratch.name}.log"
        arguments = ["execute.py", str(scratch / "x.npy"), str(scratch / "y.npz"), "--", *names]
        isolated.get("finn").run(arguments, log, cwd=artifact.folder, timeout_s=_TIMEOUT_S)
        log.unlink()
        with np.load(scratch / "y.npz", allow_pickle=False) as y:
            present = [str(name) for name in y["names"]]
            return {"": y["output"], **{name: y[f"tensor{k}"] for k, name in enumerate(present)}}


def _integers(values: Array, tensor: TensorType) -> Array:
    """``values`` in the tensor's container, or in int64 where one does not fit."""
    if values.size % tensor.elements:
        raise DeviceError(
            f"FINN gave {values.size} values for tensors of {tensor.elements}; "
            "deploy again into an empty folder"
        )
    integers = values.astype(np.int64).reshape(-1, *tensor.shape)
    container = integers.astype(tensor.dtype.container)
    return container if np.array_equal(container, integers) else integers
