"""Runs a build plan in a folder, and opens a folder that was built before."""

from __future__ import annotations

import hashlib
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hwkit.errors import ConfigError, FormatError, ToolMissing
from hwkit.files import read_json, write_json, write_whole
from hwkit.ir.counts import weight_bytes
from hwkit.target import Artifact, BuildPlan, Lowered
from hwkit.targets.hls4ml.emit import PROGRAM, emit, fpga
from hwkit.targets.hls4ml.estimate import estimate, kernel
from hwkit.targets.hls4ml.network import Network
from hwkit.targets.hls4ml.tools import HOW_TO_GET, tools
from hwkit.toolchain import process

_STAMP = "build.json"


def build(plan: BuildPlan, lowered: Lowered[Network], out: Path) -> Artifact[Network]:
    """Writes the plan to ``out``, lets hls4ml write its project there and compiles ``csim``.

    All output goes to ``build.log``. ``ToolMissing`` without hls4ml or g++, ``ToolFailed`` with
    the log's path when one of them fails.
    """
    for name, content in plan.files.items():
        write_whole(out / name, content)
    write_json(out / _STAMP, {"plan": plan.digest(), "converted": "", "compiled": ""})
    return _brought_up_to_date(plan, lowered, out)


def open_artifact(out: Path, lowered: Lowered[Network]) -> Artifact[Network]:
    """The artifact that ``build`` left in ``out``, converted or compiled again if files were
    edited since: what lies in the folder is what runs.

    Raises ``ConfigError`` when there is none, or when it was built from another network.
    """
    if not (out / _STAMP).is_file():
        raise ConfigError(f"{out}: holds no {lowered.board.name} build; deploy into it first")
    plan = emit(lowered)
    if _stamps(out)["plan"] != plan.digest():
        raise ConfigError(f"{out}: was built from another network; deploy this one into it")
    return _brought_up_to_date(plan, lowered, out)


def built_plan(out: Path) -> str:
    """Digest of the plan that was built in ``out``; ``FormatError`` where none was."""
    return _stamps(out)["plan"]


def _brought_up_to_date(plan: BuildPlan, lowered: Lowered[Network], out: Path) -> Artifact[Network]:
    """Runs the commands of which the inputs are not those of their last run."""
    stamps = _stamps(out)
    convert, compile_ = plan.commands
    if stamps["converted"] != (converted := _digest(out, ("network.json", "convert.py"))):
        if find_spec("hls4ml") is None:
            raise ToolMissing("hls4ml", HOW_TO_GET["hls4ml"])
        _run(convert, out)
    sources = ("csim.cpp", "network_bridge.cpp", "firmware/**/*.h", "firmware/**/*.cpp")
    if stamps["compiled"] != (compiled := _digest(out, sources)) or not _program(out).is_file():
        _run(compile_, out)
    new = {"plan": stamps["plan"], "converted": converted, "compiled": compiled}
    if new != stamps:
        write_json(out / _STAMP, new)
    return Artifact(out, _program(out), lowered.board, lowered, _facts(lowered))


def _program(out: Path) -> Path:
    return out / PROGRAM


def _stamps(out: Path) -> dict[str, str]:
    stamps = read_json(out / _STAMP)
    keys = ("plan", "converted", "compiled")
    if not isinstance(stamps, dict) or any(not isinstance(stamps.get(k), str) for k in keys):
        raise FormatError(f"{out / _STAMP}: not written by hwkit; deploy into an empty folder")
    return stamps


def _digest(out: Path, patterns: tuple[str, ...]) -> str:
    """SHA-256 over the names and contents of the files that ``patterns`` match."""
    state = hashlib.sha256()
    for path in sorted({path for pattern in patterns for path in out.glob(pattern)}):
        state.update(f"{path.relative_to(out)}\0{path.stat().st_size}\0".encode())
        state.update(path.read_bytes())
    return state.hexdigest()


def _run(command: tuple[str, ...], out: Path) -> None:
    program = sys.executable if command[0] == "{python}" else command[0]
    process.run(
        [program, *command[1:]],
        out / "build.log",
        cwd=out,
        timeout_s=1800.0,
        how_to_get_it=HOW_TO_GET.get(program, "install it"),
    )


def _facts(lowered: Lowered[Network]) -> dict[str, Any]:
    """What ``deploy.json`` tells; counts and cycles are ``estimate``'s, null is what only a
    synthesis could know."""
    board = fpga(lowered.board)
    graph, plan = lowered.graph, lowered.plan
    found = estimate(plan.layers, plan.io_type)
    return {
        "weight_bytes": sum(weight_bytes(graph, op) for op in graph.nodes),
        "lut": found.lut,
        "ff": found.ff,
        "bram": None,
        "dsp": found.dsp,
        "fmax_hz": None,
        "cycles_per_inference": found.latency_cycles,
        "interval_cycles": found.latency_cycles,
        "clock_hz": round(1e9 / board.clock_period_ns),
        "evidence": "estimated",
        "reuse_factors": {
            layer.name: layer.reuse_factor for layer in plan.layers if kernel(layer) is not None
        },
        "part": board.part,
        "clock_period_ns": board.clock_period_ns,
        "io_type": plan.io_type,
        "backend": board.backend,
        "tools": tools(lowered.board),
    }
