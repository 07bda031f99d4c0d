"""The kernel driver as an image for a core in QEMU, semihosted."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

from hwkit import boards, resources
from hwkit.boards import McuBoard
from hwkit.device.qemu import find_program, machine
from hwkit.targets.mcu.kernels import root
from hwkit.toolchain import zig
from hwkit.toolchain.firmware import include_folders, platform_files
from tests.firmware.kernels import driver as host

HERE = Path(__file__).parent
_MACHINES = {"virtual_m0": "mps2-an385"}
"""QEMU has no board with a Cortex-M0+; a Cortex-M3 with the same memory runs its instructions."""
_STACK_BYTES = 8192
"""Firmware is given what its layers need; this image runs any kernel in any form."""


def compile_driver(folder: Path, board_name: str = "virtual_m55") -> Path:
    """Builds the image with the board's kernels; the path of a program that runs it."""
    board = boards.load(board_name).mcu
    assert board is not None
    for name, content in host.listings(board.kernels).items():
        (folder / name).write_bytes(content)
    firmware = resources.folder("firmware")
    sources = [host.HERE / "driver.c", HERE / "libc.c"]
    # With these, most cores need nothing of the compiler's own library, which is built from source.
    sources += [firmware / "runtime" / name for name in ("hwk_memory.c", "hwk_aeabi.c")]
    sources += [firmware / name for name in platform_files(board) if name.endswith(".c")]
    folders = (
        HERE / "freestanding",
        folder,
        *include_folders(),
        *(root() / name for name in board.kernels),
        root(),
        firmware / "startup",
        firmware / "drivers",
    )
    flags = (
        f"-DHWK_UART_BASE={board.uart.base:#x}u",
        f"-DHWK_UART_BAUD={board.uart.baud}u",
        f"-DHWK_CLOCK_HZ={board.clock_hz}u",
        "-fno-builtin",
    )
    image = folder / "driver.elf"
    objects = zig.compile_objects(sources, board, include=folders, flags=flags)
    zig.link(objects, board, image, max(board.stack_bytes, _STACK_BYTES))
    options = machine(replace(board, qemu_machine=_MACHINES.get(board_name, board.qemu_machine)))
    return _program(folder, board, options, image)


def _program(folder: Path, board: McuBoard, options: list[str], image: Path) -> Path:
    command = [find_program(board), *options, "-kernel", str(image)]
    command += ["-display", "none", "-monitor", "none", "-serial", "none"]
    command += ["-semihosting-config", "enable=on,target=native"]
    path = folder / "driver"
    path.write_text(f"#!/bin/sh\nexec {shlex.join(command)}\n")
    path.chmod(0o755)
    return path


class Driver(host.Driver):
    """The running image."""

    def __init__(self, path: Path, board_name: str = "virtual_m55") -> None:
        board = boards.load(board_name).mcu
        assert board is not None
        super().__init__(board.kernels[0], path, board.kernels)
