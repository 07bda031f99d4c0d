"""Layers whose products alone need more than 32 bits: some 600 weights at the ends of int8."""

from __future__ import annotations

import numpy as np
import pytest

from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.ops import Conv2d, Dense, DepthwiseConv2d, Padding, Rescale, Rounding
from hwkit.ir.types import S8, S16, S48
from hwkit.targets.mcu.layers import calls
from tests.firmware.kernels.driver import Driver

AROUND = Padding(2, 1, 0, 3)


def rescale(rng: np.random.Generator, channels: int) -> Rescale:
    multipliers = tuple(rng.integers(1 << 14, 1 << 15, channels).tolist())
    shifts = tuple((31 + k % 2) for k in range(channels))
    offsets = tuple(rng.integers(-(1 << 44), 1 << 44, channels).tolist())
    return Rescale(multipliers, shifts, Rounding.HALF_UP, -32768, 32767, 5, offset=offsets)


def weights(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """At the ends, two of three of one sign, so that sums are as long as they can be."""
    return rng.choice([-128, 127, 127], shape)


def long_dense(rng: np.random.Generator) -> Graph:
    b = GraphBuilder("dense")
    b.input("x", (2, 700), S16)
    b.constant("w", weights(rng, 3, 700), S8)
    b.constant("b", rng.integers(-(1 << 31), 1 << 31, 3), S48)
    b.add(Dense("op", "x", "w", "b", "y", 9, 48, rescale=rescale(rng, 3)), S16)
    return b.build(["y"])


def long_conv2d(rng: np.random.Generator) -> Graph:
    b = GraphBuilder("conv2d")
    b.input("x", (5, 7, 50), S16)
    b.constant("w", weights(rng, 3, 3, 4, 50), S8)
    b.constant("b", rng.integers(-(1 << 31), 1 << 31, 3), S48)
    op = Conv2d("op", "x", "w", "b", "y", (2, 1), AROUND, (2, 1), -7, 48, rescale=rescale(rng, 3))
    b.add(op, S16)
    return b.build(["y"])


def long_depthwise(rng: np.random.Generator) -> Graph:
    b = GraphBuilder("depthwise")
    b.input("x", (25, 29, 2), S16)
    b.constant("w", weights(rng, 1, 24, 26, 4), S8)
    b.constant("b", rng.integers(-(1 << 31), 1 << 31, 4), S48)
    op = DepthwiseConv2d(
        "op", "x", "w", "b", "y", (1, 2), AROUND, (1, 1), 11, 48, rescale=rescale(rng, 4)
    )
    b.add(op, S16)
    return b.build(["y"])


LAYERS = {"dense": long_dense, "conv2d": long_conv2d, "depthwise_conv2d": long_depthwise}


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_every_integer(driver: Driver, name: str) -> None:
    rng = np.random.default_rng(17)
    graph = LAYERS[name](rng)
    (op,) = graph.nodes
    (call,) = calls(graph, op)
    assert call.kernel == f"{name}_s16_long"
    shape, seen = graph.tensors["x"].shape, set()
    for x in (
        rng.integers(-32768, 32768, shape),
        rng.choice([-32768, 32767], shape),
        np.full(shape, 32767),
        np.full(shape, -32768),
    ):
        expected = run(graph, {"x": x[None].astype(np.int16)})["y"][0]
        assert np.array_equal(driver.layer(graph, op, {"x": x.astype(np.int16)}), expected)
        seen.update(expected.ravel().tolist())
    assert len(seen - {-32768, 32767}) > 5
