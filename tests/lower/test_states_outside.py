"""States as inputs and outputs: whoever hands them on computes the same."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings

from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.ops import Add
from hwkit.ir.types import S8, S32
from hwkit.lower.states_outside import states_outside
from hwkit.targets.kept import KeptStates
from tests.conformance.graphs import BORDERS, feeds_for, graphs
from tests.examples import more

STEPS = 4


def test_ports_stand_behind_the_networks_own() -> None:
    b = GraphBuilder("accumulator")
    b.input("x", (2,), S8)
    b.state("total", np.array([3, -4]), S32)
    b.add(Add("add", ("total", "x"), "sum"), S32)
    b.update("total", "sum")
    outside = states_outside(b.build(["sum"]))
    assert (outside.inputs, outside.outputs) == (("x", "total"), ("sum",))
    assert not outside.states and not outside.constants


@settings(max_examples=more(30))
@given(graphs(BORDERS))
def test_handing_states_on_is_what_the_graph_means(graph: Graph) -> None:
    outside = states_outside(graph)
    states = KeptStates(graph)
    feeds = feeds_for(graph, STEPS, 2)
    wanted = run(graph, feeds)
    for _ in range(2):
        for k in range(STEPS):
            given = {name: x[k : k + 1] for name, x in feeds.items()}
            found = run(outside, {**given, **states.feeds(1)})
            states.keep(found)
            for name, values in wanted.items():
                np.testing.assert_array_equal(found[name], values[k : k + 1])
        states.reset()
