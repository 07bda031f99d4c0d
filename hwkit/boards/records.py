"""What is known of a board and of the chip on it: frozen, typed, with units in the names
(``clock_hz``, ``size_bytes``). A text that must be one of a few words says of which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from hwkit.boards import words
from hwkit.errors import ConfigError
from hwkit.record import DERIVED, one_of


@dataclass(frozen=True, slots=True)
class MemoryRegion:
    """A span of the address space; ``kind`` is ``flash`` (read only at run time) or ``sram``.

    ``wait_cycles``, of SRAM: what a load or store of a word takes more than in memory that never
    waits; None is one more than in the SRAM before it.
    """

    name: str
    kind: str = field(metadata=one_of(words.REGION_KINDS))
    origin: int
    size_bytes: int
    wait_cycles: int | None = None


@dataclass(frozen=True, slots=True)
class FlashCache:
    """What stands before the flash: it ``holds`` code, data or both, in lines of ``line_bytes``
    (a power of two), ``ways`` of them for each place, the least recently used of which goes."""

    holds: str = field(metadata=one_of(words.CACHED))
    size_bytes: int
    ways: int
    line_bytes: int


@dataclass(frozen=True, slots=True)
class FlashTiming:
    """What reading the flash costs at the board's clock, by its maker's manual (``source``).

    ``miss_cycles`` are those that a line which no cache holds takes more than one that it holds,
    ``data_cycles`` those that a read of data takes more where no cache holds data. With
    ``prefetch`` the line behind the last one is read meanwhile.

    Example: 5 wait states behind lines of 16 bytes are ``miss_cycles`` 5.
    """

    source: str
    miss_cycles: int
    caches: tuple[FlashCache, ...]
    data_cycles: int = 0
    prefetch: bool = False


@dataclass(frozen=True, slots=True)
class Uart:
    """The serial port that carries the protocol; ``driver`` is a file of
    ``firmware/drivers/uart``."""

    driver: str = field(metadata=one_of(words.uart_drivers))
    base: int
    baud: int


@dataclass(frozen=True, slots=True)
class Programmer:
    """What writes an image to the board: ``tool`` is ``pyocd``, ``openocd``, ``picotool`` or
    ``openFPGALoader``, ``target`` what it calls the board (pyocd's target, openocd's configuration
    file; "" is filled in from the part's ``tools``)."""

    tool: str = field(metadata=one_of(words.PROGRAMMERS))
    target: str = ""


Optimize = Literal["balanced", "speed", "size"]
"""What kernels are chosen for: time against flash at a moderate rate, and no more SRAM than without
a choice; time, as long as flash and SRAM last; or flash alone."""


Arrival = Literal["whole", "streamed"]
"""How inputs come: all of an inference's before it begins, or row by row while it runs."""


@dataclass(frozen=True, slots=True)
class McuBoard:
    """What a firmware build needs.

    ``core`` e.g. ``cortex-m4``; ``cpu_flags`` for the compiler; ``platform`` a folder of
    ``firmware/platforms``; ``kernels`` folders of ``firmware/kernels``, best first;
    ``emulator`` what runs the image (``unicorn``, ``qemu``, or "" for hardware only);
    ``cost_model`` the name of the core's cycle model, "" where there is none; ``flash_timing``
    what reading the flash costs, None where it is unknown or costs nothing; ``qemu_machine`` a QEMU
    machine with the same memory map and UART, or ""; ``counter`` a file of
    ``firmware/drivers/counter``; ``boot2_bytes`` the length of the stage at the start of the
    flash that a boot ROM checks by a CRC, 0 without one; ``uf2_family`` the family number of UF2
    files, 0 where the board takes none; ``stack_bytes`` what is at least reserved for the stack
    (a build whose deepest chain of calls takes more reserves that), of which the firmware reports
    how much it used; ``optimize`` what kernels are chosen for; ``sram_bytes``
    the most RAM beside the stack that a build may take, 0 where the board alone limits it;
    ``input`` how inputs come. With one of these two, layers are computed in parts as needed.
    """

    core: str = field(metadata=one_of(words.CORES))
    cpu_flags: tuple[str, ...]
    platform: str = field(metadata=one_of(words.platforms))
    kernels: tuple[str, ...] = field(metadata=one_of(words.kernel_variants))
    clock_hz: int
    memory: tuple[MemoryRegion, ...]
    uart: Uart
    flash_timing: FlashTiming | None = None
    emulator: str = field(default="", metadata=one_of(words.EMULATORS))
    cost_model: str = field(default="", metadata=one_of(words.COST_MODELS))
    qemu_machine: str = ""
    counter: str = field(default="none", metadata=one_of(words.counters))
    stack_bytes: int = 1024
    boot2_bytes: int = 0
    uf2_family: int = 0
    programmer: Programmer | None = None
    optimize: Optimize = "balanced"
    sram_bytes: int = 0
    input: Arrival = "whole"


def is_riscv(board: McuBoard) -> bool:
    """Whether the core is a RISC-V one; the others are Cortex-M."""
    return board.core.startswith("rv32")


@dataclass(frozen=True, slots=True)
class EdgeLink:
    """The machine that a runtime runs on, where it is not this one: ``host`` as ``ssh`` takes it
    (a name of the user's configuration, ``user@host`` or ``ssh://user@host:port``) or, via adb,
    the device's serial number ("" for the only one); ``python`` the program there, which has numpy
    and the runtime's package; ``config`` a configuration file of ssh's, "" for the user's own."""

    host: str
    via: str = field(default="ssh", metadata=one_of(words.LINKS))
    python: str = "python3"
    config: str = ""


@dataclass(frozen=True, slots=True)
class EdgeBoard:
    """An int8 runtime on this machine, or at the other end of ``link``: ``litert``, ``tflm``, ...;
    ``threads`` used; ``cpus`` that they are kept to, () for any; ``sram_bytes`` the most arena that
    a file may take, 0 for whatever it takes."""

    runtime: str = field(metadata=one_of(words.runtimes))
    threads: int = 1
    cpus: tuple[int, ...] = ()
    link: EdgeLink | None = None
    sram_bytes: int = 0


@dataclass(frozen=True, slots=True)
class OnnxBoard:
    """ONNX Runtime on this machine; ``threads`` used by each operator."""

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

    flow: str = field(metadata=one_of(words.all_flows))
    part: str
    clock_period_ns: float = 0.0
    backend: str = field(default="", metadata=one_of(words.HLS4ML_BACKENDS))
    io_type: str = field(default="io_parallel", metadata=one_of(words.IO_TYPES))
    device: str = ""
    package: str = ""
    speed: str = ""
    style: str = field(default="folded", metadata=one_of(words.STYLES))
    clock_hz: int = 0
    oscillator_hz: int = 0
    baud: int = 115_200
    frames_per_second: int = 10_000
    resources: FpgaResources | None = None
    pins: FpgaPins | None = None
    programmer: Programmer | None = None


@dataclass(frozen=True, slots=True)
class McuPart:
    """What ``McuBoard`` says of the chip alone: the same names, the same meaning. ``memory`` is all
    that the chip has; a board that has less of it to give (a boot loader) says so itself."""

    core: str = field(metadata=one_of(words.CORES))
    cpu_flags: tuple[str, ...]
    platform: str = field(metadata=one_of(words.platforms))
    kernels: tuple[str, ...] = field(metadata=one_of(words.kernel_variants))
    memory: tuple[MemoryRegion, ...]
    counter: str = field(default="none", metadata=one_of(words.counters))
    cost_model: str = field(default="", metadata=one_of(words.COST_MODELS))
    boot2_bytes: int = 0
    uf2_family: int = 0
    flash_timing: FlashTiming | None = None


@dataclass(frozen=True, slots=True)
class FpgaPart:
    """What ``FpgaBoard`` says of the chip alone: the same names, the same meaning."""

    part: str
    device: str = ""
    package: str = ""
    speed: str = ""
    resources: FpgaResources | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """One chip: exactly one of ``mcu`` and ``fpga`` is set. ``tools`` is what programmers call it:
    ``{"pyocd": "stm32f405rgtx"}``."""

    name: str
    title: str
    source: str
    tools: Mapping[str, str] = field(default_factory=dict)
    mcu: McuPart | None = None
    fpga: FpgaPart | None = None


Evidence = Literal["measured", "simulated", "estimated"]

Setting = str | int | float | bool
"""What a target of another package may be told by a board file."""


@dataclass(frozen=True, slots=True)
class Board:
    """One board; exactly one of ``mcu``, ``edge``, ``onnx``, ``fpga`` is set, as ``target`` says; a
    target of another package may do without, and has ``settings`` of its own.

    ``part`` names the chip's file, "" where the board's own file says all. ``origin`` is the path
    of the board's file, "" for one made in Python.
    """

    name: str
    title: str
    target: str = field(metadata=one_of(words.targets))
    source: str
    part: str = ""
    mcu: McuBoard | None = None
    edge: EdgeBoard | None = None
    onnx: OnnxBoard | None = None
    fpga: FpgaBoard | None = None
    settings: Mapping[str, Setting] = field(default_factory=dict)
    origin: str = field(default="", metadata=DERIVED, compare=False)

    @property
    def reference(self) -> str:
        """What ``load`` finds the board's file by, in another process too."""
        return self.origin or self.name

    @property
    def evidence(self) -> Evidence:
        """What figures taken there are worth, as far as the board alone tells: an emulator's or
        a simulator's are simulated, a report's or an unknown target's are estimated."""
        if self.mcu is not None:
            return "simulated" if self.mcu.emulator else "measured"
        if self.edge or self.onnx or self.target == "interpreter":
            return "measured"
        if self.fpga is None or self.target != "rtl" or self.fpga.flow == "vivado":
            return "estimated"
        return "simulated" if self.fpga.flow == "verilator" else "measured"

    @property
    def options(self) -> dict[str, str | int]:
        """What a user may choose that shapes a build here, at its values.

        What a build is limited to, or how its inputs come, is there where it was chosen.

        Example: ``{"optimize": "balanced"}`` of a microcontroller, with a limit ``{"optimize":
        "balanced", "sram_bytes": 20000}``; ``{"frames_per_second": 10000, "lut": 83640}`` of an
        FPGA.
        """
        if self.mcu is not None:
            chosen: dict[str, str | int] = {"optimize": self.mcu.optimize}
            if self.mcu.sram_bytes:
                chosen["sram_bytes"] = self.mcu.sram_bytes
            if self.mcu.input != "whole":
                chosen["input"] = self.mcu.input
            return chosen
        if self.edge is not None and self.edge.sram_bytes:
            return {"sram_bytes": self.edge.sram_bytes}
        if self.fpga is not None and self.fpga.resources is not None and self.target in _FOLDED:
            rate, lut = self.fpga.frames_per_second, self.fpga.resources.lut
            return {"frames_per_second": rate, "lut": lut}
        return {}

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
