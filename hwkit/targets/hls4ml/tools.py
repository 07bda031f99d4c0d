"""Versions of what shapes an hls4ml project and its simulation."""

from __future__ import annotations

import subprocess
from functools import cache
from importlib import metadata

from hwkit.boards import Board
from hwkit.errors import ToolMissing
from hwkit.targets.hls4ml.emit import COMPILE

HOW_TO_GET = {"hls4ml": "pip install 'hwkit[fpga]'", "g++": "apt install g++"}


def tools(board: Board) -> dict[str, str]:
    """Versions of hls4ml and of the C++ compiler; ``ToolMissing`` names the one that is absent."""
    try:
        version = metadata.version("hls4ml")
    except metadata.PackageNotFoundError as error:
        raise ToolMissing("hls4ml", HOW_TO_GET["hls4ml"]) from error
    return {"hls4ml": version, COMPILE[0]: _compiler_version()}


@cache
def _compiler_version() -> str:
    try:
        done = subprocess.run(
            [COMPILE[0], "-dumpfullversion"], capture_output=True, text=True, timeout=30, check=True
        )
    except FileNotFoundError as error:
        raise ToolMissing(COMPILE[0], HOW_TO_GET[COMPILE[0]]) from error
    return done.stdout.strip()
