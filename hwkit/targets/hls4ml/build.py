"""Runs a build plan in a folder, and opens a folder that was built before."""

from __future__ import annotations

import hashlib
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hwkit.errors import ConfigError, ToolMissing
from hwkit.files import write_whole
from hwkit.ir.counts import weight_bytes
from hwkit.target import Artifact, BuildPlan, Lowered
from hwkit.targets.hls4ml.emit import PROGRAM, compile_command, emit, fpga
from hwkit.toolchain import process

HOW_TO_GET = {"g++": "apt install g++", "hls4ml": "pip install 'hwkit[fpga]'"}
_BUILT_FROM = "csim.sha256"
_PLAN = "plan.sha256"


def build(plan: BuildPlan, lowered: Lowered, out: Path) -> Artifact:
    """Writes the plan to ``out``, lets hls4ml write its project there and compiles ``csim``.

    All output goes to ``build.log``. ``ToolMissing`` without hls4ml or g++, ``ToolFailed`` with
    the log's path when one of them fails.
    """
    if find_spec("hls4ml") is None:
        raise ToolMissing("hls4ml", HOW_TO_GET["hls4ml"])
    for name, content in plan.files.items():
        write_whole(out / name, content)
    for command in plan.commands:
        _run(command, out)
    write_whole(out / _PLAN, plan.digest().encode())
    write_whole(out / _BUILT_FROM, _sources_digest(out).encode())
    return _artifact(out, lowered)


def open_artifact(out: Path, lowered: Lowered) -> Artifact:
    """The artifact that ``build`` left in ``out``, compiled again if its sources were edited
    since: what lies in the folder is what runs.

    Raises ``ConfigError`` when there is none, or when it was built from another network.
    """
    if not (out / _PLAN).is_file() or not (out / _BUILT_FROM).is_file():
        raise ConfigError(f"{out}: holds no {lowered.board.name} build; deploy into it first")
    if (out / _PLAN).read_text() != emit(lowered).digest():
        raise ConfigError(f"{out}: was built from another network; deploy this one into it")
    digest = _sources_digest(out)
    if (out / _BUILT_FROM).read_text() != digest or not (out / PROGRAM).is_file():
        _run(compile_command(lowered.graph), out)
        write_whole(out / _BUILT_FROM, digest.encode())
    return _artifact(out, lowered)


def _run(command: tuple[str, ...], out: Path) -> None:
    program = sys.executable if command[0] == "{python}" else command[0]
    process.run(
        [program, *command[1:]],
        out / "build.log",
        cwd=out,
        timeout_s=1800.0,
        how_to_get_it=HOW_TO_GET.get(program, "install it"),
    )


def _sources_digest(out: Path) -> str:
    """SHA-256 over everything that is compiled into ``csim``."""
    sources = [path for ending in ("h", "cpp") for path in (out / "firmware").rglob(f"*.{ending}")]
    state = hashlib.sha256()
    for path in sorted([*sources, out / "csim.cpp"]):
        if path.is_file():
            state.update(f"{path.relative_to(out)}\0{path.stat().st_size}\0".encode())
            state.update(path.read_bytes())
    return state.hexdigest()


def _artifact(out: Path, lowered: Lowered) -> Artifact:
    return Artifact(out, out / PROGRAM, lowered.board, lowered, _facts(lowered))


def _facts(lowered: Lowered) -> dict[str, Any]:
    """What ``deploy.json`` tells; null is what only a synthesis could know."""
    from hwkit.targets.hls4ml.tools import tools

    board = fpga(lowered.board)
    graph = lowered.graph
    return {
        "weight_bytes": sum(weight_bytes(graph, op) for op in graph.nodes),
        "lut": None,
        "ff": None,
        "bram": None,
        "dsp": None,
        "fmax_hz": None,
        "cycles_per_inference": None,
        "part": board.part,
        "clock_period_ns": board.clock_period_ns,
        "io_type": lowered.plan.io_type,
        "tools": tools(lowered.board),
    }
