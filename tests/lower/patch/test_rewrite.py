"""A graph with its stages unrolled computes the same integers, node by node, on any runtime."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hwkit.ir.graph import Graph
from hwkit.ir.ops import Concat, Conv2d, Slice
from hwkit.lower.checked import apply
from hwkit.lower.patch.rewrite import unrolled
from hwkit.lower.patch.turns import Stage, by_input, by_output
from tests.conformance.graphs import graphs
from tests.lower.patch.test_turns import MAPS, parts_of, two_convolutions


@given(graphs(MAPS), st.data())
def test_unrolling_is_exact(graph: Graph, data: st.DataObject) -> None:
    stages: list[Stage] = []
    for nodes in parts_of(graph):
        rows = data.draw(st.integers(1, 4))
        if data.draw(st.booleans()):
            stages.append(by_input(graph, nodes, rows))
        else:
            again = data.draw(st.sets(st.sampled_from([op.output for op in nodes])))
            stages.append(by_output(graph, nodes, rows, again))
    most = data.draw(st.none() | st.integers(2, 4))
    done = apply(graph, lambda whole: unrolled(whole, stages, most))
    assert set(done.constants) == set(graph.constants)


def test_two_turns_by_example() -> None:
    graph = two_convolutions()
    done = apply(graph, lambda whole: unrolled(whole, [by_output(whole, whole.nodes, 4)]))
    kinds = [type(op) for op in done.nodes]
    assert kinds.count(Conv2d) == 4
    first = [done.tensors[op.output].shape[0] for op in done.nodes if isinstance(op, Slice)]
    assert first == [6, 2, 4]  # input of a's parts, the halo of a's output between them
    joined = [done.tensors[op.output].shape[0] for op in done.nodes if isinstance(op, Concat)]
    assert joined == [5, 8]
    assert {op.weight for op in done.nodes if isinstance(op, Conv2d)} == {"w"}


def test_one_turn_changes_nothing_but_names() -> None:
    graph = two_convolutions()
    done = unrolled(graph, [by_output(graph, graph.nodes, 8)])
    assert [type(op) for op in done.nodes] == [Conv2d, Conv2d]
    assert done.nodes[-1].output == "b_out"
