"""The registry's ONNX Runtime: a file of integer operators, as exact as the interpreter."""

from __future__ import annotations

from pathlib import Path

from hwkit.boards import Board
from hwkit.errors import ConfigError
from hwkit.files import write_whole
from hwkit.ir.graph import Graph
from hwkit.target import Artifact, BuildPlan, Capabilities, Lowered, Session
from hwkit.targets.every_op import every_op
from hwkit.targets.onnx.emit import integer_file
from hwkit.targets.onnx.running import PACKAGE, package_version
from hwkit.targets.onnx.session import open_session

MODEL = "model.onnx"

CAPABILITIES = every_op("onnx")


class Onnx:
    """See ``target.Target``: lowering changes nothing, as the file has the graph's arithmetic."""

    name = "onnx"

    def capabilities(self, board: Board) -> Capabilities:
        return CAPABILITIES

    def lower(self, graph: Graph, board: Board) -> Lowered[None]:
        return Lowered(graph, board, None)

    def emit(self, lowered: Lowered[None]) -> BuildPlan:
        return BuildPlan({MODEL: integer_file(lowered.graph).model})

    def build(self, plan: BuildPlan, lowered: Lowered[None], out: Path) -> Artifact[None]:
        for name, content in plan.files.items():
            write_whole(out / name, content)
        return self.artifact(out, lowered)

    def artifact(self, out: Path, lowered: Lowered[None]) -> Artifact[None]:
        path = out / MODEL
        if not path.is_file():
            raise ConfigError(f"{out}: holds no {MODEL}; deploy there first")
        facts = {
            "weight_bytes": sum(value.nbytes for value in lowered.graph.constants.values()),
            "flash_bytes": path.stat().st_size,
            "tools": self.tools(lowered.board),
        }
        return Artifact(out, path, lowered.board, lowered, facts)

    def open(self, artifact: Artifact[None], port: str | None = None) -> Session:
        return open_session(artifact, port)

    def tools(self, board: Board) -> dict[str, str]:
        return {PACKAGE: package_version()}

    def needs(self, board: Board) -> tuple[str, ...]:
        return ("onnx", PACKAGE)


TARGET = Onnx()
