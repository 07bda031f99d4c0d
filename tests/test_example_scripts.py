"""The scripts of examples/ do what their first lines say, on small networks."""

from __future__ import annotations

import csv
import runpy
import sys
from pathlib import Path

import pytest

from tests.targets.mcu.models import residual
from tests.targets.mcu.stateful import ring

FOLDER = Path(__file__).parent.parent / "examples"


@pytest.fixture(autouse=True)
def own_measurements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HWKIT_STORE", str(tmp_path / "measurements.sqlite"))


def ran(script: str, *arguments: object, monkeypatch: pytest.MonkeyPatch) -> int:
    """Runs it as a program; its exit code."""
    monkeypatch.setattr(sys, "argv", [script, *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(FOLDER / script), run_name="__main__")
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_bring_up(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert ran("bring_up.py", "virtual_m4", monkeypatch=monkeypatch) == 0
    steps = [line.split()[:2] for line in capsys.readouterr().out.splitlines()]
    assert [name for name, _ in steps] == ["link", "info", "memory", "golden", "clock"]
    assert {status for _, status in steps} <= {"passed", "skipped"}
    assert ran("bring_up.py", "toaster", monkeypatch=monkeypatch) == 2
    assert "no board 'toaster'" in capsys.readouterr().err


def test_streaming_firmware(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model, out = tmp_path / "ring.hwk", tmp_path / "build"
    ring().save(str(model))
    assert ran("streaming_firmware.py", model, "virtual_m4", out, monkeypatch=monkeypatch) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "0 differing" in lines[0]
    assert lines[2:4] == [
        "hwk_input(0): row, 12 integers u8, less 128",
        "hwk_input(1): gain, 5 integers s8",
    ]
    assert lines[-1] == "state: rows, kept until hwk_reset()"
    assert (out / "library" / "include" / "hwk.h").is_file()


def test_latency_campaign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models, out = [], tmp_path / "out.csv"
    for graph in (residual(), ring()):
        models.append(tmp_path / f"{graph.name}.hwk")
        graph.save(str(models[-1]))
    arguments = (out, "--boards", "virtual_m4", "host_tflm", "hls4ml_csim", "--", *models)
    assert ran("latency_campaign.py", *arguments, monkeypatch=monkeypatch) == 0
    with out.open() as stream:
        rows = list(csv.DictReader(stream))
    evidence = ["simulated", "measured", "estimated", "simulated", "measured", ""]
    assert [row["evidence"] for row in rows] == evidence
    for row in rows:
        assert bool(row["refused"]) == (not row["evidence"])  # states, by hls4ml
        assert row["refused"] or (row["differing"] == "0" and float(row["us"]) > 0)
        assert bool(row["cycles"]) == (row["evidence"] in ("simulated", "estimated"))


def test_compare_builds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "ring.hwk"
    ring().save(str(model))
    assert ran("compare_builds.py", model, "virtual_m4", monkeypatch=monkeypatch) == 0
    rows = {line.split()[0]: line.split()[1:] for line in capsys.readouterr().out.splitlines()}
    assert rows["balanced"] == ["speed", "size"]
    assert all(int(value) > 0 for value in rows["total"])
    assert int(rows["flash_bytes"][2]) <= int(rows["flash_bytes"][0])


def test_every_script_is_listed_and_run() -> None:
    scripts = {path.name for path in FOLDER.glob("*.py")}
    assert len(scripts) == 4
    for page in (FOLDER / "README.md", Path(__file__)):
        assert all(name in page.read_text() for name in scripts), page
