"""Boards: ``boards/<name>.toml`` read into frozen, typed descriptions; an unknown key is an error.

Units stand in the keys (``clock_hz``, ``size_bytes``); ``source`` says where the figures are from.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Literal

from hwkit.errors import ConfigError, FormatError
from hwkit.files import read_file
from hwkit.record import from_json
from hwkit.resources import folder

_MAX_FILE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class MemoryRegion:
    """A span of the address space; ``kind`` is ``flash`` (read only at run time) or ``sram``."""

    name: str
    kind: str
    origin: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Uart:
    """The serial port that carries the protocol; ``driver`` is a file of
    ``firmware/drivers/uart``."""

    driver: str
    base: int
    baud: int


@dataclass(frozen=True, slots=True)
class Programmer:
    """What writes an image to the board: ``tool`` is ``pyocd``, ``openocd``, ``picotool`` or
    ``openFPGALoader``, ``target`` what it calls the board (pyocd's target, openocd's configuration
    file)."""

    tool: str
    target: str = ""


Optimize = Literal["balanced", "speed", "size"]
"""What kernels are chosen for: time against flash at a moderate rate, and no more SRAM than without
a choice; time, as long as flash and SRAM last; or flash alone."""


@dataclass(frozen=True, slots=True)
class McuBoard:
    """What a firmware build needs.

    ``core`` e.g. ``cortex-m4``; ``cpu_flags`` for the compiler; ``platform`` a folder of
    ``firmware/platforms``; ``kernels`` folders of ``firmware/kernels``, best first;
    ``emulator`` what runs the image (``unicorn``, ``qemu``, or "" for hardware only);
    ``cost_model`` the name of the cycle model, "" where there is none; ``qemu_machine`` a QEMU
    machine with the same memory map and UART, or ""; ``counter`` a file of
    ``firmware/drivers/counter``; ``boot2_bytes`` the length of the stage at the start of the
    flash that a boot ROM checks by a CRC, 0 without one; ``uf2_family`` the family number of UF2
    files, 0 where the board takes none; ``stack_bytes`` what is reserved for the stack, of which
    the firmware reports how much it used; ``optimize`` what kernels are chosen for.
    """

    core: str
    cpu_flags: tuple[str, ...]
    platform: str
    kernels: tuple[str, ...]
    clock_hz: int
    memory: tuple[MemoryRegion, ...]
    uart: Uart
    emulator: str = ""
    cost_model: str = ""
    qemu_machine: str = ""
    counter: str = "none"
    stack_bytes: int = 1024
    boot2_bytes: int = 0
    uf2_family: int = 0
    programmer: Programmer | None = None
    optimize: Optimize = "balanced"


def is_riscv(board: McuBoard) -> bool:
    """Whether the core is a RISC-V one; the others are Cortex-M."""
    return board.core.startswith("rv32")


@dataclass(frozen=True, slots=True)
class EdgeBoard:
    """An int8 runtime on this machine: ``litert``, ``tflm``, ...; ``threads`` used."""

    runtime: str
    threads: int = 1


@dataclass(frozen=True, slots=True)
class FpgaResources:
    """What the part has: lookup tables, flip-flops, bits of block RAM, multipliers; ``bram`` are
    its blocks of RAM, of ``bram_bits // bram`` bits each."""

    lut: int
    ff: int
    bram: int
    bram_bits: int
    dsp: int


@dataclass(frozen=True, slots=True)
class FpgaPins:
    """Where the shell's ports go; ``standard`` is their I/O standard, ``led_standard`` the LED's
    where its bank has another voltage.

    ``uart_rx`` is the FPGA's input. ``led_low``: the LED is lit by a low level. ``high``: a pin
    to be held high, or "". ``pll_pad``: the clock's pin is the one that an iCE40's PLL is
    wired to.
    """

    clock: str
    uart_rx: str
    uart_tx: str
    led: str
    standard: str
    led_standard: str = ""
    led_low: bool = False
    high: str = ""
    pll_pad: bool = False


@dataclass(frozen=True, slots=True)
class FpgaBoard:
    """An FPGA flow: ``flow`` is ``hls4ml_csim`` or ``finn``, for RTL ``verilator``, ``ice40``,
    ``ecp5``, ``gowin`` or ``vivado``; ``part`` and ``clock_period_ns`` go into the generated
    project.

    ``device``, ``package`` and ``speed`` are what the place-and-route tool calls the part.
    ``style`` is ``folded`` (layers that share multipliers) or ``unrolled`` (an inference a cycle).
    The design runs at ``clock_hz``, made from the oscillator of ``oscillator_hz``; ``baud`` is
    the serial link's. Without ``pins`` there is no bitstream. Layers are folded to take
    ``frames_per_second``, or (0, or where that does not fit) as many as the part has room for.
    """

    flow: str
    part: str
    clock_period_ns: float = 0.0
    backend: str = ""
    io_type: str = "io_parallel"
    device: str = ""
    package: str = ""
    speed: str = ""
    style: str = "folded"
    clock_hz: int = 0
    oscillator_hz: int = 0
    baud: int = 115_200
    frames_per_second: int = 10_000
    resources: FpgaResources | None = None
    pins: FpgaPins | None = None
    programmer: Programmer | None = None


@dataclass(frozen=True, slots=True)
class Board:
    """One board; of ``mcu``, ``edge``, ``fpga`` the one is set that ``target`` reads, if any.

    ``evidence`` is what a profile taken on it is worth: ``measured`` or ``simulated``.
    """

    name: str
    title: str
    target: str
    evidence: str
    source: str
    mcu: McuBoard | None = None
    edge: EdgeBoard | None = None
    fpga: FpgaBoard | None = None

    @property
    def clock_hz(self) -> int | None:
        """Of the core or the FPGA design; None on a board without one clock."""
        if self.mcu is not None:
            return self.mcu.clock_hz
        return (self.fpga.clock_hz or None) if self.fpga is not None else None


@dataclass(frozen=True, slots=True)
class FoldingGoal:
    """What a design is folded for, where it is not what its board's file says: inferences each
    second at the board's clock, lookup tables that it may take."""

    frames_per_second: int | None = None
    lut: int | None = None


NO_GOAL = FoldingGoal()

_FOLDED = ("finn", "hls4ml", "rtl")


def folded_for(board: Board, goal: FoldingGoal) -> Board:
    """``board`` with the rate and the LUTs of ``goal``; ``ConfigError`` for one whose target folds
    nothing, or a part with fewer LUTs."""
    if goal == NO_GOAL:
        return board
    if board.fpga is None or board.fpga.resources is None or board.target not in _FOLDED:
        raise ConfigError(
            f"board {board.name}: its designs are not folded; take a rate or a number of LUTs "
            "with finn_sim, rtl_sim or an FPGA board"
        )
    section, part = board.fpga, board.fpga.resources
    if goal.lut is not None:
        if goal.lut > part.lut:
            raise ConfigError(f"board {board.name}: {goal.lut} LUT, its part has {part.lut}")
        part = replace(part, lut=goal.lut)
    rate = goal.frames_per_second
    rate = section.frames_per_second if rate is None else rate
    return replace(board, fpga=replace(section, resources=part, frames_per_second=rate))


_SECTIONS = {
    "mcu": "mcu",
    "edge": "edge",
    "hls4ml": "fpga",
    "rtl": "fpga",
    "finn": "fpga",
    "interpreter": None,
}
"""The section of a board file that each target reads, None for one that reads none."""

PLANNED = frozenset(("host_tflite_runtime", "host_onnxruntime", "host_openvino"))
"""Board names that are promised and not there yet; a board file takes precedence."""


def names() -> list[str]:
    """All board names, sorted."""
    return sorted(path.stem for path in folder("boards").glob("*.toml"))


@cache
def load(name: str) -> Board:
    """The board called ``name``; ``ConfigError`` lists the known names when there is none."""
    if name not in names():
        if name in PLANNED:
            raise ConfigError(f"board {name!r} is not there yet; boards: {', '.join(names())}")
        close = get_close_matches(name, names(), 1)
        meant = f"; did you mean {close[0]!r}?" if close else ";"
        raise ConfigError(f"no board {name!r:.80}{meant} known boards: {', '.join(names())}")
    return parse(folder("boards") / f"{name}.toml")


def parse(path: Path) -> Board:
    """Reads one board file. ``ConfigError`` names the file and the key that is wrong."""
    try:
        data = tomllib.loads(read_file(path, _MAX_FILE_BYTES, "give a board file").decode())
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: {error}") from error
    try:
        board = from_json(Board, data, str(path))
    except FormatError as error:
        raise ConfigError(str(error)) from error
    if board.target not in _SECTIONS:
        raise ConfigError(f"{path}: target {board.target!r}; known: {', '.join(_SECTIONS)}")
    section = _SECTIONS[board.target]
    if section is not None and getattr(board, section) is None:
        raise ConfigError(f"{path}: target {board.target!r} needs a section [{section}]")
    return board
