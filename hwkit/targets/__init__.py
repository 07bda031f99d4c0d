"""Targets: each a folder that implements ``hwkit.target.Target``; they never import each other."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import cast

from hwkit.boards import Board
from hwkit.errors import ConfigError
from hwkit.ir.graph import Graph
from hwkit.target import Artifact, Lowered, Target

_MODULES = {
    "edge": "hwkit.targets.edge",
    "finn": "hwkit.targets.finn",
    "hls4ml": "hwkit.targets.hls4ml",
    "mcu": "hwkit.targets.mcu",
    "rtl": "hwkit.targets.rtl",
}


def get(board: Board) -> Target:
    """The target that serves ``board``, imported on first use."""
    return cast(Target, import_module(_MODULES[board.target]))


_CHOOSERS = {"mcu": "hwkit.targets.mcu.choice"}


def choose(lowered: Lowered, measure: bool = True) -> Lowered:
    """``lowered`` with the choices made that its target makes by measuring; see its ``choose``.
    Without ``measure`` only those that are remembered. Targets that measure nothing give it back
    as it is."""
    module = _CHOOSERS.get(lowered.board.target)
    if module is None:
        return lowered
    chosen: Lowered = import_module(module).choose(lowered, measure)
    return chosen


_ORIGINALS = {"edge": "hwkit.targets.edge.original"}


def open_original(graph: Graph, board: Board, path: Path) -> Artifact:
    """The file that ``graph`` was imported from, to be run on ``board`` as it is; it must equal
    ``graph`` unlowered. ``ConfigError`` for boards that run no such files."""
    module = _ORIGINALS.get(board.target)
    if module is None:
        raise ConfigError(
            f"{path}: {board.name} runs what 'hwkit deploy' left in a folder, not a file; "
            "host_tflm and host_litert run a .tflite as it is"
        )
    artifact: Artifact = import_module(module).open_original(graph, board, path)
    return artifact


_PACKAGES = {
    "edge": "hwkit.targets.edge.project",
    "mcu": "hwkit.targets.mcu.package",
}


def check_package(board: Board, kind: str) -> None:
    """``ConfigError`` for a kind of package that ``board`` has not, before anything is built."""
    module = _PACKAGES.get(board.target)
    if module is None:
        raise ConfigError(
            f"package {kind!r}: board {board.name} has none; take a microcontroller "
            "(library, arduino, zephyr) or host_tflm (tflm)"
        )
    import_module(module).check_kind(board, kind)


def package(lowered: Lowered, kind: str) -> dict[str, bytes]:
    """The model as something that another build takes: files by relative path.

    ``kind`` is ``library``, ``arduino`` or ``zephyr`` for a microcontroller, ``tflm`` for
    ``host_tflm``; raises what ``check_package`` raises.
    """
    check_package(lowered.board, kind)
    module = _PACKAGES[lowered.board.target]
    files: dict[str, bytes] = import_module(module).package(lowered, kind)
    return files
