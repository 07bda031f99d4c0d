"""Bring-up of boards that work, lie, are silent, or run at another speed."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hwkit.cli import _run
from hwkit.device.emulator import Emulator
from hwkit.device.qemu import Qemu
from hwkit.device.session import Device, MemoryTest, SelfTest
from hwkit.errors import ConfigError
from hwkit.flow import bringup as flow
from hwkit.flow.bringup import bringup
from hwkit.flow.build import cached, lower
from hwkit.flow.golden import golden_network
from hwkit.target import Artifact
from tests.device import boards
from tests.emulators import skip_without_qemu
from tests.firmware.runtime import stub

pytestmark = pytest.mark.slow


def golden(board: str) -> Artifact[Any]:
    return cached(*lower(golden_network(), board))


def outcome(result: flow.BringUp) -> list[str]:
    return [f"{step.name} {step.status}" for step in result.steps]


@pytest.mark.parametrize("board", ["virtual_m0", "virtual_m4"])
def test_a_virtual_board_passes(board: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(["bringup", board, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["board"] == board and found["passed"]
    assert {row["name"]: row["status"] for row in found["steps"]} == {
        "link": "passed",
        "info": "passed",
        "memory": "passed",
        "golden": "passed",
        "clock": "skipped",
    }
    assert "11 layers equal" in found["steps"][3]["detail"]
    assert "modelled cycles" in found["steps"][4]["detail"]


def test_a_real_boards_image_in_qemu_runs_at_its_reset_clock() -> None:
    from hwkit import boards as known

    board = known.load("netduino_plus2")
    skip_without_qemu(board)
    with Qemu(board, golden("netduino_plus2").path) as qemu:
        result = bringup("netduino_plus2", qemu.port)
    assert outcome(result) == [
        "link passed",
        "info failed",
        "memory passed",
        "golden passed",
        "clock skipped",
    ]
    assert "16000000 Hz, its file says 168000000" in result.steps[1].detail
    assert "crystal" in result.steps[1].look_at
    assert result.exit_code == 1


def test_a_silent_board_fails_at_the_link(capsys: pytest.CaptureFixture[str]) -> None:
    with boards.serving(boards.silent) as url:
        assert _run(["bringup", "virtual_m4", "--port", url]) == 3
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("link    failed") and "silent" in lines[0]
    assert "look at: power" in lines[1]
    assert [line.split()[0] for line in lines[2:]] == ["info", "memory", "golden", "clock"]
    assert all("not run" in line for line in lines[2:])


def test_a_wrong_weight_names_its_kernel(tmp_path: Path) -> None:
    artifact = golden("virtual_m4")
    weights = artifact.lowered.plan.layers[1].calls[0].descriptor.fields["weights"].values.tobytes()
    data = bytearray(artifact.path.read_bytes())
    assert data.count(weights) == 1
    data[data.find(weights)] ^= 0x40
    image = tmp_path / "firmware.elf"
    image.write_bytes(data)
    with Emulator(artifact.board, image) as emulator:
        result = bringup("virtual_m4", emulator.port)
    assert result.exit_code == 1
    assert outcome(result)[3:] == ["golden failed", "clock skipped"]
    assert result.steps[3].detail.startswith("depthwise_s8[0,")
    assert "wait states" in result.steps[3].look_at


def test_another_model_is_tested_by_its_own_self_test(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = stub.virtual_image(tmp_path).path
    with Emulator(stub.BOARD, image) as emulator:
        result = bringup("virtual_m4", emulator.port)
        assert result.exit_code == 0
        assert "another model" in result.steps[1].detail
        assert "self-test CRC" in result.steps[3].detail
        monkeypatch.setattr(Device, "selftest", lambda self: SelfTest(1, 2))
        assert outcome(bringup("virtual_m4", emulator.port))[3] == "golden failed"


def test_bad_memory_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Device, "memory_test", lambda self: MemoryTest(1024, 3, 0x20000010))
    result = bringup("virtual_m4")
    assert outcome(result)[2] == "memory failed" and result.exit_code == 1
    assert result.steps[2].detail.endswith("the first at 0x20000010")


@pytest.mark.parametrize(
    ("counter_hz", "status"), [(10e6, "passed"), (11e6, "failed"), (0, "skipped")]
)
def test_the_clock_is_held_against_the_hosts(
    counter_hz: float, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow, "CLOCK_INTERVAL_S", 0.1)
    device: Any = SimpleNamespace(
        info=lambda: SimpleNamespace(clock_hz=10_000_000),
        counter=lambda: int(time.monotonic() * counter_hz) % 2**32,
    )
    assert stub.BOARD.mcu is not None
    real = replace(stub.BOARD, mcu=replace(stub.BOARD.mcu, emulator=""))
    artifact: Any = SimpleNamespace(board=real)
    assert flow._clock(device, artifact)[0] == status


def test_what_cannot_be_brought_up() -> None:
    for board, message in (
        ("host_litert", "not a microcontroller or FPGA"),
        ("rpi_pico", "give the board's serial port with --port"),
        ("toaster", "no board 'toaster'"),
    ):
        with pytest.raises(ConfigError, match=message):
            bringup(board)
    with pytest.raises(ConfigError, match="no programmer"):
        bringup("virtual_m4", flash=True)
