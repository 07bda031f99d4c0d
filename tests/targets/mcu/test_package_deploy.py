"""``hwkit deploy --package``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hwkit.cli import _run
from hwkit.flow.build import deploy
from tests.targets.mcu.models import residual

pytestmark = pytest.mark.slow


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "m.hwk"
    residual().save(str(path))
    return path


def test_packages_lie_beside_the_firmware(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "build"
    arguments = ["deploy", str(model), "--board", "virtual_m4", "-o", str(out)]
    assert _run([*arguments, "--package", "library", "--package", "zephyr"]) == 0
    assert json.loads((out / "deploy.json").read_text())["packages"] == ["library", "zephyr"]
    assert (out / "firmware.elf").is_file()
    assert (out / "library" / "include" / "hwk.h").is_file()
    assert (out / "zephyr" / "zephyr" / "module.yml").is_file()
    assert not (out / "arduino").exists()


def test_what_a_board_has_not_is_refused_before_anything_is_built(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for board, kind, remedy in (
        ("virtual_m4", "tflm", "host_tflm"),
        ("host_litert", "library", "microcontroller"),
        ("hls4ml_csim", "library", "microcontroller"),
    ):
        out = tmp_path / "build"
        arguments = ["deploy", str(model), "--board", board, "-o", str(out), "--package", kind]
        code = _run(arguments)
        lines = capsys.readouterr().err.splitlines()
        assert code == 2 and len(lines) == 1, (board, lines)
        if board != "hls4ml_csim" or "package" in lines[0]:
            assert kind in lines[0] and remedy in lines[0]
        assert not out.exists()


def test_a_deploy_without_packages_replaces_one_with(tmp_path: Path) -> None:
    out = tmp_path / "build"
    deploy(residual(), "virtual_m4", out, ["arduino"])
    assert (out / "arduino" / "library.properties").is_file()
    assert deploy(residual(), "virtual_m4", out)["packages"] == []
    assert not (out / "arduino").exists()
