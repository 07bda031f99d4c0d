"""The interpreter as a target: what every other one must equal, run as they are."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hwkit.boards import Board
from hwkit.closing import Closing
from hwkit.device.host import host
from hwkit.errors import ConfigError
from hwkit.files import write_whole
from hwkit.ir import serialize
from hwkit.ir.counts import macs
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import Interpreter
from hwkit.ir.types import Array
from hwkit.target import (
    WHOLE_MODEL,
    Artifact,
    BuildPlan,
    Capabilities,
    Identity,
    LayerTiming,
    Lowered,
)
from hwkit.targets.every_op import every_op
from hwkit.targets.timed import timed_sample
from hwkit.version import __version__

MODEL = "model.hwk"

CAPABILITIES = every_op("interpreter")


@dataclass(slots=True)
class InterpreterSession(Closing):
    """The file's graph in the interpreter; only whole inferences are timed."""

    graph: Graph
    _interpreter: Interpreter = field(init=False)

    def __post_init__(self) -> None:
        self._interpreter = Interpreter(self.graph)

    @property
    def identity(self) -> Identity:
        """This host."""
        digest = serialize.digest(self.graph)
        return Identity("hardware", f"interpreter {__version__}", model=digest, host=host())

    def infer(self, feeds: Mapping[str, Array], keep: Sequence[str] = ()) -> dict[str, Array]:
        """See ``target.Session``; every tensor can be observed."""
        wanted = dict.fromkeys((*keep, *self.graph.outputs))
        known = [name for name in wanted if name in self.graph.tensors]
        return self._interpreter.infer(feeds, known)

    def timed(
        self, feeds: Mapping[str, Array], repeats: int, warm_up: int
    ) -> list[list[LayerTiming]]:
        """Wall time of whole inferences; the states are put back afterwards."""
        timed_sample(self.graph, feeds, repeats, warm_up)
        states = dict(self._interpreter.state)
        for _ in range(warm_up):
            self.infer(feeds)
        runs = [self._timed(feeds) for _ in range(repeats)]
        self._interpreter.set_state(states)
        return runs

    def _timed(self, feeds: Mapping[str, Array]) -> list[LayerTiming]:
        start_ns = time.perf_counter_ns()
        self.infer(feeds)
        us = (time.perf_counter_ns() - start_ns) / 1000
        rows = [
            LayerTiming(index, op.name, type(op).__name__, macs(self.graph, op))
            for index, op in enumerate(self.graph.nodes)
        ]
        work = sum(row.macs for row in rows)
        return [*rows, LayerTiming(WHOLE_MODEL, self.graph.name, "Model", work, us=us)]

    def reset(self) -> None:
        """Brings every state to its initial value."""
        self._interpreter.reset()

    def close(self) -> None:
        """Nothing is open."""


class InterpreterTarget:
    """See ``target.Target``: lowering changes nothing, the artifact is the graph's own file."""

    name = "interpreter"

    def capabilities(self, board: Board) -> Capabilities:
        return CAPABILITIES

    def lower(self, graph: Graph, board: Board) -> Lowered[None]:
        return Lowered(graph, board, None)

    def emit(self, lowered: Lowered[None]) -> BuildPlan:
        return BuildPlan({MODEL: serialize.to_bytes(lowered.graph)})

    def build(self, plan: BuildPlan, lowered: Lowered[None], out: Path) -> Artifact[None]:
        for name, content in plan.files.items():
            write_whole(out / name, content)
        return self.artifact(out, lowered)

    def artifact(self, out: Path, lowered: Lowered[None]) -> Artifact[None]:
        path = out / MODEL
        if not path.is_file():
            raise ConfigError(f"{out}: holds no {MODEL}; deploy there first")
        facts = {"flash_bytes": path.stat().st_size, "tools": {}}
        return Artifact(out, path, lowered.board, lowered, facts)

    def open(self, artifact: Artifact[None], port: str | None = None) -> InterpreterSession:
        if port is not None:
            raise ConfigError(f"--port {port}: the interpreter runs here; leave --port out")
        return InterpreterSession(serialize.load(artifact.path))

    def tools(self, board: Board) -> dict[str, str]:
        return {}


TARGET = InterpreterTarget()
