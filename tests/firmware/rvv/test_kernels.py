"""Every kernel of a core with vectors against the interpreter, integer by integer, in QEMU: one
image with vectors of several lengths."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hwkit import boards
from tests.emulators import skip_without_emulator
from tests.firmware.kernels.test_kernels import EXAMPLES
from tests.firmware.mve.driver import Driver, compile_driver
from tests.firmware.mve.test_kernels import WIDE

pytestmark = pytest.mark.slow

BOARD = "virtual_rv32v"
_COUNTS = {
    "conv2d": 30,
    "depthwise": 20,
    "depthwise_3x3": 30,
    "dense": 25,
    "requantize": 40,
    "add": 25,
    "sum_pool": 12,
    "pool": 20,
    "elementwise": 15,
    "wide_conv2d": 12,
    "wide_depthwise": 12,
    "wide_dense": 12,
}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    skip_without_emulator(boards.load(BOARD))
    return compile_driver(tmp_path_factory.mktemp("rvv"), BOARD)


@pytest.fixture(params=(128, 256, 512))
def driver(request: pytest.FixtureRequest, program: Path) -> Iterator[Driver]:
    longer = program.with_name(f"driver{request.param}")
    assert "vlen=128" in program.read_text()
    longer.write_text(program.read_text().replace("vlen=128", f"vlen={request.param}"))
    longer.chmod(0o755)
    with Driver(longer, BOARD) as running:
        yield running


def test_kernels_equal_the_interpreter(driver: Driver) -> None:
    for name, count in _COUNTS.items():
        (EXAMPLES | WIDE)[name].check(driver, count)
