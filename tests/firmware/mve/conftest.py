"""One image and one emulator, shared by all tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hwkit import boards
from tests.emulators import skip_without_emulator
from tests.firmware.mve.driver import Driver, compile_driver


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    skip_without_emulator(boards.load("virtual_m55"))
    with Driver(compile_driver(tmp_path_factory.mktemp("mve"))) as running:
        yield running
