"""A small network that runs most kernels: what ``hwkit bringup`` puts on a board."""

from __future__ import annotations

import numpy as np

from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    NO_PADDING,
    Add,
    AvgPool2d,
    Clamp,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Lookup,
    MaxPool2d,
    Padding,
    Rescale,
    Reshape,
    Rounding,
    SumPool2d,
)
from hwkit.ir.types import S8, S32, IntType

_S4 = IntType(4, True)
_U4 = IntType(4, False)
_SEED = 3
_ONE = Padding(1, 1, 1, 1)


def golden_network() -> Graph:
    """s8 (10, 10, 3) to five 32-bit sums: convolutions and dense layers with weights of 8 and 4
    bits, depthwise, add, the pools, a table, a clamp, and every rounding of the kernels.

    Its constants are pseudo-random and the same for ever.
    """
    b = GraphBuilder("bringup")
    b.input("x", (10, 10, 3), S8)
    _convolutions(b)
    _head(b)
    return b.build(["sums"])


def small_golden_network() -> Graph:
    """u4 (6, 6, 2) to three sums: a convolution, a pool and a dense layer in fixed point, small
    enough for the least of the FPGA boards."""
    b = GraphBuilder("bringup-small")
    b.input("x", (6, 6, 2), _U4)
    scaled = Rescale((1,), (5,), Rounding.HALF_UP, 0, 15, 0)
    weight = _weight(b, "w_conv", _S4, 4, 3, 3, 2)
    b.add(Conv2d("conv", "x", weight, None, "a", rescale=scaled), _U4)
    b.add(MaxPool2d("max_pool", "a", "m", (2, 2), (2, 2)), _U4)
    b.add(Reshape("flatten", "m", "f"), _U4, shape=(16,))
    b.add(Dense("dense", "f", _weight(b, "w_dense", _S4, 3, 16), None, "sums"), S32)
    return b.build(["sums"])


def _convolutions(b: GraphBuilder) -> None:
    conv = Conv2d(
        "conv_s8",
        "x",
        _weight(b, "w_conv_s8", S8, 8, 3, 3, 3),
        _bias(b, 8),
        "a",
        padding=_ONE,
        input_zero_point=7,
        rescale=_rescale(35, Rounding.DOUBLE),
    )
    b.add(conv, S8)
    depthwise = DepthwiseConv2d(
        "depthwise_s8",
        "a",
        _weight(b, "w_depthwise", S8, 1, 3, 3, 8),
        None,
        "d",
        padding=_ONE,
        input_zero_point=-3,
        rescale=_rescale(34, Rounding.HALF_UP),
    )
    b.add(depthwise, S8)
    pointwise = Conv2d(
        "conv_s8_s4",
        "d",
        _weight(b, "w_conv_s4", _S4, 8, 1, 1, 8),
        None,
        "p",
        input_zero_point=-3,
        rescale=_rescale(30, Rounding.HALF_EVEN),
    )
    b.add(pointwise, S8)
    b.add(Add("add_s8", ("a", "p"), "s", (-3, -3), rescale=_rescale(31, Rounding.DOUBLE)), S8)


def _head(b: GraphBuilder) -> None:
    b.add(MaxPool2d("max_pool_s8", "s", "m", (2, 2), (2, 2)), S8)
    table = np.arange(-128, 128, dtype=np.int64)[::-1] // 2
    b.add(Lookup("lookup_s8", "m", b.constant("table", table, S8), "t"), S8)
    b.add(AvgPool2d("avg_pool_s8", "t", "v", (2, 2), (1, 1), NO_PADDING, -120, 120), S8)
    b.add(SumPool2d("sum_pool_s8", "v", "u", (2, 2), (2, 2), rescale=_rescale(32)), S8)
    b.add(Clamp("clamp_s8", "u", "c", -100, 100), S8)
    b.add(Reshape("flatten", "c", "f"), S8, shape=(32,))
    hidden = Dense(
        "dense_s8",
        "f",
        _weight(b, "w_dense_s8", S8, 12, 32),
        None,
        "h",
        -3,
        rescale=_rescale(35, Rounding.FLOOR),
    )
    b.add(hidden, S8)
    b.add(Dense("dense_s8_s4", "h", _weight(b, "w_dense_s4", _S4, 5, 12), None, "sums", -3), S32)


def _weight(b: GraphBuilder, name: str, dtype: IntType, *shape: int) -> str:
    # Seeded by the name: the same integers whatever comes before.
    rng = np.random.default_rng([_SEED, *name.encode()])
    return b.constant(name, rng.integers(dtype.low, dtype.high + 1, shape), dtype)


def _bias(b: GraphBuilder, channels: int) -> str:
    rng = np.random.default_rng(_SEED)
    return b.constant("bias", rng.integers(-500, 500, channels), S32)


def _rescale(shift: int, rounding: Rounding = Rounding.DOUBLE) -> Rescale:
    return Rescale(((1 << 30) + 12345,), (shift,), rounding, -128, 127, -3)
