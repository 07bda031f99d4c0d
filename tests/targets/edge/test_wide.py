"""32-bit integers between operators: in float32, below 2**24; what moves is next to nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hwkit.errors import UnsupportedOp
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    Add,
    Clamp,
    Constant,
    Conv2d,
    Dense,
    Padding,
    Requantize,
    Rescale,
    Reshape,
    Rounding,
    SumPool2d,
)
from hwkit.ir.types import S8, S32, Array, IntType
from tests.predicted import predicted
from tests.targets.edge.networks import BOARDS, compare, lowered

FINE = Rescale((3 << 28, 5 << 27), (20, 20), Rounding.HALF_EVEN, S32.low, S32.high)
"""Sums of a few hundred reach 2**19."""


def _x(graph: Graph) -> Array:
    shape = graph.tensors["x"].shape
    return np.random.default_rng(5).integers(-128, 128, (60, *shape)).astype(np.int8)


def _moved(graph: Graph, board: str, most: int = 0) -> int:
    """How many outputs are not the graph's, by at most ``most``; the runtime's equal its form's."""
    x = _x(graph)
    after, before = (np.asarray(predicted(g, x)) for g in (compare(graph, board, x).graph, graph))
    difference = np.abs(after.astype(np.int64) - before)
    assert difference.max() <= most
    return int(np.count_nonzero(difference))


@pytest.mark.parametrize("board", BOARDS)
def test_logits_with_a_float_bias(board: str) -> None:
    """What freezing makes of a last layer without a quantizer, its scales per channel or not."""
    for multiplier in ((1 << 20,), (1 << 20, 1234567)):
        b = GraphBuilder("logits")
        b.input("x", (4,), S8)
        b.constant("w", np.array([[1, 2, 1, 0], [-2, 1, 0, 1]]), S8)
        b.constant("b", np.array([7, -3]), S32)
        r = Rescale(multiplier, (14,) * len(multiplier), Rounding.HALF_EVEN, S32.low, S32.high,
                    offset=(123456, 777777))  # fmt: skip
        b.add(Dense("fc", "x", "w", "b", "y", rescale=r), S32)
        moved = _moved(b.build(["y"]), board, len(multiplier) - 1)
        assert moved == 0 if len(multiplier) == 1 else moved < 60


def _averaged(rounding: Rounding, offset: int, low: int = -128) -> Graph:
    """A float ReLU with a bias, its mean over 3 x 4, which no dyadic ratio gives."""
    b = GraphBuilder("averaged")
    b.input("x", (3, 4, 2), S8)
    b.constant("w", np.array([[2, 1], [-1, 3]]).reshape(2, 1, 1, 2), S8)
    b.add(Conv2d("conv", "x", "w", None, "sum", rescale=replace(FINE, offset=(1 << 27, 5))), S32)
    b.add(Clamp("relu", "sum", "relu", 0, S32.high), S32)
    b.add(SumPool2d("mean", "relu", "mean", (3, 4), (1, 1)), S32)
    b.add(Reshape("flat", "mean", "flat"), S32, shape=(2,))
    r = Rescale((715827883,), (50,), rounding, low, 100, 3, offset=(offset,))
    b.add(Requantize("q", "flat", "y", r), S8)
    return b.build(["y"])


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("rounding", [Rounding.HALF_EVEN, Rounding.HALF_UP, Rounding.FLOOR])
def test_a_mean_of_unquantized_sums(rounding: Rounding, board: str) -> None:
    for offset in (0, 1 << 48):
        assert _moved(_averaged(rounding, offset), board, 1) <= 1


@pytest.mark.parametrize("board", BOARDS)
def test_ties_of_a_tenth_stay_even(board: str) -> None:
    """A sum over 10 steps: first to a grid that has every tie, then half to even."""
    b = GraphBuilder("tenth")
    b.input("x", (2, 5, 3), S8)
    b.add(SumPool2d("sum", "x", "sum", (2, 5), (2, 5)), S32)
    fine = Rescale((1717986918,), (13,), Rounding.HALF_UP, S32.low, S32.high)
    b.add(Requantize("fine", "sum", "fine", fine), S32)
    b.add(Requantize("q", "fine", "y", Rescale((1,), (21,), Rounding.HALF_EVEN, -128, 127)), S8)
    assert _moved(b.build(["y"]), board) == 0


@pytest.mark.parametrize("board", BOARDS)
def test_a_sum_of_two_units_and_padded_windows(board: str) -> None:
    b = GraphBuilder("units")
    x = b.input("x", (4, 5, 2), S8)
    b.constant("w", np.array([[2, 1], [-1, 3]]).reshape(2, 1, 1, 2), S8)
    b.add(Conv2d("conv", x, "w", None, "conv"), S32)
    b.add(Add("add", ("conv", x), "add", (0, 7), (FINE, replace(FINE, offset=(1 << 29, 0)))), S32)
    b.add(SumPool2d("pool", "add", "pool", (3, 3), (2, 1), Padding(1, 0, 1, 2)), S32)
    r = Rescale((1 << 30,), (54,), Rounding.HALF_UP, -128, 127, -9)
    b.add(Requantize("q", "pool", "y", r), S8)
    assert _moved(b.build(["y"]), board, 1) <= 2


@pytest.mark.parametrize("board", BOARDS)
def test_narrow_inputs_whose_sum_fills_32_bits(board: str) -> None:
    """Two bits of an input that is stored in eight, on a grid as fine as 32 bits allow."""
    b = GraphBuilder("narrow")
    x = b.input("x", (2, 3, 2), IntType(2, True))
    b.constant("w", np.array([[1, 1], [-1, 0]]).reshape(2, 1, 1, 2), S8)
    b.add(Conv2d("conv", x, "w", None, "conv"), S32)
    sides = [Rescale((m,), (0,), Rounding.HALF_EVEN, S32.low, S32.high) for m in (8 << 20, 1 << 27)]
    r = Rescale((1 << 30,), (55,), Rounding.FLOOR, -128, 127, offset=(1 << 50, 3 << 50))
    b.add(Add("add", ("conv", x), "y", input_rescales=(sides[0], sides[1]), rescale=r), S8)
    graph = b.build(["y"])
    every = np.indices((4,) * 6).reshape(6, -1).T.reshape(-1, 1, 3, 2)[:300] - 2
    narrow = np.concatenate([every, every[::-1]], axis=1).astype(np.int8)
    form = compare(graph, board, narrow)
    after, before = (np.asarray(predicted(g, narrow)) for g in (form.graph, graph))
    assert np.array_equal(after, before)


@pytest.mark.parametrize("board", BOARDS)
def test_narrow_operands_of_an_8_bit_sum(board: str) -> None:
    """The same where both operands have two bits: others never come."""
    b = GraphBuilder("operands")
    x = b.input("x", (4,), IntType(2, True))
    sides = [Rescale((m,), (0,), Rounding.HALF_UP, S32.low, S32.high) for m in (3 << 27, 1 << 27)]
    r = Rescale((1 << 30,), (54,), Rounding.HALF_UP, -128, 127)
    b.add(Add("add", (x, x), "y", (0, 1), input_rescales=(sides[0], sides[1]), rescale=r), S8)
    graph = b.build(["y"])
    every = (np.arange(64).reshape(16, 4) % 4 - 2).astype(np.int8)
    form = compare(graph, board, every)
    assert np.array_equal(
        np.asarray(predicted(form.graph, every)), np.asarray(predicted(graph, every))
    )


def _sums(width: int) -> GraphBuilder:
    """Sums of whole maps, which are the layer's own integers and leave the graph as they are."""
    b = GraphBuilder("large")
    b.input("x", (300, width, 1), S8)
    b.add(SumPool2d("sum", "x", "sum", (300, width), (1, 1)), S32)
    return b


def test_sums_that_float32_cannot_hold_are_refused() -> None:
    with pytest.raises(UnsupportedOp, match=r"sum.*integers reach 19200000.* quantize its output"):
        lowered(_sums(500).build(["sum"]), "host_litert")


@pytest.mark.parametrize("board", BOARDS)
def test_sums_are_added_as_integers(board: str) -> None:
    """Beyond 2**24, which float32 does not have all of."""
    b = _sums(300)
    b.add(Add("add", ("sum", "sum"), "twice"), S32)
    b.constant("one", np.array([[[1]]]), S32)
    b.add(Constant("constant", "one", "ones"), S32)
    b.add(Add("odd", ("twice", "ones"), "y"), S32)
    x = np.full((1, 300, 300, 1), -128, np.int8)
    x[0, 0, 0] = -127
    form = compare(b.build(["y"]), board, x)
    assert predicted(form.graph, x).tolist() == [[[[-23039997]]]]
