"""The stub model (copy, then add one) as a host program and as an image of a board."""

from __future__ import annotations

import struct
import subprocess
import zlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from hwkit import boards, resources
from hwkit.boards import Board
from hwkit.device.frame import Frame, FrameReceiver, encode
from hwkit.device.protocol import Command
from hwkit.toolchain import firmware, host_cc
from hwkit.toolchain.firmware import Firmware

BYTES = 64
SOURCE = Path(__file__).parent / "model_stub.c"
BOARD = boards.load("virtual_m4")
DIGEST = bytes([1, 2, 3, 4]) + bytes(28)
BUILD = "1122334455667788"
HOST_PLATFORM = resources.folder("firmware") / "platforms" / "host" / "platform.c"


def add_one(x: bytes) -> bytes:
    """What the stub computes."""
    return bytes((value + 1) % 256 for value in x)


def generator(size: int) -> list[int]:
    """What hwk_model.h draws, before it is brought into an input's range."""
    state, out = 0x12345678, []
    for _ in range(size):
        state ^= state << 13 & 0xFFFFFFFF
        state ^= state >> 17
        state ^= state << 5 & 0xFFFFFFFF
        out.append(state >> 24)
    return out


def selftest_input(size: int = BYTES) -> bytes:
    """The generator that hwk_model.h documents, for the range -128 .. 127."""
    return bytes((-128 + drawn) % 256 for drawn in generator(size))


def flags(size: int = BYTES) -> list[str]:
    """Compiler flags of a stub with `size` bytes of input and output."""
    crc32 = zlib.crc32(add_one(selftest_input(size)))
    return [f"-DSTUB_BYTES={size}", f"-DSTUB_CRC32={crc32:#x}u"]


@cache
def host_program(size: int = BYTES) -> Path:
    """The whole firmware on the host platform, under ASan and UBSan."""
    return program(SOURCE, HOST_PLATFORM, flags(size))


@cache
def counting_program(size: int = BYTES, layers: int = 2) -> Path:
    """The same on ``platform_stub.c``; ``layers`` above 2 do nothing more."""
    return program(
        SOURCE,
        SOURCE.with_name("platform_stub.c"),
        [*flags(size), f"-DSTUB_LAYERS={layers}", f"-DHWK_PROFILE_MARKS={layers + 1}"],
    )


def program(model: Path, platform: Path, more: list[str]) -> Path:
    """The runtime around ``model`` on ``platform``, under ASan and UBSan."""
    root = resources.folder("firmware")
    runtime = [
        root / "runtime" / f"{name}.c"
        for name in ("main", "hwk_server", "hwk_frame", "hwk_crc32", "hwk_profile", "hwk_selftest")
    ]
    folders = (root / "include", root / "runtime", root / "platforms" / "host")
    include = [f"-I{folder}" for folder in folders]
    return host_cc.executable([model, *runtime, platform], [*host_cc.SANITIZERS, *include, *more])


def answers(program: Path, requests: Sequence[tuple[int, bytes]]) -> list[Frame]:
    """What the firmware answers to requests one after the other, each of them once, behind an
    INFO."""
    session = ((Command.INFO, b""), *requests)
    wire = b"".join(encode(Frame(c, 0, k, p)) for k, (c, p) in enumerate(session))
    done = subprocess.run([program], input=wire, capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    _, *frames = (frame for frame in FrameReceiver().receive(done.stdout) if frame is not None)
    asked = [(command, k) for k, (command, _) in enumerate(requests, 1)]
    assert [(frame.command, frame.sequence) for frame in frames] == asked
    return frames


def u32(*values: int) -> bytes:
    """As the protocol has numbers."""
    return struct.pack(f"<{len(values)}I", *values)


def virtual_image(
    out: Path, size: int = BYTES, board: Board = BOARD, overrun: bool = False
) -> Firmware:
    """The image for `board`; with ``overrun`` its last layer writes a byte behind the arena."""
    assert board.mcu is not None
    more = ["-DSTUB_OVERRUN"] if overrun else []
    return firmware.build([SOURCE], board.mcu, out, flags=[*flags(size), *more])
