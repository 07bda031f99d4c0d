"""Layers in parts on virtual boards: integers, memory, marks, rows over the link."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hwkit import boards
from hwkit.device.session import open_board
from hwkit.errors import ConfigError, DeviceError
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run as interpret
from hwkit.ir.ops import Add, Clamp, MaxPool2d
from hwkit.ir.types import S8, S32
from hwkit.lower.patch.schedule import new_rows
from hwkit.lower.patch.turns import Stage, by_input, by_output
from hwkit.target import Artifact
from hwkit.targets.mcu.build import build
from hwkit.targets.mcu.emit import emit, selftest_feeds, to_device
from hwkit.targets.mcu.forms import mark_sequence
from hwkit.targets.mcu.lower import McuPlan, lower, staged
from hwkit.targets.mcu.session import open_session
from hwkit.targets.mcu.stages import check_stages
from hwkit.toolchain import elf
from tests.sessions import random_inputs
from tests.targets.mcu.models import rescale, residual

Built = Artifact[McuPlan]

STAGED = 4
"""Layers of the residual network from the first on that the stage has: a block with its add."""


def stage_of(graph: Graph, streamed: bool) -> Stage:
    nodes = graph.nodes[:STAGED]
    return by_output(graph, nodes, 2, streamed=graph.inputs if streamed else ())


def built(board: str, folder: Path, streamed: bool) -> Built:
    lowered = lower(residual(), boards.load(board))
    lowered = staged(lowered, [stage_of(lowered.graph, streamed)])
    return build(emit(lowered), lowered, folder)


@pytest.fixture(scope="module", params=[False, True], ids=["whole", "streamed"])
def artifact(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Artifact[McuPlan]:
    return built("virtual_m4", tmp_path_factory.mktemp("stages"), request.param)


@pytest.mark.parametrize("board", ["virtual_m4", "virtual_m0", "virtual_rv32"])
@pytest.mark.parametrize("streamed", [False, True])
def test_every_integer_is_the_interpreters(board: str, streamed: bool, tmp_path: Path) -> None:
    artifact = built(board, tmp_path, streamed)
    graph = artifact.lowered.graph
    x = random_inputs(graph, 4, 3)
    with open_session(artifact) as session:
        got = session.infer({"x": x})
    assert np.array_equal(got["y"], interpret(graph, {"x": x})["y"])


def test_the_image_has_the_planned_arena_and_passes_its_self_test(
    artifact: Artifact[McuPlan],
) -> None:
    plan = artifact.lowered.plan
    image = elf.read(artifact.path)
    assert image.symbol_bytes["arena"] == plan.memory.arena_bytes == artifact.facts["arena_bytes"]
    with open_board(artifact.board, artifact.path, None) as device:
        assert device.selftest().passed
        assert device.selftest().passed


def test_a_streamed_input_takes_a_few_rows_of_the_arena(artifact: Built) -> None:
    plan = artifact.lowered.plan
    (stage,) = plan.staging.stages
    size = plan.memory.placed("x").size_bytes
    rows, width, channels = artifact.lowered.graph.tensors["x"].shape
    assert size == (stage.rows("x") if stage.streamed else rows) * width * channels


def test_what_is_never_whole_is_refused_and_what_is_can_be_seen(
    artifact: Artifact[McuPlan],
) -> None:
    graph = artifact.lowered.graph
    (stage,) = artifact.lowered.plan.staging.stages
    x = random_inputs(graph, 2, 5)
    shown = [*stage.results, graph.nodes[STAGED].output]
    expected = interpret(graph, {"x": x}, keep=shown)
    with open_session(artifact) as session:
        seen = session.infer({"x": x}, shown)
        assert all(np.array_equal(seen[name], expected[name]) for name in shown)
        with pytest.raises(ConfigError, match="a few rows at a time"):
            session.infer({"x": x}, [stage.between[0]])
    with (
        open_board(artifact.board, artifact.path, None) as device,
        pytest.raises(DeviceError, match="NO_OUTPUT"),
    ):
        device.layer_output(0, bytes(graph.tensors["x"].elements))


def test_the_parts_of_a_layer_add_up(artifact: Built, tmp_path: Path) -> None:
    """A layer in parts takes what it takes whole, and some more for each of its parts."""
    lowered = lower(residual(), artifact.board)
    whole = build(emit(lowered), lowered, tmp_path)
    x = {"x": random_inputs(lowered.graph, 1, 7)}
    times = []
    for one in (whole, artifact):
        with open_session(one) as session:
            first, second = session.timed(x, 2, 0)
        assert first == second
        times.append([timing.cycles or 0 for timing in first])
    for k, (before, after) in enumerate(zip(*times, strict=True)):
        assert 0.95 * before <= after <= (1.6 if k < STAGED else 1.05) * before + 100, k


def test_rows_come_in_order(artifact: Built) -> None:
    """A streamed input can be begun again at any time, but not be written anywhere else."""
    graph = artifact.lowered.graph
    feeds = selftest_feeds(graph)
    x = to_device(feeds["x"][0], S8)
    expected = to_device(interpret(graph, feeds)["y"][0], S32)
    with open_board(artifact.board, artifact.path, None) as device:
        client = device._client
        client.load_input(x[:40], 17)
        client.load_input(x, 31)
        client.infer(len(graph.nodes) - 1)
        assert client.read_output(len(expected), 64) == expected


def test_marks_follow_the_turns(artifact: Built) -> None:
    graph, plan = artifact.lowered.graph, artifact.lowered.plan
    marks = mark_sequence(graph, plan)
    (stage,) = plan.staging.stages
    count = len(graph.nodes)
    assert marks[:count] == list(range(count)) and marks[-1] is None
    parts = sum(part is not None for turn in stage.turns for part in turn.parts)
    for k in range(STAGED):
        own = sum(turn.parts[k] is not None for turn in stage.turns)
        assert marks.count(k) == own + 2
    pauses = sum(map(bool, new_rows(stage))) + 1 if stage.streamed else 0
    assert len(marks) == 2 * count + parts + pauses + 1


def with_a_shortcut() -> Graph:
    """s8 (8, 4, 1): clamped, and what was clamped added to it."""
    b = GraphBuilder("shortcut")
    x = b.input("x", (8, 4, 1), S8)
    clamped = b.add(Clamp("clamp", x, "a", -5, 5), S8)
    return b.build([b.add(Add("add", (clamped, x), "y", (0, 0), rescale=rescale(31)), S8)])


def test_streams_that_cannot_be() -> None:
    graph = with_a_shortcut()
    clamp, add = graph.nodes
    check_stages(graph, [by_input(graph, [clamp, add], 2, ["x"])])
    with pytest.raises(ConfigError, match="add reads the whole x later"):
        check_stages(graph, [by_input(graph, [clamp], 2, ["x"])])
    with pytest.raises(ConfigError, match="single input"):
        check_stages(graph, [by_input(graph, [add], 2, ["a"])])


def test_rows_that_no_layer_reads_cannot_be_streamed() -> None:
    b = GraphBuilder("gaps")
    x = b.input("x", (8, 4, 1), S8)
    graph = b.build([b.add(MaxPool2d("pool", x, "y", (1, 1), (2, 1)), S8)])
    with pytest.raises(ConfigError, match="no layer reads row 1 of x"):
        check_stages(graph, [by_output(graph, graph.nodes, 1, streamed=["x"])])
