"""Inputs and outputs as states: the inverse of handing them on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from hwkit.errors import GraphError
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.ops import Add
from hwkit.ir.types import S8, S32, Quantization
from hwkit.lower.states_inside import states_inside
from hwkit.lower.states_outside import states_outside
from tests.conformance.graphs import BORDERS, feeds_for, graphs
from tests.examples import more

GRID = Quantization((0.5,), 7)


def _before() -> Graph:
    """``y = x + h`` of a value and the one before it, which is on the same grid."""
    b = GraphBuilder("before")
    b.input("x", (2,), S8, GRID)
    b.input("h", (2,), S8, GRID)
    b.add(Add("add", ("x", "h"), "y", (7, 7)), S32)
    return b.build(["y", "x"])


def test_a_pair_becomes_a_state_that_starts_at_real_zero() -> None:
    inside = states_inside(_before(), {"h": "x"})
    assert (inside.inputs, inside.outputs) == (("x",), ("y",))
    assert np.asarray(inside.predict(np.array([[8, 9], [7, 5]]))).tolist() == [[1, 2], [1, 0]]
    assert states_inside(_before(), {"h": "x"}, ("x",)).outputs == ("y", "x")


@settings(max_examples=more(20))
@given(graphs(BORDERS))
def test_it_undoes_states_outside(graph: Graph) -> None:
    """But for the values that states start with, which ports do not tell."""
    updates = [state.update for state in graph.states]
    if set(updates) & {*graph.inputs, *(s.tensor for s in graph.states)}:
        return
    pairs = {state.tensor: state.update for state in graph.states}
    inside = states_inside(states_outside(graph), pairs, graph.outputs)
    assert inside.outputs == graph.outputs and inside.inputs == graph.inputs
    zeros = {f"{s.tensor}/initial": inside.constants[f"{s.tensor}/initial"] for s in graph.states}
    tensors = {n: inside.tensors[n] for n in zeros}
    wanted = inside.with_nodes(graph.nodes, {**graph.tensors, **tensors})
    feeds = feeds_for(graph, 3, 1)
    for name, y in run(inside, feeds).items():
        np.testing.assert_array_equal(y, run(wanted, feeds)[name])


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ({"h": "y"}, "type s8 is not that of y, s32; quantize both alike"),
        ({"z": "x"}, "is no input; it has x, h"),
        ({"h": "z"}, "is no output; it has y, x"),
    ],
)
def test_pairs_that_do_not_fit(pairs: dict[str, str], message: str) -> None:
    with pytest.raises(GraphError, match=message):
        states_inside(_before(), pairs)
