"""What makes a deployed folder build by itself: a Makefile, a CMakeLists.txt, and the tool that
writes the image's other forms. The flags are those of ``toolchain.firmware``."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping

from hwkit import resources
from hwkit.boards import McuBoard, is_riscv
from hwkit.toolchain import firmware, zig

FILES = ("Makefile", "CMakeLists.txt", "hwk_image.c")

_GCC_CPU = {
    "cortex-m0plus": "-mcpu=cortex-m0plus -mthumb",
    "cortex-m4": "-mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16",
    "cortex-m7": "-mcpu=cortex-m7 -mthumb -mfloat-abi=hard -mfpu=fpv5-sp-d16",
    "cortex-m33": "-mcpu=cortex-m33 -mthumb -mfloat-abi=hard -mfpu=fpv5-sp-d16",
    "cortex-m55": "-mcpu=cortex-m55 -mthumb -mfloat-abi=hard -mfpu=auto",
    "rv32imac": "-march=rv32imac -mabi=ilp32 -mcmodel=medany",
    "rv32imac_zve32x": "-march=rv32imac_zve32x_zvl128b -mabi=ilp32 -mcmodel=medany "
    "-fno-tree-vectorize",
}
"""GCC's flags for what a board's ``cpu_flags`` tell zig."""


MODEL_SOURCES = ("model.c", "model_data.c")


def build_files(
    board: McuBoard, layers: int, build_flag: str, sources: Iterable[str] = MODEL_SOURCES
) -> dict[str, bytes]:
    """The files by name, to lie beside the ``sources`` of a model of ``layers`` layers;
    ``build_flag`` is what hwkit's own compiler is told of the build."""
    folder = resources.folder("firmware") / "template" / "firmware"
    values = {**_values(board, layers, build_flag), "MODEL_SOURCES": _words(sources)}
    made = {name: _filled((folder / name).read_text(), values) for name in FILES}
    return {name: text.encode() for name, text in made.items()}


def _values(board: McuBoard, layers: int, build_flag: str) -> dict[str, str]:
    profile, runtime = firmware.runtime_names(board)
    return {
        "GCC": "riscv64-unknown-elf-gcc" if is_riscv(board) else "arm-none-eabi-gcc",
        "PROCESSOR": "riscv32" if is_riscv(board) else "arm",
        "ZIG_CPU": _words((*board.cpu_flags, build_flag)),
        "GCC_CPU": _GCC_CPU[board.core],
        # Other compilers warn of other things.
        "COMPILE_FLAGS": _words(flag for flag in zig.COMPILE_FLAGS if flag != "-Werror"),
        "LINK_FLAGS": _words(zig.LINK_FLAGS),
        "PROFILE_SOURCE": _words(profile),
        "RUNTIME_SOURCES": _words(runtime),
        "MODEL_FLAGS": _words((zig.OPTIMIZE, *_include(*firmware.INCLUDE, "kernels"))),
        "RUNTIME_FLAGS": _words(
            (
                firmware.RUNTIME_OPTIMIZE,
                *firmware.board_flags(board),
                *_include(*firmware.INCLUDE, *firmware.RUNTIME_INCLUDE),
            )
        ),
        "PROFILE_FLAGS": _words(firmware.profile_flags(layers)),
        "BOOT2_BYTES": str(board.boot2_bytes),
        "UF2_FAMILY": f"{board.uf2_family:#x}",
    }


def _include(*folders: str) -> tuple[str, ...]:
    return tuple(f"-I{folder}" for folder in folders)


def _words(flags: Iterable[str]) -> str:
    return " ".join(shlex.quote(flag) for flag in flags)


def _filled(template: str, values: Mapping[str, str]) -> str:
    """``template`` with each ``@NAME@`` replaced; Make's ``$@`` and ``@`` stay."""
    return re.sub(r"@([A-Z][A-Z0-9_]+)@", lambda match: values[match[1]], template)
