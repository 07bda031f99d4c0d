"""Writes an image to a connected board with the programmer that its file names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hwkit.boards import Board, Programmer
from hwkit.errors import ConfigError, ToolMissing
from hwkit.toolchain import distribution, process, programs
from hwkit.toolchain.cache import cache_folder

TIMEOUT_S = 300.0


def flash(board: Board, image: Path) -> None:
    """Writes ``image`` (``firmware.elf``, with ``.hex`` or ``.uf2`` beside it, or a bitstream) and
    resets the board.

    Raises what ``find`` raises, and ``ToolFailed`` with the log of what the programmer said.
    Example: a board with programmer pyocd runs ``pyocd flash --target T firmware.hex``.
    """
    program, programmer = find(board)
    process.run(
        [program, *_COMMANDS[programmer.tool](programmer.target, image)],
        cache_folder("logs") / f"flash-{board.name}.log",
        timeout_s=TIMEOUT_S,
    )


def find(board: Board) -> tuple[str, Programmer]:
    """The program that writes to ``board``, and what the board's file says of it.

    To be asked before an image is built. ``ConfigError`` for a board that has no programmer (an
    emulated one needs none), ``ToolMissing`` with the remedy.
    """
    section = board.mcu or board.fpga
    programmer = None if section is None else section.programmer
    if programmer is None:
        raise ConfigError(f"--flash: board {board.name} has no programmer; it needs no flashing")
    if programmer.tool not in _COMMANDS:
        raise ConfigError(
            f"board {board.name}: programmer {programmer.tool!r}; known: {', '.join(_COMMANDS)}"
        )
    program = programs.find(programmer.tool)
    if program is None:
        raise ToolMissing(programmer.tool, remedy(programmer.tool))
    return program, programmer


def _pyocd(target: str, image: Path) -> list[str]:
    return ["flash", "--target", target, str(image.with_suffix(".hex"))]


def _openocd(target: str, image: Path) -> list[str]:
    # Braces: Tcl then takes the path as it is.
    return ["-f", target, "-c", f"program {{{image}}} verify reset exit"]


def _picotool(target: str, image: Path) -> list[str]:
    return ["load", "--verify", "--execute", str(image.with_suffix(".uf2"))]


def _openfpgaloader(target: str, image: Path) -> list[str]:
    return ["-b", target, str(image)]


_COMMANDS: dict[str, Callable[[str, Path], list[str]]] = {
    "pyocd": _pyocd,
    "openocd": _openocd,
    "picotool": _picotool,
    "openFPGALoader": _openfpgaloader,
}

PROGRAMMERS = tuple(_COMMANDS)


def remedy(name: str) -> str:
    """How to get the programmer ``name``, e.g. ``pip install pyocd``."""
    tool = distribution.tool_of(name)
    return f"pip install {name}" if tool is None else distribution.remedy(tool)
