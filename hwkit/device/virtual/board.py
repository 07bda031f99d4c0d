"""A board's memory and core in the emulator, loaded with a firmware image."""

from __future__ import annotations

import ctypes
import mmap
import socket
from dataclasses import dataclass
from pathlib import Path

from hwkit.boards import McuBoard, is_riscv
from hwkit.device.virtual.cost_models import cost_model
from hwkit.device.virtual.native import Config, Fault, NativeBoard, Registers, flash_timing
from hwkit.errors import ConfigError, FormatError, ToolMissing
from hwkit.toolchain import elf
from hwkit.toolchain.linker_script import region

_ACCESS = {
    19: "read of unmapped address",
    20: "write to unmapped address",
    21: "jump to unmapped address",
    22: "write to read-only address",
    23: "read of protected address",
    24: "jump to non-executable address",
}
_EXCEPTION = 1

_CORES = {
    "cortex-m0plus": "UC_CPU_ARM_CORTEX_M0",
    "cortex-m4": "UC_CPU_ARM_CORTEX_M4",
    "cortex-m7": "UC_CPU_ARM_CORTEX_M7",
    "cortex-m33": "UC_CPU_ARM_CORTEX_M33",
    "rv32imac": "UC_CPU_RISCV32_SIFIVE_E31",
}
"""Unicorn's name of each core; M0 and M0+ have one instruction set, E31 is an RV32IMAC."""

_PRIVATE_BASE = 0xE000_0000
"""Private peripheral bus: "Armv7-M Architecture Reference Manual" (DDI 0403), B3.1."""

_TIMER_BASE = 0x4000_0000
"""Timer 0 of an MPS2 image: what ``drivers/counter/cmsdk_timer.c`` reads."""


@dataclass(frozen=True, slots=True)
class _Core:
    """A core as unicorn numbers it; ``stack_pointer`` is None where reset does not set it."""

    architecture: int
    mode: int
    model: int
    registers: Registers
    stack_pointer: int | None


def _core(board: McuBoard) -> _Core:
    import unicorn
    from unicorn import arm_const as arm
    from unicorn import riscv_const as riscv

    if is_riscv(board):
        return _Core(
            unicorn.UC_ARCH_RISCV,
            unicorn.UC_MODE_RISCV32,
            getattr(riscv, _CORES[board.core]),
            Registers(
                riscv.UC_RISCV_REG_A0,
                riscv.UC_RISCV_REG_A1,
                riscv.UC_RISCV_REG_PC,
                riscv.UC_RISCV_REG_RA,
            ),
            None,
        )
    return _Core(
        unicorn.UC_ARCH_ARM,
        # Not UC_MODE_MCLASS: with it the engine is a Cortex-M33, whatever model is asked for.
        unicorn.UC_MODE_THUMB,
        getattr(arm, _CORES[board.core]),
        Registers(arm.UC_ARM_REG_R0, arm.UC_ARM_REG_R1, arm.UC_ARM_REG_PC, arm.UC_ARM_REG_LR),
        arm.UC_ARM_REG_SP,
    )


def emulator_name() -> str:
    """What runs the guest, e.g. ``unicorn 2.1.4``."""
    import unicorn

    return f"unicorn {unicorn.__version__}"


class VirtualBoard:
    """Memory map, core and UART of ``board`` with ``image`` in its flash.

    Flash is read only, so that a stray write is a fault and not a silent corruption.
    """

    def __init__(self, board: McuBoard, path: Path, listener: socket.socket) -> None:
        try:
            import unicorn
        except ImportError as error:
            raise ToolMissing("unicorn", "pip install 'hwkit[mcu]'") from error
        if board.emulator != "unicorn" or board.core not in _CORES:
            raise ConfigError(
                f"core {board.core}, emulator {board.emulator!r}: the virtual board is unicorn's, "
                f"with one of {', '.join(_CORES)}"
            )
        self._image = elf.read(path)
        self._error = unicorn.UcError
        self._core = _core(board)
        self._engine = unicorn.Uc(self._core.architecture, self._core.mode)
        self._engine.ctl_set_cpu_model(self._core.model)
        rights = {
            "flash": unicorn.UC_PROT_READ | unicorn.UC_PROT_EXEC,
            "sram": unicorn.UC_PROT_READ | unicorn.UC_PROT_WRITE,
        }
        self._memory = {}
        for span in board.memory:
            # Anonymous pages: zero, page-aligned, and taken from the host only when touched.
            memory = mmap.mmap(-1, span.size_bytes)
            address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
            self._engine.mem_map_ptr(span.origin, span.size_bytes, rights[span.kind], address)
            self._memory[span.origin] = memory
        flash = region(board, "flash")
        code = ctypes.c_char.from_buffer(self._memory[flash.origin])
        config = Config(
            engine=self._engine._uch,
            code=ctypes.addressof(code),
            code_origin=flash.origin,
            code_bytes=flash.size_bytes,
            uart_base=board.uart.base,
            timer_base=_TIMER_BASE if board.counter == "cmsdk_timer" else 0,
            private_base=0 if is_riscv(board) else _PRIVATE_BASE,
            mark_address=self._image.address("hwk_profile_mark"),
            registers=self._core.registers,
            thumb=0 if is_riscv(board) else 1,
            cost_model=cost_model(board).name.encode(),
            flash=flash_timing(board.flash_timing),
            listener=listener.fileno(),
        )
        self._load()
        self.native = NativeBoard(config, unicorn.unicorn_py3.unicorn.uclib._name)
        self._code_origin = flash.origin

    def run(self) -> str:
        """Resets the core and runs until a fault, which is described, or ``stop`` ("")."""
        error = self.native.run(self._reset())
        fault = self.native.fault()
        if error == 0 and fault.kind == 0:
            return ""
        return _describe(fault, str(self._error(error)))

    def _reset(self) -> int:
        """Where execution begins. A Cortex-M takes that and its stack pointer from the vectors; an
        RV32 core begins at the lowest address of the code."""
        if self._core.stack_pointer is None:
            return self._code_origin
        vectors = self._engine.mem_read(self._code_origin, 8)
        stack_pointer, entry = (int.from_bytes(vectors[at : at + 4], "little") for at in (0, 4))
        self._engine.reg_write(self._core.stack_pointer, stack_pointer)
        return entry

    def clear(self) -> None:
        """Memory as after power-on: zero, and the image in its place."""
        for memory in self._memory.values():
            memory[:] = bytes(len(memory))
        self._load()

    def _load(self) -> None:
        for segment in self._image.segments:
            for origin, memory in self._memory.items():
                at = segment.address - origin
                if at >= 0 and at + len(segment.data) <= len(memory):
                    memory[at : at + len(segment.data)] = segment.data
                    break
            else:
                raise FormatError(
                    f"image has {len(segment.data)} bytes at {segment.address:#x}, outside the "
                    "board's memory; build it for this board"
                )


def _describe(fault: Fault, error: str) -> str:
    where = f"at pc={fault.pc:#010x} lr={fault.lr:#010x}"
    if fault.kind in _ACCESS:
        return f"{_ACCESS[fault.kind]} {fault.address:#010x} ({fault.size_bytes} bytes) {where}"
    if fault.kind == _EXCEPTION:
        return f"exception {fault.address} {where}"
    return f"{error} {where}"
