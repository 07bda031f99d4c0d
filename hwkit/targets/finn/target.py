"""The registry's FINN projects, built and executed in FINN's own environment."""

from __future__ import annotations

from pathlib import Path

from hwkit.boards import Board
from hwkit.ir.graph import Graph
from hwkit.target import Artifact, BuildPlan, Capabilities, Lowered, Session
from hwkit.targets.finn.build import build, open_artifact
from hwkit.targets.finn.capabilities import CAPABILITIES
from hwkit.targets.finn.emit import emit
from hwkit.targets.finn.graph import Network
from hwkit.targets.finn.lower import lower
from hwkit.targets.finn.report import tools
from hwkit.targets.finn.session import open_session


class Finn:
    """FINN projects, built and executed in FINN's own environment; see ``target.Target``."""

    name = "finn"

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
        return tools()

    def needs(self, board: Board) -> tuple[str, ...]:
        return ("finn",)


TARGET = Finn()
