"""Building, opening, running, observing and timing an artifact; artifacts that were changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwkit import boards
from hwkit.errors import ConfigError, FormatError, HwkitError, UnsupportedOp
from hwkit.flow.verify import verify
from hwkit.ir.interpret import run
from hwkit.ir.types import Array
from hwkit.target import CALL, WHOLE_MODEL, Artifact
from hwkit.targets.edge.emit import MODEL
from hwkit.targets.edge.loaded import Loaded
from hwkit.targets.edge.original import EdgePlan
from hwkit.targets.edge.supervised import Refused
from hwkit.targets.edge.target import TARGET as edge
from tests import sessions
from tests.targets.edge.networks import BOARDS, lowered, residual


def _inputs(samples: int) -> Array:
    return np.random.default_rng(3).integers(-128, 128, (samples, 8, 8, 3)).astype(np.int8)


def _built(board: str, folder: Path) -> Artifact[EdgePlan]:
    form = lowered(residual(), board)
    return edge.build(edge.emit(form), form, folder)


def _change_one_weight(folder: Path, weight: Array) -> None:
    model = bytearray((folder / MODEL).read_bytes())
    at = model.find(weight.tobytes())
    assert at > 0
    model[at + weight.size // 2] ^= 0x40
    (folder / MODEL).write_bytes(model)


@pytest.mark.parametrize("board", BOARDS)
def test_build_open_run(board: str, tmp_path: Path) -> None:
    built = _built(board, tmp_path)
    opened = edge.artifact(tmp_path, built.lowered)
    assert opened.facts == built.facts and opened.path == tmp_path / MODEL
    weights = [a.nbytes for a in built.lowered.graph.constants.values()]
    assert built.facts["weight_bytes"] == sum(weights)
    assert built.facts["flash_bytes"] == (tmp_path / MODEL).stat().st_size > sum(weights)
    assert ("arena_bytes" in built.facts) == (board == "host_tflm")
    assert all(built.facts["tools"].values())
    x = _inputs(5)
    np.testing.assert_array_equal(sessions.run(opened, x), built.lowered.graph.predict(x))
    assert sessions.run(opened, x[:0]).shape == (0, 5)


@pytest.mark.parametrize("board", BOARDS)
def test_every_layer_can_be_observed(board: str, tmp_path: Path) -> None:
    artifact = _built(board, tmp_path)
    graph, x = artifact.lowered.graph, _inputs(3)
    seen = sessions.layer_outputs(artifact, x)
    assert set(seen) == {op.output for op in graph.nodes}
    wanted = run(graph, {"x": x}, keep=seen)
    for name, value in seen.items():
        np.testing.assert_array_equal(value, wanted[name], err_msg=name)


@pytest.mark.parametrize("board", BOARDS)
def test_a_changed_weight_is_found_and_located(board: str, tmp_path: Path) -> None:
    artifact = _built(board, tmp_path)
    _change_one_weight(tmp_path, artifact.lowered.graph.constants["depthwise/weight"])
    result = verify(residual(), board, samples=8, artifact_folder=tmp_path)
    assert result.differing > 0 and result.first is not None
    assert result.first.layer == "depthwise"
    assert result.first.expected != result.first.got


@pytest.mark.parametrize("board", BOARDS)
def test_damaged_artifacts(board: str, tmp_path: Path) -> None:
    """Each gives one of hwkit's errors or integers, and never takes this process down."""
    artifact = _built(board, tmp_path)
    whole = artifact.path.read_bytes()
    rng = np.random.default_rng(0)
    noise = bytearray(whole)
    noise[40:900] = rng.integers(0, 256, 860, np.uint8).tobytes()
    for damaged in (b"", whole[:200], whole[:-9], bytes(len(whole)), bytes(noise)):
        artifact.path.write_bytes(damaged)
        with pytest.raises(FormatError):
            sessions.run(artifact, _inputs(1))
    flipped = bytearray(whole)
    flipped[whole.index(b"depthwise/weight") - 30] ^= 0xFF
    artifact.path.write_bytes(flipped)
    try:
        assert sessions.run(artifact, _inputs(1)).dtype == np.int8
    except HwkitError as error:
        assert "\n" not in str(error)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="deploy there first"):
        edge.artifact(tmp_path, lowered(residual(), "host_tflm"))


def test_there_is_no_port(tmp_path: Path) -> None:
    artifact = _built("host_tflm", tmp_path)
    with pytest.raises(ConfigError, match="leave --port out"):
        sessions.run(artifact, _inputs(1), "/dev/ttyACM0")


@pytest.mark.parametrize("board", BOARDS)
def test_profile(board: str, tmp_path: Path) -> None:
    artifact = _built(board, tmp_path)
    runs = sessions.profile(artifact, _inputs(1), 4)
    assert len(runs) == 4
    for whole, *rest in runs:
        called = [row for row in rest if row.index == CALL]
        assert len(called) == (board == "host_litert")
        rows = [whole, *(row for row in rest if row.index != CALL)]
        assert [row.index for row in rows] == [WHOLE_MODEL, *range(len(rows) - 1)]
        assert rows[0].us is not None and rows[0].us > 0
        assert rows[0].macs == sum(row.macs for row in rows[1:])
        assert all((row.us is None) == (board == "host_tflm") for row in rows[1:])
        assert [row.name for row in rows[1:]] == [op.name for op in artifact.lowered.graph.nodes]


@pytest.mark.parametrize("board", BOARDS)
def test_boards(board: str) -> None:
    description = boards.load(board)
    assert description.evidence == "measured" and description.target == "edge"
    assert next(iter(edge.tools(description).values()))


def test_a_layer_that_the_runtime_leaves_alone_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leave(self: Loaded, request: dict[str, str]) -> tuple[dict[str, Any], list[Array]]:
        return {"facts": {"delegated": False}}, []

    monkeypatch.setattr(Loaded, "_ask", leave)
    with pytest.raises(UnsupportedOp, match=r"conv: .*XNNPACK leaves this layer"):
        _built("host_litert", tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_layer_that_the_runtime_refuses_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Loaded, request: dict[str, str]) -> tuple[dict[str, Any], list[Array]]:
        raise Refused("TFLM refuses the model: no")

    monkeypatch.setattr(Loaded, "_ask", refuse)
    with pytest.raises(UnsupportedOp, match=r"conv: .*TFLM refuses the model"):
        _built("host_tflm", tmp_path)
