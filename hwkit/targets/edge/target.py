"""The registry's edge runtimes: int8 .tflite in LiteRT (XNNPACK) and in TFLM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from hwkit.allocate.cost import CostTable
from hwkit.boards import Board
from hwkit.ir.graph import Graph
from hwkit.profile.book import CostBook
from hwkit.target import Artifact, BuildPlan, Capabilities, CostKey, Lowered, Session
from hwkit.targets.edge import project
from hwkit.targets.edge.build import build, edge_section, open_artifact, tools
from hwkit.targets.edge.capabilities import CAPABILITIES
from hwkit.targets.edge.cost import cost_keys, measure_costs
from hwkit.targets.edge.emit import emit
from hwkit.targets.edge.fitted import fitted
from hwkit.targets.edge.loaded import needs_of
from hwkit.targets.edge.lower import lower
from hwkit.targets.edge.original import EdgePlan, open_original
from hwkit.targets.edge.session import open_session


class Edge:
    """Edge runtimes; see ``target.Target``. Also ``HasCosts``, ``KeysCosts``, ``Packages`` and
    ``RunsFiles``."""

    name = "edge"

    def capabilities(self, board: Board) -> Capabilities:
        return CAPABILITIES

    def lower(self, graph: Graph, board: Board) -> Lowered[EdgePlan]:
        limit = edge_section(board).sram_bytes
        return fitted(graph, board, limit) if limit else lower(graph, board)

    def emit(self, lowered: Lowered[EdgePlan]) -> BuildPlan:
        return emit(lowered)

    def build(self, plan: BuildPlan, lowered: Lowered[EdgePlan], out: Path) -> Artifact[EdgePlan]:
        return build(plan, lowered, out)

    def artifact(self, out: Path, lowered: Lowered[EdgePlan]) -> Artifact[EdgePlan]:
        return open_artifact(out, lowered)

    def open(self, artifact: Artifact[EdgePlan], port: str | None = None) -> Session:
        return open_session(artifact, port)

    def tools(self, board: Board) -> dict[str, str]:
        return tools(board)

    def check_package(self, board: Board, kind: str) -> None:
        project.check_kind(board, kind)

    def cost_keys(self, lowered: Lowered[EdgePlan]) -> Mapping[str, CostKey]:
        return cost_keys(lowered)

    def costs(
        self,
        graph: Graph,
        board: Board,
        widths: Sequence[int],
        maps: Sequence[int] = (),
        book: CostBook | None = None,
    ) -> CostTable:
        return measure_costs(graph, board, widths, maps, book)

    def package(self, lowered: Lowered[EdgePlan], kind: str) -> dict[str, bytes]:
        return project.package(lowered, kind)

    def open_original(self, graph: Graph, board: Board, path: Path) -> Artifact[EdgePlan]:
        return open_original(graph, board, path)

    def needs(self, board: Board) -> tuple[str, ...]:
        return needs_of(edge_section(board))


TARGET = Edge()
