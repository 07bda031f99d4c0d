"""Every MVE kernel against the interpreter, integer by integer, in QEMU."""

from __future__ import annotations

import numpy as np
import pytest

from hwkit.ir.builder import GraphBuilder
from hwkit.ir.interpret import run
from hwkit.ir.ops import Conv2d, DepthwiseConv2d, Padding
from hwkit.ir.types import S8, S32
from tests.firmware.kernels.examples import Examples
from tests.firmware.kernels.packed_cases import EXAMPLES as PACKED
from tests.firmware.kernels.packed_cases import Packed
from tests.firmware.kernels.test_kernels import EXAMPLES
from tests.firmware.mve import cases as wide
from tests.firmware.mve.driver import Driver

pytestmark = pytest.mark.slow

WIDE = {
    "wide_conv2d": Examples(wide.conv2d(), 150),
    "wide_depthwise": Examples(wide.depthwise(), 150),
    "wide_dense": Examples(wide.dense(), 150),
    "wide_add": Examples(wide.add(), 150),
    "wide_pool": Examples(wide.pool(), 100),
}
COUNTS = {
    "conv2d": 250,
    "conv2d_into_int8": 60,
    "depthwise": 200,
    "depthwise_3x3": 150,
    "depthwise_3x3_into_int8": 50,
    "dense": 200,
    "add": 200,
    "sum_pool": 100,
    "pool": 150,
    "requantize": 200,
    "elementwise": 150,
    "softmax": 60,
    "wide_conv2d": 150,
    "wide_depthwise": 150,
    "wide_dense": 150,
    "wide_add": 150,
    "wide_pool": 100,
}
PACKED_FORMS = (
    *("conv2d", "conv2d_from_int8", "depthwise", "dense", "elementwise"),
    *("large_elements", "large_moves", "large_dense", "large_windows"),
)


@pytest.mark.parametrize("name", sorted(COUNTS))
def test_kernel_equals_interpreter(driver: Driver, name: str) -> None:
    (EXAMPLES | WIDE)[name].check(driver, COUNTS[name])


@pytest.mark.parametrize("name", PACKED_FORMS)
def test_packed_form_equals_interpreter(driver: Driver, name: str) -> None:
    PACKED[name].check(Packed(driver), 24)


def test_a_fill_of_more_channels_than_16_bits_count(driver: Driver) -> None:
    channels = (1 << 16) + 64
    b = GraphBuilder("long")
    x = np.random.default_rng(1).integers(-128, 128, (1, 1, channels)).astype(np.int8)
    b.input("x", x.shape, S8)
    b.constant("w", np.full((1, 1, 1, channels), 1), S8)
    b.add(Conv2d("op", "x", "w", None, "y", (1, 1), Padding(1, 0, 0, 0), (1, 1), 7), S32)
    graph = b.build(["y"])
    expected = run(graph, {"x": x[None]})["y"][0]
    assert np.array_equal(driver.layer(graph, graph.nodes[0], {"x": x}), expected)


def test_an_output_alone_behind_a_block_of_sixteen(driver: Driver) -> None:
    """Eleven channels of three outputs each: the last one reads channel 10, not 32."""
    rng = np.random.default_rng(1)
    b = GraphBuilder("alone")
    x = rng.integers(-128, 128, (2, 2, 11)).astype(np.int8)
    b.input("x", x.shape, S8)
    b.constant("w", rng.integers(-128, 128, (1, 2, 1, 33)), S8)
    b.add(DepthwiseConv2d("op", "x", "w", None, "y"), S32)
    graph = b.build(["y"])
    expected = run(graph, {"x": x[None]})["y"][0]
    assert np.array_equal(driver.layer(graph, graph.nodes[0], {"x": x}), expected)
