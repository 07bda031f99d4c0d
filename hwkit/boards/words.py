"""The words that board and part files may use: each fact's list stands here, or is a folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from hwkit.resources import folder

SECTIONS: Mapping[str, str | None] = {
    "mcu": "mcu",
    "edge": "edge",
    "hls4ml": "fpga",
    "rtl": "fpga",
    "finn": "fpga",
    "interpreter": None,
    "onnx": "onnx",
}
"""The section of a board file that each of hwkit's own targets reads."""

FLOWS = {
    "hls4ml": ("hls4ml_csim", "hls4ml"),
    "finn": ("finn",),
    "rtl": ("verilator", "ice40", "ecp5", "gowin", "vivado"),
}
"""The flows that each target with a section ``fpga`` has."""

CORES = (
    "cortex-m0plus",
    "cortex-m4",
    "cortex-m7",
    "cortex-m33",
    "cortex-m55",
    "rv32imac",
    "rv32imac_zve32x",
)
EMULATORS = ("", "unicorn", "qemu")
COST_MODELS = (
    "",
    "cortex-m0plus",
    "cortex-m4",
    "cortex-m7",
    "cortex-m33",
    "cortex-m55",
    "e31",
    "hazard3",
)
LINKS = ("ssh", "adb")
REGION_KINDS = ("flash", "sram")
CACHED = ("code", "data", "both")
PROGRAMMERS = ("pyocd", "openocd", "picotool", "openFPGALoader")
STYLES = ("folded", "unrolled")
IO_TYPES = ("io_parallel", "io_stream", "auto")
HLS4ML_BACKENDS = ("", "Vitis", "Vivado", "Quartus", "Catapult")

_RUNTIMES = Path(__file__).parent.parent / "targets" / "edge" / "runtime"

TARGET_GROUP = "hwkit.targets"
"""Entry points of this group are targets of other packages."""


def targets() -> tuple[str, ...]:
    """hwkit's own and those that installed packages bring, by name; none is imported."""
    return (*SECTIONS, *_entry_names())


def all_flows() -> tuple[str, ...]:
    """Of every target."""
    return tuple(flow for flows in FLOWS.values() for flow in flows)


def uart_drivers() -> tuple[str, ...]:
    """Files of ``firmware/drivers/uart``."""
    return _stems((_firmware("drivers/uart")).glob("*.c"))


def counters() -> tuple[str, ...]:
    """Files of ``firmware/drivers/counter``."""
    return _stems((_firmware("drivers/counter")).glob("*.c"))


def platforms() -> tuple[str, ...]:
    """Folders of ``firmware/platforms``."""
    return _stems(path for path in _firmware("platforms").iterdir() if path.is_dir())


def kernel_variants() -> tuple[str, ...]:
    """Folders of ``firmware/kernels``."""
    return _stems(path for path in _firmware("kernels").iterdir() if path.is_dir())


def runtimes() -> tuple[str, ...]:
    """Files of ``hwkit/targets/edge/runtime``."""
    return _stems(path for path in _RUNTIMES.glob("*.py") if not path.stem.startswith("_"))


@cache
def _entry_names() -> tuple[str, ...]:
    from importlib.metadata import entry_points  # late: see hwkit.boards.found

    return tuple(sorted(entry.name for entry in entry_points(group=TARGET_GROUP)))


def _firmware(name: str) -> Path:
    return folder("firmware") / name


def _stems(paths: Iterable[Path]) -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in paths))
