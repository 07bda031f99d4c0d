"""ArgMax: the first of the largest integers, on every target that has a form of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwkit import boards
from hwkit.errors import GraphError, UnsupportedOp
from hwkit.flow.build import lower
from hwkit.flow.verify import verify
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import ArgMax, Clamp
from hwkit.ir.types import S8, S16, S32, U8, IntType, Quantization
from hwkit.lower.shift_to_signed import shift_to_signed, to_signed
from tests.emulators import skip_without_emulator
from tests.predicted import predicted


def classes(
    dtype: IntType, shape: tuple[int, ...], output: IntType = S32, most: int | None = None
) -> Graph:
    b = GraphBuilder("classes")
    facts = Quantization((1.0,), 0)
    b.input("x", shape, dtype, facts)
    b.add(Clamp("clamp", "x", "y", dtype.low, most or dtype.high - 1), dtype, facts)
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


@pytest.mark.parametrize("name", ("hls4ml_csim", "finn_sim", "rtl_sim_unrolled"))
def test_targets_without_it_refuse_it_by_name(name: str) -> None:
    with pytest.raises(UnsupportedOp, match=r"^argmax: .*ArgMax has no "):
        lower(classes(S8, (4,)), name, measure=False)


@pytest.mark.parametrize("name", ("host_litert", "host_tflm"))
def test_runtimes_take_8_bits(name: str) -> None:
    with pytest.raises(UnsupportedOp, match=r"^argmax: .*8-bit integers alone; requantize"):
        lower(classes(S16, (4,)), name, measure=False)


@pytest.mark.parametrize(
    "board",
    [
        "host_litert",
        "host_tflm",
        pytest.param("virtual_m4", marks=pytest.mark.slow),
        pytest.param("virtual_rv32", marks=pytest.mark.slow),
        pytest.param("rtl_sim", marks=pytest.mark.slow),
    ],
)
def test_every_target_takes_the_first_of_equals(board: str) -> None:
    skip_without_emulator(boards.load(board))
    rng = np.random.default_rng(4)
    for dtype in (S8, U8):
        for shape in ((10,), (3, 4)):
            graph = classes(dtype, shape, most=3)
            x = rng.integers(0, 5, (40, *shape)).astype(dtype.container)
            found = verify(graph, board, x)
            assert (found.integers >= 40, found.differing) == (True, 0)
