"""Counts of Yosys: recorded output of its `stat -json`, and what is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwkit.errors import FormatError, ToolMissing
from hwkit.toolchain import yosys
from hwkit.toolchain.yosys import Counts

REPORTS = Path(__file__).with_name("reports")


@pytest.mark.parametrize(
    ("flow", "expected"),
    [
        ("ice40", Counts(lut=2197, ff=1292, bram=10, dsp=0)),
        ("ecp5", Counts(lut=1539 + 2 * 294 + 4 * 17, ff=969, bram=5, dsp=0)),
        ("gowin", Counts(lut=1440 + 643 + 4 * 17, ff=883, bram=5, dsp=0)),
    ],
)
def test_recorded_counts(flow: str, expected: Counts) -> None:
    assert yosys.counts(REPORTS / f"yosys_{flow}.json") == expected


def test_cells_of_xilinx() -> None:
    cells = {"LUT6": 5, "LUT2": 1, "CARRY4": 3, "FDRE": 7, "RAMB18E1": 3, "RAMB36E1": 1}
    cells |= {"DSP48E1": 2, "BUFG": 1, "RAM32M": 1}
    assert yosys.count_cells(cells) == Counts(lut=8, ff=7, bram=3, dsp=2)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"design": {"num_cells_by_type": 3}}'])
def test_other_files_are_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "stat.json"
    path.write_text(content)
    with pytest.raises(FormatError, match="not the counts of yosys"):
        yosys.counts(path)


def test_the_script_reads_synthesises_and_counts() -> None:
    lines = yosys.script("ice40", "up5k", "top", ["a.v", "shell/b.v"]).splitlines()
    assert lines[:3] == [
        "read_verilog -defer -sv a.v",
        "read_verilog -defer -sv shell/b.v",
        "synth_ice40 -device u -dsp -top top",
    ]
    assert lines[-1].endswith("stat -json")


def test_a_missing_tool_names_both_ways_to_get_it() -> None:
    with pytest.raises(ToolMissing, match=r"apt install no-such-tool, or pip install 'hwkit\[fpga"):
        yosys.find_program("no-such-tool")
