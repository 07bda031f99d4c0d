"""The registry's hls4ml projects, proved by their C simulation."""

from __future__ import annotations

from pathlib import Path

from hwkit.boards import Board
from hwkit.ir.graph import Graph
from hwkit.target import Artifact, BuildPlan, Capabilities, Lowered, Session
from hwkit.targets.hls4ml.build import build, open_artifact
from hwkit.targets.hls4ml.capabilities import CAPABILITIES
from hwkit.targets.hls4ml.emit import emit
from hwkit.targets.hls4ml.lower import lower
from hwkit.targets.hls4ml.network import Network
from hwkit.targets.hls4ml.session import open_session
from hwkit.targets.hls4ml.tools import tools


class Hls4ml:
    """Hls4ml projects, proved by their C simulation; see ``target.Target``."""

    name = "hls4ml"

    def capabilities(self, board: Board) -> Capabilities:
        return CAPABILITIES

    def lower(self, graph: Graph, board: Board) -> Lowered[Network]:
        return lower(graph, board)

    def emit(self, lowered: Lowered[Network]) -> BuildPlan:
        return emit(lowered)

    def build(self, plan: BuildPlan, lowered: Lowered[Network], out: Path) -> Artifact[Network]:
        return build(plan, lowered, out)

    def artifact(self, out: Path, lowered: Lowered[Network]) -> Artifact[Network]:
        return open_artifact(out, lowered)

    def open(self, artifact: Artifact[Network], port: str | None = None) -> Session:
        return open_session(artifact, port)

    def tools(self, board: Board) -> dict[str, str]:
        return tools(board)

    def needs(self, board: Board) -> tuple[str, ...]:
        return ("hls4ml", "qonnx", "g++")


TARGET = Hls4ml()
