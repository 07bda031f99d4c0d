"""Variables of .tflite files are states: as TFLM and LiteRT have them, step after step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwkit.errors import HwkitError, UnsupportedOp
from hwkit.flow.models import inspect
from hwkit.flow.source import import_file
from hwkit.flow.tflite_source import TfliteRunner
from hwkit.importers.proof import proof_feeds, prove
from hwkit.importers.tflite.file import parse
from hwkit.importers.tflite.importer import convert, load_tflite
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.types import Array
from hwkit.targets.edge.flatbuffer import FileModel, FileOperator, FileTensor, packed, schema
from hwkit.targets.edge.loaded import Loaded
from hwkit.targets.edge.original import load_original
from hwkit.targets.edge.supervised import Refused
from tests.importers.tflite.files import (
    activation,
    assign,
    call_once,
    file_bytes,
    handle_of,
    initialiser,
    operator,
    read,
    values,
)
from tests.importers.tflite.files import random_feeds as feeds_of
from tests.importers.tflite.streams import wake_word

STEPS = 60
X = activation("x", (1, 2))
H = FileTensor("h", (), "resource")
START = values("start", [[5, 6]])
ONCE = initialiser(v=START)


def pair(name: str, **changes: Any) -> FileTensor:
    return replace(activation(name, (1, 2)), **changes)


def joined(*names: str) -> FileOperator:
    """The output ``y`` of all cases: what they compare, side by side."""
    return operator("CONCATENATION", names, options="ConcatenationOptions", axis=1)


def case(
    *operators: FileOperator, tensors: tuple[FileTensor, ...] = (), once: FileModel | None = ONCE
) -> bytes:
    """A file with input x, a handle h of the variable v, and tensors r and s to read into; called
    first, its initialiser sets v to (5, 6)."""
    given = {t.name: t for t in (X, H, pair("r"), pair("s"), *tensors)}
    joins = next((op for op in operators if op.code == "CONCATENATION"), None)
    if joins is not None:
        given["y"] = activation("y", (1, 2 * len(joins.inputs)))
    calls = () if once is None else (call_once(),)
    return file_bytes(
        list(given.values()), [*calls, handle_of("v", "h"), *operators], ("x",), ("y",), once
    )


DELAY = case(read("h", "r"), assign("h", "x"), joined("r", "x"))

CASES: dict[str, bytes] = {
    "one step behind": DELAY,
    "assigned, then read": case(read("h", "r"), assign("h", "x"), read("h", "s"), joined("r", "s")),
    "read twice": case(read("h", "r"), read("h", "s"), assign("h", "x"), joined("r", "s", "r")),
    "assigned twice, a constant last": case(
        read("h", "r"),
        assign("h", "x"),
        assign("h", "k"),
        joined("r", "x"),
        tensors=(values("k", [[1, 2]]),),
    ),
    "assigned before it is read": case(assign("h", "x"), read("h", "s"), joined("s", "x")),
    "never assigned": case(read("h", "r"), joined("r", "x")),
    "its own value": case(read("h", "r"), assign("h", "r"), joined("r", "x")),
    "two handles of one variable": case(
        handle_of("v", "g"),
        read("h", "r"),
        assign("g", "x"),
        joined("r", "x"),
        tensors=(FileTensor("g", (), "resource"),),
    ),
    "two calls of one initialiser": case(
        call_once(), read("h", "r"), assign("h", "x"), joined("r", "x")
    ),
    "two variables that swap": case(
        handle_of("w", "g"),
        read("h", "r"),
        read("g", "s"),
        assign("h", "s"),
        assign("g", "r"),
        joined("r", "s", "x"),
        tensors=(FileTensor("g", (), "resource"),),
        once=initialiser(v=START, w=values("other", [[-7, 8]])),
    ),
    "a chain of two": case(
        handle_of("w", "g"),
        read("g", "s"),
        read("h", "r"),
        assign("g", "r"),
        assign("h", "x"),
        joined("r", "s"),
        tensors=(FileTensor("g", (), "resource"),),
        once=initialiser(v=START, w=values("other", [[-7, 8]])),
    ),
    "other scales on either side": case(
        read("h", "r"),
        assign("h", "x"),
        read("h", "s"),
        operator("RELU", ("r",), ("p",)),
        operator("RELU", ("s",), ("q",)),
        joined("p", "q"),
        tensors=(
            pair("r", scale=(0.3,), zero_point=-7),
            pair("s", scale=(0.02,), zero_point=9),
            pair("p"),
            pair("q"),
        ),
    ),
    "a constant under another scale": case(
        assign("h", "k"),
        read("h", "s"),
        operator("RELU", ("s",), ("p",)),
        joined("p", "x"),
        tensors=(values("k", [[1, 20]], 0.5, -2), pair("s", zero_point=4), pair("p")),
    ),
}


def as_both(model: bytes, steps: int = STEPS) -> Graph:
    """The imported graph, after a comparison with TFLM, and in LiteRT's arithmetic with LiteRT."""
    for runtime in ("tflm", "litert_reference"):
        graph = convert(parse(model), "m", litert=runtime != "tflm")
        feeds = feeds_of(graph, steps, 0)
        loaded = Loaded(runtime, model, outputs=len(graph.outputs))
        expected = loaded.run(list(feeds.values()), 0)
        got = run(graph, feeds)
        for name, y in zip(graph.outputs, expected, strict=True):
            np.testing.assert_array_equal(
                got[name], y.reshape(got[name].shape), f"{runtime} {name}"
            )
    return convert(parse(model), "m")


@pytest.mark.parametrize("name", CASES)
def test_in_the_order_of_execution(name: str) -> None:
    as_both(CASES[name], 8)


def test_a_delay_is_a_state_that_follows_the_input() -> None:
    graph = as_both(DELAY)
    (state,) = graph.states
    assert (state.tensor, state.update) == ("r", "x")
    assert graph.constants[state.initial].tolist() == [5, 6]
    y = graph.predict(np.array([[10, 20], [30, 40]], np.int8))
    assert isinstance(y, np.ndarray) and y.tolist() == [[5, 6, 10, 20], [10, 20, 30, 40]]


@pytest.mark.parametrize(
    ("name", "states"),
    [
        ("never assigned", 0),
        ("its own value", 0),
        ("assigned before it is read", 0),
        ("a chain of two", 2),
    ],
)
def test_only_what_outlives_an_inference_is_a_state(name: str, states: int) -> None:
    assert len(as_both(CASES[name], 4).states) == states


def test_a_state_that_no_output_needs_is_gone() -> None:
    """v follows x, and nothing but w, which nobody reads, would show it."""
    graph = as_both(
        case(
            handle_of("w", "g"),
            read("h", "r"),
            assign("h", "x"),
            assign("g", "r"),
            operator("RELU", ("x",)),
            tensors=(FileTensor("g", (), "resource"), pair("y")),
        ),
        4,
    )
    assert not graph.states and [op.name for op in graph.nodes] == ["relu_6"]


def test_inspect_lists_states() -> None:
    facts = inspect(convert(parse(wake_word()), "m"))
    assert [state["shape"] for state in facts["states"]] == [[2, 1, 4], [6, 1, 8], [4, 1, 6]]
    assert facts["state_bytes"] == 2 * 4 + 6 * 8 + 4 * 6


def test_a_state_is_an_output() -> None:
    tensors = [X, H, pair("r")]
    operators = [call_once(), handle_of("v", "h"), read("h", "r"), assign("h", "x")]
    graph = as_both(file_bytes(tensors, operators, ("x",), ("r",), ONCE))
    assert graph.outputs == (graph.states[0].tensor,) == ("r",)


def test_a_read_behind_an_assignment_is_an_output() -> None:
    tensors = [X, H, pair("r"), pair("s")]
    operators = [call_once(), handle_of("v", "h"), read("h", "r"), assign("h", "x"), read("h", "s")]
    as_both(file_bytes(tensors, operators, ("x",), ("s", "r"), ONCE))


@pytest.mark.parametrize("seed", range(25))
def test_random_programs(seed: int) -> None:
    """Reads, assignments and sums of two variables in any order."""
    rng = np.random.default_rng(seed)
    tensors = [X, H, FileTensor("g", (), "resource")]
    operators = [call_once(), handle_of("v", "h"), handle_of("w", "g")]
    known = ["x"]
    for k in range(int(rng.integers(3, 12))):
        handle, name = "hg"[rng.integers(2)], f"t{k}"
        kind = rng.integers(3)
        if kind == 0:
            operators.append(assign(handle, known[rng.integers(len(known))]))
            continue
        scale = [0.1, 0.2][rng.integers(2)]
        tensors.append(activation(name, (1, 2), scale, int(rng.integers(-9, 9))))
        first, second = (known[k] for k in rng.integers(len(known), size=2))
        operators.append(
            read(handle, name)
            if kind == 1
            else operator("ADD", (first, second), (name,), "AddOptions")
        )
        known.append(name)
    once = initialiser(v=START, w=values("other", [[-70, 80]]))
    as_both(file_bytes(tensors, operators, ("x",), tuple(known[-2:]), once), 12)


@pytest.mark.parametrize("seed", range(3))
def test_a_streaming_network_over_many_steps(seed: int) -> None:
    graph = as_both(wake_word(seed), 200)
    shapes = [graph.tensors[state.tensor].shape for state in graph.states]
    assert shapes == [(2, 1, 4), (6, 1, 8), (4, 1, 6)]
    y = graph.predict(feeds_of(graph, 50, 1))
    assert isinstance(y, np.ndarray) and len(np.unique(y)) > 10


# Variables that nobody has set -------------------------------------------------------------------

UNSET = case(
    read("h", "r"),
    operator("QUANTIZE", ("x",), ("p",)),
    assign("h", "p"),
    joined("r", "x"),
    tensors=(pair("p", zero_point=-7),),
    once=None,
)


def test_what_nobody_has_set_is_the_zero_point_of_what_is_assigned_in_tflm() -> None:
    graph = convert(parse(UNSET), "m")
    assert graph.constants[graph.states[0].initial].tolist() == [-7, -7]
    feeds = feeds_of(graph, 5, 0)
    (expected,) = Loaded("tflm", UNSET).run([feeds["x"]], 0)
    np.testing.assert_array_equal(run(graph, feeds)["y"], expected.reshape(5, 4))


def test_what_nobody_has_set_is_refused_as_litert_does() -> None:
    with pytest.raises(UnsupportedOp, match=r"operator 1 \(READ_VARIABLE\).* is read before any"):
        convert(parse(UNSET), "m", litert=True)
    with pytest.raises(Refused, match="read_variable"):
        Loaded("litert_reference", UNSET).run([np.zeros((1, 1, 2), np.int8)], 0)


def test_variables_of_one_name_in_two_containers_are_two_in_litert_alone() -> None:
    tensors = [X, H, FileTensor("g", (), "resource"), pair("r"), pair("s"), pair("k", data=X.data)]
    constant = values("k", [[3, 4]])
    operators = [
        handle_of("v", "h", "one"),
        handle_of("v", "g", "two"),
        assign("g", "k"),
        assign("h", "x"),
        read("h", "r"),
        read("g", "s"),
        joined("r", "s"),
    ]
    tensors = [*tensors[:-1], constant, activation("y", (1, 4))]
    model = file_bytes(tensors, operators)
    graph = convert(parse(model), "m")
    assert graph.metadata["runtime"] == "litert_reference"
    with pytest.raises(Refused):
        Loaded("tflm", model)
    feeds = feeds_of(graph, 5, 0)
    (expected,) = Loaded("litert_reference", model).run([feeds["x"]], 0)
    np.testing.assert_array_equal(run(graph, feeds)["y"], expected.reshape(5, 4))


# Hostile and unknown ------------------------------------------------------------------------------


def with_once(*operators: FileOperator, tensors: tuple[FileTensor, ...] = ()) -> bytes:
    """A delay whose initialiser holds these operators."""
    once = FileModel("once", (H, START, *tensors), operators, (), ())
    return case(read("h", "r"), assign("h", "x"), joined("r", "x"), once=once)


def changed(model: bytes, change: Callable[..., object]) -> bytes:
    root = schema().ModelT.InitFromPackedBuf(model, 0)
    change(root)
    return packed(root)


SET = (handle_of("v", "h"), assign("h", "start"))
BAD: dict[str, tuple[bytes, str]] = {
    "a missing subgraph": (
        changed(DELAY, lambda m: setattr(m, "subgraphs", m.subgraphs[:1])),
        "call_once_0: subgraph 1 of 1; damaged",
    ),
    "a subgraph far away": (
        case(call_once(2**31 - 1), read("h", "r"), assign("h", "x"), joined("r", "x")),
        "call_once_2: subgraph 2147483647 of 2; damaged",
    ),
    "the network calls itself": (
        case(call_once(0), read("h", "r"), assign("h", "x"), joined("r", "x")),
        "call_once_2: subgraph 0 of 2; damaged",
    ),
    "an initialiser calls itself": (
        with_once(call_once(), *SET),
        r"operator 0 \(CALL_ONCE\).* subgraph 1 holds CALL_ONCE",
    ),
    "an initialiser reckons": (
        with_once(*SET, operator("RELU", ("start",), ("y",)), tensors=(pair("y"),)),
        "subgraph 1 holds RELU; it may assign constants",
    ),
    "an initialiser assigns what nobody computes": (
        with_once(handle_of("v", "h"), assign("h", "z"), tensors=(pair("z"),)),
        "subgraph 1 assigns what it computes; assign a constant",
    ),
    "an initialiser has an output": (
        changed(DELAY, lambda m: setattr(m.subgraphs[1], "outputs", [1])),
        "call_once_0: subgraph 1 has inputs or outputs",
    ),
    "a subgraph that nobody calls": (
        changed(DELAY, lambda m: m.subgraphs.append(m.subgraphs[1])),
        "subgraph 2 .'once'. is called by nothing; convert a model of exactly one signature",
    ),
    "an initialiser behind a read": (
        case(read("h", "r"), call_once(), assign("h", "x"), joined("r", "x"), once=None)
        and changed(
            case(read("h", "r"), assign("h", "x"), joined("r", "x")),
            lambda m: m.subgraphs[0].operators.append(m.subgraphs[0].operators.pop(0)),
        ),
        r"\(CALL_ONCE\).*it sets variable 'v', which an operator before it uses",
    ),
    "another type": (
        case(
            read("h", "r"),
            assign("h", "w"),
            joined("r", "x"),
            tensors=(FileTensor("w", (1, 2), "int16", (0.1,), 0, data=np.zeros((1, 2), np.int16)),),
        ),
        r"assign_variable_3: variable 'v' is int8 \(1, 2\), the tensor int16 \(1, 2\); damaged",
    ),
    "another shape": (
        case(
            read("h", "r"), assign("h", "x"), joined("x", "x"), tensors=(activation("r", (2, 1)),)
        ),
        r"read_variable_2: variable 'v' is int8 \(1, 2\), the tensor int8 \(2, 1\); damaged",
    ),
    "no handle": (
        case(read("x", "r"), assign("h", "x"), joined("r", "x")),
        "read_variable_2: tensor 0 is no variable; damaged",
    ),
    "a handle that comes later": (
        case(
            read("g", "r"), handle_of("v", "g"), joined("r", "x"), tensors=(replace(H, name="g"),)
        ),
        "read_variable_2: tensor 4 is no variable",
    ),
    "a read of two": (
        changed(DELAY, lambda m: setattr(m.subgraphs[0].operators[2], "inputs", [1, 1])),
        "read_variable_2: 2 inputs, 1 outputs; damaged",
    ),
    "an assignment of nothing": (
        changed(DELAY, lambda m: setattr(m.subgraphs[0].operators[3], "inputs", [1, -1])),
        "assign_variable_3: 2 inputs, 0 outputs; damaged",
    ),
    "a handle of nothing": (
        changed(DELAY, lambda m: setattr(m.subgraphs[0].operators[1], "outputs", [])),
        "var_handle_1: 0 inputs, 0 outputs; damaged",
    ),
    "a call with an operand": (
        changed(DELAY, lambda m: setattr(m.subgraphs[0].operators[0], "inputs", [0])),
        "call_once_0: 1 inputs, 0 outputs; damaged",
    ),
    "a name with a zero": (
        case(handle_of("v\0w", "h"), read("h", "r"), joined("r", "x")),
        "has a 0 in its name",
    ),
    "a variable of floats": (
        case(
            read("h", "f"),
            operator("QUANTIZE", ("f",), ("r",)),
            joined("r", "x"),
            operator("DEQUANTIZE", ("x",), ("e",)),
            assign("h", "e"),
            tensors=(FileTensor("f", (1, 2), "float32"), FileTensor("e", (1, 2), "float32")),
            once=initialiser(v=FileTensor("start", (1, 2), "float32", data=np.zeros((1, 2)))),
        ),
        "float",
    ),
    "read and never set": (
        case(read("h", "r"), joined("r", "x"), once=None),
        r"operator 1 \(READ_VARIABLE\).*variable 'v' is read before anything sets it",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_refused_in_one_line(name: str) -> None:
    model, message = BAD[name]
    with pytest.raises(HwkitError, match=message) as caught:
        convert(parse(model), "m")
    assert "\n" not in str(caught.value)


# The proof of an import ---------------------------------------------------------------------------


def test_an_import_is_proven_over_successive_steps(tmp_path: Path) -> None:
    """40 steps are three calls of the runtime; the outputs and what three states become count."""
    path = tmp_path / "m.tflite"
    path.write_bytes(wake_word())
    graph, proof = import_file(path, 40, required=True)
    assert proof is not None
    assert (proof.inputs, proof.integers) == (40, 40 * (2 + 2 * 4 + 6 * 8 + 4 * 6))
    assert (proof.differing, proof.ties, len(graph.states)) == (0, 0, 3)


@pytest.mark.parametrize(
    ("change", "step"),
    [
        (lambda g: {"constants": {**g.constants, g.states[2].initial: _other(g)}}, 0),
        (lambda g: {"states": (*g.states[:2], replace(g.states[2], update=g.states[2].tensor))}, 1),
    ],
)
def test_a_proof_sees_a_wrong_state(
    change: Callable[[Graph], dict[str, Any]], step: int, tmp_path: Path
) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(wake_word())
    graph = load_tflite(path)
    wrong = replace(graph, **change(graph))
    proof = prove(wrong, TfliteRunner(path, graph), proof_feeds(graph, 20))
    assert proof.first is not None and proof.first.index[0] == step


def _other(graph: Graph) -> Array:
    value = graph.constants[graph.states[2].initial]
    return (127 - value.astype(np.int16)).clip(-128, 127).astype(np.int8)


def test_a_file_keeps_its_variables_from_call_to_call(tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(wake_word())
    graph = load_tflite(path)
    x = feeds_of(graph, 9, 0)["x"]
    original = load_original(path, "tflm")
    (whole,) = original.run([x], 0)
    np.testing.assert_array_equal(whole, run(graph, {"x": x})[graph.outputs[0]])
    parts = [original.run([x[:4]], 0)[0], original.run([x[4:]], 4)[0]]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    names = [state.update for state in graph.states]
    seen = original.observe([x], names)
    again = original.observe([x[:4]], names), original.observe([x[4:]], names, steps=4)
    for name in names:
        parts = [part[name] for part in again]
        np.testing.assert_array_equal(np.concatenate(parts), seen[name], name)
        np.testing.assert_array_equal(seen[name], run(graph, {"x": x}, [name])[name], name)
    with pytest.raises(Refused, match="states of earlier inferences are lost"):
        original.run([x[:1]], 3)
