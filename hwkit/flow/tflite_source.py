"""A ``.tflite`` beside its graph: the file's own bytes, in the runtime that the graph follows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from hwkit.importers.parts import KEY
from hwkit.importers.proof import Observed
from hwkit.importers.tflite.file import with_versions
from hwkit.importers.tflite.importer import integer_bytes
from hwkit.ir.graph import Graph
from hwkit.ir.types import Array
from hwkit.targets.edge.loaded import package_version, runtime_called
from hwkit.targets.edge.original import load_original

_MOST = {"TILE": 1}
"""LiteRT 2.3's reference kernels are registered for no later version, which new converters write;
the kernel copies integers of every type."""


class TfliteRunner:
    """``proof.FileRunner``: the outputs of the file at ``path``, unchanged, in TFLM, or in LiteRT's
    reference kernels where TFLM refuses the file (``graph.metadata["runtime"]``). Where the graph
    has states, also what the file assigns to its variables, which an output may show late.

    Raises ``ToolMissing`` without the runtime, ``DeviceError`` when it refuses the file or dies.
    """

    def __init__(self, path: Path, graph: Graph) -> None:
        self._inputs, self._outputs = graph.inputs, graph.outputs
        self._runtime = graph.metadata["runtime"]
        parts = KEY in graph.metadata
        self._original = load_original(
            path,
            self._runtime,
            part=lambda data: with_versions(integer_bytes(data) if parts else data, _MOST),
        )
        self._assigned = self._original.observable(
            [s.update for s in graph.states if s.update not in graph.outputs]
        )
        order = {op.output: k for k, op in enumerate(graph.nodes)}
        names = (*self._assigned, *self._outputs)
        self._tensors = tuple(sorted(names, key=lambda name: order.get(name, -1)))
        self._steps = 0

    @property
    def title(self) -> str:
        """The runtime and its version."""
        return f"{runtime_called(self._runtime).title} {package_version(self._runtime)}"

    @property
    def tensors(self) -> tuple[str, ...]:
        """The graph's outputs, and its states' next values that the file computes."""
        return self._tensors

    def run(self, known: Mapping[str, Array]) -> Mapping[str, Observed]:
        """See ``FileRunner``; a runtime gives its own integers to the end, and keeps the file's
        variables from call to call."""
        feeds = [known[name] for name in self._inputs]
        got = dict(zip(self._outputs, self._original.run(feeds, self._steps), strict=True))
        if self._assigned:
            got |= self._original.observe(feeds, self._assigned, steps=self._steps)
        self._steps += len(feeds[0])
        return {name: Observed(integers.astype(np.int64)) for name, integers in got.items()}
