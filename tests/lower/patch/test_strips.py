"""Strips of columns compute the same integers, by themselves and in turns of rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwkit.errors import GraphError
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Conv2d
from hwkit.lower.checked import apply
from hwkit.lower.patch.rewrite import unrolled
from hwkit.lower.patch.spans import Span, can_tile
from hwkit.lower.patch.strips import columns_of, in_strips, strip_columns
from hwkit.lower.patch.turns import boundary, by_input
from tests.conformance.graphs import graphs
from tests.lower.patch.test_turns import MAPS, parts_of, two_convolutions


@given(graphs(MAPS), st.data())
def test_strips_are_exact(graph: Graph, data: st.DataObject) -> None:
    for nodes in parts_of(graph):
        _, results = boundary(graph, nodes)
        if results != (nodes[-1].output,) or not all(can_tile(graph, op, 1) for op in nodes):
            continue
        columns = data.draw(st.integers(1, 4))
        strips = in_strips(graph, nodes, columns)
        apply(graph, returning(strips.graph))
        staged = [by_input(strips.graph, strip, 1, even=True) for strip in strips.nodes]
        apply(strips.graph, returning(unrolled(strips.graph, staged)))


def returning(graph: Graph) -> Callable[[Graph], Graph]:
    """A pass that gives ``graph``."""
    return lambda _: graph


def test_strips_by_example() -> None:
    graph = two_convolutions()
    assert strip_columns(12, 5) == (Span(0, 5), Span(5, 10), Span(10, 12))
    need = columns_of(graph, graph.nodes, Span(0, 1))
    assert [need[name] for name in ("b_out", "a_out", "x")] == [Span(0, 1), Span(0, 2), Span(0, 3)]
    done = in_strips(graph, graph.nodes, 2)
    first = [op for op in done.nodes[0] if isinstance(op, Conv2d)]
    assert [(op.padding.left, op.padding.right) for op in first] == [(1, 0), (1, 0)]


def test_layers_with_another_result_are_refused() -> None:
    graph = replace(two_convolutions(), outputs=("a_out", "b_out"))
    with pytest.raises(GraphError, match="no single result"):
        in_strips(graph, graph.nodes, 2)
