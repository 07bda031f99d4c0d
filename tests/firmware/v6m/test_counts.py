"""The Thumb-1 inner loops on virtual_m0: every integer, at sizes around their tiles, and executed
instructions of whole layers, which are exact, so that a slower kernel shows at once."""

from __future__ import annotations

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


def _rescale(rng: np.random.Generator, outputs: int, rounding: Rounding) -> Rescale:
    multipliers = tuple(rng.integers(1 << 30, (1 << 31) - 1, outputs).tolist())
    shifts = tuple(rng.integers(38, 43, outputs).tolist())
    return Rescale(multipliers, shifts, rounding, -128, 127, 3)


def _conv(
    side: int, channels: int, outputs: int, rounding: Rounding = Rounding.DOUBLE, bits: int = 8
) -> Graph:
    rng, dtype = np.random.default_rng(1), IntType(bits, True)
    b = GraphBuilder("conv")
    b.input("x", (side, side, channels), S8)
    weights = (outputs, 3, 3, channels)
    b.constant("w", rng.integers(dtype.low, dtype.high + 1, weights), dtype)
    r = _rescale(rng, outputs, rounding)
    b.add(Conv2d("op", "x", "w", None, "y", (1, 1), SAME, (1, 1), -5, rescale=r), S8)
    return b.build(["y"])


def _dense(inputs: int, outputs: int, rounding: Rounding = Rounding.DOUBLE, bits: int = 8) -> Graph:
    rng, dtype = np.random.default_rng(1), IntType(bits, True)
    b = GraphBuilder("dense")
    b.input("x", (inputs,), S8)
    b.constant("w", rng.integers(dtype.low, dtype.high + 1, (outputs, inputs)), dtype)
    r = _rescale(rng, outputs, rounding)
    b.add(Dense("op", "x", "w", None, "y", -5, rescale=r), S8)
    return b.build(["y"])


def _depthwise(shape: tuple[int, int, int], kernel: tuple[int, int], stride: int = 1) -> Graph:
    rng = np.random.default_rng(1)
    b = GraphBuilder("depthwise")
    b.input("x", shape, S8)
    b.constant("w", rng.integers(-128, 128, (1, *kernel, shape[2])), S8)
    r = _rescale(rng, shape[2], Rounding.DOUBLE)
    op = DepthwiseConv2d("op", "x", "w", None, "y", (stride, stride), SAME, (1, 1), -5, rescale=r)
    b.add(op, S8)
    return b.build(["y"])


def _artifact(graph: Graph, folder: Path) -> Artifact:
    pytest.importorskip("unicorn")
    pytest.importorskip("ziglang")
    lowered = mcu.lower(graph, boards.load("virtual_m0"))
    return mcu.build(mcu.emit(lowered), lowered, folder)


@pytest.mark.parametrize(
    "graph",
    [
        pytest.param(_conv(3, 3, 5), id="a last tile of one pixel, 27 taps"),
        pytest.param(_conv(2, 1, 1, Rounding.HALF_UP), id="one tile"),
        pytest.param(_conv(5, 8, 2, Rounding.FLOOR), id="a column of whole words"),
        pytest.param(_dense(1, 3), id="one four"),
        pytest.param(_dense(33, 4, Rounding.HALF_EVEN), id="an odd number of fours"),
        pytest.param(_dense(8, 9, Rounding.FLOOR), id="two fours"),
        pytest.param(_conv(3, 3, 5, bits=4), id="4 bits, 27 taps"),
        pytest.param(_dense(37, 3, bits=4), id="4 bits, 37 features"),
        pytest.param(_depthwise((5, 5, 3), (3, 3)), id="depthwise, a last row and column alone"),
        pytest.param(_depthwise((6, 7, 2), (3, 3), 2), id="depthwise, two phases"),
        pytest.param(_depthwise((4, 6, 2), (1, 4)), id="depthwise, four taps"),
    ],
)
def test_every_integer(graph: Graph, tmp_path: Path) -> None:
    artifact = _artifact(graph, tmp_path)
    rng = np.random.default_rng(2)
    x = rng.integers(-128, 128, (4, *graph.tensors["x"].shape)).astype(np.int8)
    x[0], x[1] = -128, 127
    got = mcu.run(artifact, x)
    assert np.array_equal(got, run(graph, {"x": x})["y"])


@pytest.mark.parametrize(
    ("graph", "most"),
    [
        pytest.param(_conv(12, 16, 16), 3.7, id="conv"),
        pytest.param(_dense(640, 128), 4.6, id="dense"),
        pytest.param(_conv(12, 16, 16, bits=4), 3.7, id="conv, 4 bits"),
        pytest.param(_dense(640, 128, bits=4), 5.0, id="dense, 4 bits"),
        pytest.param(_depthwise((12, 12, 32), (3, 3)), 10.5, id="depthwise"),
    ],
)
def test_instructions_for_each_mac(graph: Graph, most: float, tmp_path: Path) -> None:
    artifact = _artifact(graph, tmp_path)
    x = np.zeros((1, *graph.tensors["x"].shape), np.int8)
    ((layer,),) = mcu.profile(artifact, x, 1)
    assert layer.instructions is not None
    assert layer.instructions <= most * layer.macs, layer.instructions / layer.macs
