"""Projects and images as vendors' tools get them, by the stand-ins of ``tests/fake_tools``."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from hwkit import boards, targets
from hwkit.cli import _run
from hwkit.target import BuildPlan
from tests import fake_tools
from tests.test_golden import network

VIVADO = [name for name in boards.names() if (b := boards.load(name).fpga) and b.flow == "vivado"]


def project(board: str, folder: Path) -> BuildPlan:
    description = boards.load(board)
    target = targets.get(description)
    plan = target.emit(target.lower(network(), description))
    for name, content in plan.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return plan


def vivado(tmp_path: Path) -> subprocess.CompletedProcess[str]:
    command = [str(tmp_path / "vivado"), "-mode", "batch", "-source", "project.tcl"]
    return subprocess.run(command, cwd=tmp_path / "p", capture_output=True, text=True)


@pytest.mark.parametrize("board", VIVADO)
def test_a_vivado_project_is_whole(board: str, tmp_path: Path) -> None:
    fake_tools.install(tmp_path, "vivado")
    plan = project(board, tmp_path / "p")
    assert "vivado -mode batch -source project.tcl" in plan.files["project.tcl"].decode()
    done = vivado(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("add_files -fileset", "add_file -fileset", "invalid command name 'add_file'"),
        ("hwk_core.v ", "hwk_gore.v ", "file hwk_gore.v does not exist"),
        ("top top", "top tip", "no module 'tip'"),
        ("rtl/fc_bias_8982b0e3.hex", "", "fc_bias_8982b0e3.hex is not in the project"),
    ],
)
def test_a_project_that_is_not(old: str, new: str, message: str, tmp_path: Path) -> None:
    fake_tools.install(tmp_path, "vivado")
    script = project("pynq_z2", tmp_path / "p").files["project.tcl"].decode()
    assert old in script
    (tmp_path / "p" / "project.tcl").write_text(script.replace(old, new))
    done = vivado(tmp_path)
    assert done.returncode == 1 and message in done.stderr


@pytest.mark.parametrize(
    ("board", "call"),
    [
        ("nucleo_l4r5zi", "pyocd flash --target stm32l4r5zitx {out}/firmware.hex"),
        ("hifive1", "openocd -f board/sifive-hifive1.cfg -c 'program {{{out}/firmware.elf}} "),
        ("rpi_pico", "picotool load --verify --execute {out}/firmware.uf2"),
    ],
)
def test_an_image_is_flashed_in_the_form_that_its_programmer_takes(
    board: str, call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = fake_tools.install(tmp_path, *fake_tools.TOOLS)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    model, out = tmp_path / "m.hwk", tmp_path / "out"
    network().save(str(model))
    assert _run(["deploy", str(model), "--board", board, "-o", str(out), "--flash"]) == 0
    (line,) = calls.read_text().splitlines()
    assert line.startswith(call.format(out=out))
