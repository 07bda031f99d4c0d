"""The registry: targets are objects that satisfy ``hwkit.target.Target``, one folder each, and
never import each other. Those of other packages join by the entry point ``hwkit.targets``.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

from hwkit.boards import Board
from hwkit.errors import ConfigError
from hwkit.target import Target

GROUP = "hwkit.targets"
"""Entry points of this group name an object that satisfies ``Target``; the entry point's name is
what a board file's ``target`` says."""


def get(board: Board) -> Target[Any]:
    """The target that serves ``board``, imported on first use.

    ``ConfigError`` for one that no installed package has, or that is not what it should be.
    """
    match board.target:
        case "edge":
            from hwkit.targets.edge import target as edge

            return edge.TARGET
        case "finn":
            from hwkit.targets.finn import target as finn

            return finn.TARGET
        case "hls4ml":
            from hwkit.targets.hls4ml import target as hls4ml

            return hls4ml.TARGET
        case "interpreter":
            from hwkit.targets import interpreter

            return interpreter.TARGET
        case "mcu":
            from hwkit.targets.mcu import target as mcu

            return mcu.TARGET
        case "onnx":
            from hwkit.targets.onnx import target as onnx

            return onnx.TARGET
        case "rtl":
            from hwkit.targets.rtl import target as rtl

            return rtl.TARGET
        case name:
            return _installed(name, board)


def _installed(name: str, board: Board) -> Target[Any]:
    """The target of another package."""
    for point in entry_points(group=GROUP):
        if point.name == name:
            target = point.load()
            if isinstance(target, Target) and target.name == name:
                return target
            raise ConfigError(
                f"entry point {point.value!r} of {GROUP}: no target called {name!r}; "
                "it must satisfy hwkit.target.Target"
            )
    raise ConfigError(
        f"board {board.name}: no target {name!r} is installed; install the package that has it"
    )
