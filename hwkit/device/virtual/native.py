"""The board's C half: compiled with the host's compiler at first use, called through ctypes."""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path

from hwkit.boards import FlashTiming
from hwkit.errors import DeviceError
from hwkit.toolchain import host_cc

FOLDER = Path(__file__).parent / "native"
MAX_LAYERS = 4096
BOARD_SOURCES = ("board.c", "flash.c", "semihosting.c", "uart.c")
COST_SOURCES = (
    "cost_models.c",
    "cost_m0plus.c",
    "cost_m4.c",
    "cost_m7.c",
    "cost_v8m.c",
    "cost_rv32.c",
    "flow.c",
    "thumb_narrow.c",
    "thumb_wide.c",
    "thumb_coprocessor.c",
)


class Registers(ctypes.Structure):
    """``hwk_board_registers_t`` of ``native/board.h``."""

    _fields_ = (
        ("first", ctypes.c_int),
        ("second", ctypes.c_int),
        ("pc", ctypes.c_int),
        ("link", ctypes.c_int),
    )


class CacheSize(ctypes.Structure):
    """``hwk_cache_size_t`` of ``native/flash.h``."""

    _fields_ = (
        ("size_bytes", ctypes.c_uint32),
        ("ways", ctypes.c_uint32),
        ("line_bytes", ctypes.c_uint32),
    )


class Flash(ctypes.Structure):
    """``hwk_flash_timing_t`` of ``native/flash.h``."""

    _fields_ = (
        ("miss_cycles", ctypes.c_uint32),
        ("data_cycles", ctypes.c_uint32),
        ("prefetch", ctypes.c_uint32),
        ("unified", ctypes.c_uint32),
        ("code", CacheSize),
        ("data", CacheSize),
    )


def flash_timing(timing: FlashTiming | None) -> Flash:
    """The same for the C half; a flash that costs nothing where nothing is known of it."""
    if timing is None:
        return Flash()
    sizes = {
        cache.holds: CacheSize(cache.size_bytes, cache.ways, cache.line_bytes)
        for cache in timing.caches
    }
    code = sizes.get("both", sizes.get("code", CacheSize()))
    return Flash(
        timing.miss_cycles,
        timing.data_cycles,
        timing.prefetch,
        "both" in sizes,
        code,
        sizes.get("data", CacheSize()),
    )


class Config(ctypes.Structure):
    """``hwk_board_config_t`` of ``native/board.h``."""

    _fields_ = (
        ("engine", ctypes.c_void_p),
        ("code", ctypes.c_void_p),
        ("code_origin", ctypes.c_uint64),
        ("code_bytes", ctypes.c_uint64),
        ("uart_base", ctypes.c_uint64),
        ("timer_base", ctypes.c_uint64),
        ("private_base", ctypes.c_uint64),
        ("mark_address", ctypes.c_uint64),
        ("registers", Registers),
        ("thumb", ctypes.c_uint32),
        ("cost_model", ctypes.c_char_p),
        ("flash", Flash),
        ("listener", ctypes.c_int),
    )


class Fault(ctypes.Structure):
    """``hwk_board_fault_t`` of ``native/board.h``."""

    _fields_ = (
        ("kind", ctypes.c_uint32),
        ("address", ctypes.c_uint64),
        ("size_bytes", ctypes.c_uint32),
        ("pc", ctypes.c_uint32),
        ("lr", ctypes.c_uint32),
    )


class Cost(ctypes.Structure):
    """``hwk_cost_t`` of ``native/cost.h``."""

    _fields_ = (
        ("instructions", ctypes.c_uint32),
        ("cycles", ctypes.c_uint32),
        ("taken_cycles", ctypes.c_uint32),
        ("conditional", ctypes.c_uint32),
    )


class Model(ctypes.Structure):
    """``hwk_cost_model_t`` of ``native/cost.h``."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("cost", ctypes.CFUNCTYPE(Cost, ctypes.c_char_p, ctypes.c_uint32)),
        ("prediction", ctypes.c_int),
        ("mispredicted_cycles", ctypes.c_uint32),
    )


@cache
def cost_library() -> ctypes.CDLL:
    """The cost models alone, which need no emulator."""
    library = ctypes.CDLL(str(host_cc.shared_library([FOLDER / name for name in COST_SOURCES])))
    library.hwk_cost_model.restype = ctypes.POINTER(Model)
    library.hwk_cost_model.argtypes = [ctypes.c_char_p]
    return library


def cost(model: str, code: bytes) -> Cost:
    """What straight code costs by the cycle model of that name (``cost_models``).

    Example: ``LDR R0, [R1]`` by ``cost("cortex-m0plus", b"\x08\x68")`` is 1 instruction of 2
    cycles.
    """
    found: Cost = cost_library().hwk_cost_model(model.encode()).contents.cost(code, len(code))
    return found


class NativeBoard:
    """One board on a unicorn engine; see ``native/board.h``. ``emulator_library`` is the path of
    unicorn's shared library, whose functions the C half calls."""

    def __init__(self, config: Config, emulator_library: str) -> None:
        ctypes.CDLL(emulator_library, mode=ctypes.RTLD_GLOBAL)
        sources = [FOLDER / name for name in (*BOARD_SOURCES, *COST_SOURCES)]
        self._library = ctypes.CDLL(str(host_cc.shared_library(sources)))
        self._declare()
        self._board = ctypes.c_void_p(self._library.hwk_board_new(ctypes.byref(config)))
        if not self._board:
            raise DeviceError("virtual board: the emulator refused its memory map or hooks")

    def _declare(self) -> None:
        library, board = self._library, ctypes.c_void_p
        library.hwk_board_new.restype = ctypes.c_void_p
        library.hwk_board_new.argtypes = [ctypes.POINTER(Config)]
        library.hwk_board_run.argtypes = [board, ctypes.c_uint32]
        for name in ("hwk_board_ready", "hwk_board_stop"):
            getattr(library, name).argtypes = [board]
            getattr(library, name).restype = None
        for name in ("hwk_board_instructions", "hwk_board_cycles"):
            getattr(library, name).argtypes = [board]
            getattr(library, name).restype = ctypes.c_uint64
        counts = ctypes.POINTER(ctypes.c_uint64)
        library.hwk_board_layers.restype = ctypes.c_uint32
        library.hwk_board_layers.argtypes = [board, counts, counts, ctypes.c_uint32]
        library.hwk_board_fault.argtypes = [board, ctypes.POINTER(Fault)]
        library.hwk_board_fault.restype = None

    def run(self, entry: int) -> int:
        """Runs the guest until it faults or ``stop``; the emulator's error code."""
        return int(self._library.hwk_board_run(self._board, entry))

    def ready(self) -> None:
        """Lets the next ``run`` run."""
        self._library.hwk_board_ready(self._board)

    def stop(self) -> None:
        """Ends a run from another thread."""
        self._library.hwk_board_stop(self._board)

    def totals(self) -> tuple[int, int]:
        """Instructions and cycles since the run began."""
        instructions = self._library.hwk_board_instructions(self._board)
        return instructions, self._library.hwk_board_cycles(self._board)

    def layers(self) -> tuple[list[int], list[int]]:
        """Instructions and cycles of each layer of the last inference."""
        counts = ctypes.c_uint64 * MAX_LAYERS
        instructions, cycles = counts(), counts()
        n = self._library.hwk_board_layers(self._board, instructions, cycles, MAX_LAYERS)
        return instructions[:n], cycles[:n]

    def fault(self) -> Fault:
        """Why the last run ended."""
        fault = Fault()
        self._library.hwk_board_fault(self._board, ctypes.byref(fault))
        return fault
