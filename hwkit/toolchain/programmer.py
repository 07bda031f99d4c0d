"""Writes an image to a connected board with the programmer that its file names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hwkit.boards import Board
from hwkit.errors import ConfigError
from hwkit.toolchain import process
from hwkit.toolchain.cache import cache_folder

TIMEOUT_S = 300.0


def flash(board: Board, image: Path) -> None:
    """Writes ``image`` (``firmware.elf``, with ``.hex`` or ``.uf2`` beside it, or a bitstream) and
    resets the board.

    ``ConfigError`` for a board that has no programmer (an emulated one needs none),
    ``ToolMissing`` with the remedy, ``ToolFailed`` with the log of what the programmer said.
    Example: a board with programmer pyocd runs ``pyocd flash --target T firmware.hex``.
    """
    section = board.mcu or board.fpga
    programmer = None if section is None else section.programmer
    if programmer is None:
        raise ConfigError(f"--flash: board {board.name} has no programmer; it needs no flashing")
    if programmer.tool not in _COMMANDS:
        raise ConfigError(
            f"board {board.name}: programmer {programmer.tool!r}; known: {', '.join(_COMMANDS)}"
        )
    process.run(
        _COMMANDS[programmer.tool](programmer.target, image),
        cache_folder("logs") / f"flash-{board.name}.log",
        timeout_s=TIMEOUT_S,
        how_to_get_it=REMEDIES[programmer.tool],
    )


def _pyocd(target: str, image: Path) -> list[str]:
    return ["pyocd", "flash", "--target", target, str(image.with_suffix(".hex"))]


def _openocd(target: str, image: Path) -> list[str]:
    # Braces: Tcl then takes the path as it is.
    return ["openocd", "-f", target, "-c", f"program {{{image}}} verify reset exit"]


def _picotool(target: str, image: Path) -> list[str]:
    return ["picotool", "load", "--verify", "--execute", str(image.with_suffix(".uf2"))]


def _openfpgaloader(target: str, image: Path) -> list[str]:
    return ["openFPGALoader", "-b", target, str(image)]


_COMMANDS: dict[str, Callable[[str, Path], list[str]]] = {
    "pyocd": _pyocd,
    "openocd": _openocd,
    "picotool": _picotool,
    "openFPGALoader": _openfpgaloader,
}

REMEDIES = {
    "pyocd": "pip install pyocd",
    "openocd": "apt install openocd",
    "picotool": "apt install picotool, or copy firmware.uf2 to the board's USB drive",
    "openFPGALoader": "apt install openfpgaloader, or use iceprog, fujprog",
}
"""How to get each programmer."""
