"""A .tflite that is open in its runtime, on this machine or another one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Protocol

import numpy as np

from hwkit.boards import EdgeBoard
from hwkit.closing import Closing
from hwkit.errors import ConfigError, FormatError
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import fed
from hwkit.ir.types import Array
from hwkit.target import Artifact, Identity, LayerTiming
from hwkit.targets.edge import timing
from hwkit.targets.edge.build import edge_section
from hwkit.targets.edge.emitted import EmittedFile, open_emitted
from hwkit.targets.edge.loaded import Loaded, runtime_called
from hwkit.targets.edge.original import EdgePlan, OriginalFile
from hwkit.targets.timed import timed_sample


class RunningFile(Protocol):
    """A file loaded into a runtime, that takes and gives arrays as the graph has them."""

    @property
    def loaded(self) -> Loaded:
        """The file's model in its process."""

    def run(self, feeds: Sequence[Array], steps: int | None = None) -> list[Array]:
        """See ``Loaded.run``."""

    def observe(
        self, feeds: Sequence[Array], names: Sequence[str], skip: int = 0
    ) -> dict[str, Array]:
        """See ``Loaded.observe``."""

    def times_us(self, feeds: Sequence[Array], repeats: int, warm_up: int) -> list[float]:
        """See ``Loaded.times_us``."""


class EdgeSession(Closing):
    """``hwkit.target.Session`` of a file in a runtime.

    Where the graph has states the runtime holds them, as the file's variables. A state outlives
    neither its process nor a call that fails: the next call is ``Refused`` until a ``reset``.
    What it was fed with since then is kept, since an observed tensor comes from another file, the
    same one with more outputs, that has to be brought to the same step.

    Example: ``with EdgeSession(artifact, board) as s: s.infer({"x": x})["y"]``.
    """

    def __init__(self, artifact: Artifact[EdgePlan], board: EdgeBoard) -> None:
        self._artifact, self._board = artifact, board
        plan = artifact.lowered.plan
        self._file: RunningFile = (
            plan if isinstance(plan, OriginalFile) else open_emitted(artifact, board)
        )
        self._graph = artifact.lowered.graph
        self._past: dict[str, list[Array]] = {name: [] for name in self._graph.inputs}
        self._steps = 0

    @cached_property
    def identity(self) -> Identity:
        """The runtime, the machine that it computes on, and the SHA-256 of the file."""
        loaded = self._file.loaded
        about = loaded.about()
        return Identity(
            kind="hardware",
            name=f"{runtime_called(self._board.runtime).title} {about['version']}",
            build=hashlib.sha256(loaded.model).hexdigest(),
            host=about["host"],
            threads=self._board.threads,
            cpus=",".join(map(str, about["cpus"])),
            delegate="XNNPACK" if loaded.facts.get("delegated") else "",
        )

    def infer(self, feeds: Mapping[str, Array], keep: Sequence[str] = ()) -> dict[str, Array]:
        """See ``Session``; ``keep`` may name whatever the file computes, inputs and states.

        ``ConfigError`` for feeds that do not fit, ``DeviceError`` when the runtime fails,
        ``FormatError`` when the file is another graph's.
        """
        given = _given(self._graph, feeds)
        samples = len(given[self._graph.inputs[0]])
        if not samples:
            return {name: self._empty(name) for name in (*self._graph.outputs, *keep)}
        outputs = self._file.run(list(given.values()), self._steps if self._graph.states else None)
        results = {
            name: self._checked(name, y, samples)
            for name, y in zip(self._graph.outputs, outputs, strict=True)
        }
        inner = [name for name in dict.fromkeys(keep) if name not in {*results, *given}]
        results |= {name: given[name] for name in keep if name in given and name not in results}
        if self._graph.states:
            for name, x in given.items():
                self._past[name].append(x)
            given = {name: np.concatenate(past) for name, past in self._past.items()}
        if inner:
            seen = self._file.observe(list(given.values()), inner, skip=self._steps)
            results |= {name: self._checked(name, y, samples) for name, y in seen.items()}
        self._steps += samples if self._graph.states else 0
        return results

    def timed(
        self, feeds: Mapping[str, Array], repeats: int, warm_up: int
    ) -> list[list[LayerTiming]]:
        """Wall time; see ``timing``. A model is timed in an instance of its own: what its states
        hold here stays. ``FormatError`` for an artifact that was changed since it was built: its
        layers could not be told apart."""
        given = timed_sample(self._graph, _given(self._graph, feeds), repeats, warm_up)
        file = self._file
        if isinstance(file, EmittedFile) and file.changed:
            raise FormatError(f"{self._artifact.path}: changed since it was built; deploy it again")
        whole = file.times_us(list(given.values()), repeats, warm_up)
        columns: list[timing.Column] = [(timing.whole_row(self._graph), whole)]
        if isinstance(file, EmittedFile):
            columns += timing.layer_columns(self._graph, self._board, repeats, warm_up)
        return timing.rows(columns, repeats)

    def reset(self) -> None:
        """Brings every state to its initial value: the file is loaded again."""
        self._past = {name: [] for name in self._graph.inputs}
        self._steps = 0

    def close(self) -> None:
        """Ends the process, unless others share it."""
        self._file.loaded.close()

    def _empty(self, name: str) -> Array:
        tensor = self._graph.tensors[name]
        return np.zeros((0, *tensor.shape), tensor.dtype.container)

    def _checked(self, name: str, y: Array, samples: int) -> Array:
        """``y`` as tensor ``name`` of the graph; ``FormatError`` if that it cannot be."""
        tensor = self._graph.tensors[name]
        if y.dtype != tensor.dtype.container or y.size != samples * tensor.elements:
            raise FormatError(
                f"{self._artifact.path}: {name!r} is {y.dtype}{y.shape[1:]} there, and "
                f"{tensor.dtype.container}{tensor.shape} in the graph; take the file of this graph"
            )
        return y.reshape(samples, *tensor.shape)


def open_session(artifact: Artifact[EdgePlan], port: str | None) -> EdgeSession:
    """The artifact in its runtime; ``ConfigError`` for a ``port``, since that runs here, or where
    the board's file says."""
    board = edge_section(artifact.board)
    if port is not None:
        where = "here" if board.link is None else f"on {board.link.host}, as its file says"
        raise ConfigError(f"--port {port}: {artifact.board.name} runs {where}; leave --port out")
    return EdgeSession(artifact, board)


def _given(graph: Graph, feeds: Mapping[str, Array]) -> dict[str, Array]:
    """The feeds in the graph's order and types; ``ConfigError`` where they do not fit."""
    if unknown := sorted(set(feeds) - set(graph.inputs)):
        raise ConfigError(f"no input {unknown[0]!r}; the graph has {', '.join(graph.inputs)}")
    return fed(graph, feeds)
