"""Small graphs that the tests of the edge lane share."""

from __future__ import annotations

import numpy as np

from hwkit import boards
from hwkit.boards import EdgeBoard
from hwkit.ir.arith import quantize_multiplier
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    Add,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    MaxPool2d,
    Padding,
    Rescale,
    Reshape,
    Rounding,
    Softmax,
    SoftmaxKind,
)
from hwkit.ir.types import S8, S32, Array, Quantization
from hwkit.target import Lowered
from hwkit.targets.edge.emit import MODEL
from hwkit.targets.edge.loaded import load, run_all
from hwkit.targets.edge.original import EdgePlan
from hwkit.targets.edge.target import TARGET as edge

BOARDS = ("host_litert", "host_tflm")


def runtime(board: str) -> EdgeBoard:
    description = boards.load(board).edge
    assert description is not None
    return description


def lowered(graph: Graph, board: str) -> Lowered[EdgePlan]:
    return edge.lower(graph, boards.load(board))


def compare(graph: Graph, board: str, x: Array) -> Lowered[EdgePlan]:
    """Lowers, emits and runs; every integer must equal the interpreter's."""
    form = lowered(graph, board)
    (got,) = run_all(load(runtime(board), edge.emit(form).files[MODEL]), x)
    np.testing.assert_array_equal(got, form.graph.predict(x))
    return form


def rescale(ratios: Array | list[float], zero_point: int = 0, low: int = -128) -> Rescale:
    multiplier, shift = zip(*(quantize_multiplier(float(r)) for r in ratios), strict=True)
    return Rescale(multiplier, shift, Rounding.DOUBLE, low, 127, zero_point)


def residual(seed: int = 0) -> Graph:
    """Conv, depthwise, add, max pool, dense and softmax, per channel and per tensor."""
    rng = np.random.default_rng(seed)
    b = GraphBuilder("residual")
    b.input("x", (8, 8, 3), S8, Quantization((0.02,), -5))
    b.constant("w1", rng.integers(-127, 128, (6, 3, 3, 3)), S8)
    b.constant("b1", rng.integers(-900, 900, 6), S32)
    one = Padding(1, 1, 1, 1)
    r1 = rescale(rng.uniform(0.001, 0.003, 6), 3, 3)
    conv = Conv2d("conv", "x", "w1", "b1", "c", padding=one, input_zero_point=-5, rescale=r1)
    b.add(conv, S8, Quantization((0.05,), 3))
    b.constant("w2", rng.integers(-127, 128, (1, 3, 3, 6)), S8)
    r2 = rescale(rng.uniform(0.003, 0.006, 6), -7)
    depthwise = DepthwiseConv2d(
        "depthwise", "c", "w2", None, "d", padding=one, input_zero_point=3, rescale=r2
    )
    b.add(depthwise, S8, Quantization((0.04,), -7))
    shifted = [rescale([ratio]) for ratio in (0.5, 0.4)]
    wide = [
        Rescale(r.multiplier, r.shift, Rounding.DOUBLE, -(2**31), 2**31 - 1, left_shift=20)
        for r in shifted
    ]
    b.add(
        Add("add", ("c", "d"), "a", (3, -7), (wide[0], wide[1]), rescale=rescale([2.0**-19], 1)),
        S8,
        Quantization((0.05,), 1),
    )
    b.add(MaxPool2d("pool", "a", "p", (4, 4), (4, 4)), S8, Quantization((0.05,), 1))
    b.add(Reshape("flat", "p", "f"), S8, Quantization((0.05,), 1), (24,))
    b.constant("w3", rng.integers(-127, 128, (5, 24)), S8)
    b.add(
        Dense("dense", "f", "w3", None, "logits", 1, rescale=rescale([0.004], 2)),
        S8,
        Quantization((0.1,), 2),
    )
    b.add(Softmax("softmax", "logits", "y", 0.1, SoftmaxKind.FIXED), S8)
    return b.build(["y"])
