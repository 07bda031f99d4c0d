"""From a core to a bitstream: the files, what is refused, and one real bitstream."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hwkit import boards
from hwkit.boards import Board
from hwkit.errors import BudgetInfeasible, ConfigError, ToolFailed
from hwkit.ir.types import S8
from hwkit.target import BuildPlan, Lowered
from hwkit.targets.rtl.bitstream import board_plan, divider
from hwkit.targets.rtl.build import build, open_artifact, tools
from hwkit.targets.rtl.cost import Cost
from hwkit.targets.rtl.plan import Plan
from hwkit.toolchain import yosys
from tests.targets.rtl import clamps

ESTIMATED = Cost(lut=950.4, ff=410, bram=2, dsp=0)
FPGAS = [name for name in boards.names() if boards.load(name).target == "rtl"]


def plan_for(board: Board) -> tuple[BuildPlan, Lowered[Plan]]:
    core, graph = clamps.core(12, S8, 3), clamps.graph(12, S8)
    return board_plan(core, graph, board), Lowered(graph, board, Plan(core, ESTIMATED))


@pytest.mark.parametrize("name", FPGAS)
def test_a_plan_is_whole_and_the_same_every_time(name: str) -> None:
    board = boards.load(name)
    plan, _ = plan_for(board)
    assert plan.digest() == plan_for(board)[0].digest()
    assert {"hwk_core.v", "hwk_device.v", "shell/hwk_shell.v"} <= set(plan.files)
    fpga = board.fpga
    assert fpga is not None and fpga.clock_hz and fpga.resources is not None
    if fpga.flow == "verilator":
        assert plan.commands == () and "tb/hwk_board.cpp" in plan.files
        return
    script = plan.files["synth.ys"].decode()
    for source in (name for name in plan.files if name.endswith(".v")):
        assert f"read_verilog -defer -sv {source}\n" in script
    assert plan.commands[0][0] == "yosys"
    if fpga.flow == "vivado":
        project = plan.files["project.tcl"].decode()
        assert fpga.part in project and "hwk_core.v" in project
        xdc = "clock.xdc" if fpga.pins is None else "top.xdc"
        assert f"constrs_1 {xdc}\n" in project
        assert f"create_clock -period {1e9 / fpga.clock_hz:.3f}" in plan.files[xdc].decode()
    if fpga.pins is not None:
        constraints = next(
            c for n, c in plan.files.items() if n.startswith("top.") and n != "top.v"
        )
        for pin in (fpga.pins.clock, fpga.pins.uart_rx, fpga.pins.uart_tx, fpga.pins.led):
            assert pin in constraints.decode()


def test_constraints_of_a_board() -> None:
    plan, _ = plan_for(boards.load("tangnano9k"))
    assert plan.files["top.cst"].decode().splitlines() == [
        'IO_LOC "clock_pin" 52;',
        'IO_PORT "clock_pin" IO_TYPE=LVCMOS33;',
        'IO_LOC "uart_rx" 18;',
        'IO_PORT "uart_rx" IO_TYPE=LVCMOS33;',
        'IO_LOC "uart_tx" 17;',
        'IO_PORT "uart_tx" IO_TYPE=LVCMOS33;',
        'IO_LOC "led" 10;',
        'IO_PORT "led" IO_TYPE=LVCMOS18;',
    ]
    assert "assign led = !lit;" in plan.files["top.v"].decode()
    high = plan_for(boards.load("ulx3s_85f"))[0].files
    assert b"assign high = 1'b1;" in high["top.v"]
    assert b'LOCATE COMP "high" SITE "L2";' in high["top.lpf"]


def test_the_serial_rate_must_come_from_the_clock() -> None:
    fpga = boards.load("icebreaker").fpga
    assert fpga is not None
    assert divider(fpga) == 104
    with pytest.raises(ConfigError, match="12000000 Hz make no 5000000 baud; nearest: 3000000"):
        divider(replace(fpga, baud=5_000_000))


STAT: dict[str, Any] = {"design": {"num_cells_by_type": {"SB_LUT4": 900, "SB_DFF": 400}}}
REPORT: dict[str, Any] = {
    "fmax": {"clk": {"achieved": 49.0, "constraint": 48.0}},
    "utilization": {"ICESTORM_LC": {"used": 1000, "available": 7680}},
}


class Tools:
    """Programs on the PATH that write what they are told to and note how they were called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.set("yosys", f"echo '{json.dumps(STAT)}' > stat.json; touch top.json")
        self.set("nextpnr-ice40", f"echo '{json.dumps(REPORT)}' > report.json; touch top.asc")
        self.set("icepack", "echo bits > $2")

    def set(self, name: str, body: str) -> None:
        path = self.folder / name
        path.write_text(
            f'#!/bin/sh\ncase "$1" in -V|--version) echo {name} 9.8.7; exit;; esac\n'
            f'echo "{name} $@" >> {self.folder}/calls\n{body}\n'
        )
        path.chmod(0o755)

    def report(self, *mhz: float) -> None:
        """Each placement reaches the next of ``mhz``."""
        rows = []
        for k, reached in enumerate(mhz):
            report = REPORT | {"fmax": {"clk": {"achieved": reached, "constraint": 48.0}}}
            rows.append(f"[ $n = {k} ] && echo '{json.dumps(report)}' > report.json")
        count = f"n=$(($(grep -c nextpnr {self.folder}/calls) - 1))"
        self.set("nextpnr-ice40", "\n".join([count, *rows, "touch top.asc"]))

    @property
    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text().splitlines()


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tools]:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    yosys.find_program.cache_clear()
    yosys.version.cache_clear()
    yield Tools(folder)
    yosys.find_program.cache_clear()
    yosys.version.cache_clear()


def test_the_distributions_tools_come_first(fake: Tools, tmp_path: Path) -> None:
    board = boards.load("ice40_hx8k")
    plan, lowered = plan_for(board)
    artifact = build(plan, lowered, tmp_path / "out")
    assert artifact.path.read_text() == "bits\n"
    facts = artifact.facts
    assert (facts["lut"], facts["ff"], facts["fmax_hz"]) == (1000, 400, 49_000_000)
    assert facts["estimated"] == {"lut": 950, "ff": 410, "bram": 2, "dsp": 0}
    assert facts["flash"] == "openFPGALoader -b ice40_generic top.bin"
    assert (
        facts["tools"]
        == tools(board)
        == {"yosys": "yosys 9.8.7", "nextpnr-ice40": "nextpnr-ice40 9.8.7"}
    )
    assert open_artifact(tmp_path / "out", lowered).facts == facts
    assert [call.split()[0] for call in fake.calls] == ["yosys", "nextpnr-ice40", "icepack"]
    with pytest.raises(ConfigError, match=r"no top\.bin; run 'hwkit deploy'"):
        open_artifact(tmp_path, lowered)


def test_another_placement_may_meet_the_clock(fake: Tools, tmp_path: Path) -> None:
    fake.report(46.5, 48.5)
    plan, lowered = plan_for(boards.load("ice40_hx8k"))
    assert build(plan, lowered, tmp_path / "out").facts["fmax_hz"] == 48_500_000
    seeds = [call.split("--seed ")[1].split()[0] for call in fake.calls if "--seed" in call]
    assert seeds == ["1", "2"]


def test_a_clock_that_is_missed_is_refused_with_one_that_works(fake: Tools, tmp_path: Path) -> None:
    fake.report(20.0, 21.1, 20.5)
    plan, lowered = plan_for(boards.load("ice40_hx8k"))
    with pytest.raises(BudgetInfeasible) as caught:
        build(plan, lowered, tmp_path / "out")
    assert str(caught.value) == (
        "board ice40_hx8k: 21.1 MHz after routing (best of 3 placements), 26.9 MHz short of its "
        "clock of 48 MHz; clock_hz = 21000000 in its file works"
    )
    assert caught.value.exit_code == 1
    assert not any(call.startswith("icepack") for call in fake.calls)


def test_a_part_that_is_too_small_is_refused_before_placement(fake: Tools, tmp_path: Path) -> None:
    cells = {"SB_LUT4": 9000, "SB_DFF": 400}
    fake.set("yosys", f"echo '{json.dumps({'design': {'num_cells_by_type': cells}})}' > stat.json")
    plan, lowered = plan_for(boards.load("ice40_hx8k"))
    with pytest.raises(BudgetInfeasible) as caught:
        build(plan, lowered, tmp_path / "out")
    assert str(caught.value) == (
        "board ice40_hx8k: the design takes 9000 lut (counted before placement), 1320 more than "
        "the 7680 of iCE40HX8K-CT256; tangnano20k has enough; or use fewer bits or a smaller model"
    )
    assert [call.split()[0] for call in fake.calls] == ["yosys"]


def test_the_log_of_a_tool_that_fails_outlives_the_build(fake: Tools, tmp_path: Path) -> None:
    fake.set("nextpnr-ice40", "echo no such pin; exit 125")
    plan, lowered = plan_for(boards.load("ice40_hx8k"))
    with pytest.raises(ToolFailed) as caught:
        build(plan, lowered, tmp_path / "out")
    assert "no such pin" in Path(caught.value.log).read_text()
    assert tmp_path / "out" not in Path(caught.value.log).parents


@pytest.mark.slow  # synthesis, placement and routing with the real tools
def test_a_real_bitstream(tmp_path: Path) -> None:
    plan, lowered = plan_for(boards.load("icebreaker"))
    artifact = build(plan, lowered, tmp_path)
    # An iCE40 bitstream starts with a comment and the preamble (Lattice FPGA-TN-02001).
    assert bytes.fromhex("7eaa997e") in artifact.path.read_bytes()[:64]
    assert 600 < artifact.facts["lut"] < 1400
    assert artifact.facts["bram"] >= 1 and artifact.facts["fmax_hz"] > 12_000_000
