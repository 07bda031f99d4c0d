"""The kernels with instructions of their own, as their cores run them: each integer, in QEMU.

The host runs the same kernels in portable C under sanitizers; here runs their assembly.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hwkit import boards
from hwkit.device.qemu import find_program
from hwkit.errors import ToolMissing
from hwkit.toolchain import zig
from tests.firmware.kernels.packed_cases import EXAMPLES as PACKED
from tests.firmware.kernels.packed_cases import Packed
from tests.firmware.kernels.test_kernels import EXAMPLES
from tests.firmware.mve.driver import Driver, compile_driver
from tests.firmware.mve.test_kernels import WIDE

pytestmark = pytest.mark.slow

BOARDS = ("virtual_m0", "virtual_m4", "virtual_rv32")
_COUNTS = {
    "conv2d": 120,
    "depthwise": 80,
    "depthwise_3x3": 100,
    "dense": 100,
    "requantize": 100,
    "add": 60,
    "conv2d_16": 60,
    "depthwise_16": 40,
    "dense_16": 60,
    "long_16": 40,
    "requantize_16": 60,
    "wide_conv2d": 40,
    "wide_depthwise": 30,
    "wide_dense": 60,
}


@pytest.fixture(scope="module", params=BOARDS)
def core(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Driver]:
    name = str(request.param)
    board = boards.load(name).mcu
    assert board is not None
    try:
        find_program(board)
        zig.program()
    except ToolMissing as missing:
        pytest.skip(str(missing))
    with Driver(compile_driver(tmp_path_factory.mktemp(name), name), name) as running:
        yield running


@pytest.mark.parametrize("name", sorted(_COUNTS))
def test_kernel_equals_interpreter(core: Driver, name: str) -> None:
    (EXAMPLES | WIDE)[name].check(core, _COUNTS[name])


@pytest.mark.parametrize(
    "name", ("conv2d", "conv2d_from_int8", "depthwise", "dense", "elementwise")
)
def test_packed_form_equals_interpreter(core: Driver, name: str) -> None:
    PACKED[name].check(Packed(core), 16)
