"""Several inputs and outputs, and states: on both runtimes, over successive steps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwkit import boards
from hwkit.errors import AccumulatorOverflow, ConfigError, UnsupportedOp
from hwkit.importers.tflite.importer import load_tflite
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import Interpreter, run
from hwkit.ir.ops import Add, Clamp, Concat, Constant, Slice
from hwkit.ir.types import S8, S32, U8, Array, Quantization
from hwkit.lower.shift_to_signed import to_signed
from hwkit.target import Artifact
from hwkit.targets.edge.emit import MODEL
from hwkit.targets.edge.loaded import load
from hwkit.targets.edge.original import EdgePlan
from hwkit.targets.edge.target import TARGET as edge
from tests.conformance.graphs import BORDERS, feeds_for, graphs
from tests.targets.edge.networks import BOARDS, lowered, rescale, runtime

_STEPS = 8


def entered(graph: Graph, form: Graph, feeds: dict[str, Array]) -> dict[str, Array]:
    """The feeds in the lowered graph's types."""
    return {
        name: to_signed(x, graph.tensors[name])
        if graph.tensors[name].dtype == U8 and form.tensors[name].dtype == S8
        else x.astype(form.tensors[name].dtype.container)
        for name, x in feeds.items()
    }


@pytest.mark.parametrize("board", BOARDS)
def test_random_graphs_over_successive_steps(board: str) -> None:
    taken = stateful = 0

    @settings(max_examples=120)
    @given(graphs(BORDERS), st.integers(0, 99))
    def one(graph: Graph, seed: int) -> None:
        nonlocal taken, stateful
        try:
            form = lowered(graph, board)
            feeds = entered(graph, form.graph, feeds_for(graph, _STEPS, seed))
            expected = run(form.graph, feeds)
        except (UnsupportedOp, AccumulatorOverflow):
            return
        model = edge.emit(form).files[MODEL]
        outputs = form.graph.outputs
        got = load(runtime(board), model, len(outputs)).run(
            [x.astype(np.int8) for x in feeds.values()], steps=0
        )
        for name, y in zip(outputs, got, strict=True):
            assert y.dtype == expected[name].dtype
            np.testing.assert_array_equal(y.reshape(expected[name].shape), expected[name])
        taken += 1
        stateful += bool(form.graph.states)

    one()
    assert taken > 60 and stateful > 40


def _artifact(graph: Graph, board: str, folder: Path) -> Artifact[EdgePlan]:
    form = lowered(graph, board)
    return edge.build(edge.emit(form), form, folder)


def _random(graph: Graph, samples: int, seed: int = 0) -> dict[str, Array]:
    return feeds_for(graph, samples, seed)


def _streaming() -> Graph:
    """Two inputs, three outputs, two states: a window over the last rows of ``x``, and a sum of
    what came with ``y``, of which each inference keeps a part."""
    b = GraphBuilder("streaming")
    facts = Quantization((0.1,), 0)
    b.input("x", (2, 1, 3), S8, facts)
    b.input("y", (4, 1, 3), S8, facts)
    past = b.state("past", np.arange(6).reshape(2, 1, 3), S8, facts)
    total = b.state("total", np.full((4, 1, 3), -7), S8, facts)
    b.add(Concat("join", (past, "x"), "window", 0), S8, facts)
    b.add(Slice("newest", "window", "kept", (2, 0, 0), (2, 1, 3), (1, 1, 1)), S8, facts)
    b.update(past, "kept")
    b.add(_add("sum", "window", "y"), S8, facts)
    b.add(_add("mix", "sum_out", total), S8, facts)
    b.update(total, "mix_out")
    return b.build(["mix_out", "past", "y"])


def _add(name: str, first: str, second: str) -> Add:
    half = replace(rescale([0.5]), low=S32.low, high=S32.high, left_shift=20)
    total = rescale([2.0**-20])
    return Add(name, (first, second), f"{name}_out", (0, 0), (half, half), rescale=total)


@pytest.mark.parametrize("board", BOARDS)
def test_fifty_steps_a_reset_and_what_is_inside(board: str, tmp_path: Path) -> None:
    artifact = _artifact(_streaming(), board, tmp_path)
    graph = artifact.lowered.graph
    feeds, inner = _random(graph, 50), [op.output for op in graph.nodes]
    wanted = run(graph, feeds, [*graph.outputs, "total", *inner])
    with edge.open(artifact) as session:
        for start, stop in ((0, 1), (1, 20), (20, 23), (23, 50)):
            part = {name: x[start:stop] for name, x in feeds.items()}
            keep = ["total", *inner] if start in (1, 23) else ()
            got = session.infer(part, keep)
            assert set(got) == {*graph.outputs, *keep}
            for name, y in got.items():
                assert y.dtype == wanted[name].dtype
                np.testing.assert_array_equal(y, wanted[name][start:stop], name)
            one = {name: x[:1] for name, x in feeds.items()}
            session.timed(one, 2, 1)  # Leaves the states alone.
        session.reset()
        again = session.infer({name: x[:3] for name, x in feeds.items()})
        np.testing.assert_array_equal(again["mix_out"], wanted["mix_out"][:3])
        assert session.infer({name: x[:0] for name, x in feeds.items()})["y"].shape == (0, 4, 1, 3)


def _hostile() -> dict[str, Graph]:
    facts = Quantization((0.1,), 0)
    swapped = GraphBuilder("swapped")
    swapped.input("x", (2,), S8, facts)
    for name, initial in (("a", [1, 2]), ("b", [10, 20])):
        swapped.state(name, np.array(initial), S8, facts)
    swapped.add(_add("sum", "x", "a"), S8, facts)
    swapped.update("a", "b")
    swapped.update("b", "a")
    delay = GraphBuilder("delay")
    delay.input("x", (3,), S8, facts)
    delay.state("last", np.array([7, 8, 9]), S8, facts)
    delay.update("last", "x")
    same = GraphBuilder("same")
    same.input("x", (3,), U8, facts)
    same.input("unused", (5,), S8, facts)
    same.add(Clamp("clamp", "x", "y", 3, 9), U8, facts)
    held = GraphBuilder("held")
    held.input("x", (2,), U8, facts)
    held.state("s", np.array([200, 3]), U8, facts)
    held.update("s", "s")
    held.state("unread", np.array([1]), S8, facts)
    held.constant("five", np.array([5]), S8)
    held.add(Constant("constant", "five", "fives"), S8, facts)
    held.update("unread", "fives")
    held.add(Concat("join", ("s", "x"), "y", 0), U8, facts)
    wide = GraphBuilder("wide")
    wide.input("x", (2,), S8, facts)
    wide.state("total", np.array([1 << 28, -5]), S32)
    wide.add(Add("sum", ("x", "total"), "sum_out"), S32)
    wide.update("total", "sum_out")
    return {
        "swapped": swapped.build(["sum_out"]),
        "delay": delay.build(["last"]),
        "same": same.build(["y", "x", "y"]),
        "held": held.build(["y", "fives", "unread"]),
        "wide": wide.build(["sum_out"]),
    }


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("name", _hostile())
def test_odd_borders(name: str, board: str, tmp_path: Path) -> None:
    artifact = _artifact(_hostile()[name], board, tmp_path)
    graph = artifact.lowered.graph
    steps, feeds = Interpreter(graph), _random(graph, 6)
    with edge.open(artifact) as session:
        for part in (slice(0, 1), slice(1, 6)):
            given = {name: x[part] for name, x in feeds.items()}
            got, wanted = session.infer(given, graph.sources), steps.infer(given, graph.sources)
            assert set(got) == set(wanted)
            for tensor, y in got.items():
                assert y.dtype == wanted[tensor].dtype
                np.testing.assert_array_equal(y, wanted[tensor], tensor)


@pytest.mark.parametrize("name", ["streaming", "swapped", "delay", "same", "held"])
def test_what_was_emitted_imports_again(name: str, tmp_path: Path) -> None:
    """The importer names an output that it has already, or that is a constant, anew."""
    graph = ({"streaming": _streaming()} | _hostile())[name]
    emitted = lowered(graph, "host_tflm")
    path, form = tmp_path / MODEL, emitted.graph
    path.write_bytes(edge.emit(emitted).files[MODEL])
    again, feeds = load_tflite(path), _random(form, 50)
    assert again.inputs == form.inputs and len(again.outputs) == len(form.outputs)
    moving = [state for state in form.states if state.update != state.tensor]
    assert [state.tensor for state in again.states] == [state.tensor for state in moving]
    for old, new in zip(moving, again.states, strict=True):
        np.testing.assert_array_equal(again.constants[new.initial], form.constants[old.initial])
    expected, got = run(form, feeds), run(again, feeds)
    for old_name, new_name in zip(form.outputs, again.outputs, strict=True):
        assert got[new_name].dtype == expected[old_name].dtype
        np.testing.assert_array_equal(got[new_name], expected[old_name], old_name)


def test_a_file_with_states_runs_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "streaming.tflite"
    path.write_bytes(edge.emit(lowered(_streaming(), "host_tflm")).files[MODEL])
    graph = load_tflite(path)
    feeds, inner = _random(graph, 50), [op.output for op in graph.nodes]
    wanted = run(graph, feeds, [*graph.outputs, *inner])
    original = edge.open_original(graph, boards.load("host_tflm"), path)
    for _ in range(2):
        with edge.open(original) as session:
            for part in (slice(0, 7), slice(7, 50)):
                given = {name: x[part] for name, x in feeds.items()}
                for name, y in session.infer(given, inner).items():
                    np.testing.assert_array_equal(y, wanted[name][part], name)
            session.reset()
            assert len(session.timed({n: x[:1] for n, x in feeds.items()}, 2, 1)[0]) == 1
            again = session.infer({name: x[:1] for name, x in feeds.items()})
            np.testing.assert_array_equal(again["mix_out"], wanted["mix_out"][:1])


def test_the_tflm_project_takes_one_input_and_one_output() -> None:
    with pytest.raises(ConfigError, match=r"2 inputs, 3 outputs and 2 states.* take the .tflite"):
        edge.package(lowered(_streaming(), "host_tflm"), "tflm")
