"""Targets: each a folder that implements ``hwkit.target.Target``; they never import each other."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from hwkit.boards import Board
from hwkit.target import Target

_MODULES = {
    "edge": "hwkit.targets.edge",
    "hls4ml": "hwkit.targets.hls4ml",
    "mcu": "hwkit.targets.mcu",
}


def get(board: Board) -> Target:
    """The target that serves ``board``, imported on first use."""
    return cast(Target, import_module(_MODULES[board.target]))
