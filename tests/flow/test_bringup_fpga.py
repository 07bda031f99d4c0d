"""Bring-up of the virtual FPGA board: right, with a wrong weight, silent."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hwkit.cli import _run
from hwkit.device.fpga import FpgaSimulation
from hwkit.errors import ConfigError
from hwkit.flow.bringup import bringup
from hwkit.flow.build import cached, lower
from hwkit.flow.golden import small_golden_network
from hwkit.flow.profiling import profile
from hwkit.flow.verify import verify
from hwkit.target import Artifact
from tests.device import boards


@pytest.fixture(scope="module")
def golden() -> Artifact[Any]:
    return cached(*lower(small_golden_network(), "rtl_sim"))


def test_the_virtual_board_passes(
    golden: Artifact[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(["bringup", "rtl_sim", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {row["name"]: row["status"] for row in found["steps"]} == {
        "link": "passed",
        "info": "passed",
        "memory": "skipped",
        "golden": "passed",
        "clock": "skipped",
    }
    assert "24 integers equal" in found["steps"][3]["detail"]
    assert "simulated cycles" in found["steps"][4]["detail"]


def test_a_wrong_weight_is_found(golden: Artifact[Any], tmp_path: Path) -> None:
    shutil.copytree(golden.folder, tmp_path / "board")
    image = min((tmp_path / "board").glob("rtl/conv_weights_*.hex"))
    text = image.read_text()
    image.write_text(f"{int(text[0], 16) ^ 4:x}{text[1:]}")
    with FpgaSimulation(tmp_path / "board" / golden.path.name) as board:
        result = bringup("rtl_sim", board.port)
    assert result.exit_code == 1
    assert [step.status for step in result.steps][:4] == ["passed", "passed", "skipped", "failed"]
    assert result.steps[3].detail.startswith("dense[") and "fmax_hz" in result.steps[3].look_at


def test_a_silent_board_fails_at_the_link() -> None:
    with boards.serving(boards.silent) as url:
        result = bringup("rtl_sim", url)
    assert result.exit_code == 3
    assert result.steps[0].status == "failed" and "bitstream" in result.steps[0].look_at


def test_real_boards_need_a_port() -> None:
    with pytest.raises(ConfigError, match="give the board's serial port with --port"):
        bringup("ulx3s_85f")
    # Refused before minutes of placement.
    remedy = (
        "ulx3s_85f: give its serial port with --port, or as a place .*; board rtl_sim simulates"
    )
    with pytest.raises(ConfigError, match=remedy):
        verify(small_golden_network(), "ulx3s_85f")
    with pytest.raises(ConfigError, match=remedy):
        profile(small_golden_network(), "ulx3s_85f")


def test_the_board_as_a_process_of_its_own(
    golden: Artifact[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "m.hwk"
    small_golden_network().save(str(model))
    command = [sys.executable, "-m", "hwkit.device.fpga", "--image", str(golden.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = json.loads(process.stdout.readline())["port"]
            arguments = ["--board", "rtl_sim", "--port", port]
            assert _run(["verify", str(model), *arguments, "-n", "4"]) == 0
            assert "0 differing" in capsys.readouterr().out
            assert _run(["profile", str(model), *arguments, "--repeats", "2", "--json"]) == 0
            found = json.loads(capsys.readouterr().out)
            assert found["total"]["cycles"] > 100 and found["evidence"] == "simulated"
        finally:
            process.terminate()
