"""Weights rounded to fewer bits: the definition, against plain arithmetic."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwkit.errors import ConfigError, GraphError
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.ops import Clamp, Dense, Requantize, Rescale, Rounding
from hwkit.ir.types import S8, S32, U8, Array, IntType, Quantization
from hwkit.lower.double_rounding import BITS, rounded_to


def network(weights: list[list[int]], bias: list[int], shift: int = 38) -> Graph:
    """Two inputs, two outputs: products, a bias, a rescale."""
    b = GraphBuilder("net")
    b.input("x", (2,), S8)
    b.constant("w", np.array(weights), S8)
    b.constant("b", np.array(bias), S32)
    r = Rescale((1 << 30, 3 << 28), (shift, shift), Rounding.HALF_UP, -128, 127)
    b.add(Dense("d", "x", "w", "b", "s", input_zero_point=3), S32)
    b.add(Requantize("q", "s", "y", r), S8)
    return b.build(["y"])


def answers(graph: Graph, x: list[int]) -> Array:
    """Outputs for one sample."""
    y: Array = run(graph, {"x": np.array([x], np.int8)})["y"][0]
    return y


BYTE = st.integers(-128, 127)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(BYTE, min_size=2, max_size=2), min_size=2, max_size=2),
    st.lists(st.integers(-5000, 5000), min_size=2, max_size=2),
    st.lists(BYTE, min_size=2, max_size=2),
    st.integers(2, 8),
)
def test_by_definition(weights: list[list[int]], bias: list[int], x: list[int], bits: int) -> None:
    by = 8 - bits
    half, top = (1 << by) >> 1, (1 << bits - 1) - 1
    found = answers(rounded_to(network(weights, bias), bits), x)
    for row, extra, multiplier, got in zip(weights, bias, (1 << 30, 3 << 28), found, strict=True):
        small = [min((w + half) >> by, top) for w in row]
        total = sum(w * (v - 3) for w, v in zip(small, x, strict=True)) + ((extra + half) >> by)
        product = total * multiplier
        assert got == max(-128, min(127, (product + (1 << 37 - by)) >> 38 - by))


def test_what_it_says_of_itself() -> None:
    graph = network([[-128, 24], [23, 127]], [0, 0])
    facts = Quantization((0.5,), 0)
    tensors = dict(graph.tensors) | {"w": replace(graph.tensors["w"], quantization=facts)}
    found = rounded_to(graph.with_nodes(graph.nodes, tensors, dict(graph.constants)), 4)
    assert found.constants["w"].tolist() == [[-8, 2], [1, 7]]
    assert found.tensors["w"].dtype == IntType(4, True)
    assert found.tensors["w"].quantization == Quantization((8.0,), 0)
    assert found.metadata[BITS] == "4"
    assert rounded_to(found, 6).constants["w"].tolist() == [[-8, 2], [1, 7]]  # never wider
    assert rounded_to(found, 6).tensors["w"].dtype == IntType(4, True)


def test_sums_that_leave_have_another_scale() -> None:
    b = GraphBuilder("sums")
    b.input("x", (2,), S8)
    b.constant("w", np.array([[64, -64]]), S8)
    b.add(Dense("d", "x", "w", None, "y"), S32)
    graph = b.build(["y"])
    tensors = dict(graph.tensors)
    tensors["y"] = replace(tensors["y"], quantization=Quantization((0.25,), 0))
    found = rounded_to(graph.with_nodes(graph.nodes, tensors, dict(graph.constants)), 4)
    assert found.tensors["y"].quantization == Quantization((4.0,), 0)
    assert answers(found, [3, 1]).tolist() == [8]  # 128 / 16


def test_what_has_no_exact_form_is_refused() -> None:
    with pytest.raises(GraphError, match="d: a shift of 3 cannot shrink by 4; take at least 5"):
        rounded_to(network([[1, 2], [3, 4]], [0, 0], shift=3), 4)
    rounded_to(network([[1, 2], [3, 4]], [0, 0], shift=3), 5)
    with pytest.raises(ConfigError, match="--bits 9: is not in 2"):
        rounded_to(network([[1, 2], [3, 4]], [0, 0]), 9)
    b = GraphBuilder("read")
    b.input("x", (1,), S8)
    b.constant("w", np.array([[1]]), S8)
    b.add(Dense("d", "x", "w", None, "s"), S32)
    b.add(Clamp("c", "s", "y", -5, 5), S32)
    with pytest.raises(GraphError, match="its sums are read unscaled"):
        rounded_to(b.build(["y"]), 4)
    b = GraphBuilder("unsigned")
    b.input("x", (1,), S8)
    b.constant("w", np.array([[200]]), U8)
    b.add(Dense("d", "x", "w", None, "s"), S32)
    with pytest.raises(GraphError, match="u8 weights are not rounded"):
        rounded_to(b.build(["s"]), 4)
