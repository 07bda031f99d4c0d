"""nextpnr and the packers: a netlist to a placed and routed design and its bitstream."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from hwkit.boards import FpgaBoard
from hwkit.errors import ConfigError, FormatError

REPORT = "report.json"
"""What nextpnr writes its utilization and timing to."""

CONSTRAINTS = {"ice40": "pcf", "ecp5": "lpf", "gowin": "cst"}
"""Suffix of each flow's constraint file."""

BITSTREAMS = {"ice40": "bin", "ecp5": "bit", "gowin": "fs"}
"""Suffix of each flow's bitstream."""


def commands(board: FpgaBoard, top: str) -> tuple[tuple[str, ...], ...]:
    """Place, route and pack ``{top}.json`` under ``{top}.pcf`` (``lpf``, ``cst``) into
    ``{top}.bin`` (``bit``, ``fs``); the first word of each command is the tool's own name.

    A design that misses its clock is routed all the same: the report says by how much.
    """
    mhz = f"{board.clock_hz / 1e6:g}"
    common = ["--json", f"{top}.json", "--report", REPORT, "--freq", mhz, "--timing-allow-fail"]
    common += ["--seed", "1", "--quiet", "--log", "nextpnr.log"]
    if board.flow == "ice40":
        route = ["nextpnr-ice40", f"--{board.device}", "--package", board.package]
        route += ["--pcf", f"{top}.pcf", "--asc", f"{top}.asc"]
        return (*route, *common), ("icepack", f"{top}.asc", f"{top}.bin")
    if board.flow == "ecp5":
        route = ["nextpnr-ecp5", f"--{board.device}", "--package", board.package]
        route += ["--speed", board.speed, "--lpf", f"{top}.lpf", "--textcfg", f"{top}.config"]
        return (*route, *common), ("ecppack", "--compress", f"{top}.config", f"{top}.bit")
    if board.flow == "gowin":
        route = ["nextpnr-himbaechel-gowin", "--device", board.part]
        route += ["--vopt", f"family={board.device}", "--vopt", f"cst={top}.cst"]
        route += ["--write", f"{top}.pnr.json"]
        pack = ("gowin_pack", "-d", board.device, "-o", f"{top}.fs", f"{top}.pnr.json")
        return (*route, *common), pack
    raise ConfigError(f"flow {board.flow!r}: nextpnr serves {', '.join(CONSTRAINTS)}")


_LUTS = {"ICESTORM_LC": 1, "TRELLIS_COMB": 1, "LUT4": 1, "ALU": 1, "RAM16SDP4": 4}
"""Lookup tables that a cell takes the place of; an iCE40's logic cell holds its flip-flop too."""

_BRAMS = ("ICESTORM_RAM", "DP16KD", "BSRAM")
_DSPS = ("ICESTORM_DSP", "MULT18X18D", "MULT9X9", "MULT18X18", "MULTALU18X18", "MULTALU36X18")


@dataclass(frozen=True, slots=True)
class Routed:
    """What a routed design takes, and the highest clock that its slowest path bears."""

    lut: int
    bram: int
    dsp: int
    fmax_hz: int


def routed(path: Path, slowest_hz: int = 0) -> Routed:
    """Reads the report; clocks constrained below ``slowest_hz`` (an oscillator that only feeds a
    PLL) don't count.

    ``FormatError`` when it is not a report of nextpnr's or has no clock.
    """
    try:
        report = json.loads(path.read_text())
        used = {str(name): int(row["used"]) for name, row in report["utilization"].items()}
        clocks = report["fmax"].values()
        # nextpnr rounds periods to picoseconds: 50 MHz may come back as a little less.
        reached = [c["achieved"] for c in clocks if c["constraint"] * 1e6 > slowest_hz * 0.99]
        return Routed(
            lut=sum(used.get(name, 0) * luts for name, luts in _LUTS.items()),
            bram=sum(used.get(name, 0) for name in _BRAMS),
            dsp=sum(used.get(name, 0) for name in _DSPS),
            fmax_hz=int(min(reached) * 1e6),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FormatError(f"{path}: not a report of nextpnr ({error!r}); deploy again") from error
