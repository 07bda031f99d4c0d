"""One image and one emulator for each core, shared by all tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hwkit import boards
from hwkit.device.qemu import find_program
from hwkit.errors import ToolMissing
from hwkit.toolchain import zig
from tests.firmware.mve.driver import Driver, compile_driver

BOARDS = ("virtual_m0", "virtual_m4", "virtual_rv32")


@pytest.fixture(scope="session", params=BOARDS)
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
