"""Products of matrices, layer norm and softmax from a table: their edges, and how near to the real
function they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwkit.errors import AccumulatorOverflow, GraphError
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.counts import macs
from hwkit.ir.graph import Graph
from hwkit.ir.layer_norm import MOST_CHANNELS, epsilon_of, normalized
from hwkit.ir.ops import LayerNorm, LayerNormKind, MatMul, Rescale, Rounding, Softmax, SoftmaxKind
from hwkit.ir.serialize import from_bytes, to_bytes
from hwkit.ir.softmax_table import softmax_table
from hwkit.ir.types import S8, S16, S32, IntType, Shape
from tests.predicted import predicted

_TO_S8 = Rescale((1,), (20,), Rounding.HALF_EVEN, -128, 127)


def product(a: Shape, b: Shape, transposed: tuple[bool, bool] = (False, False)) -> Graph:
    builder = GraphBuilder("product")
    builder.input("a", a, S8)
    builder.input("b", b, S8)
    builder.add(MatMul("m", ("a", "b"), "y", transposed), S32)
    return builder.build(["y"])


def one(op: Softmax | LayerNorm, depth: int = 4, dtype: IntType = S8, out: IntType = S32) -> Graph:
    builder = GraphBuilder("one")
    builder.input("x", (depth,), dtype)
    builder.constant("signs", np.ones(4), IntType(2, True))
    builder.add(op, out)
    return builder.build(["y"])


@pytest.mark.parametrize(
    ("a", "b", "transposed", "shape", "count"),
    [
        ((2, 3, 4), (2, 4, 5), (False, False), (2, 3, 5), 120),
        ((2, 4, 3), (2, 4, 5), (True, False), (2, 3, 5), 120),
        ((2, 3, 4), (1, 5, 4), (False, True), (2, 3, 5), 120),
        ((1, 1, 3, 4), (2, 2, 4, 1), (False, False), (2, 2, 3, 1), 48),
        ((3, 4), (4, 5), (False, False), (3, 5), 60),
    ],
)
def test_shapes_and_counts(
    a: Shape, b: Shape, transposed: tuple[bool, bool], shape: Shape, count: int
) -> None:
    graph = product(a, b, transposed)
    assert graph.tensors["y"].shape == shape
    assert macs(graph, graph.nodes[0]) == count
    assert to_bytes(from_bytes(to_bytes(graph))) == to_bytes(graph)


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ((3,), (3,), "one rank"),
        ((2, 3, 4), (4, 5), "one rank"),
        ((2, 3, 4), (2, 5, 4), "do not fit"),
        ((2, 3, 4), (3, 4, 5), "do not fit"),
        ((2, 1, 3, 4), (1, 2, 4, 5), "do not fit"),
    ],
)
def test_matrices_that_do_not_fit(a: Shape, b: Shape, message: str) -> None:
    with pytest.raises(GraphError, match=message):
        product(a, b)


def test_a_sum_beyond_its_accumulator() -> None:
    builder = GraphBuilder("product")
    builder.input("a", (1, 3), S8)
    builder.add(MatMul("m", ("a", "a"), "y", (False, True), accumulator_bits=16), IntType(16, True))
    graph = builder.build(["y"])
    assert predicted(graph, np.array([[[100, 100, 100]]])).tolist() == [[[30000]]]
    with pytest.raises(AccumulatorOverflow, match="48387"):
        predicted(graph, np.array([[[127, 127, 127]]]))


@settings(max_examples=30, deadline=None)
@given(
    st.integers(2, 70),
    st.sampled_from([S8, S16]),
    st.sampled_from([0.0, 1e-5, 1e-2]),
    st.integers(0, 999),
)
def test_layer_norm_is_the_real_one(channels: int, dtype: IntType, eps: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    width = int(rng.integers(1, dtype.high))
    x = rng.integers(-width, width + 1, (20, channels)).clip(dtype.low, dtype.high)
    x[0] = 5
    step = 0.03
    real = x * step
    centred = real - real.mean(axis=1, keepdims=True)
    epsilon = epsilon_of(eps, step, channels)
    assert abs(epsilon - 256 * channels**2 * eps / step**2) <= 0.5
    eps = epsilon / 256 / channels**2 * step**2
    spread = np.sqrt((centred**2).mean(axis=1, keepdims=True) + eps)
    wanted = np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 0)
    assert np.abs(normalized(x, epsilon) / (1 << 24) - wanted).max() < 2.0**-22


def test_the_largest_layer_norm_fits() -> None:
    x = np.full((1, MOST_CHANNELS), S16.low)
    x[0, 0] = S16.high
    got = normalized(x, 0)[0]
    assert abs(int(got[0]) - round((MOST_CHANNELS - 1) ** 0.5 * (1 << 24))) <= 1
    assert got[0] <= S32.high


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 300), st.floats(1e-3, 2.0), st.integers(0, 999))
def test_softmax_is_the_real_one(depth: int, step: float, seed: int) -> None:
    x = np.random.default_rng(seed).integers(-128, 128, (8, depth))
    e = np.exp(step * (x - x.max(axis=1, keepdims=True)))
    wanted = e / e.sum(axis=1, keepdims=True)
    assert np.abs(softmax_table(x, step) / (1 << 30) - wanted).max() < 2.0**-28


@pytest.mark.parametrize(
    ("op", "options", "message"),
    [
        (LayerNorm("n", "x", "y", -1), {}, "epsilon -1"),
        (LayerNorm("n", "x", "y", 0, kind=LayerNormKind.FLOAT), {}, "needs a rescale"),
        (LayerNorm("n", "x", "y", 0, "signs"), {"depth": 5}, "signs must be s2"),
        (LayerNorm("n", "x", "y", 0), {"dtype": S32}, "at most 4096 of 16 bits"),
        (LayerNorm("n", "x", "y", 0), {"out": S8}, "give it a rescale"),
        (Softmax("s", "x", "y", 0.0, SoftmaxKind.TABLE), {}, "above 0"),
        (Softmax("s", "x", "y", 0.1, SoftmaxKind.TABLE), {"dtype": S16}, "rows of up to 4096"),
        (Softmax("s", "x", "y", 0.1, SoftmaxKind.FIXED, _TO_S8), {"out": S8}, "has no rescale"),
    ],
)
def test_what_is_malformed(op: Softmax | LayerNorm, options: dict[str, Any], message: str) -> None:
    with pytest.raises(GraphError, match=message):
        one(op, **options)
