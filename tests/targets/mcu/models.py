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


def separable(seed: int = 0) -> Graph:
    """s8 (8, 8, 4): three blocks of depthwise 3x3 and pointwise convolutions, dense to 6."""
    rng = np.random.default_rng(seed)
    b = GraphBuilder("separable")
    x = b.input("x", (8, 8, 4), S8)

    def weight(name: str, *shape: int) -> str:
        return b.constant(name, rng.integers(-128, 128, shape), S8)

    for k, outputs in enumerate((8, 12, 12)):
        channels = b.shape(x)[-1]
        depthwise = DepthwiseConv2d(
            f"depthwise{k}", x, weight(f"d{k}", 1, 3, 3, channels), None, f"d{k}.y",
            padding=Padding(1, 1, 1, 1), input_zero_point=-3, rescale=rescale(38),
        )  # fmt: skip
        x = b.add(depthwise, S8)
        pointwise = Conv2d(
            f"pointwise{k}", x, weight(f"p{k}", outputs, 1, 1, channels), None, f"p{k}.y",
            input_zero_point=-3, rescale=rescale(38),
        )  # fmt: skip
        x = b.add(pointwise, S8)
    x = b.add(SumPool2d("pool", x, "pooled", (8, 8), (8, 8), rescale=rescale(37)), S8)
    x = b.add(Reshape("flat", x, "row"), S8, shape=(b.shape(x)[-1],))
    b.add(Dense("dense", x, weight("w", 6, b.shape(x)[-1]), None, "y", -3), S32)
    return b.build(["y"])
