"""Several inputs, outputs and states on every virtual core: the interpreter's integers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hwkit import boards
from hwkit.device.emulator import Emulator
from hwkit.device.session import open_board
from hwkit.errors import ConfigError, DeviceError
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import Interpreter
from hwkit.ir.types import Array
from hwkit.target import Artifact
from hwkit.targets.mcu.build import build
from hwkit.targets.mcu.emit import emit, selftest_feeds
from hwkit.targets.mcu.lower import MOST_TENSORS, McuPlan, lower
from hwkit.targets.mcu.session import open_session
from tests.conformance.graphs import feeds_for
from tests.emulators import skip_without_qemu
from tests.targets.mcu import stateful, together
from tests.targets.mcu.stateful import NETWORKS

STEPS = 50
CORES = ("virtual_m4", "virtual_m0", "virtual_m55", "virtual_rv32")


def built(graph: Graph, board: str, folder: Path) -> Artifact[McuPlan]:
    lowered = lower(graph, boards.load(board))
    return build(emit(lowered), lowered, folder)


def part(feeds: dict[str, Array], start: int, end: int) -> dict[str, Array]:
    return {name: value[start:end] for name, value in feeds.items()}


def equal(got: dict[str, Array], expected: dict[str, Array]) -> bool:
    assert got.keys() == expected.keys()
    return all(np.array_equal(got[name], expected[name]) for name in expected)


@pytest.mark.parametrize("board", CORES)
@pytest.mark.parametrize("name", NETWORKS)
def test_fifty_steps_are_exact(name: str, board: str, tmp_path: Path) -> None:
    skip_without_qemu(boards.load(board))
    artifact = built(NETWORKS[name](), board, tmp_path)
    graph = artifact.lowered.graph
    feeds = feeds_for(graph, STEPS, 1)
    layers = [op.output for op in graph.nodes]
    interpreter = Interpreter(graph)
    with open_session(artifact) as session:
        # Observed or not, in one call or several: each step follows the one before.
        for start, end in ((0, 20), (20, 23), (23, STEPS)):
            keep = layers if end - start == 3 else ()
            steps = part(feeds, start, end)
            assert equal(session.infer(steps, keep), interpreter.infer(steps, keep))
        session.timed(part(feeds, 0, 1), 2, 1)
        steps = part(feeds, 5, 9)
        assert equal(session.infer(steps), interpreter.infer(steps))
        session.reset()
        interpreter.reset()
        assert equal(session.infer(steps), interpreter.infer(steps))


def test_every_integer_of_these_under_sanitizers(tmp_path: Path) -> None:
    models = [together.lowered_as(make(), k) for k, make in enumerate(NETWORKS.values())]
    assert all(together.check(models, tmp_path))


def test_a_state_is_written_in_place_where_that_is_proven() -> None:
    board = boards.load("virtual_m4")
    plans = {name: lower(make(), board).plan.states for name, make in NETWORKS.items()}
    assert plans["ring"].in_place == {"next": "rows"} and plans["ring"].copies == ()
    assert plans["recurrent"].in_place == {"next": "hidden"}
    assert [copy.to for copy in plans["recurrent"].copies] == ["delayed", "older"]
    assert [copy.to for copy in plans["swapped"].copies] == ["a", "b", "c"]
    assert plans["counter"].in_place == {} and len(plans["counter"].saves) == 1
    assert plans["viewed"].in_place == {"next": "last", "view": "last"}
    assert plans["borders"].copies == plans["borders"].saves == ()


def test_the_memory_map_names_states_that_live_always() -> None:
    lowered = lower(stateful.recurrent(), boards.load("virtual_m4"))
    places = {p.tensor: p for p in lowered.plan.memory.placements}
    last = len(lowered.graph.nodes) - 1
    for name in ("hidden", "delayed", "older"):
        assert (places[name].kind, places[name].first_layer) == ("state", 0)
        assert places[name].last_layer == last
    assert places["next"].offset == places["hidden"].offset and places["next"].shared == "hidden"


def test_the_self_test_is_the_interpreters(tmp_path: Path) -> None:
    """Four steps from the initial states, which the device then has again."""
    artifact = built(stateful.ring(), "virtual_m4", tmp_path)
    feeds = selftest_feeds(artifact.lowered.graph)
    assert [value.shape[0] for value in feeds.values()] == [4, 4]
    with open_board(artifact.board, artifact.path) as device:
        device.infer(bytes(device.info().input_bytes))
        moved = device.states()
        assert device.selftest().passed
        assert device.states() != moved
        device.set_states(moved)
        assert device.states() == moved
        with pytest.raises(ConfigError, match="states of 3 bytes: the board's model has 24"):
            device.set_states(bytes(3))


def test_an_emulator_says_so_whatever_board_is_meant(tmp_path: Path) -> None:
    """The image of one Cortex-M4 behind a port, asked as another board: the same build, and the
    figures are the emulator's."""
    here = built(stateful.ring(), "virtual_m4", tmp_path / "virtual")
    there = built(stateful.ring(), "nucleo_l4r5zi", tmp_path / "nucleo")
    feeds = feeds_for(here.lowered.graph, 1, 1)
    with Emulator(here.board, here.path) as emulator, open_session(there, emulator.port) as session:
        identity = session.identity
        assert (identity.kind, identity.evidence) == ("emulator", "simulated")
        assert identity.clock_hz == 25_000_000 != there.board.clock_hz
        assert identity.serial == "" and len(identity.build) == 16
        ((first, *_),) = session.timed(feeds, 1, 0)
        assert first.cycles is not None and first.us == first.cycles / 25
    with open_session(here) as session:
        assert session.identity.kind == "emulator" and session.identity.name.startswith("unicorn ")
        assert session.identity.cost_model


def test_another_build_of_the_model_is_refused(tmp_path: Path) -> None:
    here = built(stateful.ring(), "virtual_m4", tmp_path / "m4")
    other = built(stateful.ring(), "virtual_m7", tmp_path / "m7")
    mine, theirs = other.facts["build"], here.facts["build"]
    with (
        Emulator(here.board, here.path) as emulator,
        pytest.raises(DeviceError, match=f"build {theirs} .* expected {mine}"),
    ):
        open_session(other, emulator.port)


def test_more_tensors_than_the_link_describes_are_refused() -> None:
    graph = stateful.borders()
    many = Graph(
        graph.name,
        graph.nodes,
        graph.tensors,
        graph.constants,
        graph.inputs,
        ("y",) * (MOST_TENSORS - 1),
    )
    with pytest.raises(ConfigError, match=r"has 29 inputs, outputs and states; .* at most 28"):
        lower(many, boards.load("virtual_m4"))


@pytest.mark.parametrize("how", ["reset", "killed"])
def test_lost_states_give_no_integers(how: str, tmp_path: Path) -> None:
    """A board that starts anew in the middle holds other states than its caller thinks."""
    artifact = built(NETWORKS["recurrent"](), "virtual_m4", tmp_path)
    graph = artifact.lowered.graph
    feeds = feeds_for(graph, 8, 1)
    expected = Interpreter(graph).infer(feeds)
    with (
        Emulator(artifact.board, artifact.path) as emulator,
        open_session(artifact, emulator.port) as session,
    ):
        assert equal(session.infer(part(feeds, 0, 4)), part(expected, 0, 4))
        if how == "reset":
            emulator.reset()
        else:
            assert emulator._process is not None
            emulator._process.kill()
        for _ in range(2):  # nor does the second call go on where nothing is
            with pytest.raises(DeviceError):
                session.infer(part(feeds, 4, 8))
            with pytest.raises(DeviceError):
                session.timed(part(feeds, 4, 5), 1, 0)
        if how == "reset":
            session.reset()
            assert equal(session.infer(feeds), expected)
