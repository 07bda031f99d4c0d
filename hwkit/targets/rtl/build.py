"""Runs a build plan: a simulator of the board, or its bitstream and what it takes of the part."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hwkit.boards import Board, FpgaBoard, FpgaResources
from hwkit.errors import BudgetInfeasible, ConfigError
from hwkit.files import write_whole
from hwkit.ir.counts import weight_bytes
from hwkit.target import Artifact, BuildPlan, Lowered
from hwkit.targets.rtl import pll, unrolled
from hwkit.targets.rtl.bitstream import (
    DEVICE,
    HARNESS,
    TOP,
    flash_command,
    section,
    verilog_sources,
)
from hwkit.targets.rtl.core import Core
from hwkit.targets.rtl.larger import boards_with_room
from hwkit.targets.rtl.plan import Plan
from hwkit.targets.rtl.shell import build_digest
from hwkit.toolchain import nextpnr, process, verilator, yosys
from hwkit.toolchain.cache import cache_folder

SIMULATOR = "rtl_board"
SEEDS = (1, 2, 3)
"""Of the placement: tried in order until the clock is met."""

TIMEOUT_S = 7200.0
_STAT = "stat.json"


def build(plan: BuildPlan, lowered: Lowered[Plan], out: Path) -> Artifact[Plan]:
    """Writes the plan to ``out`` and runs it.

    ``BudgetInfeasible`` with the number that misses, and what would do, when the part is too small
    or the clock is not met; ``ToolMissing`` and ``ToolFailed`` from the tools.
    """
    for name, content in plan.files.items():
        write_whole(out / name, content)
    fpga = section(lowered.board)
    if fpga.flow == "verilator":
        core: Core = lowered.plan.core
        verilator.simulator(
            [Path(name) for name in verilog_sources(plan.files)],
            DEVICE,
            out / HARNESS,
            out / SIMULATOR,
            optimize="-O0" if fpga.style == "unrolled" else "-O2",
            cwd=out,
        )
        return Artifact(out, out / SIMULATOR, lowered.board, lowered, _facts(out, lowered, core))
    synthesis, *rest = plan.commands
    _run(synthesis, out)
    check_fit(yosys.counts(out / _STAT), lowered.board)
    if rest:
        _place_and_route(rest, out, lowered.board)
    return open_artifact(out, lowered)


def open_artifact(out: Path, lowered: Lowered[Plan]) -> Artifact[Plan]:
    """The artifact that an earlier build left in ``out``; ``ConfigError`` when there is none."""
    path = out / artifact_name(section(lowered.board))
    if not path.is_file():
        raise ConfigError(
            f"{out}: no {path.name}; run 'hwkit deploy' for {lowered.board.name} there"
        )
    facts = _facts(out, lowered, lowered.plan.core)
    return Artifact(out, path, lowered.board, lowered, facts)


def artifact_name(fpga: FpgaBoard) -> str:
    """The file that a build is for: simulator, bitstream, or the project to open in Vivado."""
    if fpga.flow == "verilator":
        return SIMULATOR
    if fpga.flow == "vivado":
        return "project.tcl"
    return f"{TOP}.{nextpnr.BITSTREAMS[fpga.flow]}"


def tools(board: Board) -> dict[str, str]:
    """Versions of the tools that shape the artifact."""
    fpga = section(board)
    generators = {"da4ml": unrolled.version()} if fpga.style == "unrolled" else {}
    if fpga.flow == "verilator":
        return {**generators, "verilator": verilator.version()}
    names = ["yosys"]
    if fpga.flow != "vivado":
        names.append(nextpnr.commands(fpga, TOP)[0][0])
    return {**generators, **{name: yosys.version(name) for name in names}}


def check_fit(counts: yosys.Counts, board: Board) -> None:
    """Refuses, before placement, what the part has no room for: ``BudgetInfeasible`` names the
    resource, how much is missing and the smallest board that has enough of everything."""
    resources = section(board).resources
    if resources is None or (short := _short(counts, resources)) is None:
        return
    wanted, available = getattr(counts, short), getattr(resources, short)
    larger = boards_with_room(lambda part: _short(counts, part) is None)
    remedy = f"{larger[0]} has enough" if larger else "no board here has enough"
    raise BudgetInfeasible(
        f"board {board.name}: the design takes {wanted} {short} (counted before placement), "
        f"{wanted - available} more than the {available} of {section(board).part}; {remedy}; "
        "or use fewer bits or a smaller model"
    )


def _short(counts: yosys.Counts, resources: FpgaResources) -> str | None:
    """The first kind of which there is not enough."""
    kinds = ("lut", "ff", "bram", "dsp")
    return next((k for k in kinds if getattr(counts, k) > getattr(resources, k)), None)


def _place_and_route(commands: Sequence[tuple[str, ...]], out: Path, board: Board) -> None:
    """Routes with one seed after the other until the clock is met, then packs."""
    fpga = section(board)
    route, *pack = commands
    best_hz = 0
    for seed in SEEDS:
        at = route.index("--seed") + 1
        _run((*route[:at], str(seed), *route[at + 1 :]), out)
        fmax_hz = nextpnr.routed(out / nextpnr.REPORT, fpga.clock_hz).fmax_hz
        if fmax_hz >= fpga.clock_hz:
            break
        best_hz = max(best_hz, fmax_hz)
    else:
        raise _too_slow(best_hz, board)
    for command in pack:
        _run(command, out)


def _too_slow(best_hz: int, board: Board) -> BudgetInfeasible:
    fpga = section(board)
    works_hz = pll.fastest_below(fpga, best_hz)
    remedy = f"clock_hz = {works_hz} in its file works" if works_hz else "fold it more"
    return BudgetInfeasible(
        f"board {board.name}: {best_hz / 1e6:.1f} MHz after routing (best of {len(SEEDS)} "
        f"placements), {(fpga.clock_hz - best_hz) / 1e6:.1f} MHz short of its clock of "
        f"{fpga.clock_hz / 1e6:g} MHz; {remedy}"
    )


def _run(command: Sequence[str], out: Path) -> None:
    name, *arguments = command
    process.run(
        [yosys.find_program(name), *arguments],
        _log(out),
        cwd=out,
        timeout_s=TIMEOUT_S,
        how_to_get_it=yosys.HOW_TO_GET_IT.format(name=name),
    )


def _log(out: Path) -> Path:
    """Of the tools' output: outside ``out``, which a build that fails leaves no trace of."""
    key = hashlib.sha256(str(out.absolute()).encode()).hexdigest()[:16]
    return cache_folder("logs") / f"bitstream-{key}.log"


def _facts(out: Path, lowered: Lowered[Plan], core: Core) -> Mapping[str, Any]:
    """The keys of deploy.json that apply."""
    fpga, graph = section(lowered.board), lowered.graph
    facts: dict[str, Any] = {
        "weight_bytes": sum(weight_bytes(graph, op) for op in graph.nodes),
        "cycles_per_inference": core.latency_cycles,
        "interval_cycles": core.interval_cycles,
        "clock_hz": fpga.clock_hz,
        "part": fpga.part,
        "build": build_digest(core, fpga.clock_hz),
        "tools": tools(lowered.board),
    }
    if fpga.flow == "verilator":
        return facts
    facts["estimated"] = lowered.plan.cost.figures()
    counts = yosys.counts(out / _STAT)
    facts |= dataclasses.asdict(counts)
    facts |= {"counted": "by Yosys, before placement", "evidence": "estimated", "fmax_hz": None}
    if fpga.flow != "vivado":
        facts |= _routed_facts(out, fpga)
    if command := flash_command(lowered.board, artifact_name(fpga)):
        facts["flash"] = " ".join(command)
    return facts


def _routed_facts(out: Path, fpga: FpgaBoard) -> dict[str, Any]:
    """What the routed design takes; flip-flops as Yosys counts them, which placement keeps."""
    routed = nextpnr.routed(out / nextpnr.REPORT, fpga.clock_hz)
    return {**dataclasses.asdict(routed), "counted": "by nextpnr, after routing"}
