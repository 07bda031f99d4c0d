"""States: what an inference leaves for the next, and what is no state at all."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hwkit.errors import AccumulatorOverflow, ConfigError, FormatError, GraphError
from hwkit.ir import serialize
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.counts import peak_activation_bytes, state_bytes
from hwkit.ir.graph import Graph, State
from hwkit.ir.interpret import Interpreter, run
from hwkit.ir.ops import Add, Clamp
from hwkit.ir.types import S8, S32, TensorType
from hwkit.ir.verify import verify


def total() -> Graph:
    """``sum = total + x`` and ``total = sum``, from [100, -1]."""
    b = GraphBuilder("total")
    b.input("x", (2,), S8)
    b.state("total", np.array([100, -1]), S32)
    b.add(Add("add", ("total", "x"), "sum", (0, 0)), S32)
    b.update("total", "sum")
    return b.build(["sum"])


def swapped() -> Graph:
    """Two states that swap, a third that holds its own value, a fourth that follows the input."""
    b = GraphBuilder("swap")
    b.input("x", (1,), S8)
    for k, name in enumerate("abcd"):
        b.state(name, np.array([k]), S8)
    b.add(Clamp("clamp", "x", "y", 0, 5), S8)
    for state, update in (("a", "b"), ("b", "a"), ("c", "c"), ("d", "x")):
        b.update(state, update)
    return b.build(["y", "a", "b", "c", "d"])


def test_samples_are_successive_steps() -> None:
    x = np.array([[1, 2], [3, 4], [-5, -6]])
    assert run(total(), {"x": x})["sum"].tolist() == [[101, 1], [104, 5], [99, -1]]
    assert run(total(), {"x": x}, keep=["total"])["total"].tolist() == [
        [100, -1],
        [101, 1],
        [104, 5],
    ]
    assert run(total(), {"x": x[:0]})["sum"].shape == (0, 2)


def test_states_change_at_once() -> None:
    result = run(swapped(), {"x": np.array([[7], [-8], [9]])})
    assert {name: value.ravel().tolist() for name, value in result.items()} == {
        "y": [5, 0, 5],
        "a": [0, 1, 0],
        "b": [1, 0, 1],
        "c": [2, 2, 2],
        "d": [3, 7, -8],
    }


def test_an_interpreter_goes_on_until_it_is_reset() -> None:
    steps, x = Interpreter(total()), np.array([[1, 1]])
    assert [steps.infer({"x": x})["sum"].tolist() for _ in range(3)] == [
        [[101, 0]],
        [[102, 1]],
        [[103, 2]],
    ]
    assert steps.state["total"].tolist() == [103, 2]
    steps.reset()
    assert steps.infer({"x": x}, keep=["total"])["total"].tolist() == [[100, -1]]
    steps.set_state({"total": np.array([0, 0])})
    assert steps.infer({"x": x})["sum"].tolist() == [[1, 1]]


def test_a_batch_is_its_samples_one_after_the_other() -> None:
    x = np.random.default_rng(0).integers(-128, 128, (7, 2))
    whole = run(total(), {"x": x})["sum"]
    steps = Interpreter(total())
    parts = [steps.infer({"x": x[a:b]})["sum"] for a, b in ((0, 3), (3, 3), (3, 7))]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_a_step_that_raises_leaves_the_states() -> None:
    steps = Interpreter(total())
    steps.set_state({"total": np.array([S32.high - 1, 0])})
    with pytest.raises(AccumulatorOverflow):
        steps.infer({"x": np.array([[1, 5], [1, 5]])})
    assert steps.state["total"].tolist() == [S32.high - 1, 0]


def test_states_share_no_memory_with_what_was_fed() -> None:
    steps, x = Interpreter(swapped()), np.array([[7]], np.int8)
    steps.infer({"x": x})
    x[0, 0] = 99
    value = np.array([5], np.int8)
    steps.set_state({"c": value})
    value[0] = 6
    assert (steps.state["d"].tolist(), steps.state["c"].tolist()) == ([7], [5])
    with pytest.raises(ValueError, match="read-only"):
        steps.state["d"][0] = 1


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"x": [0]}, "'x' is no state of the graph; its states: a, b, c, d"),
        ({"a": [200]}, "state 'a' has values 200..200; s8 holds -128..127"),
        ({"a": [1, 2]}, r"state 'a' has shape \(1, 2\); expected \(batch, 1\)"),
        ({"a": [0.5]}, "state 'a' is float64; give integers of type s8"),
    ],
)
def test_a_state_takes_only_its_type(values: dict[str, list[int]], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Interpreter(swapped()).set_state({k: np.array(v) for k, v in values.items()})


def test_a_tensor_that_nobody_computes_is_named() -> None:
    with pytest.raises(ConfigError, match="computes no tensor 'nothing'"):
        run(total(), {"x": np.zeros((1, 2), np.int8)}, keep=["nothing"])


S = State("total", "sum", "total_initial")


@pytest.mark.parametrize(
    ("states", "message"),
    [
        ((replace(S, tensor="nothing"),), "nothing: state has no type"),
        ((replace(S, tensor="x"),), "x: a state is no input, no constant and no other state"),
        ((replace(S, tensor="total_initial"),), "a state is no input"),
        ((S, S), "total: a state is no input, no constant and no other state"),
        ((replace(S, tensor="sum"),), "add: reads 'total' before it is computed"),
        ((S, replace(S, tensor="sum")), "add: writes 'sum', which already exists"),
        ((replace(S, initial="sum"),), "total: initial value 'sum' is not a constant"),
        ((replace(S, initial="nothing"),), "total: initial value 'nothing' is not a constant"),
        ((replace(S, initial="small"),), r"its initial value 'small' is s8\(2,\), the state s32"),
        ((replace(S, update="nothing"),), "total: its next value 'nothing' is never computed"),
        ((replace(S, update="total_initial"),), "next value 'total_initial' is never computed"),
        ((replace(S, update="x"),), r"total: its next value 'x' is s8\(2,\), the state s32\(2,\)"),
    ],
)
def test_what_is_no_state_is_refused(states: tuple[State, ...], message: str) -> None:
    graph = total()
    broken = replace(
        graph,
        states=states,
        tensors={**graph.tensors, "small": TensorType((2,), S8)},
        constants={**graph.constants, "small": np.zeros(2, np.int8)},
    )
    with pytest.raises(GraphError, match=message):
        verify(broken)


def test_a_builder_asks_for_the_next_value() -> None:
    b = GraphBuilder("idle")
    b.input("x", (2,), S8)
    b.state("before", np.zeros(2), S8)
    with pytest.raises(GraphError, match="before: state has no next value"):
        b.build(["x"])


def test_an_initial_value_outside_its_type_is_refused() -> None:
    b = GraphBuilder("wide")
    b.input("x", (1,), S8)
    b.state("before", np.array([5]), S8)
    b.update("before", "x")
    graph = b.build(["before"])
    narrow = replace(S8, bits=3)
    tensors = {name: replace(tensor, dtype=narrow) for name, tensor in graph.tensors.items()}
    with pytest.raises(GraphError, match=r"before_initial: values 5\.\.5 do not fit s3"):
        verify(replace(graph, tensors=tensors))


def test_memory_counts_states_all_along() -> None:
    """8 bytes of state, 2 of input and 8 of the sum are alive together."""
    assert (state_bytes(total()), peak_activation_bytes(total())) == (8, 18)


# Files ----------------------------------------------------------------------------------------


def test_files_keep_states() -> None:
    for graph in (total(), swapped()):
        data = serialize.to_bytes(graph)
        again = serialize.from_bytes(data)
        assert again.states == graph.states
        assert serialize.to_bytes(again) == data
        assert struct.unpack_from("<I", data, 4) == (2,)


def edited(version: int, change: Callable[[dict[str, Any]], object]) -> bytes:
    """The file of ``swapped`` with another version and header, and a checksum that is right."""
    data = serialize.to_bytes(swapped())
    length = struct.unpack_from("<Q", data, 8)[0]
    header = json.loads(data[16 : 16 + length])
    change(header)
    text = json.dumps(header).encode()
    body = data[:4] + struct.pack("<IQ", version, len(text)) + text + data[16 + length : -32]
    return body + hashlib.sha256(body).digest()


@pytest.mark.parametrize(
    ("version", "change", "message"),
    [
        (1, lambda h: None, "version 1 has no states, 2 has some"),
        (2, lambda h: h.pop("states"), "version 1 has no states, 2 has some"),
        (3, lambda h: None, r"version 3, this hwkit reads versions 1 and 2"),
        (2, lambda h: h.update(states={"a": 1}), "state 0: expected an object, got 'a'"),
        (2, lambda h: h.update(states=7), "malformed header"),
        (2, lambda h: h["states"][0].pop("update"), "state 0: key 'update' is missing"),
        (2, lambda h: h["states"][0].update(more=1), "state 0: unknown key 'more'"),
        (2, lambda h: h["states"][0].update(update=1), "state 0: update: expected a text"),
        (2, lambda h: h["states"][0].update(update="nothing"), "is never computed"),
        (2, lambda h: h["states"].append(h["states"][0]), "no input, no constant and no other"),
    ],
)
def test_files_with_other_states_are_refused(
    version: int, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    with pytest.raises(FormatError, match=message) as caught:
        serialize.from_bytes(edited(version, change))
    assert "\n" not in str(caught.value)
