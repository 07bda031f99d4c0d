"""Small graphs for the tests of the mcu target."""

from __future__ import annotations

import numpy as np

from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    Add,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Padding,
    Rescale,
    Reshape,
    Rounding,
    SumPool2d,
)
from hwkit.ir.types import S8, S32, U8, IntType


def rescale(shift: int, rounding: Rounding = Rounding.DOUBLE, low: int = -128) -> Rescale:
    return Rescale(((1 << 30) + 12345,), (shift,), rounding, low, 127, -3)


def residual(bits: int = 8) -> Graph:
    """u8 (8, 8, 3): conv, depthwise, pointwise, residual add, pool, dense to 5 raw sums."""
    rng = np.random.default_rng(7)
    b = GraphBuilder("residual")
    b.input("x", (8, 8, 3), U8)
    dtype = IntType(bits, True)

    def weight(name: str, *shape: int) -> str:
        return b.constant(name, rng.integers(dtype.low, dtype.high + 1, shape), dtype)

    one = Padding(1, 1, 1, 1)
    bias = b.constant("b", rng.integers(-500, 500, 8), S32)
    conv = Conv2d(
        "conv", "x", weight("w0", 8, 3, 3, 3), bias, "a", padding=one, input_zero_point=7,
        rescale=rescale(27 + bits),
    )  # fmt: skip
    b.add(conv, S8)
    depthwise = DepthwiseConv2d(
        "depthwise", "a", weight("w1", 1, 3, 3, 8), None, "c", padding=one, input_zero_point=-3,
        rescale=rescale(26 + bits, Rounding.HALF_UP),
    )  # fmt: skip
    b.add(depthwise, S8)
    pointwise = Conv2d(
        "pointwise", "c", weight("w2", 8, 1, 1, 8), None, "d", input_zero_point=-3,
        rescale=rescale(26 + bits, Rounding.HALF_EVEN),
    )  # fmt: skip
    b.add(pointwise, S8)
    b.add(Add("add", ("a", "d"), "e", (-3, -3), rescale=rescale(31)), S8)
    b.add(SumPool2d("pool", "e", "f", (4, 4), (4, 4), rescale=rescale(34)), S8)
    b.add(Reshape("flat", "f", "g"), S8, shape=(32,))
    b.add(Dense("dense", "g", weight("w3", 5, 32), None, "y", -3), S32)
    return b.build(["y"])
