"""A graph's ONNX file that is open in ONNX Runtime, on this machine."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from hwkit.closing import Closing
from hwkit.device.host import host
from hwkit.errors import ConfigError, FormatError
from hwkit.ir.counts import macs
from hwkit.ir.interpret import fed
from hwkit.ir.types import Array
from hwkit.target import WHOLE_MODEL, Artifact, Identity, LayerTiming
from hwkit.targets.kept import KeptStates
from hwkit.targets.onnx.borders import once, turned
from hwkit.targets.onnx.draft import in_onnx
from hwkit.targets.onnx.emit import OnnxFile
from hwkit.targets.onnx.running import Running, package_version, with_outputs
from hwkit.targets.timed import timed_sample


class OnnxSession(Closing):
    """``target.Session`` of a file of integer operators; states are its further inputs and outputs,
    and kept here. Only whole inferences are timed."""

    def __init__(self, artifact: Artifact[None], threads: int) -> None:
        self._graph = artifact.lowered.graph
        self._path, self._threads = artifact.path, threads
        self._model = artifact.path.read_bytes()
        self._running = self._opened(self._model)
        self._file = OnnxFile(self._model, self._graph.sources, self._running.outputs)
        self._observing: dict[tuple[str, ...], tuple[Running, list[str]]] = {}
        self._kept = KeptStates(self._graph)

    def _opened(self, model: bytes) -> Running:
        running = Running(model, self._threads)
        if running.inputs != self._graph.sources:
            raise FormatError(f"{self._path}: has other inputs than the graph; deploy it again")
        return running

    @cached_property
    def identity(self) -> Identity:
        """The runtime, the machine that it computes on, and the SHA-256 of the file."""
        return Identity(
            kind="hardware",
            name=f"ONNX Runtime {package_version()}",
            build=hashlib.sha256(self._model).hexdigest(),
            host=host(),
            threads=self._threads,
        )

    def infer(self, feeds: Mapping[str, Array], keep: Sequence[str] = ()) -> dict[str, Array]:
        """See ``target.Session``; ``keep`` may name whatever the file computes."""
        given = fed(self._graph, feeds)
        samples = len(next(iter(given.values())))
        wanted = tuple(dict.fromkeys((*keep, *self._graph.outputs)))
        if not samples:
            return {name: self._empty(name) for name in wanted}
        if not self._graph.states:
            return self._once(given, keep)
        rows = []
        for k in range(samples):
            step = {name: x[k : k + 1] for name, x in given.items()}
            rows.append(self._once({**step, **self._kept.feeds(1)}, keep))
            self._kept.keep(rows[-1])
        return {n: np.concatenate([row[n] for row in rows]) for n in wanted if n in rows[0]}

    def _once(self, sources: Mapping[str, Array], keep: Sequence[str]) -> dict[str, Array]:
        """Results and what of ``keep`` is there, of all the graph's ``sources``."""
        results = once(self._file, self._graph, self._running, sources)
        inner = tuple(n for n in dict.fromkeys(keep) if n not in results and n not in sources)
        if inner:
            running, names = self._observed(inner)
            if names:
                turned_in = {name: in_onnx(x) for name, x in sources.items()}
                seen = zip(names, running.run(turned_in), strict=True)
                results |= {n: turned(self._file, self._graph, n, y) for n, y in seen}
        return results | {n: sources[n] for n in keep if n in sources and n not in results}

    def _observed(self, names: tuple[str, ...]) -> tuple[Running, list[str]]:
        if names not in self._observing:
            model, found = with_outputs(self._model, names)
            self._observing[names] = (self._opened(model), found)
        return self._observing[names]

    def _empty(self, name: str) -> Array:
        tensor = self._graph.tensors[name]
        return np.zeros((0, *tensor.shape), tensor.dtype.container)

    def timed(
        self, feeds: Mapping[str, Array], repeats: int, warm_up: int
    ) -> list[list[LayerTiming]]:
        """Wall time of whole inferences; the states stay as they are."""
        given = timed_sample(self._graph, feeds, repeats, warm_up)
        turned = {n: in_onnx(x) for n, x in {**given, **self._kept.feeds(1)}.items()}
        rows = [
            LayerTiming(index, op.name, type(op).__name__, macs(self._graph, op))
            for index, op in enumerate(self._graph.nodes)
        ]
        work = sum(row.macs for row in rows)
        runs = []
        for k in range(warm_up + repeats):
            start_ns = time.perf_counter_ns()
            self._running.run(turned)
            us = (time.perf_counter_ns() - start_ns) / 1000
            if k >= warm_up:
                whole = LayerTiming(WHOLE_MODEL, self._graph.name, "Model", work, us=us)
                runs.append([*rows, whole])
        return runs

    def reset(self) -> None:
        """Brings every state to its initial value."""
        self._kept.reset()

    def close(self) -> None:
        """The runtime lives in this process and ends with the session."""


def open_session(artifact: Artifact[None], port: str | None) -> OnnxSession:
    """The artifact in ONNX Runtime; ``ConfigError`` for a ``port``, since that runs here."""
    board = artifact.board
    if port is not None:
        raise ConfigError(f"--port {port}: {board.name} runs here; leave --port out")
    assert board.onnx is not None
    return OnnxSession(artifact, board.onnx.threads)
