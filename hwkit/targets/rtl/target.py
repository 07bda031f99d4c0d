"""The registry's FPGA designs in Verilog, simulated cycle by cycle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from hwkit.allocate.cost import CostTable
from hwkit.boards import Board
from hwkit.ir.graph import Graph
from hwkit.profile.book import CostBook
from hwkit.target import Artifact, BuildPlan, Capabilities, Lowered, Session, Size
from hwkit.targets.rtl.allocation import estimate_costs
from hwkit.targets.rtl.build import build, open_artifact, tools
from hwkit.targets.rtl.capabilities import capabilities
from hwkit.targets.rtl.emit import emit
from hwkit.targets.rtl.lower import lower
from hwkit.targets.rtl.package import check_kind, package
from hwkit.targets.rtl.plan import Plan, fpga
from hwkit.targets.rtl.session import open_session
from hwkit.targets.rtl.size import size

LOOK_AT = {
    "link": "power, cable and port; pins of the UART; whether the bitstream is loaded (--flash)",
    "info": "whether the board runs a bitstream of another clock; clock_hz in the board's file",
    "memory": "",
    "golden": "fmax_hz in deploy.json against clock_hz; supply voltage",
    "clock": "oscillator_hz and clock_hz in the board's file; the PLL setting in top.v",
}
"""What to check when a step of bringing up a board fails."""

_NEEDS = {
    "verilator": ("verilator", "g++"),
    "ice40": ("yosys", "nextpnr-ice40"),
    "ecp5": ("yosys", "nextpnr-ecp5"),
    "gowin": ("yosys", "nextpnr-gowin", "apycula"),
    "vivado": ("yosys",),
}
"""By flow."""


class Rtl:
    """FPGA designs in Verilog; see ``target.Target``. Also ``HasCosts``, ``Sizes``,
    ``PredictsCycles``, ``NeedsTools``, ``BringsUp``, ``Packages``."""

    name = "rtl"

    def capabilities(self, board: Board) -> Capabilities:
        return capabilities(board)

    def lower(self, graph: Graph, board: Board) -> Lowered[Plan]:
        return lower(graph, board)

    def emit(self, lowered: Lowered[Plan]) -> BuildPlan:
        return emit(lowered)

    def size(self, graph: Graph, board: Board) -> Size:
        return size(graph, board)

    def build(self, plan: BuildPlan, lowered: Lowered[Plan], out: Path) -> Artifact[Plan]:
        return build(plan, lowered, out)

    def artifact(self, out: Path, lowered: Lowered[Plan]) -> Artifact[Plan]:
        return open_artifact(out, lowered)

    def open(self, artifact: Artifact[Plan], port: str | None = None) -> Session:
        return open_session(artifact, port)

    def tools(self, board: Board) -> dict[str, str]:
        return tools(board)

    def check_package(self, board: Board, kind: str) -> None:
        check_kind(board, kind)

    def package(self, lowered: Lowered[Plan], kind: str) -> dict[str, bytes]:
        return package(lowered, kind)

    def costs(
        self,
        graph: Graph,
        board: Board,
        widths: Sequence[int],
        maps: Sequence[int] = (),
        book: CostBook | None = None,
    ) -> CostTable:
        return estimate_costs(graph, board, widths, maps)

    def predicted_cycles(self, lowered: Lowered[Plan]) -> int:
        return lowered.plan.core.latency_cycles

    def needs(self, board: Board) -> tuple[str, ...]:
        section = fpga(board)
        return (*_NEEDS[section.flow], *(("da4ml",) if section.style == "unrolled" else ()))

    def look_at(self, board: Board) -> Mapping[str, str]:
        return LOOK_AT


TARGET = Rtl()
