"""Feeds that do not fit, batches, and exactness where float32 would lose bits."""

import numpy as np
import pytest

from hwkit.errors import AccumulatorOverflow, ConfigError
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.exact import compute_dtype
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.ops import Clamp, Dense, Requantize, Rescale, Rounding
from hwkit.ir.types import S8, S32, Array, IntType
from tests.predicted import predicted


def clamp_graph() -> Graph:
    b = GraphBuilder("clamp")
    b.input("x", (3,), IntType(4, True))
    b.add(Clamp("c", "x", "y", 0, 6), IntType(4, True))
    return b.build(["y"])


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((1, 3), np.float32), "is float32; give integers of type s4"),
        (np.zeros((1, 4), np.int8), r"has shape \(1, 4\); expected \(batch, 3\)"),
        (np.zeros(3, np.int8), "has shape"),
        (np.full((1, 3), 8), "has values 8..8; s4 holds -8..7"),
        (np.array([["a"]]), "give integers"),
    ],
)
def test_wrong_feeds(x: Array, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        predicted(clamp_graph(), x)


def test_missing_feed_names_the_inputs() -> None:
    with pytest.raises(ConfigError, match="input 'x' is missing"):
        run(clamp_graph(), {"z": np.zeros((1, 3), np.int8)})


def test_empty_batch_and_wide_dtype() -> None:
    assert predicted(clamp_graph(), np.zeros((0, 3), np.int8)).shape == (0, 3)
    assert predicted(clamp_graph(), np.array([[-8, 3, 7]])).tolist() == [[0, 3, 6]]


def test_large_batches_equal_single_samples() -> None:
    rng = np.random.default_rng(0)
    b = GraphBuilder("dense")
    b.input("x", (64,), S8)
    b.constant("w", rng.integers(-128, 128, (10, 64)), S8)
    b.add(Dense("fc", "x", "w", None, "y", 3), S32)
    graph = b.build(["y"])
    x = rng.integers(-128, 128, (1000, 64)).astype(np.int8)
    whole = predicted(graph, x)
    np.testing.assert_array_equal(whole, np.concatenate([predicted(graph, v[None]) for v in x]))


@pytest.mark.parametrize("inputs", [1024, 2048, 70000])
def test_sums_beyond_float32_are_exact(inputs: int) -> None:
    """1024 * 127 * 128 is just under 2**24, the others above."""
    b = GraphBuilder("wide")
    b.input("x", (inputs,), S8)
    weight = np.full((2, inputs), 127)
    weight[1, 0] = 126
    b.constant("w", weight, S8)
    b.add(Dense("fc", "x", "w", None, "y"), S32)
    got = predicted(b.build(["y"]), np.full((1, inputs), -127, np.int8))
    assert got.tolist() == [[-127 * 127 * inputs, -127 * 127 * inputs + 127]]


def test_compute_dtype_limits() -> None:
    assert compute_dtype(2**24) == np.float32
    assert compute_dtype(2**24 + 1) == np.float64
    assert compute_dtype(2**53 + 1) == np.int64


def test_overflow_of_32_bits_raises() -> None:
    b = GraphBuilder("huge")
    b.input("x", (1,), S8)
    b.constant("w", np.array([[127]]), S8)
    b.constant("b", np.array([2**31 - 1]), S32)
    b.add(Dense("fc", "x", "w", "b", "y"), S32)
    graph = b.build(["y"])
    assert predicted(graph, np.array([[-1]])).tolist() == [[2**31 - 128]]
    with pytest.raises(AccumulatorOverflow, match="fc: a sum of 2147483774"):
        predicted(graph, np.array([[1]]))


def test_what_is_rescaled_has_32_bits_without_its_zero_point() -> None:
    b = GraphBuilder("far")
    b.input("x", (1,), S32)
    r = Rescale((1,), (1,), Rounding.FLOOR, S32.low, S32.high)
    b.add(Requantize("half", "x", "y", r, -2), S32)
    graph = b.build(["y"])
    assert predicted(graph, np.array([[2**31 - 3]])).tolist() == [[2**30 - 1]]
    with pytest.raises(AccumulatorOverflow, match="half: a sum of 2147483648"):
        predicted(graph, np.array([[2**31 - 2]]))
