"""The kernel driver as an image for the Cortex-M55 in QEMU, semihosted."""

from __future__ import annotations

import shlex
from pathlib import Path

from hwkit import boards, resources
from hwkit.boards import McuBoard
from hwkit.device.qemu import find_program
from hwkit.targets.mcu.kernels import listed, root
from hwkit.toolchain import zig
from hwkit.toolchain.firmware import include_folders, platform_files
from tests.firmware.kernels import driver as host

HERE = Path(__file__).parent
KERNELS = ("mve", "ref")


def compile_driver(folder: Path) -> Path:
    """Builds the image; the path of a program that runs it."""
    board = boards.load("virtual_m55").mcu
    assert board is not None
    lines = ['#include "hwk_kernels.h"', *(f"#include <hwk_{k}.h>" for k, _, _ in listed())]
    (folder / "all_kernels.h").write_text("\n".join(lines) + "\n")
    firmware = resources.folder("firmware")
    sources = [host.HERE / "driver.c", HERE / "libc.c", firmware / "runtime" / "hwk_memory.c"]
    sources += [firmware / name for name in platform_files(board) if name.endswith(".c")]
    folders = (
        HERE / "freestanding",
        folder,
        *include_folders(),
        *(root() / name for name in KERNELS),
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
    zig.link(zig.compile_objects(sources, board, include=folders, flags=flags), board, image)
    return _program(folder, board, image)


def _program(folder: Path, board: McuBoard, image: Path) -> Path:
    command = [find_program(board), "-M", board.qemu_machine, "-kernel", str(image)]
    command += ["-display", "none", "-monitor", "none", "-serial", "none"]
    command += ["-semihosting-config", "enable=on,target=native"]
    path = folder / "driver"
    path.write_text(f"#!/bin/sh\nexec {shlex.join(command)}\n")
    path.chmod(0o755)
    return path


class Driver(host.Driver):
    """The running image."""

    def __init__(self, path: Path) -> None:
        super().__init__("mve", path)

    def _folder(self, kernel: str) -> str:
        return next(name for name in KERNELS if (root() / name / f"hwk_{kernel}.h").is_file())
