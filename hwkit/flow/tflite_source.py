"""A ``.tflite`` beside its graph: the file's own bytes, in the runtime that the graph follows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from hwkit.importers.proof import Observed
from hwkit.ir.graph import Graph
from hwkit.ir.types import Array
from hwkit.targets.edge.original import load_original


class TfliteRunner:
    """``proof.FileRunner``: the outputs of the file at ``path``, unchanged, in TFLM, or in LiteRT's
    reference kernels where TFLM refuses the file (``graph.metadata["runtime"]``).

    Raises ``ToolMissing`` without the runtime, ``DeviceError`` when it refuses the file or dies.
    """

    def __init__(self, path: Path, graph: Graph) -> None:
        self._inputs, self._outputs = graph.inputs, graph.outputs
        self._original = load_original(path, graph.metadata["runtime"])

    @property
    def tensors(self) -> tuple[str, ...]:
        """The graph's outputs."""
        return self._outputs

    def run(self, known: Mapping[str, Array]) -> Mapping[str, Observed]:
        """See ``FileRunner``; a runtime gives its own integers to the end."""
        got = self._original.run([known[name] for name in self._inputs])
        return {
            name: Observed(integers.astype(np.int64))
            for name, integers in zip(self._outputs, got, strict=True)
        }
