"""Skips a test whose emulator is missing; ``tests/expected_skips.toml`` says where that may be."""

from __future__ import annotations

import pytest

from hwkit.boards import Board
from hwkit.device.qemu import find_program
from hwkit.errors import ToolMissing
from hwkit.toolchain import zig


def skip_without_qemu(board: Board) -> None:
    """Skips unless QEMU for the board's core is there."""
    assert board.mcu is not None
    try:
        find_program(board.mcu)
    except ToolMissing as missing:
        pytest.skip(str(missing))


def skip_without_emulator(board: Board) -> None:
    """Skips unless the compiler and the emulator of a microcontroller's board are there; other
    boards pass."""
    if board.mcu is None:
        return
    try:
        zig.program()
    except ToolMissing as missing:
        pytest.skip(str(missing))
    if board.mcu.emulator == "unicorn":
        pytest.importorskip("unicorn")
    elif board.mcu.emulator == "qemu":
        skip_without_qemu(board)
