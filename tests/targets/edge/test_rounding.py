"""The runtimes' arithmetic where it is hardest: sums at the very edge between two integers.

Random sums seldom come near such an edge, so that a multiplier wrong in its last bits would pass.
"""

from __future__ import annotations

import numpy as np
import pytest

from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    Add,
    Constant,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Mul,
    Prelu,
    Rescale,
    Rounding,
    Softmax,
    SoftmaxKind,
    Sub,
)
from hwkit.ir.types import S8, S32, Quantization
from tests.targets.edge.networks import BOARDS, compare, rescale

_CHANNELS = 96


def _at_the_edge(kind: type[Conv2d | DepthwiseConv2d | Dense], seed: int) -> Graph:
    """Weights of -1, 0 and 1 on biases that give an odd number of halves, give or take a bit."""
    rng = np.random.default_rng(seed)
    b = GraphBuilder("edge")
    s_in, s_out = rng.uniform(0.001, 0.5, 2).astype(np.float32).tolist()
    ratios = 2.0 ** rng.uniform(-23, -9, _CHANNELS if seed % 2 else 1)
    steps = rng.integers(-100, 100, _CHANNELS)
    blur = np.maximum(1, np.abs(steps) / ratios * 2.0**-25)
    sums = np.rint((steps + 0.5) / ratios + rng.integers(-40, 41, _CHANNELS) * blur)
    b.constant("b", np.clip(sums, -(2**30), 2**30), S32)
    r = rescale(ratios, int(rng.integers(-5, 5)))
    shape = {Conv2d: (2, 2, 1), DepthwiseConv2d: (2, 2, _CHANNELS), Dense: (1,)}[kind]
    weight = {
        Conv2d: (_CHANNELS, 1, 1, 1),
        DepthwiseConv2d: (1, 1, 1, _CHANNELS),
        Dense: (_CHANNELS, 1),
    }[kind]
    b.input("x", shape, S8, Quantization((s_in,)))
    b.constant("w", rng.integers(-1, 2, weight), S8)
    op = kind(name="op", input="x", weight="w", bias="b", output="y", rescale=r)
    b.add(op, S8, Quantization((s_out,), r.zero_point))
    return b.build(["y"])


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("kind", [Conv2d, DepthwiseConv2d, Dense])
def test_sums_at_the_edge(board: str, kind: type[Conv2d | DepthwiseConv2d | Dense]) -> None:
    for seed in range(20):
        graph = _at_the_edge(kind, seed)
        shape = graph.tensors["x"].shape
        x = np.random.default_rng(seed).integers(-128, 128, (4, *shape)).astype(np.int8)
        compare(graph, board, x)


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("kind", [Add, Sub])
@pytest.mark.parametrize("seed", range(4))
def test_sum_of_every_pair(board: str, kind: type[Add | Sub], seed: int) -> None:
    """The convolutions pass one channel each; their zero point is not the add's, so that a
    Reshape must stand between the two meanings."""
    rng = np.random.default_rng(seed)
    zero_points = [int(z) for z in rng.integers(-128, 128, 3)]
    largest = 2.0 ** rng.uniform(-7, 7)
    ratios = rng.permutation([largest, max(largest * 2.0 ** rng.uniform(-6, 0), 2.0**-9)])
    shares = [
        Rescale((int(f / largest * 2**20),), (0,), Rounding.HALF_UP, -(2**31), 2**31 - 1)
        for f in ratios
    ]
    b = GraphBuilder("add")
    b.input("x", (256, 256, 2), S8)
    for name, taps in (("first", [1, 0]), ("second", [0, 1])):
        b.constant(name, np.array(taps).reshape(1, 1, 1, 2), S8)
        b.add(Conv2d(name, "x", name, None, f"{name}_out", rescale=rescale([1.0])), S8)
    b.add(
        kind(
            "add",
            ("first_out", "second_out"),
            "y",
            (zero_points[0], zero_points[1]),
            (shares[0], shares[1]),
            rescale=rescale([largest * 2.0**-20], zero_points[2]),
        ),
        S8,
    )
    values = np.arange(-128, 128, dtype=np.int8)
    x = np.stack(np.meshgrid(values, values, indexing="ij"), axis=-1)[None]
    compare(b.build(["y"]), board, x)


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("seed", range(3))
def test_product_of_every_pair(board: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    zero_points = [int(z) for z in rng.integers(-128, 128, 3)]
    scales = [float(s) for s in (2.0 ** rng.uniform(-7, -1, 3)).astype(np.float32)]
    b = GraphBuilder("product")
    values = np.arange(-128, 128, dtype=np.int8)
    b.input("x", (256, 1, 1), S8, Quantization((scales[0],), zero_points[0]))
    b.constant("values", values.reshape(1, 256, 1), S8)
    second = Quantization((scales[1],), zero_points[1])
    b.add(Constant("constant", "values", "c"), S8, second)
    ratio = rescale([scales[0] * scales[1] / scales[2]], zero_points[2])
    mul = Mul("mul", ("x", "c"), "y", (zero_points[0], zero_points[1]), rescale=ratio)
    b.add(mul, S8, Quantization((scales[2],), zero_points[2]))
    form = compare(b.build(["y"]), board, values.reshape(1, 256, 1, 1))
    assert form.retargeted == (() if board == "host_tflm" else ("mul",))


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("seed", range(3))
def test_prelu_of_every_pair(board: str, seed: int) -> None:
    """Every input with every slope: on both runtimes the reference kernel."""
    rng = np.random.default_rng(seed)
    zero_points = [int(z) for z in rng.integers(-128, 128, 3)]
    scales = [float(s) for s in (2.0 ** rng.uniform(-7, -1, 3)).astype(np.float32)]
    b = GraphBuilder("prelu")
    values = np.arange(-128, 128, dtype=np.int8)
    b.input("x", (1, 256, 256), S8, Quantization((scales[0],), zero_points[0]))
    b.constant("slopes", values.reshape(1, 1, 256), S8, Quantization((scales[1],), zero_points[1]))
    positive = rescale([scales[0] / scales[2]], zero_points[2])
    negative = rescale([scales[0] * scales[1] / scales[2]], zero_points[2])
    prelu = Prelu("p", "x", "slopes", "y", positive, negative, zero_points[0], zero_points[1])
    b.add(prelu, S8, Quantization((scales[2],), zero_points[2]))
    x = np.broadcast_to(values.reshape(1, 1, 256, 1), (1, 1, 256, 256))
    assert compare(b.build(["y"]), board, x).retargeted == ()


@pytest.mark.parametrize("board", BOARDS)
def test_softmax_over_many_scales_and_lengths(board: str) -> None:
    rng = np.random.default_rng(5)
    for _ in range(30):
        step = float(np.float32(2.0 ** rng.uniform(-9, 0)))
        b = GraphBuilder("softmax")
        b.input("x", (30, int(rng.integers(1, 50))), S8, Quantization((step,), 3))
        b.add(Softmax("softmax", "x", "y", step, SoftmaxKind.FLOAT), S8)
        spread = rng.uniform(3, 60)
        shape = (10, *b.shape("x"))
        x = np.clip(rng.normal(0, spread, shape), -128, 127).astype(np.int8)
        compare(b.build(["y"]), board, x)
