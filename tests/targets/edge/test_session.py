"""A session: what it says of itself, what it takes, and what becomes of states in a bad end."""

from __future__ import annotations

import hashlib
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from hwkit.device.host import host
from hwkit.errors import ConfigError, DeviceError, FormatError
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Add
from hwkit.ir.types import S8, S32, Quantization
from hwkit.target import CALL, WHOLE_MODEL, Artifact, Session
from hwkit.targets.edge.loaded import Loaded, package_version
from hwkit.targets.edge.original import EdgePlan
from hwkit.targets.edge.session import EdgeSession
from hwkit.targets.edge.target import TARGET as edge
from tests.targets.edge.networks import BOARDS, lowered, residual, runtime


def _built(graph: Graph, board: str, folder: Path) -> Artifact[EdgePlan]:
    form = lowered(graph, board)
    return edge.build(edge.emit(form), form, folder)


def _counter() -> Graph:
    """The sum of all that came in."""
    b = GraphBuilder("counter")
    b.input("x", (1,), S8, Quantization((1.0,)))
    b.state("total", np.array([100]), S32)
    b.add(Add("sum", ("x", "total"), "y"), S32)
    b.update("total", "y")
    return b.build(["y"])


def _process(session: Session) -> int:
    assert isinstance(session, EdgeSession)
    loaded = session._file.loaded
    assert isinstance(loaded, Loaded) and loaded._child._process is not None
    return loaded._child._process.pid


@pytest.mark.parametrize("board", BOARDS)
def test_identity(board: str, tmp_path: Path) -> None:
    artifact = _built(residual(), board, tmp_path)
    with edge.open(artifact) as session:
        identity = session.identity
    title = {"host_litert": "LiteRT", "host_tflm": "TFLM"}[board]
    assert identity.kind == "hardware" and identity.evidence == "measured"
    assert identity.name == f"{title} {package_version(runtime(board).runtime)}"
    assert identity.build == hashlib.sha256(artifact.path.read_bytes()).hexdigest()
    assert identity.host == host() and identity.clock_hz is None


def test_identity_is_of_the_file_that_lies_there(tmp_path: Path) -> None:
    artifact = _built(residual(), "host_litert", tmp_path)
    with artifact.path.open("ab") as stream:
        stream.write(bytes(16))
    with edge.open(artifact) as session:
        assert session.identity.build == hashlib.sha256(artifact.path.read_bytes()).hexdigest()
        one = {"x": np.zeros((1, 8, 8, 3), np.int8)}
        with pytest.raises(FormatError, match="changed since it was built"):
            session.timed(one, 1, 0)


@pytest.mark.parametrize(
    ("feeds", "said"),
    [
        ({}, "input 'x' is missing"),
        ({"x": np.zeros((1, 1), np.int8), "z": np.zeros((1, 1), np.int8)}, "no input 'z'"),
        ({"x": np.zeros((1, 2), np.int8)}, r"shape \(1, 2\)"),
        ({"x": np.full((1, 1), 128)}, "values 128..128"),
        ({"x": np.zeros((1, 1), np.float32)}, "is float32; give integers"),
    ],
)
def test_feeds_that_do_not_fit(feeds: dict[str, np.ndarray], said: str, tmp_path: Path) -> None:
    with (
        edge.open(_built(_counter(), "host_tflm", tmp_path)) as session,
        pytest.raises(ConfigError, match=said),
    ):
        session.infer(feeds)


def test_batches_that_differ(tmp_path: Path) -> None:
    b = GraphBuilder("two")
    for name in ("x", "y"):
        b.input(name, (1,), S8, Quantization((1.0,)))
    b.add(Add("sum", ("x", "y"), "z"), S32)
    with edge.open(_built(b.build(["z"]), "host_tflm", tmp_path)) as session:
        with pytest.raises(ConfigError, match="different batch sizes"):
            session.infer({"x": np.zeros((1, 1), np.int8), "y": np.zeros((2, 1), np.int8)})
        with pytest.raises(ConfigError, match="one sample"):
            session.timed({n: np.zeros((2, 1), np.int8) for n in "xy"}, 1, 0)


@pytest.mark.parametrize("board", BOARDS)
def test_a_state_that_is_lost_is_not_made_up(board: str, tmp_path: Path) -> None:
    one = {"x": np.array([[1]], np.int8)}
    with edge.open(_built(_counter(), board, tmp_path)) as session:
        assert session.infer(one)["y"] == 101
        os.kill(_process(session), signal.SIGKILL)
        with pytest.raises(DeviceError, match="died of SIGKILL"):
            session.infer(one)
        with pytest.raises(DeviceError, match="states of earlier inferences are lost; reset it"):
            session.infer(one)
        session.reset()
        assert session.infer(one)["y"] == 101
        session.close()
        session.close()


@pytest.mark.parametrize("board", BOARDS)
def test_sessions_of_one_artifact_have_their_own_states(board: str, tmp_path: Path) -> None:
    artifact, one = _built(_counter(), board, tmp_path), {"x": np.array([[1]], np.int8)}
    with edge.open(artifact) as first, edge.open(artifact) as second:
        assert first.infer(one)["y"] == 101
        assert second.infer(one)["y"] == 101
        assert first.infer(one)["y"] == 102


@pytest.mark.parametrize("board", BOARDS)
def test_times(board: str, tmp_path: Path) -> None:
    artifact = _built(residual(), board, tmp_path)
    with edge.open(artifact) as session:
        runs = session.timed({"x": np.zeros((1, 8, 8, 3), np.int8)}, 3, 0)
    assert len(runs) == 3
    for rows in runs:
        assert rows[0].index == WHOLE_MODEL and rows[0].us is not None and rows[0].us > 0
        called = [CALL] if board == "host_litert" else []
        layers = range(len(artifact.lowered.graph.nodes))
        assert [row.index for row in rows[1:]] == [*called, *layers]
        assert all((row.us is not None) == (board == "host_litert") for row in rows[1:])


@pytest.mark.parametrize("board", BOARDS)
def test_layers_that_read_wide_integers_are_timed(board: str, tmp_path: Path) -> None:
    artifact = _built(_counter(), board, tmp_path)
    with edge.open(artifact) as session:
        (rows,) = session.timed({"x": np.array([[1]])}, 1, 0)
        called = [CALL] if board == "host_litert" else []
        assert [row.index for row in rows] == [WHOLE_MODEL, *called, 0, 1] and rows[0].us
        assert session.infer({"x": np.array([[1]])})["y"].tolist() == [[101]]
