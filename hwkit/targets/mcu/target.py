"""The registry's microcontrollers: C kernels, generated tables, a firmware on a serial line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hwkit.allocate.cost import CostTable
from hwkit.boards import Board
from hwkit.ir.graph import Graph
from hwkit.target import Artifact, BuildPlan, Capabilities, Lowered, Session
from hwkit.targets.mcu import choice, package
from hwkit.targets.mcu.build import build, open_artifact, tools
from hwkit.targets.mcu.capabilities import CAPABILITIES
from hwkit.targets.mcu.cost import measure_costs
from hwkit.targets.mcu.emit import emit
from hwkit.targets.mcu.lower import McuPlan, lower
from hwkit.targets.mcu.session import open_session


class Mcu:
    """Microcontrollers; see ``target.Target``.

    Also ``ChoosesKernels``, ``Packages`` and ``HasCosts``.
    """

    name = "mcu"

    def capabilities(self, board: Board) -> Capabilities:
        return CAPABILITIES

    def lower(self, graph: Graph, board: Board) -> Lowered[McuPlan]:
        return lower(graph, board)

    def choose(self, lowered: Lowered[McuPlan], measure: bool) -> Lowered[McuPlan]:
        return choice.choose(lowered, measure)

    def emit(self, lowered: Lowered[McuPlan]) -> BuildPlan:
        return emit(lowered)

    def build(self, plan: BuildPlan, lowered: Lowered[McuPlan], out: Path) -> Artifact[McuPlan]:
        return build(plan, lowered, out)

    def artifact(self, out: Path, lowered: Lowered[McuPlan]) -> Artifact[McuPlan]:
        return open_artifact(out, lowered)

    def open(self, artifact: Artifact[McuPlan], port: str | None = None) -> Session:
        return open_session(artifact, port)

    def tools(self, board: Board) -> dict[str, str]:
        return tools(board)

    def check_package(self, board: Board, kind: str) -> None:
        package.check_kind(board, kind)

    def package(self, lowered: Lowered[McuPlan], kind: str) -> dict[str, bytes]:
        return package.package(lowered, kind)

    def costs(self, graph: Graph, board: Board, widths: Sequence[int]) -> CostTable:
        return measure_costs(graph, board, widths)


TARGET = Mcu()
