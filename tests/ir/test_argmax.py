"""ArgMax: the first of the largest integers, and the targets that have no form of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwkit.errors import GraphError, UnsupportedOp
from hwkit.flow.build import lower
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import ArgMax, Clamp
from hwkit.ir.types import S8, S16, S32, U8, IntType, Quantization
from hwkit.lower.shift_to_signed import shift_to_signed, to_signed
from tests.predicted import predicted


def classes(dtype: IntType, shape: tuple[int, ...], output: IntType = S32) -> Graph:
    b = GraphBuilder("classes")
    facts = Quantization((1.0,), 0)
    b.input("x", shape, dtype, facts)
    b.add(Clamp("clamp", "x", "y", dtype.low, dtype.high - 1), dtype, facts)
    b.add(ArgMax("argmax", "y", "class"), output)
    return b.build(["class"])


@given(st.lists(st.integers(0, 3), min_size=1, max_size=9), st.sampled_from([S8, U8, S16, S32]))
def test_it_is_the_first_of_the_largest(values: list[int], dtype: IntType) -> None:
    graph = classes(dtype, (len(values),))
    x = np.array([values], dtype.container)
    assert predicted(graph, x).tolist() == [[values.index(max(values))]]


@given(st.integers(0, 1000))
def test_unsigned_integers_shifted_have_the_same_places(seed: int) -> None:
    graph = classes(U8, (3, 5))
    x = np.random.default_rng(seed).integers(0, 256, (4, 3, 5)).astype(np.uint8)
    shifted = shift_to_signed(graph)
    places = predicted(graph, x)
    assert places.shape == (4, 3, 1) and places.dtype == np.int32
    np.testing.assert_array_equal(places, predicted(shifted, to_signed(x, graph.tensors["x"])))


def test_wrong_types_and_shapes() -> None:
    with pytest.raises(GraphError, match="argmax: gives s32, not s8"):
        classes(S8, (4,), S8)
    b = GraphBuilder("none")
    b.input("x", (), S8)
    with pytest.raises(GraphError, match="no integers along the last axis"):
        b.add(ArgMax("argmax", "x", "class"), S32)


FOR_EACH_TARGET = ("virtual_m4", "host_litert", "host_tflm", "hls4ml_csim", "finn_sim", "rtl_sim")


@pytest.mark.parametrize("name", (*FOR_EACH_TARGET, "rtl_sim_unrolled"))
def test_every_target_refuses_it_by_name(name: str) -> None:
    with pytest.raises(UnsupportedOp, match=r"^argmax: .*ArgMax has no "):
        lower(classes(S8, (4,)), name, measure=False)
