"""Which build an image is: a number that is compiled into it."""

from __future__ import annotations

from collections.abc import Mapping

from hwkit.boards import McuBoard
from hwkit.errors import ToolMissing
from hwkit.target import BuildPlan
from hwkit.targets.mcu import makefile
from hwkit.toolchain import firmware, zig

BUILD_BYTES = 8


def build_digest(files: Mapping[str, bytes], mcu: McuBoard) -> str:
    """SHA-256 of what makes the layers' code: model, kernels, runtime, compiler and flags.

    The board's own parts (clock, pins, memory map, drivers) are not among it: they answer for
    themselves, so that an emulator of the same core runs the same build.
    """
    own = {*firmware.platform_files(mcu), "firmware.ld", *makefile.FILES}
    code = {name: content for name, content in files.items() if name not in own}
    flags = (*mcu.cpu_flags, zig.OPTIMIZE, firmware.RUNTIME_OPTIMIZE, *zig.COMPILE_FLAGS)
    return BuildPlan(code, (flags, (_compiler(),))).digest()


def build_flag(files: Mapping[str, bytes], mcu: McuBoard) -> str:
    """What tells the compiler; an image built without it says 0, which stands for any build."""
    head = bytes.fromhex(build_digest(files, mcu))[:BUILD_BYTES]
    # As the image stores it: little-endian.
    return f"-DHWK_BUILD={int.from_bytes(head, 'little'):#018x}ull"


def _compiler() -> str:
    try:
        return zig.version()
    except ToolMissing:  # sources can be emitted without one
        return ""
