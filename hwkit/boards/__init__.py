"""Boards, the parts on them, and the places where they are: TOML files as frozen records.

``parts/`` says what a chip is, ``boards/`` what a part has around it, ``places.toml`` where one is
connected. ``docs/boards.md`` describes the files.
"""

from hwkit.boards.found import Found, find_all, load, names
from hwkit.boards.read import parse, parse_part
from hwkit.boards.records import (
    NO_GOAL,
    Arrival,
    Board,
    EdgeBoard,
    EdgeLink,
    FlashCache,
    FlashTiming,
    FoldingGoal,
    FpgaBoard,
    FpgaPart,
    FpgaPins,
    FpgaResources,
    McuBoard,
    McuPart,
    MemoryRegion,
    Optimize,
    Part,
    Programmer,
    Uart,
    folded_for,
    is_riscv,
)

__all__ = [
    "NO_GOAL",
    "Arrival",
    "Board",
    "EdgeBoard",
    "EdgeLink",
    "FlashCache",
    "FlashTiming",
    "FoldingGoal",
    "Found",
    "FpgaBoard",
    "FpgaPart",
    "FpgaPins",
    "FpgaResources",
    "McuBoard",
    "McuPart",
    "MemoryRegion",
    "Optimize",
    "Part",
    "Programmer",
    "Uart",
    "find_all",
    "folded_for",
    "is_riscv",
    "load",
    "names",
    "parse",
    "parse_part",
]
