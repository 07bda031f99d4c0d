"""The fast interpreter equals the plain one of ``reference.py`` on random graphs."""

import numpy as np
from hypothesis import given, settings

from hwkit.ir import serialize
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import Interpreter, run
from hwkit.lower.checked import apply
from hwkit.lower.fuse_requantize import fuse_requantize
from tests.conformance.graphs import BORDERS, feeds_for, graphs, inputs_for
from tests.conformance.reference import run_plainly


@settings(max_examples=250)
@given(graphs())
def test_interpreter_equals_plain_definition(graph: Graph) -> None:
    x = inputs_for(graph, 3, 0)
    expected = run_plainly(graph, x)
    got = run(graph, {graph.inputs[0]: x}, keep=list(expected))
    for name, value in expected.items():
        np.testing.assert_array_equal(got[name], value, err_msg=name)


@settings(max_examples=80)
@given(graphs(BORDERS))
def test_states_and_several_inputs_equal_plain_definition(graph: Graph) -> None:
    feeds = feeds_for(graph, 5, 0)
    expected = run_plainly(graph, feeds)
    got = run(graph, feeds, keep=list(expected))
    for name, value in expected.items():
        np.testing.assert_array_equal(got[name], value, err_msg=name)
    steps = Interpreter(graph)
    singly = [steps.infer({k: x[n : n + 1] for k, x in feeds.items()}) for n in range(5)]
    for name in graph.outputs:
        np.testing.assert_array_equal(np.concatenate([s[name] for s in singly]), expected[name])


@settings(max_examples=100)
@given(graphs(BORDERS))
def test_serialization_round_trip(graph: Graph) -> None:
    data = serialize.to_bytes(graph)
    again = serialize.from_bytes(data)
    assert serialize.to_bytes(again) == data
    assert (again.nodes, again.states) == (graph.nodes, graph.states)
    assert (again.inputs, again.outputs) == (graph.inputs, graph.outputs)


@settings(max_examples=150)
@given(graphs())
def test_fusing_changes_no_integer(graph: Graph) -> None:
    apply(graph, fuse_requantize)
