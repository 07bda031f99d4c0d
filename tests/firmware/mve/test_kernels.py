"""Every MVE kernel against the interpreter, integer by integer, in QEMU."""

from __future__ import annotations

import numpy as np
import pytest

from hwkit.ir.builder import GraphBuilder
from hwkit.ir.interpret import run
from hwkit.ir.ops import Conv2d, Padding
from hwkit.ir.types import S8, S32
from tests.firmware.kernels import cases
from tests.firmware.kernels.test_kernels import check_examples
from tests.firmware.mve import cases as wide
from tests.firmware.mve.driver import Driver

pytestmark = pytest.mark.slow

_EXAMPLES = {
    "conv2d": (cases.conv2d(), 250),
    "depthwise": (cases.depthwise(), 200),
    "depthwise_3x3": (cases.depthwise_3x3(), 150),
    "dense": (cases.dense(), 200),
    "add": (cases.add(), 200),
    "sum_pool": (cases.sum_pool(), 100),
    "pool": (cases.pool(), 150),
    "requantize": (cases.requantize(), 200),
    "elementwise": (cases.elementwise(), 150),
    "softmax": (cases.softmax(), 60),
    "wide_conv2d": (wide.conv2d(), 150),
    "wide_depthwise": (wide.depthwise(), 150),
    "wide_dense": (wide.dense(), 150),
    "wide_add": (wide.add(), 150),
    "wide_pool": (wide.pool(), 100),
}


@pytest.mark.parametrize("name", sorted(_EXAMPLES))
def test_kernel_equals_interpreter(driver: Driver, name: str) -> None:
    check_examples(driver, *_EXAMPLES[name])


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
