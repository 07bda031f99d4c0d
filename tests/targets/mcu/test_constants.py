"""Constants that kernels store narrower than the graph: exact, or refused by the op's name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hwkit import boards
from hwkit.errors import UnsupportedOp
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.ops import (
    Add,
    Clamp,
    Constant,
    Conv2d,
    Dense,
    Lookup,
    Op,
    Pad,
    Padding,
    Prelu,
    Requantize,
    Rescale,
    Reshape,
    Rounding,
    SumPool2d,
)
from hwkit.ir.types import S8, S32, U8, Array, IntType
from hwkit.targets.mcu.target import TARGET as mcu
from tests import sessions

BOARD = boards.load("virtual_m4")
EVERY_U8 = np.arange(256)
FINE = Rescale((1 << 30,), (37,), Rounding.HALF_EVEN, -128, 127)


def _u8(op: Op, constants: dict[str, tuple[Array, IntType]], dtype: IntType = U8) -> Graph:
    b = GraphBuilder("constants")
    b.input("x", (16, 16), U8)
    for name, (value, of) in constants.items():
        b.constant(name, value, of)
    b.add(op, dtype)
    return b.build(["y"])


def _check(graph: Graph, folder: Path) -> None:
    """Every u8 integer, as the interpreter has it."""
    lowered = mcu.lower(graph, BOARD)
    artifact = mcu.build(mcu.emit(lowered), lowered, folder)
    x = EVERY_U8.reshape(1, 16, 16).astype(np.uint8)
    x = np.concatenate([x, x[:, ::-1]])
    got = sessions.run(artifact, sessions.entered(graph, lowered.graph, x))
    expected = run(graph, {"x": x})["y"]
    assert np.array_equal(sessions.left(graph, lowered.graph, got), expected)


@pytest.mark.parametrize(
    ("dtype", "zero_point"), [(U8, 0), (U8, 255), (IntType(5, False), 31), (S8, -128)], ids=str
)
def test_slopes_of_every_type(tmp_path: Path, dtype: IntType, zero_point: int) -> None:
    slopes = np.linspace(dtype.low, dtype.high, 16).astype(int).reshape(1, 16)
    same = Rescale((1,), (0,), Rounding.FLOOR, 0, 255)
    fall = Rescale((1 << 30,), (38,), Rounding.HALF_UP, 0, 255, 100)
    op = Prelu("p", "x", "s", "y", same, fall, 130, zero_point)
    _check(_u8(op, {"s": (slopes, dtype)}), tmp_path)


def test_unsigned_tables(tmp_path: Path) -> None:
    _check(_u8(Lookup("l", "x", "t", "y"), {"t": (EVERY_U8[::-1], U8)}), tmp_path)


def test_a_table_that_is_also_read_as_slopes(tmp_path: Path) -> None:
    b = GraphBuilder("shared")
    b.input("x", (16, 16), U8)
    b.constant("c", EVERY_U8.reshape(16, 16), U8)
    same = Rescale((1,), (0,), Rounding.FLOOR, 0, 255)
    fall = Rescale((1 << 30,), (38,), Rounding.HALF_UP, 0, 255, 100)
    b.add(Prelu("p", "x", "c", "z", same, fall, 130, 7), U8)
    b.add(Constant("k", "c", "v"), U8)
    out = Rescale((1 << 30,), (31,), Rounding.FLOOR, 0, 255)
    b.add(Add("a", ("z", "v"), "y", (0, 0), rescale=out), U8)
    _check(b.build(["y"]), tmp_path)


def test_padding_with_the_largest_unsigned_integer(tmp_path: Path) -> None:
    b = GraphBuilder("pad")
    b.input("x", (16, 16, 1), U8)
    b.add(Pad("p", "x", "y", Padding(1, 0, 2, 3), 255), U8)
    graph = b.build(["y"])
    lowered = mcu.lower(graph, BOARD)
    artifact = mcu.build(mcu.emit(lowered), lowered, tmp_path)
    x = EVERY_U8.reshape(1, 16, 16, 1).astype(np.uint8)
    got = sessions.run(artifact, sessions.entered(graph, lowered.graph, x))
    expected = run(graph, {"x": x})["y"]
    assert np.array_equal(sessions.left(graph, lowered.graph, got), expected)


def _dense(bias: int, accumulator_bits: int) -> Graph:
    b = GraphBuilder("dense")
    b.input("x", (2,), S8)
    b.constant("w", np.array([[1, -1]]), S8)
    b.constant("b", np.array([bias]), IntType(40, True))
    r = Rescale((1 << 14,), (45,), Rounding.HALF_UP, -128, 127)
    op = Dense("fc", "x", "w", "b", "y", accumulator_bits=accumulator_bits, rescale=r)
    b.add(op, S8)
    return b.build(["y"])


def test_a_bias_beyond_32_bits_is_refused() -> None:
    with pytest.raises(UnsupportedOp, match=r"fc.*sums of up to 4294967552 do not fit 32 bits; "):
        mcu.lower(_dense(1 << 32, 40), BOARD)


def test_a_wide_accumulator_whose_sums_fit_is_exact(tmp_path: Path) -> None:
    graph = _dense(-(1 << 31) + 300, 40)
    lowered = mcu.lower(graph, BOARD)
    artifact = mcu.build(mcu.emit(lowered), lowered, tmp_path)
    x = np.array([[-128, 127], [127, -128], [3, 4]], np.int8)
    assert np.array_equal(sessions.run(artifact, x), run(graph, {"x": x})["y"])


def test_a_rescale_to_17_bits_is_refused() -> None:
    b = GraphBuilder("wide")
    b.input("x", (4,), S8)
    s17 = IntType(17, True)
    b.add(Requantize("r", "x", "y", Rescale((3,), (0,), Rounding.FLOOR, -999, 999)), s17)
    with pytest.raises(UnsupportedOp, match=r"r.*output of 17 bits; give 16, or whole sums"):
        mcu.lower(b.build(["y"]), BOARD)


def test_rescales_to_32_bits_are_exact(tmp_path: Path) -> None:
    """Two layers of unlike units with float biases, their sum, its mean, and logits on a grid."""
    b = GraphBuilder("wide")
    x = b.input("x", (2, 3, 2), S8)
    fine = Rescale((3 << 27, 1), (20, 0), Rounding.HALF_EVEN, S32.low, S32.high, offset=(5, 77))
    b.constant("w", np.arange(-4, 4).reshape(2, 1, 1, 4)[..., :2], S8)
    conv = Conv2d("conv", x, "w", None, "sum", rescale=fine)
    b.add(conv, S32)
    b.add(Clamp("relu", "sum", "relu", 0, 1 << 20), S32)
    b.add(Add("add", ("relu", x), "add", (0, 3), (None, fine)), S32)
    mean = Rescale((715827883,), (32,), Rounding.HALF_UP, -128, 127)
    b.add(SumPool2d("mean", "add", "mean", (2, 3), (1, 1)), S32)
    b.add(Requantize("q", "mean", "q", replace(mean, shift=(50,))), S8)
    b.add(Reshape("flat", "q", "flat"), S8, shape=(2,))
    b.constant("fc.w", np.array([[1, -2], [3, 4]]), S8)
    b.add(Dense("fc", "flat", "fc.w", None, "y", rescale=fine), S32)
    graph = b.build(["y"])
    lowered = mcu.lower(graph, BOARD)
    artifact = mcu.build(mcu.emit(lowered), lowered, tmp_path)
    feeds = np.random.default_rng(3).integers(-128, 128, (9, 2, 3, 2)).astype(np.int8)
    assert np.array_equal(sessions.run(artifact, feeds), run(graph, {"x": feeds})["y"])
