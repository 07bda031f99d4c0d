"""Reports of nextpnr, recorded, and the commands for each flow."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hwkit import boards
from hwkit.errors import ConfigError, FormatError
from hwkit.toolchain import nextpnr
from hwkit.toolchain.nextpnr import Routed

REPORTS = Path(__file__).with_name("reports")


@pytest.mark.parametrize(
    ("flow", "clock_hz", "expected"),
    [
        ("ice40", 12_000_000, Routed(lut=2885, bram=10, dsp=0, fmax_hz=35_452_190)),
        ("ecp5", 50_000_000, Routed(lut=2519, bram=5, dsp=0, fmax_hz=82_034_454)),
        (
            "gowin",
            54_000_000,
            Routed(lut=1828 + 808 + 4 * 17, bram=5, dsp=0, fmax_hz=145_412_246),
        ),
    ],
)
def test_recorded_reports(flow: str, clock_hz: int, expected: Routed) -> None:
    assert nextpnr.routed(REPORTS / f"nextpnr_{flow}.json", clock_hz) == expected


def test_the_slowest_of_the_designs_own_clocks_counts(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    clocks = {
        "oscillator": {"achieved": 20.0, "constraint": 25.0},
        "a": {"achieved": 90.0, "constraint": 50.0},
        "b": {"achieved": 70.0, "constraint": 49.9999},
    }
    path.write_text(json.dumps({"fmax": clocks, "utilization": {}}))
    assert nextpnr.routed(path, 50_000_000).fmax_hz == 70_000_000


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"fmax": {}, "utilization": {}}'])
def test_other_files_are_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text(content)
    with pytest.raises(FormatError, match="not a report of nextpnr"):
        nextpnr.routed(path)


@pytest.mark.parametrize("name", ["icebreaker", "ulx3s_85f", "tangnano20k"])
def test_commands_name_part_clock_and_bitstream(name: str) -> None:
    fpga = boards.load(name).fpga
    assert fpga is not None
    route, pack = nextpnr.commands(fpga, "top")
    assert route[route.index("--freq") + 1] == f"{fpga.clock_hz / 1e6:g}"
    assert any(fpga.device in word or fpga.part in word for word in route)
    assert f"top.{nextpnr.BITSTREAMS[fpga.flow]}" in pack
    assert f"top.{nextpnr.CONSTRAINTS[fpga.flow]}" in " ".join(route)


def test_flows_without_nextpnr() -> None:
    fpga = boards.load("zcu104").fpga
    assert fpga is not None
    with pytest.raises(ConfigError, match="nextpnr serves ice40, ecp5, gowin"):
        nextpnr.commands(fpga, "top")
