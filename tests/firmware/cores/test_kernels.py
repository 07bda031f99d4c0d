"""The kernels with instructions of their own, as their cores run them: each integer, in QEMU.

The host runs the same kernels in portable C under sanitizers; here runs their assembly.
"""

from __future__ import annotations

import pytest

from tests.firmware.kernels.packed_cases import EXAMPLES as PACKED
from tests.firmware.kernels.packed_cases import Packed
from tests.firmware.kernels.test_kernels import EXAMPLES, FOUR_BITS
from tests.firmware.mve.driver import Driver
from tests.firmware.mve.test_kernels import WIDE

pytestmark = pytest.mark.slow

COUNTS = {
    "conv2d": 120,
    "depthwise": 80,
    "depthwise_3x3": 100,
    "dense": 100,
    "dense_on_a_line": 100,
    "requantize": 100,
    "add": 60,
    "add_on_a_line": 30,
    "broadcast_on_a_line": 60,
    "pool_in_words": 40,
    "softmax": 40,
    "conv2d_16": 60,
    "depthwise_16": 40,
    "dense_16": 60,
    "long_16": 40,
    "requantize_16": 60,
    "matmul": 60,
    "softmax_table": 30,
    "layer_norm": 40,
    "wide_conv2d": 40,
    "wide_depthwise": 30,
    "wide_dense": 60,
}
PACKED_FORMS = (
    *("conv2d", "conv2d_from_int8", "depthwise", "dense", "elementwise"),
    *("large_elements", "large_moves", "large_dense", "large_windows"),
)


@pytest.mark.parametrize("name", sorted(COUNTS))
def test_kernel_equals_interpreter(core: Driver, name: str) -> None:
    (EXAMPLES | WIDE)[name].check(core, COUNTS[name])


@pytest.mark.parametrize("core", ["virtual_m4"], indirect=True)
def test_products_of_four_bits(core: Driver) -> None:
    FOUR_BITS.check(core, 50)


@pytest.mark.parametrize("name", PACKED_FORMS)
def test_packed_form_equals_interpreter(core: Driver, name: str) -> None:
    PACKED[name].check(Packed(core), 16)
