"""nextpnr and the packers: a netlist to a placed and routed design and its bitstream."""

from __future__ import annotations

import json
from collections.abc import Mapping
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


@dataclass(frozen=True, slots=True)
class Routed:
    """What a routed design takes and reaches. ``cells`` are used and available by nextpnr's
    names, ``fmax_hz`` the lowest over the clocks that the design runs on."""

    cells: Mapping[str, tuple[int, int]]
    fmax_hz: int

    def used(self, *names: str) -> int:
        """How many of the first of ``names`` that the part has are used; 0 if it has none."""
        return next((self.cells[name][0] for name in names if name in self.cells), 0)


def routed(path: Path, slowest_hz: int = 0) -> Routed:
    """Reads the report; clocks constrained below ``slowest_hz`` (an oscillator that only feeds a
    PLL) don't count.

    ``FormatError`` when it is not a report of nextpnr's or has no clock.
    """
    try:
        report = json.loads(path.read_text())
        cells = {
            str(name): (int(row["used"]), int(row["available"]))
            for name, row in report["utilization"].items()
        }
        clocks = report["fmax"].values()
        reached = [c["achieved"] for c in clocks if c["constraint"] * 1e6 > slowest_hz * 0.999]
        return Routed(cells, int(min(reached) * 1e6))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FormatError(f"{path}: not a report of nextpnr ({error!r}); deploy again") from error
