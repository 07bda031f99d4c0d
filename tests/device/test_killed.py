"""A virtual board whose process is killed: one line with the log's path."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest

from hwkit.device.emulator import Emulator
from hwkit.device.session import open_board
from hwkit.errors import DeviceError
from tests.firmware.runtime import stub


def test_the_log_of_a_killed_board_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = stub.virtual_image(tmp_path / "stub").path
    with open_board(stub.BOARD, image) as device:  # its C half is compiled into the shared cache
        device.infer(bytes(64))
    with (
        pytest.raises(DeviceError, match="process ended with exit code -9") as caught,
        open_board(stub.BOARD, image, digest=stub.DIGEST) as device,
    ):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        assert isinstance(device._emulator, Emulator)
        os.kill(device._emulator._process.pid, signal.SIGKILL)
        device.infer(bytes(64))
    found = re.search(r"its output is in (\S+)$", str(caught.value))
    assert found and Path(found[1]).is_file() and tmp_path in Path(found[1]).parents
    assert caught.value.exit_code == 3
