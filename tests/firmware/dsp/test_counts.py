"""The assembly loops on virtual_m4: every integer, at sizes around their tiles, and executed
instructions of whole layers, which are exact, so that a slower kernel shows at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hwkit import boards
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.ops import Conv2d, Dense, DepthwiseConv2d, Padding, Rescale, Rounding
from hwkit.ir.types import S8, IntType
from hwkit.target import Artifact
from hwkit.targets import mcu

SAME = Padding(1, 1, 1, 1)


def _depthwise(
    shape: tuple[int, int, int],
    stride: int = 1,
    pad: Padding = SAME,
    rounding: Rounding = Rounding.DOUBLE,
    multiplier: int = 1,
) -> Graph:
    rng = np.random.default_rng(1)
    outputs = shape[2] * multiplier
    r = replace(_rescale(rng, outputs), rounding=rounding)
    b = GraphBuilder("depthwise")
    b.input("x", shape, S8)
    b.constant("w", rng.integers(-128, 128, (1, 3, 3, outputs)), S8)
    op = DepthwiseConv2d("op", "x", "w", None, "y", (stride, stride), pad, (1, 1), -5, rescale=r)
    b.add(op, S8)
    return b.build(["y"])


def _rescale(rng: np.random.Generator, outputs: int) -> Rescale:
    multipliers = tuple(rng.integers(1 << 30, (1 << 31) - 1, outputs).tolist())
    return Rescale(multipliers, (39,) * outputs, Rounding.DOUBLE, -128, 127, 3)


def _conv(side: int, channels: int, outputs: int, bits: int, kernel: int = 3) -> Graph:
    rng, dtype = np.random.default_rng(1), IntType(bits, True)
    b = GraphBuilder("conv")
    b.input("x", (side, side, channels), S8)
    weights = (outputs, kernel, kernel, channels)
    b.constant("w", rng.integers(dtype.low, dtype.high + 1, weights), dtype)
    pad = SAME if kernel == 3 else Padding()
    r = _rescale(rng, outputs)
    b.add(Conv2d("op", "x", "w", None, "y", (1, 1), pad, (1, 1), -5, rescale=r), S8)
    return b.build(["y"])


def _dense(inputs: int, outputs: int, bits: int) -> Graph:
    rng, dtype = np.random.default_rng(1), IntType(bits, True)
    b = GraphBuilder("dense")
    b.input("x", (inputs,), S8)
    b.constant("w", rng.integers(dtype.low, dtype.high + 1, (outputs, inputs)), dtype)
    b.add(Dense("op", "x", "w", None, "y", -5, rescale=_rescale(rng, outputs)), S8)
    return b.build(["y"])


def _artifact(graph: Graph, folder: Path) -> Artifact:
    pytest.importorskip("unicorn")
    pytest.importorskip("ziglang")
    lowered = mcu.lower(graph, boards.load("virtual_m4"))
    return mcu.build(mcu.emit(lowered), lowered, folder)


@pytest.mark.parametrize(
    "graph",
    [
        pytest.param(_depthwise((5, 5, 4)), id="a last row and column alone"),
        pytest.param(_depthwise((1, 1, 3)), id="one output"),
        pytest.param(_depthwise((6, 2, 5), rounding=Rounding.HALF_UP), id="a tile of columns"),
        pytest.param(_depthwise((7, 9, 6), 2), id="stride 2"),
        pytest.param(_depthwise((8, 8, 2), 2, Padding(0, 1, 0, 1)), id="stride 2, even"),
        pytest.param(_depthwise((4, 4, 2), multiplier=3), id="three outputs a channel"),
        pytest.param(_depthwise((3, 4, 1), 1, Padding(4, 0, 3, 2)), id="a band of padding"),
        pytest.param(_conv(3, 3, 5, 4), id="4 bits, 27 taps, a last pixel and channel alone"),
        pytest.param(_conv(4, 8, 4, 4, 1), id="4 bits, one word a row"),
        pytest.param(_conv(4, 5, 3, 8), id="45 taps"),
        pytest.param(_dense(1, 3, 4), id="4 bits, one feature"),
        pytest.param(_dense(37, 9, 4), id="4 bits, a last row alone"),
        pytest.param(_dense(37, 9, 8), id="a last row alone"),
    ],
)
def test_every_integer(graph: Graph, tmp_path: Path) -> None:
    artifact = _artifact(graph, tmp_path)
    rng = np.random.default_rng(2)
    x = rng.integers(-128, 128, (4, *graph.tensors["x"].shape)).astype(np.int8)
    x[0], x[1] = -128, 127
    assert np.array_equal(mcu.run(artifact, x), run(graph, {"x": x})["y"])


@pytest.mark.parametrize(
    ("graph", "most"),
    [
        pytest.param(_conv(16, 16, 16, 8), 1.35, id="conv"),
        pytest.param(_conv(16, 16, 16, 4), 1.5, id="conv, 4 bits"),
        pytest.param(_conv(16, 64, 64, 8, 1), 1.55, id="pointwise"),
        pytest.param(_dense(640, 128, 8), 1.6, id="dense"),
        pytest.param(_dense(640, 128, 4), 1.7, id="dense, 4 bits"),
        pytest.param(_depthwise((24, 24, 32)), 2.5, id="wide"),
        pytest.param(_depthwise((25, 5, 64)), 3.3, id="keyword spotting"),
        pytest.param(_depthwise((6, 6, 128)), 2.8, id="person detection"),
        pytest.param(_depthwise((12, 12, 64), 2, Padding(0, 1, 0, 1)), 3.6, id="stride 2"),
    ],
)
def test_instructions_for_each_mac(graph: Graph, most: float, tmp_path: Path) -> None:
    artifact = _artifact(graph, tmp_path)
    x = np.zeros((1, *graph.tensors["x"].shape), np.int8)
    ((layer,),) = mcu.profile(artifact, x, 1)
    assert layer.instructions is not None
    assert layer.instructions <= most * layer.macs, layer.instructions / layer.macs
