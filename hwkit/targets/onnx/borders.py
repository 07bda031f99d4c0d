"""An ONNX file beside its graph: the graph's integers in and out, whatever the file has there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from hwkit.errors import FormatError
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import fed
from hwkit.ir.types import Array
from hwkit.targets.kept import KeptStates
from hwkit.targets.onnx.draft import in_graph, in_onnx
from hwkit.targets.onnx.emit import OnnxFile


class Runs(Protocol):
    """A model in whatever executes it."""

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """Every output in the file's order, for ``feeds`` by name, batch first."""


def once(
    file: OnnxFile, graph: Graph, model: Runs, sources: Mapping[str, Array]
) -> dict[str, Array]:
    """The graph's results by name, in its types, of all its ``sources``: one call of ``model``."""
    feeds = {}
    for name in file.inputs:
        x = sources[name]
        meaning = file.reals.get(name)
        feeds[name] = in_onnx(x if meaning is None else meaning.reals(x))
    found = model.run(feeds)
    if len(found) != len(graph.results):
        raise FormatError(f"{len(found)} outputs, the graph has {len(graph.results)}; export again")
    return {n: turned(file, graph, n, y) for n, y in zip(graph.results, found, strict=True)}


def turned(file: OnnxFile, graph: Graph, name: str, y: Array) -> Array:
    """The file's ``y`` as the graph's tensor ``name``; ``FormatError`` if it is none."""
    tensor, y = graph.tensors[name], in_graph(y)
    meaning = file.reals.get(name)
    if meaning is not None and y.dtype.kind == "f":
        y = meaning.integers(y)
        y = np.clip(y, tensor.dtype.low, tensor.dtype.high).astype(tensor.dtype.container)
    if y.dtype == np.int64:  # the type of ONNX's places
        y = y.astype(tensor.dtype.container)
    if y.dtype != tensor.dtype.container or y.shape[1:] != tensor.shape:
        raise FormatError(
            f"{name!r} is {y.dtype}{y.shape[1:]} in the file, and "
            f"{tensor.dtype.container}{tensor.shape} in the graph; deploy or export it again"
        )
    return y


def results_of(
    file: OnnxFile, graph: Graph, model: Runs, feeds: Mapping[str, Array], batch: int = 0
) -> dict[str, Array]:
    """Every output of ``graph`` by name for ``feeds`` (samples, *shape): so many samples in a call
    (0: all of them), one after the other where the graph has states."""
    given = fed(graph, feeds)
    samples = len(next(iter(given.values())))
    kept = KeptStates(graph)
    size = 1 if graph.states else batch or samples
    rows = []
    for k in range(0, samples, size):
        part = {name: x[k : k + size] for name, x in given.items()}
        states = kept.feeds(1) if graph.states else {}
        rows.append(once(file, graph, model, {**part, **states}))
        kept.keep(rows[-1])
    return {name: np.concatenate([row[name] for row in rows]) for name in graph.outputs}
