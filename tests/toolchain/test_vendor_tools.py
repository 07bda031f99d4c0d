"""Projects and images as vendors' tools get them, by the stand-ins of ``tests/fake_tools``."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hwkit import boards, targets
from hwkit.cli import _run
from hwkit.flow.build import deploy
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
        ("rtl/fc_bias_6f926013.hex", "", "fc_bias_6f926013.hex is not in the project"),
    ],
)
def test_a_project_that_is_not(old: str, new: str, message: str, tmp_path: Path) -> None:
    fake_tools.install(tmp_path, "vivado")
    script = project("pynq_z2", tmp_path / "p").files["project.tcl"].decode()
    assert old in script
    (tmp_path / "p" / "project.tcl").write_text(script.replace(old, new))
    done = vivado(tmp_path)
    assert done.returncode == 1 and message in done.stderr


def commands(folder: Path) -> list[str]:
    """What README.md in ``folder`` says to run, without its comments."""
    lines = (folder / "README.md").read_text().splitlines()
    return [line.split("#")[0].strip() for line in lines if line.startswith("    ")]


def in_shell(command: str, tmp_path: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    path = f"{tmp_path}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        command, shell=True, cwd=folder, capture_output=True, text=True, env={"PATH": path}
    )


@pytest.fixture(scope="module")
def intel_hls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the stand-in for i++, and in ``p`` the project of a network."""
    pytest.importorskip("hls4ml")
    folder = tmp_path_factory.mktemp("intel_hls")
    fake_tools.install(folder, "i++")
    deploy(network(), "hls4ml_quartus", folder / "p")
    return folder


@pytest.mark.slow
def test_an_intel_hls_project_runs_as_its_page_says(intel_hls: Path, tmp_path: Path) -> None:
    """The component that i++ would synthesize in the project's own test bench: all golden
    integers, and a difference where one of these is another."""
    shutil.copytree(intel_hls / "p", tmp_path / "p")
    bench, compare = commands(tmp_path / "p")
    done = in_shell(bench, intel_hls, tmp_path / "p")
    assert done.returncode == 0, done.stderr
    (call,) = (intel_hls / "calls").read_text().splitlines()
    assert call.startswith("i++ -march=Arria10 -DHLS_SYNTHESIS ")
    done = in_shell(compare, intel_hls, tmp_path / "p")
    assert re.fullmatch(r"tb_data/results.log: 0 of \d+ integers differ\n", done.stdout)
    golden = tmp_path / "p" / "tb_data" / "tb_output_predictions.dat"
    first, rest = golden.read_text().split(maxsplit=1)
    golden.write_text(f"{int(first) + 1} {rest}")
    done = in_shell(compare, intel_hls, tmp_path / "p")
    assert done.returncode == 1 and ": 1 of " in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("-march=Arria10", "-march=Aria10", "unknown -march value 'Aria10'"),
        ("firmware/network.cpp", "firmware/net.cpp", "no such file: 'firmware/net.cpp'"),
        ("network_test.cpp firmware/network.cpp", "network_test.cpp", "not one component"),
        (" -DHLS_SYNTHESIS", "", "undefined reference to `nnet::trace_enabled'"),
    ],
)
def test_an_intel_hls_call_that_is_wrong(
    intel_hls: Path, old: str, new: str, message: str, tmp_path: Path
) -> None:
    words = "i++ -march=Arria10 -DHLS_SYNTHESIS network_test.cpp firmware/network.cpp"
    done = in_shell(f"{words.replace(old, new)} -o {tmp_path}/program", intel_hls, intel_hls / "p")
    assert done.returncode != 0 and message in done.stderr


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
