"""``model_states.c`` in Python."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.firmware.runtime import stub

INPUTS, OUTPUTS, STATES = (7, 3), (7, 3, 5), (5, 2)


@dataclass
class Model:
    """What the C does, step by step."""

    total: list[int] = field(default_factory=lambda: [1, 2, 3, 4, 5])
    count: list[int] = field(default_factory=lambda: [9, 9])

    def states(self) -> bytes:
        return bytes((*self.total, *self.count))

    def set_states(self, data: bytes) -> None:
        self.total, self.count = list(data[:5]), list(data[5:])

    def layer0(self, x: bytes) -> bytes:
        a, b = x[:7], x[7:]
        return bytes((a[i] + b[i % 3] + self.total[i % 5]) % 256 for i in range(7))

    def infer(self, x: bytes) -> bytes:
        mixed = self.layer0(x)
        self.total = [(t + m) % 256 for t, m in zip(self.total, mixed, strict=False)]
        self.count[0] = (self.count[0] + 1) % 256
        return mixed + x[7:] + bytes(self.total)


def selftest_inputs(steps: int = 4) -> list[bytes]:
    """``hwk_model.h``'s generator: a over the whole range, b from -2 to 1."""
    drawn = iter(stub.generator(steps * 10))
    low = [(-128, 256)] * 7 + [(-2, 4)] * 3
    return [
        bytes((least + next(drawn) % levels) % 256 for least, levels in low) for _ in range(steps)
    ]


def selftest_crc32() -> int:
    """Of all outputs of four steps."""
    model = Model()
    return zlib.crc32(b"".join(model.infer(x) for x in selftest_inputs()))


@cache
def host_program() -> Path:
    """The whole firmware around it on the host platform, under ASan and UBSan."""
    return stub.program(
        Path(__file__).parent / "model_states.c",
        stub.HOST_PLATFORM,
        [f"-DSTUB_CRC32={selftest_crc32():#x}u"],
    )
