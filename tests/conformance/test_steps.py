"""One network of two inputs, three outputs and two states, on every kind of board: fifty successive
steps, in one call and in several, and again after a reset."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from hwkit import boards
from hwkit.cli import _run
from hwkit.device.emulator import Emulator
from hwkit.flow import boundary
from hwkit.flow.build import artifact_for
from hwkit.ir.interpret import run
from hwkit.profile import store
from tests.conformance.graphs import feeds_for
from tests.conformance.plain import stream
from tests.emulators import skip_without_emulator

STEPS = 50
BOARDS = [
    "interpreter",
    "host_tflm",
    "host_litert",
    "virtual_m4",
    pytest.param("virtual_m0", marks=pytest.mark.slow),
    pytest.param("virtual_m55", marks=pytest.mark.slow),
    pytest.param("virtual_rv32", marks=pytest.mark.slow),
    pytest.param("rtl_sim", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("board", BOARDS)
def test_fifty_steps(board: str) -> None:
    skip_without_emulator(boards.load(board))
    graph = stream()
    target, artifact = artifact_for(graph, board, None, measure=False)
    lowered = artifact.lowered.graph
    feeds = boundary.enter(graph, lowered, feeds_for(graph, STEPS, 1))
    expected = run(lowered, feeds)
    with target.open(artifact) as session:
        for cuts in ([0, STEPS], [0, 1, 20, STEPS]):
            for begin, end in pairwise(cuts):
                got = session.infer({name: x[begin:end] for name, x in feeds.items()})
                assert set(got) == set(lowered.outputs)
                for name, y in got.items():
                    np.testing.assert_array_equal(y, expected[name][begin:end])
            session.reset()


def test_by_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    graph, feeds = stream(), feeds_for(stream(), 6, 2)
    model = str(tmp_path / "m.hwk")
    graph.save(model)
    for name, x in feeds.items():
        np.save(tmp_path / f"{name}.npy", x)
    inputs = [f"-i{name}={tmp_path}/{name}.npy" for name in feeds]
    steps, alone = tmp_path / "steps.npz", tmp_path / "alone.npz"
    assert _run(["predict", model, *inputs, "-o", str(steps), "--board", "virtual_m4"]) == 0
    assert _run(["predict", model, *inputs, "-o", str(alone), "--reset-each"]) == 0
    wanted = run(graph, feeds)
    one_by_one = [run(graph, {n: x[k : k + 1] for n, x in feeds.items()}) for k in range(6)]
    with np.load(steps) as found, np.load(alone) as other:
        assert set(found) == set(graph.outputs)
        for name in graph.outputs:
            np.testing.assert_array_equal(found[name], wanted[name])
            np.testing.assert_array_equal(
                other[name], np.concatenate([y[name] for y in one_by_one])
            )
    capsys.readouterr()
    assert _run(["verify", model, "--board", "host_tflm", "-n", "50", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["differing"] == 0


def test_an_emulator_behind_a_port_is_no_measurement(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, kept = str(tmp_path / "m.hwk"), tmp_path / "m.sqlite"
    stream().save(model)
    _, artifact = artifact_for(stream(), "virtual_m4", None)
    with Emulator(artifact.board, artifact.path) as emulator:
        arguments = ["--board", "nucleo_l4r5zi", "--port", emulator.port, "--store", str(kept)]
        assert _run(["profile", model, *arguments, "--json"]) == 0
    taken = json.loads(capsys.readouterr().out)
    assert (taken["board"], taken["evidence"]) == ("nucleo_l4r5zi", "simulated")
    assert taken["identity"]["kind"] == "emulator"
    assert taken["identity"]["host"] == emulator.port  # it has no serial number
    assert taken["clock_hz"] == boards.load("virtual_m4").clock_hz
    (stored,) = store.read(kept)
    assert stored.measurement.evidence == "simulated"
