"""Runtimes: each is one file, and boards name them."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hwkit import boards, resources
from hwkit.boards import Board, EdgeBoard
from hwkit.errors import ConfigError
from hwkit.targets.edge import runtime as runtimes
from hwkit.targets.edge.loaded import needs_of, package_version, runtime_called
from hwkit.targets.edge.original import run_original
from hwkit.targets.edge.target import TARGET as edge
from tests.targets.edge.networks import residual

KNOWN = ("litert", "litert_builtin", "litert_reference", "openvino", "tflite_runtime", "tflm")


def _board(runtime: str) -> Board:
    return replace(boards.load("host_litert"), name="mine", edge=EdgeBoard(runtime))


def test_every_file_is_a_runtime() -> None:
    assert runtimes.names() == KNOWN
    files = {path.stem for path in Path(runtimes.__path__[0]).glob("[!_]*.py")}
    assert files == set(KNOWN)
    for name in KNOWN:
        runtime = runtimes.get(name)
        assert runtime.title and runtime.package in needs_of(EdgeBoard(name))


def test_every_edge_board_names_one() -> None:
    named = [board.edge for board in map(boards.load, boards.names()) if board.edge is not None]
    assert len(named) >= 3
    for board in named:
        assert runtime_called(board.runtime).arithmetic is not None


@pytest.mark.parametrize("word", ["tflight", "", "_interpreter", "os", "../tflm"])
def test_a_word_that_no_runtime_has(word: str) -> None:
    said = f"no runtime {re.escape(repr(word))}.*known: {', '.join(KNOWN)}"
    for call in (
        lambda: edge.lower(residual(), _board(word)),
        lambda: edge.tools(_board(word)),
        lambda: run_original("any.tflite", [np.zeros((1, 1), np.int8)], word),
    ):
        with pytest.raises(ConfigError, match=said):
            call()


def test_a_word_of_a_board_file_that_no_runtime_has(tmp_path: Path) -> None:
    text = (resources.folder("boards") / "host_tflm.toml").read_text()
    (tmp_path / "mine.toml").write_text(text.replace('"tflm"', '"tflight"'))
    with pytest.raises(ConfigError, match=f"'tflight'; known: {', '.join(KNOWN)}"):
        boards.load(str(tmp_path / "mine.toml"))


def test_a_runtime_that_only_runs_files() -> None:
    with pytest.raises(ConfigError, match=r"'litert_reference' runs files as they are.*host_tflm"):
        edge.lower(residual(), _board("litert_reference"))


def test_versions() -> None:
    assert package_version("litert") == package_version("litert_reference")
    assert edge.tools(_board("tflm")) == {"tflite-micro": package_version("tflm")}
