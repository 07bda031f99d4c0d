"""An input that goes in piece by piece over the wire (``model_stream.c``)."""

from __future__ import annotations

import zlib
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from hwkit.device.frame import Frame
from hwkit.device.protocol import Command, Status
from tests.firmware.runtime import stub
from tests.firmware.runtime.stub import u32

X = bytes((0, 255, 3, 128, 127, 9, 77))


@cache
def program() -> Path:
    return stub.program(Path(__file__).parent / "model_stream.c", stub.HOST_PLATFORM, [])


def ask(*requests: tuple[int, bytes]) -> list[Frame]:
    """The firmware's answers to requests one after the other."""
    return stub.answers(program(), requests)


def load(at: int, data: bytes) -> tuple[int, bytes]:
    return Command.LOAD_INPUT, u32(at) + data


INFER = (Command.INFER, u32(0))
READ = (Command.READ_OUTPUT, u32(0, 4))


def output(x: bytes) -> bytes:
    """What the model computes."""
    value = 0
    for byte in x:
        value = (31 * value + byte + 1) % (1 << 32)
    return u32(value)


@pytest.mark.parametrize("cuts", [(), (1,), (6,), (2, 5), (1, 2, 3, 4, 5, 6), (3, 3)])
def test_pieces_of_every_size(cuts: tuple[int, ...]) -> None:
    ends = (0, *cuts, 7)
    pieces = [load(a, X[a:b]) for a, b in pairwise(ends)]
    *loaded, inferred, read = ask(*pieces, INFER, READ)
    assert [frame.status for frame in (*loaded, inferred)] == [Status.OK] * (len(pieces) + 1)
    assert read.payload == output(X)


def test_it_begins_anew_at_offset_0_and_after_an_invoke() -> None:
    other = X[::-1]
    frames = ask(load(0, X[:4]), load(0, other[:2]), load(2, other[2:]), INFER, READ, INFER)
    assert frames[4].payload == output(other)
    assert frames[5].status == Status.NO_INPUT
    first, second = ask((Command.RUN, X), (Command.RUN, other))
    assert (first.payload, second.payload) == (output(X), output(other))


def test_gaps_and_what_is_too_much_are_refused() -> None:
    """And nothing of it is fed."""
    refused = [load(1, X[1:3]), load(3, X[3:]), load(2, X[2:] + b"x"), (Command.LOAD_INPUT, X[:3])]
    frames = ask(load(0, X[:2]), *refused, INFER, load(2, X[2:]), INFER, READ)
    assert [frame.status for frame in frames[1:5]] == [Status.BAD_ARGUMENT] * 4
    assert frames[5].status == Status.NO_INPUT
    assert frames[-1].payload == output(X)


def test_the_self_test_feeds_every_step_from_the_start() -> None:
    drawn = stub.selftest_input(14)
    crc32 = zlib.crc32(output(drawn[:7]) + output(drawn[7:]))
    _, check, run = ask(load(0, X[:3]), (Command.SELFTEST, b""), (Command.RUN, X))
    assert check.payload[4:] == u32(crc32)
    assert run.payload == output(X)
