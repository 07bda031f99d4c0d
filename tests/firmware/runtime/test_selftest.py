"""What the self-test fills several inputs with, byte for byte."""

from __future__ import annotations

import ctypes
import zlib
from pathlib import Path

from hwkit import resources
from hwkit.toolchain import host_cc
from tests.firmware.runtime import stub


def test_each_input_has_its_place_and_its_range() -> None:
    """Two steps of an input of 3 bytes, -128 .. 127, and one of 5, -8 .. 7."""
    firmware = resources.folder("firmware")
    runtime = [firmware / "runtime" / name for name in ("hwk_selftest.c", "hwk_crc32.c")]
    include = [f"-I{firmware / name}" for name in ("include", "runtime")]
    source = Path(__file__).with_name("model_inputs.c")
    program = ctypes.CDLL(str(host_cc.shared_library([source, *runtime], include)))
    program.hwk_selftest_run.restype = ctypes.c_uint32
    filled = bytes(
        (drawn - 128 if at % 8 < 3 else drawn % 16 - 8) % 256
        for at, drawn in enumerate(stub.generator(2 * 8))
    )
    assert program.hwk_selftest_run() == zlib.crc32(filled)
