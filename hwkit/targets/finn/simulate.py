"""Runs the built network over a batch, by FINN's definition of its layers."""

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
from hwkit.targets.finn.graph import Network
from hwkit.toolchain import isolated

_TIMEOUT_S = 3600.0

_SAMPLES_WORTH_A_PROCESS = 32
"""A process of FINN's takes some two seconds to start."""


def run(
    artifact: Artifact[Network], feeds: Mapping[str, Array], keep: Sequence[str] = ()
) -> dict[str, Array]:
    """Outputs for ``feeds`` (batch first, each input and state) and what each state becomes, and
    those tensors of ``keep`` that FINN's network still has.

    The samples are shared out among the cores, but for successive steps of a graph with states.
    ``ToolFailed`` with the log's path when FINN ends with an error, for one when a value leaves
    the wires that FINN gives it.
    """
    graph = artifact.lowered.graph
    names = tuple(dict.fromkeys((*graph.results, *keep)))
    size = len(next(iter(feeds.values())))
    if not size:
        return {n: np.zeros((0, *graph.tensors[n].shape), np.int64) for n in graph.results}
    most = 1 if graph.states else os.cpu_count() or 1
    count = min(most, -(-size // _SAMPLES_WORTH_A_PROCESS))
    shares = [np.array_split(x, count) for x in feeds.values()]
    parts = [dict(zip(feeds, share, strict=True)) for share in zip(*shares, strict=True)]
    with ThreadPoolExecutor(count) as pool:
        results = list(pool.map(lambda part: _execute(artifact, part, names), parts))
    found = {name: np.concatenate([result[name] for result in results]) for name in results[0]}
    if missing := [name for name in graph.results if name not in found]:
        raise DeviceError(f"FINN gave no {missing[0]!r}; deploy again into an empty folder")
    return {name: _integers(values, graph.tensors[name]) for name, values in found.items()}


def _execute(
    artifact: Artifact[Network], feeds: Mapping[str, Array], names: Sequence[str]
) -> dict[str, Array]:
    """The tensors ``names`` that there are, int64."""
    with tempfile.TemporaryDirectory(prefix="hwkit-finn-") as folder:
        scratch = Path(folder)
        x, y = scratch / "x.npz", scratch / "y.npz"
        write_feeds(x, artifact.lowered.graph, feeds)
        log = artifact.folder / f"execute-{os.getpid()}-{scratch.name}.log"
        arguments = ["execute.py", str(x), str(y), "--", *names]
        isolated.get("finn").run(arguments, log, cwd=artifact.folder, timeout_s=_TIMEOUT_S)
        log.unlink()
        with np.load(y, allow_pickle=False) as found:
            return {str(name): found[f"array{k}"] for k, name in enumerate(found["names"])}


def write_feeds(path: Path, graph: Graph, feeds: Mapping[str, Array]) -> None:
    """The file that ``execute.py`` reads: each input and state by name, and what states become."""
    arrays = {f"array{k}": x.astype(np.int64) for k, x in enumerate(feeds.values())}
    pairs = [(state.tensor, state.update) for state in graph.states]
    np.savez(
        path,
        allow_pickle=False,
        names=np.array([*feeds], np.str_),
        states=np.array(pairs, np.str_).reshape(-1, 2),
        **arrays,
    )


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
