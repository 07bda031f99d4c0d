"""Ops on 32-bit integers taken apart: the same integers, each rescale by itself."""

from __future__ import annotations

import numpy as np

from hwkit.ir.builder import GraphBuilder
from hwkit.ir.interpret import run
from hwkit.ir.ops import Add, Clamp, Requantize, Rescale, Rounding
from hwkit.ir.types import S8, S32, Array
from hwkit.lower.wide_apart import wide_apart

HALVED = Rescale((1,), (1,), Rounding.HALF_UP, S32.low, S32.high)
TO_S8 = Rescale((1,), (4,), Rounding.HALF_EVEN, -128, 127, 3)


def test_a_sum_whose_sides_differ_and_a_clamp() -> None:
    b = GraphBuilder("apart")
    b.input("x", (5,), S32)
    b.input("z", (5,), S8)
    b.add(Add("sum", ("x", "z"), "s", (7, -9), (HALVED, None)), S32)
    b.add(Clamp("clamp", "s", "c", -1000, 1000), S32)
    b.add(Add("last", ("c", "x"), "y", (0, 5), (None, HALVED), rescale=TO_S8), S8)
    graph = b.build(["y"])
    apart = wide_apart(graph)
    feeds: dict[str, Array] = {
        "x": np.array([[4001, -4000, 13, -1, 0]], np.int32),
        "z": np.array([[-128, 127, 5, -6, 0]], np.int8),
    }
    assert np.array_equal(run(apart, feeds)["y"], run(graph, feeds)["y"])
    adds = [op for op in apart.nodes if isinstance(op, Add)]
    assert all(op.input_zero_points == (0, 0) for op in adds)
    assert all(op.input_rescales == (None, None) and op.rescale is None for op in adds)
    kept = [op.rescale.rounding for op in apart.nodes if isinstance(op, Requantize)]
    assert kept == [
        Rounding.HALF_UP, Rounding.FLOOR, Rounding.FLOOR, Rounding.HALF_UP, Rounding.HALF_EVEN
    ]  # fmt: skip
