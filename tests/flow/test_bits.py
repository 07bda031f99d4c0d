"""``--bits``: one file at fewer weight bits, the same network in every command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from hwkit import load
from hwkit.cli import _run
from hwkit.files import read_json
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run as interpret
from hwkit.ir.types import Array
from tests.flow.tuning.networks import BOARD, network

BITS = ["--bits", "4"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bits") / "two.hwk"
    network({"first": 8, "last": 8}).save(str(path))
    return path


def answers(graph: Graph, x: Array) -> Array:
    return interpret(graph, {graph.inputs[0]: x})[graph.outputs[0]]


def test_what_is_deployed_is_what_is_verified(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build, board = tmp_path / "build", ["--board", BOARD]
    assert _run(["deploy", str(model), *board, *BITS, "-o", str(build), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["options"] == {"optimize": "balanced", "bits": 4}
    assert facts["weight_bytes"] < 256 * 64 / 2 + 3000
    made = [*board, "--artifact", str(build)]
    assert _run(["verify", str(model), *made, *BITS, "-n", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["differing"], found["moved"], found["options"]["bits"]) == (0, 0, 4)
    assert _run(["verify", str(model), *made]) == 2
    assert "was built with 4 weight bits, not its own; give --bits 4" in capsys.readouterr().err
    assert _run(["verify", str(model), *board, *BITS, "--source", "x.onnx"]) == 2
    assert "leave --bits out" in capsys.readouterr().err
    x = np.random.default_rng(0).integers(-128, 128, (3, 256)).astype(np.int8)
    np.save(tmp_path / "x.npy", x)
    files = ["-i", str(tmp_path / "x.npy"), "-o", str(tmp_path / "y.npy")]
    assert _run(["predict", str(model), *files, *made, *BITS]) == 0
    y = np.load(tmp_path / "y.npy")
    assert np.array_equal(y, answers(load(model, bits=4), x))
    assert not np.array_equal(y, answers(load(model), x))
    assert read_json(build / "deploy.json")["options"]["bits"] == 4


def test_a_plan_names_them(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(["plan", str(model), "--board", BOARD, *BITS, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["options"]["bits"] == 4
    assert _run(["plan", str(model), "--board", BOARD, "--json"]) == 0
    assert "bits" not in json.loads(capsys.readouterr().out)["options"]
