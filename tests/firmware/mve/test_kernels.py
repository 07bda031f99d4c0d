"""Every MVE kernel against the interpreter, integer by integer, in QEMU."""

from __future__ import annotations

import pytest

from tests.firmware.kernels import cases
from tests.firmware.kernels.test_kernels import check_examples
from tests.firmware.mve import cases as wide
from tests.firmware.mve.driver import Driver

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
