"""``hwkit init``: every command of the folder's README runs as it stands there."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

import hwkit
from hwkit.cli import _run
from hwkit.errors import ConfigError, FormatError
from hwkit.flow.project import start
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.ops import Clamp
from hwkit.ir.types import S8

EXAMPLE = Path(hwkit.__file__).parent.parent / "examples" / "project"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    b = GraphBuilder("clamp")
    b.input("x", (3,), S8)
    b.add(Clamp("c", "x", "y", 0, 6), S8)
    path = tmp_path / "my clamp.hwk"
    b.build(["y"]).save(str(path))
    return path


def commands(folder: Path) -> list[str]:
    """The lines of the README's last block of shell."""
    blocks = re.findall(r"```sh\n(.*?)```", (folder / "README.md").read_text(), re.S)
    return str(blocks[-1]).splitlines()


def runs(folder: Path, line: str, tmp_path: Path) -> None:
    """Runs a line in ``folder``: hwkit's in this process, scripts with a hwkit on their PATH."""
    words = shlex.split(line)
    if words[0] == "hwkit":
        assert _run(words[1:]) == 0, line
        return
    program = tmp_path / "bin" / "hwkit"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m hwkit "$@"\n')
    program.chmod(0o755)
    root = str(Path(hwkit.__file__).parent.parent)
    path = f"{program.parent}:{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "PYTHONPATH": root}
    subprocess.run(words, cwd=folder, env=env, check=True, capture_output=True)


def test_the_digits_run_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = start(tmp_path / "hello", board="interpreter").folder
    monkeypatch.chdir(folder)
    lines = commands(folder)
    assert [line.split()[1] for line in lines] == [
        "inspect", "verify", "profile", "deploy", "campaign", "results",
    ]  # fmt: skip
    for line in lines:
        runs(folder, line, tmp_path)
    graph = hwkit.load("digits.tflite")
    y = graph.predict(np.load("images.npy"))
    assert isinstance(y, np.ndarray)
    assert int((y.argmax(1) == np.load("labels.npy")).sum()) == 97  # as its README says
    assert not (folder / "bring_up.sh").exists()


@pytest.mark.slow
def test_every_command_for_a_microcontroller(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = start(tmp_path / "mine", model=model, board="rpi_pico").folder
    monkeypatch.chdir(folder)
    lines = commands(folder)
    assert lines[1] == "hwkit verify my_clamp.hwk --board virtual_m0 -n 16"
    assert "hwkit profile my_clamp.hwk --board ./my_board.toml --estimate" in lines
    assert "sh bring_up.sh" in lines
    for line in lines:
        runs(folder, line, tmp_path)
    assert (folder / "build" / "firmware.uf2").is_file()
    assert (folder / "build" / "library" / "include" / "hwk.h").is_file()
    assert json.loads((folder / "build" / "deploy.json").read_text())["board"] == "my_board"
    checks = (folder / "check.sh").read_text().splitlines()
    assert {line for line in checks if line.startswith("hwkit ")} < set(lines)


def test_what_lies_in_the_folder(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["init", str(tmp_path / "p"), "--model", str(model), "--ci", "gitlab", "--json"]
    assert _run(words) == 0
    told = json.loads(capsys.readouterr().out)
    folder = Path(told["folder"])
    made = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    assert set(told["files"]) == made == {
        "my_clamp.hwk", "my_board.toml", "check.sh", "campaign.toml", "bring_up.sh",
        "requirements.txt", ".gitignore", ".gitlab-ci.yml", "README.md",
    }  # fmt: skip
    texts = [(folder / name).read_text(errors="replace") for name in made]
    assert not any(re.search(r"@[A-Z]+@", text) for text in texts)
    assert tomllib.loads((folder / "my_board.toml").read_text())["name"] == "my_board"
    assert os.access(folder / "bring_up.sh", os.X_OK)
    readme = (folder / "README.md").read_text()
    assert all(f"`{name}`" in readme for name in made - {".gitignore", "README.md"})


def test_the_example_is_what_init_makes(tmp_path: Path) -> None:
    """After a change of a template: hwkit init project, and copy what is text to examples/."""
    made, shown = start(tmp_path / "project").folder, EXAMPLE
    names = sorted(str(p.relative_to(shown)) for p in shown.rglob("*") if p.is_file())
    assert len(names) == 9 and "campaign.toml" in names and ".gitlab-ci.yml" in names
    for name in names:
        assert (shown / name).read_text() == (made / name).read_text(), name


def test_a_recipe_is_trained_there(tmp_path: Path) -> None:
    made = start(tmp_path / "p", recipe="digits", ci="github")
    assert made.first == "train recipe.toml -o run"
    assert 'models = ["run/model.hwk"]' in (made.folder / "campaign.toml").read_text()
    assert "hwkit train recipe.toml -o run\n" in (made.folder / "check.sh").read_text()
    assert "hwkit[train,mcu]==" in (made.folder / "requirements.txt").read_text()
    workflow = made.folder / ".github" / "workflows" / "hwkit.yml"
    assert "- run: sh check.sh" in workflow.read_text()


def test_an_fpga_is_simulated_until_it_is_there(tmp_path: Path) -> None:
    folder = start(tmp_path / "p", board="ulx3s_85f").folder
    lines = commands(folder)
    assert "hwkit verify digits.tflite --board rtl_sim -i images.npy" in lines
    assert "hwkit deploy digits.tflite --board ulx3s_85f -o build" in lines


def test_what_is_refused_leaves_nothing(model: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    with pytest.raises(ConfigError, match="is there already; choose"):
        start(tmp_path / "full")
    with pytest.raises(ConfigError, match="give one of them"):
        start(tmp_path / "p", model=model, recipe="digits")
    with pytest.raises(ConfigError, match="did you mean 'rpi_pico'"):
        start(tmp_path / "p", board="rpi_pic")
    with pytest.raises(FormatError, match="cut short"):
        (tmp_path / "m.hwk").write_bytes(model.read_bytes()[:40])
        start(tmp_path / "p", model=tmp_path / "m.hwk")
    own = tmp_path / "own.toml"
    shipped = (Path(hwkit.__file__).parent.parent / "boards" / "rpi_pico.toml").read_text()
    text = shipped.replace('"rpi_pico"', '"own"').replace('"rp2040"', '"chip.toml"')
    own.write_text(text)
    with pytest.raises(ConfigError, match="chip"):
        start(tmp_path / "p", board=str(own))
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["full", "m.hwk", "my clamp.hwk", "own.toml"]
