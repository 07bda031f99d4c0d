"""Where boards come from: the order of places, packages, and two of one name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hwkit import boards, resources
from hwkit.boards import found, words
from hwkit.errors import ConfigError

EDGE = """\
name = "{name}"
title = "{title}"
target = "edge"
source = "here"

[edge]
runtime = "tflm"
"""


def write(folder: Path, name: str, title: str = "T") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.toml"
    path.write_text(EDGE.format(name=name, title=title))
    return path


def test_folders_of_the_variable_come_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "a", "shed", "first")
    second = write(tmp_path / "b", "shed", "second")
    mine = write(tmp_path / "b", "host_tflm", "mine")
    path = os.pathsep.join((str(tmp_path / "a"), str(tmp_path / "b")))
    monkeypatch.setenv(found.VARIABLE, path)
    assert {"shed", "virtual_m4"} <= set(boards.names())
    assert boards.load("shed").title == "first" and boards.load("host_tflm").title == "mine"
    told = {board.name: board for board in boards.find_all()}
    assert told["shed"].hides == (second,) and told["shed"].origin == "HWKIT_BOARDS"
    assert told["host_tflm"].path == mine
    assert told["host_tflm"].hides == (resources.folder("boards") / "host_tflm.toml",)
    assert (told["virtual_m4"].origin, told["virtual_m4"].hides) == ("hwkit", ())


def test_a_folder_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(found.VARIABLE, str(tmp_path / "none"))
    with pytest.raises(ConfigError, match=r"HWKIT_BOARDS: '.*none' is no folder; name folders"):
        boards.names()


def test_a_path_is_taken_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "host_tflm", "mine")
    assert boards.load("./host_tflm.toml").title == boards.load("host_tflm.toml").title == "mine"
    assert boards.load("host_tflm").title != "mine"
    for name in ("./none.toml", "../boards/virtual_m4", "none.toml"):
        with pytest.raises(ConfigError, match=f"{Path(name)}: No such file"):
            boards.load(name)


@pytest.fixture
def acme(tmp_path: Path) -> dict[str, str]:
    """An installed package that brings boards and a target, as a folder of the path; the
    environment in which it is there."""
    write(tmp_path / "acme_boards", "acme_one", "Acme's")
    (tmp_path / "acme_boards" / "__init__.py").write_text("raise ImportError('not to be imported')")
    (tmp_path / "acme_boards" / "acme_toy.toml").write_text(
        'name = "acme_toy"\ntitle = ""\ntarget = "toy"\nsource = ""\n'
        '[settings]\nlanes = 4\nrate = 0.5\nmode = "fast"\nsafe = true\n'
    )
    info = tmp_path / "acme-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[hwkit.boards]\nacme = acme_boards\n[hwkit.targets]\ntoy = acme_toy:TARGET\n"
    )
    path = os.pathsep.join((str(tmp_path), os.environ.get("PYTHONPATH", "")))
    return {**os.environ, "PYTHONPATH": path}


def test_boards_and_targets_of_a_package(acme: dict[str, str]) -> None:
    code = (
        "import sys\n"
        "from hwkit import boards\n"
        "told = {b.name: b.origin for b in boards.find_all()}\n"
        "assert told['acme_one'] == told['acme_toy'] == 'package acme', told\n"
        "assert boards.load('acme_one').title == \"Acme's\"\n"
        "toy = boards.load('acme_toy')\n"
        "assert (toy.target, toy.evidence) == ('toy', 'estimated')\n"
        "assert repr(toy.settings) == repr("
        "{'lanes': 4, 'rate': 0.5, 'mode': 'fast', 'safe': True}), toy.settings\n"
        "assert not {'acme_boards', 'acme_toy'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], env=acme, check=True)


def test_settings_are_scalars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "_entry_names", lambda: ("toy",))
    path = tmp_path / "b.toml"
    text = 'name = "b"\ntitle = ""\ntarget = "toy"\nsource = ""\n[settings]\nx = {}\n'
    for value, message in (("[1]", "settings.x: expected"), ("1e999", "finite number")):
        path.write_text(text.format(value))
        with pytest.raises(ConfigError, match=message):
            boards.parse(path)
    path.write_text(text.format("-3"))
    assert boards.parse(path).settings == {"x": -3}


def test_a_package_without_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import EntryPoint

    entry = EntryPoint("bad", "json.nowhere", found.GROUP)
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [entry])
    found._package_folders.cache_clear()
    try:
        with pytest.raises(ConfigError, match=r"'bad': 'json\.nowhere' is no package with a"):
            boards.names()
    finally:
        found._package_folders.cache_clear()
