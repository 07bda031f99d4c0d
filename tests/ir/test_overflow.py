"""Integers that wrap: arithmetic, legality, files, passes."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwkit.errors import GraphError, UnsupportedOp
from hwkit.ir import serialize
from hwkit.ir.arith import rescale
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Clamp, Dense, Overflow, Requantize, Rescale, Rounding, rescales
from hwkit.ir.types import S32, IntType
from hwkit.lower.checked import apply
from hwkit.lower.fuse_requantize import fuse_requantize
from hwkit.lower.retarget_rounding import retarget_rounding
from hwkit.lower.saturating import require_saturating
from hwkit.lower.shift_to_signed import from_signed, shift_to_signed, to_signed
from tests.predicted import predicted

WRAP = Rescale((3,), (2,), Rounding.HALF_UP, -8, 7, overflow=Overflow.WRAP)


def network(r: Rescale, dtype: IntType) -> Graph:
    b = GraphBuilder("wraps")
    b.input("x", (4,), IntType(4, False))
    b.constant("w", np.arange(-8, 8).reshape(4, 4) * 5, IntType(8, True))
    b.add(Dense("fc", "x", "w", None, "sums"), S32)
    b.add(Requantize("narrow", "sums", "y", r), dtype)
    return b.build(["y"])


@settings(derandomize=True, deadline=None, max_examples=200)
@given(
    st.lists(st.integers(-(2**30), 2**30), min_size=1, max_size=8),
    st.integers(1, 31),
    st.integers(0, 20),
    st.integers(2, 16),
    st.booleans(),
    st.sampled_from([Rounding.HALF_UP, Rounding.HALF_EVEN, Rounding.FLOOR]),
    st.integers(-100, 100),
)
def test_wrap_is_the_remainder_of_what_a_wide_range_gives(
    x: list[int], m: int, s: int, bits: int, signed: bool, mode: Rounding, zero: int
) -> None:
    dtype = IntType(bits, signed)
    wide = Rescale((m,), (s,), mode, -(2**62), 2**62, zero)
    low, high = dtype.low + zero, dtype.high + zero
    wrapped = rescale(np.array(x), replace(wide, low=low, high=high, overflow=Overflow.WRAP), "t")
    unbounded = [int(v) for v in rescale(np.array(x), wide, "t")]
    assert wrapped.tolist() == [(v - low) % (1 << bits) + low for v in unbounded]


@pytest.mark.parametrize(("low", "high"), [(-7, 7), (0, 14), (1, 8), (-4, 11), (-3, 4)])
def test_a_range_that_is_no_types_is_refused(low: int, high: int) -> None:
    r = replace(WRAP, low=low, high=high)
    with pytest.raises(GraphError, match="range of no integer type"):
        network(r, IntType(8, True))
    network(replace(r, overflow=Overflow.SATURATE), IntType(8, True))


def test_files_name_the_overflow_only_where_it_wraps() -> None:
    plain = network(replace(WRAP, overflow=Overflow.SATURATE), IntType(4, True))
    assert b"overflow" not in serialize.to_bytes(plain)
    assert serialize.digest(plain) == hashlib.sha256(serialize.to_bytes(plain)).hexdigest()
    graph = network(WRAP, IntType(4, True))
    data = serialize.to_bytes(graph)
    assert b'"overflow":"wrap"' in data
    again = serialize.from_bytes(data)
    assert again.nodes == graph.nodes and serialize.to_bytes(again) == data


def test_fusing_keeps_it_and_leaves_a_clamp_behind() -> None:
    graph = network(WRAP, IntType(4, True))
    nodes = (*graph.nodes, Clamp("relu", "y", "z", 0, 7))
    graph = replace(
        graph, nodes=nodes, tensors={**graph.tensors, "z": graph.tensors["y"]}, outputs=("z",)
    )
    fused = apply(graph, fuse_requantize)
    assert [type(op) for op in fused.nodes] == [Dense, Clamp]
    assert rescales(fused.nodes[0]) == (WRAP,)


def test_shifting_to_signed_moves_the_range_along() -> None:
    dtype = IntType(4, False)
    graph = network(replace(WRAP, low=0, high=15), dtype)
    signed = shift_to_signed(graph)
    x = np.random.default_rng(0).integers(0, 16, (50, 4))
    y = predicted(signed, to_signed(x, graph.tensors["x"]))
    assert np.array_equal(from_signed(y, graph.tensors["y"]), predicted(graph, x))


def test_another_rounding_wraps_as_well() -> None:
    graph = network(WRAP, IntType(4, True))
    moved, names = retarget_rounding(graph, {Requantize: (Rounding.DOUBLE,)}, "test")
    assert names == ("narrow",)
    assert [r.overflow for r in rescales(moved.nodes[1])] == [Overflow.WRAP]


def test_targets_that_saturate_refuse_by_name() -> None:
    graph = network(WRAP, IntType(4, True))
    with pytest.raises(UnsupportedOp, match=r"narrow: not supported by here; it wraps"):
        require_saturating(graph, "here")
    require_saturating(network(replace(WRAP, overflow=Overflow.SATURATE), IntType(4, True)), "here")
