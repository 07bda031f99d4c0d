"""Boards: ``boards/<name>.toml`` read into frozen, typed descriptions; an unknown key is an error.

Units stand in the keys (``clock_hz``, ``size_bytes``); ``source`` says where the figures are from.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hwkit.errors import ConfigError, FormatError
from hwkit.record import from_json
from hwkit.resources import folder


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
    """What writes an image to the board: ``tool`` is ``pyocd``, ``openocd`` or ``picotool``,
    ``target`` what it calls the board (pyocd's target, openocd's configuration file)."""

    tool: str
    target: str = ""


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
    the firmware reports how much it used.
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


def is_riscv(board: McuBoard) -> bool:
    """Whether the core is a RISC-V one; the others are Cortex-M."""
    return board.core.startswith("rv32")


@dataclass(frozen=True, slots=True)
class EdgeBoard:
    """An int8 runtime on this machine: ``litert``, ``tflm``, ...; ``threads`` used."""

    runtime: str
    threads: int = 1


@dataclass(frozen=True, slots=True)
class FpgaBoard:
    """An FPGA flow: ``flow`` is ``hls4ml_csim`` ...; ``part`` and ``clock_period_ns`` go into
    the generated project."""

    flow: str
    part: str
    clock_period_ns: float
    backend: str = ""
    io_type: str = "io_parallel"


@dataclass(frozen=True, slots=True)
class Board:
    """One board; exactly one of ``mcu``, ``edge``, ``fpga`` is set, as ``target`` says.

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


_SECTIONS = {"mcu": "mcu", "edge": "edge", "hls4ml": "fpga"}
"""The section of a board file that each target reads."""

PLANNED = frozenset(
    (
        "host_tflite_runtime",
        "host_onnxruntime",
        "host_openvino",
        "finn_sim",
        "rtl_sim",
        "icebreaker",
        "ice40_hx8k",
        "ulx3s_25f",
        "ulx3s_85f",
        "tangnano9k",
        "tangnano20k",
        "pynq_z2",
        "arty_a7_100t",
        "ultra96v2",
        "zcu104",
    )
)
"""Board names that are promised and not there yet; a board file takes precedence."""


def names() -> list[str]:
    """All board names, sorted."""
    return sorted(path.stem for path in folder("boards").glob("*.toml"))


@cache
def load(name: str) -> Board:
    """The board called ``name``; ``ConfigError`` lists the known names when there is none."""
    path = folder("boards") / f"{name}.toml"
    if name not in names():
        if name in PLANNED:
            raise ConfigError(f"board {name!r} is not there yet; boards: {', '.join(names())}")
        raise ConfigError(f"no board {name!r}; known boards: {', '.join(names())}")
    return parse(path)


def parse(path: Path) -> Board:
    """Reads one board file. ``ConfigError`` names the file and the key that is wrong."""
    try:
        data = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: {error}") from error
    try:
        board = from_json(Board, data, str(path))
    except FormatError as error:
        raise ConfigError(str(error)) from error
    section = _SECTIONS.get(board.target)
    if section is None:
        raise ConfigError(f"{path}: target {board.target!r}; known: {', '.join(_SECTIONS)}")
    if getattr(board, section) is None:
        raise ConfigError(f"{path}: target {board.target!r} needs a section [{section}]")
    return board
