"""Offsets of rescales: arithmetic, legality, files, and the two ways into a bias."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwkit.errors import GraphError, UnsupportedOp
from hwkit.ir import serialize
from hwkit.ir.arith import MAX_OFFSET, rescale
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.ops import Dense, Requantize, Rescale, Rounding
from hwkit.ir.types import S8, S32
from hwkit.lower.checked import apply, golden_inputs
from hwkit.lower.offset_to_bias import rounded_to_bias, whole_steps_to_bias
from tests.conformance.reference import scale_one

SINGLE = (Rounding.HALF_UP, Rounding.HALF_EVEN, Rounding.FLOOR)
OFFSETS = st.integers(-(2**40), 2**40) | st.sampled_from([MAX_OFFSET, -MAX_OFFSET])


def network(r: Rescale, bias: list[int] | None = None) -> Graph:
    b = GraphBuilder("offsets")
    b.input("x", (4,), S8)
    b.constant("w", np.arange(-6, 6).reshape(3, 4) * 9, S8)
    if bias is not None:
        b.constant("b", np.array(bias), S32)
    b.add(Dense("fc", "x", "w", None if bias is None else "b", "y", rescale=r), S8)
    return b.build(["y"])


def narrowed(graph: Graph) -> Graph:
    """``graph``, whose only layer sums in 20 bits."""
    (op,) = graph.nodes
    assert isinstance(op, Dense)
    return graph.with_nodes((replace(op, accumulator_bits=20),))


@settings(derandomize=True, deadline=None, max_examples=300)
@given(
    st.lists(st.integers(-(2**31), 2**31 - 1), min_size=2, max_size=2),
    st.lists(st.integers(0, 2**31 - 1), min_size=2, max_size=2),
    st.lists(st.integers(0, 62), min_size=2, max_size=2),
    st.lists(OFFSETS, min_size=2, max_size=2),
    st.sampled_from(SINGLE),
)
def test_equals_exact_arithmetic_to_the_ends_of_64_bits(
    x: list[int], m: list[int], s: list[int], o: list[int], mode: Rounding
) -> None:
    r = Rescale(tuple(m), tuple(s), mode, -(2**62), 2**62, offset=tuple(o))
    expected = [scale_one(a, r, k) for k, a in enumerate(x)]
    assert rescale(np.array(x), r, "t").tolist() == expected


def test_one_multiplier_may_have_an_offset_for_each_channel() -> None:
    r = Rescale((1,), (2,), Rounding.HALF_UP, -128, 127, offset=(0, 1, 2))
    assert rescale(np.array([[1, 1, 1], [5, 5, 5]]), r, "t").tolist() == [[0, 1, 1], [1, 2, 2]]
    assert r.channels == 3


@pytest.mark.parametrize("mode", [Rounding.DOUBLE, Rounding.FLOAT32])
def test_roundings_of_runtimes_without_an_offset_are_refused(mode: Rounding) -> None:
    m = 1 << (30 if mode is Rounding.DOUBLE else 20)
    with pytest.raises(GraphError, match="has no offset"):
        network(Rescale((m,), (35,), mode, -128, 127, offset=(1,)))


@pytest.mark.parametrize("offset", [(1, 2), (MAX_OFFSET + 1,), ()])
def test_offsets_that_fit_no_channel_or_64_bits_are_refused(offset: tuple[int, ...]) -> None:
    with pytest.raises(GraphError, match="offsets"):
        network(Rescale((1,), (5,), Rounding.HALF_UP, -128, 127, offset=offset))


def test_files_without_an_offset_do_not_have_the_field() -> None:
    plain = network(Rescale((1,), (5,), Rounding.HALF_UP, -128, 127))
    assert b"offset" not in serialize.to_bytes(plain).replace(b'"offsets"', b"")
    moved = network(Rescale((1,), (5,), Rounding.HALF_UP, -128, 127, offset=(3, 0, -3)))
    again = serialize.from_bytes(serialize.to_bytes(moved))
    assert again.nodes == moved.nodes
    assert serialize.digest(again) != serialize.digest(plain)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(
    st.lists(st.integers(0, 2**20), min_size=3, max_size=3),
    st.integers(0, 40),
    st.lists(st.integers(-(2**50), 2**50), min_size=3, max_size=3),
    st.sampled_from(SINGLE),
    st.none() | st.lists(st.integers(-1000, 1000), min_size=3, max_size=3),
)
def test_whole_steps_go_into_the_bias_exactly(
    m: list[int], s: int, o: list[int], mode: Rounding, bias: list[int] | None
) -> None:
    r = Rescale(tuple(m), (s,) * 3, mode, -128, 127, offset=tuple(o))
    graph = apply(network(r, bias), whole_steps_to_bias)
    (op,) = graph.nodes
    assert isinstance(op, Dense) and op.rescale is not None
    rest = np.broadcast_to(op.rescale.offset, 3)
    if op.bias != "b" and op.bias is not None:
        assert all(0 <= x < k for x, k in zip(rest, m, strict=True) if k)


def test_whole_steps_stay_where_the_sum_is_too_narrow_for_them() -> None:
    plain = network(Rescale((1,), (5,), Rounding.FLOOR, -128, 127, offset=(1 << 19,)))
    graph = narrowed(plain)
    assert apply(graph, whole_steps_to_bias).nodes == graph.nodes


def test_rounding_into_the_bias_names_the_nodes_that_may_move() -> None:
    r = Rescale((5,), (5,), Rounding.HALF_UP, -128, 127, offset=(10, 8, -2))
    graph, moved = rounded_to_bias(network(r, [3, 3, 3]), "example")
    assert moved == ("fc",)
    (op,) = graph.nodes
    assert isinstance(op, Dense) and op.bias is not None
    assert graph.constants[op.bias].tolist() == [5, 5, 3]
    assert op.rescale is not None and not any(op.rescale.offset)


def test_a_bias_has_an_accumulator_of_32_bits() -> None:
    plain = network(Rescale((4,), (5,), Rounding.HALF_UP, -128, 127, offset=(8, 4, -12)))
    graph = narrowed(plain)
    (op,) = rounded_to_bias(graph, "example")[0].nodes
    assert isinstance(op, Dense) and op.bias is not None
    assert op.accumulator_bits == 32


def test_rounding_whole_steps_moves_nothing() -> None:
    r = Rescale((4,), (5,), Rounding.HALF_UP, -128, 127, offset=(8, 4, -12))
    before = network(r)
    after, moved = rounded_to_bias(before, "example")
    assert moved == ()
    feeds = golden_inputs(before, 50)
    assert np.array_equal(run(before, feeds)["y"], run(after, feeds)["y"])


def test_an_offset_where_no_bias_is_has_to_be_refused() -> None:
    b = GraphBuilder("alone")
    b.input("x", (4,), S8)
    r = Rescale((4,), (5,), Rounding.HALF_UP, -128, 127, offset=(1,))
    b.add(Requantize("narrow", "x", "y", r), S8)
    graph = b.build(["y"])
    with pytest.raises(UnsupportedOp, match="offset"):
        rounded_to_bias(graph, "example")


def test_a_step_of_the_sum_is_split_to_the_last_bit() -> None:
    r = Rescale((3,), (4,), Rounding.HALF_EVEN, -128, 127, offset=(5,))
    values = np.arange(-50, 50)
    expected = [round(Fraction(3 * int(a) + 5, 16)) for a in values]
    assert rescale(values, r, "t").tolist() == expected
    assert rescale(values, replace(r, offset=(0,)), "t").tolist() != expected
