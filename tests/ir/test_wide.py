"""Sums of more than 32 bits, as layers with 16-bit activations have them."""

from __future__ import annotations

import numpy as np
import pytest

from hwkit.errors import AccumulatorOverflow, GraphError
from hwkit.ir import serialize
from hwkit.ir.arith import reduced_multiplier
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.ops import Dense, Requantize, Rescale, Rounding
from hwkit.ir.types import S8, S16, S48, IntType
from tests.conformance.reference import run_plainly


def _dense(r: Rescale, bias: int, bits: int = 48) -> Graph:
    b = GraphBuilder("wide")
    b.input("x", (3000,), S16)
    b.constant("w", np.full((1, 3000), 127), S8)
    b.constant("b", np.array([bias]), S48)
    b.add(Dense("fc", "x", "w", "b", "y", accumulator_bits=bits, rescale=r), S16)
    return b.build(["y"])


_HALF_UP = Rescale((20001,), (40,), Rounding.HALF_UP, -32768, 32767)


@pytest.mark.parametrize("bias", [0, -(2**46), 2**46])
def test_sums_beyond_32_bits_are_exact(bias: int) -> None:
    graph = _dense(_HALF_UP, bias)
    x = np.random.default_rng(0).integers(-32768, 32768, (4, 3000)).astype(np.int16)
    x[0], x[1] = -32768, 32767
    np.testing.assert_array_equal(graph.predict(x), run_plainly(graph, x)["y"])
    again = serialize.from_bytes(serialize.to_bytes(graph))
    np.testing.assert_array_equal(again.constants["b"], [bias])


def test_a_sum_that_leaves_48_bits_raises() -> None:
    graph = _dense(_HALF_UP, 2**47 - 1)
    with pytest.raises(AccumulatorOverflow, match="48-bit"):
        graph.predict(np.full((1, 3000), 32767, np.int16))


@pytest.mark.parametrize(
    "r",
    [
        Rescale((1 << 30,), (40,), Rounding.DOUBLE, -128, 127),
        Rescale((1 << 15,), (40,), Rounding.HALF_UP, -128, 127),
        Rescale((1,), (40,), Rounding.FLOOR, -128, 127, left_shift=1),
    ],
)
def test_products_that_would_not_fit_are_illegal(r: Rescale) -> None:
    with pytest.raises(GraphError, match="48-bit sums need"):
        _dense(r, 0)


def test_reduced_multiplier() -> None:
    assert reduced_multiplier(0.5) == (1 << 14, 15)
    assert reduced_multiplier(1 - 2.0**-40) == (1 << 14, 14)
    assert reduced_multiplier(0.99999) == ((1 << 15) - 1, 15)
    with pytest.raises(ValueError, match="not below"):
        reduced_multiplier(2.0**15)


def test_an_unsigned_argument_of_32_bits_is_checked_too() -> None:
    """A device has signed 32 bits for it."""
    b = GraphBuilder("unsigned")
    b.input("x", (1,), IntType(32, False))
    r = Rescale((1,), (24,), Rounding.FLOOR, -128, 127)
    b.add(Requantize("q", "x", "y", r), S8)
    graph = b.build(["y"])
    assert run(graph, {"x": np.array([[(1 << 31) - 1]])})["y"].tolist() == [[127]]
    with pytest.raises(AccumulatorOverflow):
        run(graph, {"x": np.array([[1 << 31]])})
