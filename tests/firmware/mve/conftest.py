"""One image and one emulator, shared by all tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hwkit import boards
from hwkit.device.qemu import find_program
from hwkit.errors import ToolMissing
from hwkit.toolchain import zig
from tests.firmware.mve.driver import Driver, compile_driver


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    board = boards.load("virtual_m55").mcu
    assert board is not None
    try:
        find_program(board)
        zig.program()
    except ToolMissing as missing:
        pytest.skip(str(missing))
    with Driver(compile_driver(tmp_path_factory.mktemp("mve"))) as running:
        yield running
