"""Layers of 8 and of 16 bits in one network, as firmware."""

from __future__ import annotations

import numpy as np
import pytest

from hwkit import boards
from hwkit.errors import UnsupportedOp
from hwkit.flow.verify import verify
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    Add,
    Concat,
    Constant,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Lookup,
    Mul,
    Padding,
    Requantize,
    Rescale,
    Reshape,
    ResizeNearest,
    Rounding,
    Slice,
    Sub,
)
from hwkit.ir.types import S8, S16, S32, S48, U8, IntType
from hwkit.targets.mcu.target import TARGET
from tests.emulators import skip_without_emulator

S12, U12, U16 = IntType(12, True), IntType(12, False), IntType(16, False)


def _to(dtype: IntType, shift: int, zero_point: int = 0) -> Rescale:
    return Rescale((12345,), (shift,), Rounding.HALF_EVEN, dtype.low, dtype.high, zero_point)


def mixed() -> Graph:
    """8 bits into 16 and back by layers, sums, tables; operands of both; unsigned ones."""
    rng = np.random.default_rng(0)
    b = GraphBuilder("mixed")
    b.input("x", (4, 5, 4), U8)
    b.constant("w", rng.integers(-128, 128, (4, 3, 3, 4)), S8)
    one = Padding(1, 1, 1, 1)
    conv = Conv2d(
        "conv", "x", "w", None, "c", padding=one, input_zero_point=3, rescale=_to(U12, 18)
    )
    b.add(conv, U12)
    b.constant("v", rng.integers(-8, 8, (1, 3, 3, 4)), IntType(4, True))
    deep = DepthwiseConv2d("deep", "c", "v", None, "d", padding=one, rescale=_to(S8, 19))
    b.add(deep, S8)
    b.add(Add("add", ("d", "c"), "a", rescale=_to(U16, 12, 9)), U16)
    b.constant("k", rng.integers(-3000, 3000, (1, 1, 4)), S16)
    b.add(Constant("constant", "k", "kc"), S16)
    b.add(Sub("sub", ("a", "kc"), "s", (9, 0), rescale=_to(S16, 15)), S16)
    b.add(Mul("mul", ("s", "d"), "m", rescale=_to(S12, 22)), S12)
    b.add(ResizeNearest("resize", "m", "r", (0, 1, 1, 3), (0, 2, 2, 4)), S12)
    b.add(Concat("concat", ("r", "r"), "cc", 2), S12)
    b.constant("t", rng.integers(-128, 128, 1 << 12), S8)
    b.add(Lookup("down", "cc", "t", "n"), S8)
    b.constant("u", rng.integers(-32768, 32768, 256), S16)
    b.add(Lookup("up", "n", "u", "l"), S16)
    b.add(Slice("slice", "l", "h", (0, 3, 1), (2, 2, 4), (2, -1, 2)), S16)
    b.add(Reshape("flat", "h", "f"), S16, shape=(16,))
    b.constant("p", rng.integers(-128, 128, (9, 16)), S8)
    b.constant("bias", rng.integers(-(1 << 44), 1 << 44, 9), S48)
    wide = Rescale((20001,), (45,), Rounding.HALF_UP, -32768, 32767)
    b.add(Dense("dense", "f", "p", "bias", "q", 0, 48, wide), S16)
    b.add(Requantize("last", "q", "y", _to(S8, 20, -4)), S8)
    return b.build(["y"])


@pytest.mark.parametrize("board", ["virtual_m4", "virtual_m0"])
def test_mixed_layers_are_exact(board: str) -> None:
    skip_without_emulator(boards.load(board))
    done = verify(mixed(), board, samples=6)
    assert (done.differing, done.moved) == (0, 0) and done.integers > 0


def test_logits_of_16_bits() -> None:
    b = GraphBuilder("logits")
    b.input("x", (30,), S8)
    b.constant("w", np.random.default_rng(0).integers(-128, 128, (7, 30)), S8)
    b.add(Dense("fc", "x", "w", None, "y", rescale=_to(S16, 17)), S16)
    graph = b.build(["y"])
    skip_without_emulator(boards.load("virtual_m4"))
    assert verify(graph, "virtual_m4", samples=8).differing == 0


def test_long_sums_into_32_bits() -> None:
    b = GraphBuilder("long")
    b.input("x", (600,), S16)
    b.constant("w", np.full((2, 600), 127), S8)
    wide = Rescale((1,), (2,), Rounding.FLOOR, S32.low, S32.high)
    b.add(Dense("fc", "x", "w", None, "s", 0, 48, wide), S32)
    skip_without_emulator(boards.load("virtual_m4"))
    assert verify(b.build(["s"]), "virtual_m4", samples=8).differing == 0


def test_17_bits_are_refused() -> None:
    b = GraphBuilder("wide")
    b.input("x", (6,), IntType(17, True))
    b.add(Requantize("q", "x", "y", _to(S8, 20)), S8)
    with pytest.raises(UnsupportedOp, match=r"x: .*input of 17 bits; quantize it to 16"):
        TARGET.lower(b.build(["y"]), boards.load("virtual_m4"))
