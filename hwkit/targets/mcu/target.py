"""The registry's microcontrollers: C kernels, generated tables, a firmware on a serial line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from hwkit.allocate.cost import CostTable
from hwkit.boards import Board
from hwkit.device.qemu import program_name
from hwkit.ir.graph import Graph
from hwkit.lower.memory import MemoryPlan
from hwkit.lower.patch.turns import Stage
from hwkit.profile.book import CostBook
from hwkit.target import (
    ArenaNeeds,
    Artifact,
    BuildPlan,
    Capabilities,
    CostKey,
    Explanation,
    Lowered,
    Session,
    Size,
)
from hwkit.targets.mcu import choice, package
from hwkit.targets.mcu.build import build, open_artifact, tools
from hwkit.targets.mcu.capabilities import CAPABILITIES
from hwkit.targets.mcu.cost import measure_costs
from hwkit.targets.mcu.cost_keys import cost_keys
from hwkit.targets.mcu.emit import emit
from hwkit.targets.mcu.estimate import estimates
from hwkit.targets.mcu.explain import explain
from hwkit.targets.mcu.lower import McuPlan, lower, section, staged
from hwkit.targets.mcu.needs import arena_needs, with_fast_kernels, with_small_kernels
from hwkit.targets.mcu.session import open_session
from hwkit.targets.mcu.size import size

LOOK_AT = {
    "link": "power, cable and port; TX and RX swapped; whether the image is on the board (--flash)",
    "info": "whether crystal and PLL started (firmware/platforms); clock_hz in the board's file",
    "memory": "origin and size of the SRAM in the board's file; supply voltage; clock speed",
    "golden": "flash wait states for this clock; cpu_flags in the board's file; the kernel named",
    "clock": "crystal, PLL and dividers (firmware/platforms); clock_hz in the board's file",
}
"""What to check when a step of bringing up a board fails."""


class Mcu:
    """Microcontrollers; see ``target.Target``.

    Also ``ChoosesKernels``, ``KeysCosts``, ``Explains``, ``Estimates``, ``Packages``, ``HasCosts``,
    ``Sizes``, ``NeedsTools``, ``PlansArena``, ``BringsUp``, and ``flow.stages.RunsStages``.
    """

    name = "mcu"

    def capabilities(self, board: Board) -> Capabilities:
        return CAPABILITIES

    def lower(self, graph: Graph, board: Board) -> Lowered[McuPlan]:
        return lower(graph, board)

    def choose(self, lowered: Lowered[McuPlan], measure: bool) -> Lowered[McuPlan]:
        return choice.choose(lowered, measure)

    def explain(self, lowered: Lowered[McuPlan]) -> Explanation:
        return explain(lowered)

    def estimates(self, lowered: Lowered[McuPlan]) -> tuple[Artifact[McuPlan], Artifact[McuPlan]]:
        return estimates(lowered)

    def size(self, graph: Graph, board: Board) -> Size:
        return size(graph, board)

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

    def costs(
        self,
        graph: Graph,
        board: Board,
        widths: Sequence[int],
        maps: Sequence[int] = (),
        book: CostBook | None = None,
    ) -> CostTable:
        return measure_costs(graph, board, widths, maps, book=book)

    def cost_keys(self, lowered: Lowered[McuPlan]) -> Mapping[str, CostKey]:
        return cost_keys(lowered)

    def needs(self, board: Board) -> tuple[str, ...]:
        mcu = section(board)
        emulators = {"unicorn": ("unicorn", "gcc"), "qemu": (program_name(mcu), "gcc"), "": ()}
        return ("ziglang", "pyelftools", *emulators[mcu.emulator])

    def arena_needs(self, lowered: Lowered[McuPlan]) -> ArenaNeeds:
        return arena_needs(lowered)

    def staged(self, lowered: Lowered[McuPlan], stages: Sequence[Stage]) -> Lowered[McuPlan]:
        return staged(lowered, stages)

    def with_fast_kernels(self, lowered: Lowered[McuPlan]) -> Lowered[McuPlan]:
        return with_fast_kernels(lowered)

    def with_small_kernels(self, lowered: Lowered[McuPlan], plain: bool) -> Lowered[McuPlan]:
        return with_small_kernels(lowered, plain)

    def memory(self, lowered: Lowered[McuPlan]) -> MemoryPlan:
        return lowered.plan.memory

    def look_at(self, board: Board) -> Mapping[str, str]:
        return LOOK_AT


TARGET = Mcu()
