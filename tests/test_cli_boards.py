"""Boards by name, by file and by place on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from hwkit import resources
from hwkit.boards import found, places
from hwkit.cli import _run
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.ops import Clamp
from hwkit.ir.types import S8


@pytest.fixture
def model(tmp_path: Path) -> Path:
    b = GraphBuilder("clamp")
    b.input("x", (3,), S8)
    b.add(Clamp("c", "x", "y", 0, 6), S8)
    path = tmp_path / "m.hwk"
    b.build(["y"]).save(str(path))
    return path


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of virtual_m4 under another name, in the working folder."""
    text = (resources.folder("boards") / "virtual_m4.toml").read_text()
    path = tmp_path / "my_board.toml"
    path.write_text(text.replace('name = "virtual_m4"', 'name = "my_board"', 1))
    monkeypatch.chdir(tmp_path)
    return path


def test_a_file_is_a_board_for_every_command(
    model: Path, mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    x, y = tmp_path / "x.npy", tmp_path / "y.npy"
    np.save(x, np.array([[-3, 3, 9]], np.int8))
    board = ("--board", "./my_board.toml")
    assert _run(["predict", str(model), "-i", str(x), "-o", str(y), *board]) == 0
    assert np.load(y).tolist() == [[0, 3, 6]]
    assert _run(["verify", str(model), *board, "-n", "3"]) == 0
    assert _run(["deploy", str(model), *board, "-o", str(tmp_path / "d")]) == 0
    assert _run(["boards", "show", "./my_board.toml", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out.rpartition("\n{\n")[2].join(("{", "")))
    assert (shown["name"], shown["origin"]) == ("my_board", str(mine))


def test_boards_says_where_each_is_from(
    mine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(found.VARIABLE, str(mine.parent))
    text = mine.read_text()
    (mine.parent / "virtual_m4.toml").write_text(text.replace("my_board", "virtual_m4"))
    assert _run(["boards"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(li.startswith("my_board ") and f"[HWKIT_BOARDS: {mine}]" in li for li in lines)
    hidden = resources.folder("boards") / "virtual_m4.toml"
    at = next(k for k, line in enumerate(lines) if line.startswith("virtual_m4 "))
    assert lines[at + 1].split() == ["hides", str(hidden)]
    assert _run(["boards", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["boards"]}
    assert rows["virtual_m4"]["hides"] == [str(hidden)]
    assert rows["virtual_m7"]["origin"] == "hwkit" and rows["virtual_m7"]["hides"] == []
    assert rows["rpi_pico"]["part"] == "rp2040"


def test_a_place_is_its_board_at_its_port(
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "places.toml"
    file.write_text('[bench]\nboard = "virtual_m4"\nport = "socket://127.0.0.1:1"\n')
    monkeypatch.setenv(places.VARIABLE, str(file))
    assert _run(["places"]) == 0
    line = capsys.readouterr().out
    assert line.split() == ["bench", "virtual_m4", "socket://127.0.0.1:1"]
    assert _run(["places", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["places"] == [
        {"board": "virtual_m4", "port": "socket://127.0.0.1:1", "name": "bench"}
    ]
    asked = []
    monkeypatch.setattr(
        "hwkit.flow.profiling.check_reachable", lambda board, port: asked.append((board, port))
    )
    monkeypatch.setattr("hwkit.flow.profiling.artifact_for", lambda *a, **k: 1 / 0)
    for options in (["--board", "bench"], ["--port", "p", "--board", "bench"], ["--board=bench"]):
        assert _run(["profile", str(model), *options]) == 3
    assert [(board.name, port) for board, port in asked] == [
        ("virtual_m4", "socket://127.0.0.1:1"),
        ("virtual_m4", "p"),
        ("virtual_m4", "socket://127.0.0.1:1"),
    ]


def test_without_places_the_file_to_write_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(places.VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert _run(["places"]) == 0
    assert str(tmp_path / "hwkit" / "places.toml") in capsys.readouterr().out
