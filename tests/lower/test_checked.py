"""A pass that changes an integer is caught, also behind passes that change nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hwkit.errors import BitExactnessError, GraphError
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.ops import Clamp, Dense, Requantize, Rescale, Rounding
from hwkit.ir.types import S8, S32, Array, IntType
from hwkit.lower import checked
from hwkit.lower.checked import apply


def clamped() -> Graph:
    b = GraphBuilder("clamp")
    b.input("x", (2, 2, 3), S8)
    b.add(Clamp("op", "x", "y", -3, 7), S8)
    return b.build(["y"])


def same(graph: Graph) -> Graph:
    """Another graph of the same parts."""
    return graph.with_nodes(graph.nodes)


def renamed(graph: Graph) -> Graph:
    return replace(graph, name="other")


def one_lower(graph: Graph) -> Graph:
    (op,) = graph.nodes
    assert isinstance(op, Clamp)
    return graph.with_nodes((replace(op, low=op.low - 1),))


def test_a_pass_with_nothing_to_do_gives_the_graph_itself() -> None:
    graph = clamped()
    assert apply(graph, same) is graph
    assert apply(graph, renamed).name == "other"


def test_a_wrong_pass_is_caught_first_or_behind_others() -> None:
    graph = clamped()
    for before in (graph, apply(graph, same), apply(graph, renamed)):
        with pytest.raises(BitExactnessError, match="expected -3, got -4"):
            apply(before, one_lower)


def test_a_changed_constant_is_a_change() -> None:
    b = GraphBuilder("dense")
    b.input("x", (3,), S8)
    b.constant("w", np.ones((2, 3)), S8)
    b.add(Dense("op", "x", "w", None, "y", 0), S32)
    graph = b.build(["y"])
    with pytest.raises(BitExactnessError):
        apply(graph, lambda g: g.with_nodes(g.nodes, constants={"w": 2 * g.constants["w"]}))


def test_a_wider_input_is_given_the_same_integers() -> None:
    b = GraphBuilder("narrow")
    b.input("x", (2, 2, 3), IntType(4, True))
    r = Rescale((1 << 30,), (31,), Rounding.DOUBLE, -5, 5, 0)
    b.add(Requantize("op", "x", "y", r), S8)
    graph = b.build(["y"])

    def widened(graph: Graph) -> Graph:
        wide = replace(graph.tensors["x"], dtype=S8)
        return graph.with_nodes(graph.nodes, {**graph.tensors, "x": wide})

    assert apply(graph, widened).tensors["x"].dtype == S8


def test_an_illegal_graph_is_refused() -> None:
    with pytest.raises(GraphError):
        apply(clamped(), lambda graph: replace(graph, outputs=("z",)))


def test_what_comes_out_of_a_pass_has_been_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    names = []

    def counted(graph: Graph, *arguments: Any) -> dict[str, Array]:
        names.append(graph.name)
        return run(graph, *arguments)

    monkeypatch.setattr(checked, "run", counted)
    apply(apply(apply(clamped(), same), renamed), same)
    assert names == ["clamp", "other"]
