"""The firmware's framing and commands in C, on the host under sanitizers, against Python's."""

from __future__ import annotations

import re
import struct
import subprocess

from hypothesis import given, settings
from hypothesis import strategies as st

from hwkit import resources
from hwkit.device import protocol
from hwkit.device.frame import Frame, FrameReceiver, encode, stuff, unstuff
from hwkit.device.protocol import Command, Status
from tests.firmware.runtime import stub

MAX_PAYLOAD_BYTES = 1024
SESSION = 6
"""Number of the INFO before a stream of requests."""


def converse(wire: bytes, size: int = stub.BYTES, session: int | None = 0) -> list[Frame | None]:
    """Everything that the firmware answers to ``wire``, behind an INFO of number ``session``."""
    begin = b"" if session is None else request(Command.INFO, b"", session)
    done = subprocess.run(
        [stub.host_program(size)], input=begin + wire, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    assert done.stderr == b""
    assert done.stdout[-1:] in (b"", b"\0")
    return FrameReceiver().receive(done.stdout)[begin != b"" :]


def request(command: int, payload: bytes = b"", sequence: int = 1) -> bytes:
    return encode(Frame(command, 0, sequence, payload))


def range_of(offset: int, size: int) -> bytes:
    return struct.pack("<II", offset, size)


chunks = st.one_of(
    st.builds(
        lambda sequence, payload: request(Command.ECHO, payload, sequence),
        st.sampled_from([7, 8, 9, 0xFFFF, 0]) | st.integers(0, 0xFFFF),
        st.one_of(
            st.binary(max_size=40), st.integers(0, MAX_PAYLOAD_BYTES + 9).map(lambda n: bytes(n))
        ),
    ),
    st.binary(max_size=300),
    st.integers(1, 1600).map(lambda n: b"\xff" * n),
)


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """Frames and garbage, with bits flipped, bytes lost and a cut at the end."""
    wire = bytearray(b"".join(draw(st.lists(chunks, max_size=6))))
    for _ in range(draw(st.integers(0, 3)) if wire else 0):
        at = draw(st.integers(0, len(wire) - 1))
        wire[at] ^= 1 << draw(st.integers(0, 7))
    for _ in range(draw(st.integers(0, 2)) if wire else 0):
        del wire[draw(st.integers(0, len(wire) - 1)) :][:1]
    return bytes(wire)


def expected_answers(wire: bytes) -> list[Frame]:
    """The protocol's rules, from Python's decoder: echoes come back, unless their number is not the
    next one, and the unreadable is refused."""
    answers = []
    last = Frame(Command.INFO, 0, SESSION, b"")
    for part in wire.split(b"\0")[:-1]:
        if not part:
            continue
        body = unstuff(part)
        (frame,) = FrameReceiver().receive(part + b"\0")
        if body is None or len(body) > MAX_PAYLOAD_BYTES + 10 or len(body) < 10:
            answers.append(Frame(Command.NONE, Status.BAD_FRAME, 0, b""))
        elif frame is None:
            answers.append(Frame(Command.NONE, Status.BAD_CRC, 0, b""))
        elif last == frame or frame.sequence == (last.sequence + 1) % 65536:
            last = frame
            answers.append(frame)
        else:
            answers.append(Frame(frame.command, Status.LATE, frame.sequence, b""))
    return answers


@given(streams())
@settings(derandomize=True, deadline=None, max_examples=80)
def test_any_stream_is_answered_by_the_rules(wire: bytes) -> None:
    assert converse(wire, session=SESSION) == expected_answers(wire)


@given(st.binary(max_size=MAX_PAYLOAD_BYTES))
@settings(derandomize=True, deadline=None, max_examples=30)
def test_echo_returns_every_payload(payload: bytes) -> None:
    assert converse(request(Command.ECHO, payload)) == [Frame(Command.ECHO, 0, 1, payload)]


def test_runs_of_every_length_survive() -> None:
    payloads = [b"\1" * n + tail for n in range(250, 260) for tail in (b"", b"\0", b"\0\1")]
    wire = b"".join(request(Command.ECHO, p, i) for i, p in enumerate(payloads, 1))
    assert [answer.payload for answer in converse(wire) if answer] == payloads


def test_good_frame_after_garbage_is_answered() -> None:
    answers = converse(b"\x05garbage" * 400 + b"\0" + request(Command.ECHO, b"here"))
    assert answers[-1] == Frame(Command.ECHO, 0, 1, b"here")


def test_info() -> None:
    (answer,) = converse(request(Command.INFO))
    assert answer is not None
    version, payload, kind, *counts = struct.unpack_from("<HHBBBB", answer.payload)
    assert (version, payload) == (protocol.VERSION, MAX_PAYLOAD_BYTES)
    assert kind == 1 and counts == [1, 1, 0]
    assert answer.payload[16:32] == bytes(16)
    assert struct.unpack_from("<II", answer.payload, 32) == (2, 192)
    assert answer.payload[40:72] == stub.DIGEST
    assert answer.payload[72:80].hex() == stub.BUILD
    assert struct.unpack_from("<II", answer.payload, 80) == (64, 64)
    assert answer.payload[88:] == b"stub"


def test_load_infer_read() -> None:
    x = bytes(range(100, 164))
    answers = converse(
        request(Command.LOAD_INPUT, struct.pack("<I", 0) + x[:40], 1)
        + request(Command.LOAD_INPUT, struct.pack("<I", 40) + x[40:], 2)
        + request(Command.INFER, struct.pack("<I", 1), 3)
        + request(Command.READ_OUTPUT, range_of(8, 16), 4)
        + request(Command.READ_LAYER, range_of(0, 64), 5)
        + request(Command.READ_CYCLES, struct.pack("<I", 0), 6)
    )
    assert [answer.status for answer in answers if answer] == [0] * 6
    payloads = [answer.payload for answer in answers if answer]
    assert payloads[2] == struct.pack("<I", 2)
    assert payloads[3] == stub.add_one(x)[8:24]
    assert payloads[4] == struct.pack("<I", 64) + stub.add_one(x)
    assert payloads[5] == bytes(8)


def test_partial_infer_offers_its_last_layer_only() -> None:
    x = bytes(range(64))
    answers = converse(
        request(Command.LOAD_INPUT, bytes(4) + x, 1)
        + request(Command.INFER, struct.pack("<I", 0), 2)
        + request(Command.READ_LAYER, range_of(0, 64), 3)
        + request(Command.READ_OUTPUT, range_of(0, 64), 4)
    )
    assert answers[2] is not None
    assert answers[2].payload == struct.pack("<I", 64) + x
    assert answers[3] == Frame(Command.READ_OUTPUT, Status.NO_OUTPUT, 4, b"")


def refusal(command: int, payload: bytes) -> int:
    (answer,) = converse(request(command, payload))
    assert answer is not None
    assert answer.payload == b""
    return answer.status


def test_requests_outside_the_model_are_refused() -> None:
    assert refusal(200, b"") == Status.UNKNOWN_COMMAND
    assert refusal(Command.RUN, bytes(63)) == Status.BAD_ARGUMENT
    assert refusal(Command.LOAD_INPUT, bytes(3)) == Status.BAD_ARGUMENT
    assert refusal(Command.LOAD_INPUT, bytes(4 + 65)) == Status.BAD_ARGUMENT
    assert refusal(Command.LOAD_INPUT, struct.pack("<I", 1) + b"x") == Status.BAD_ARGUMENT
    assert refusal(Command.LOAD_INPUT, b"\xff" * 8) == Status.BAD_ARGUMENT
    assert refusal(Command.INFER, struct.pack("<I", 2)) == Status.BAD_ARGUMENT
    assert refusal(Command.INFER, b"") == Status.BAD_ARGUMENT
    assert refusal(Command.INFER, struct.pack("<I", 1)) == Status.NO_INPUT
    assert refusal(Command.READ_OUTPUT, range_of(0, 1)) == Status.NO_OUTPUT
    assert refusal(Command.READ_LAYER, range_of(0, 1)) == Status.NO_OUTPUT
    assert refusal(Command.READ_CYCLES, b"") == Status.BAD_ARGUMENT


def test_ranges_outside_a_tensor_are_refused() -> None:
    spans = [(0, 65), (65, 0), (64, 1), (0xFFFFFFFF, 2), (2, 0xFFFFFFFF)]
    wire = request(Command.RUN, bytes(64), 1)
    for sequence, (offset, size) in enumerate(spans):
        wire += request(Command.READ_OUTPUT, range_of(offset, size), 2 * sequence + 2)
        wire += request(Command.READ_LAYER, range_of(offset, size), 2 * sequence + 3)
    statuses = [answer.status for answer in converse(wire) if answer]
    assert statuses == [0] + [Status.BAD_ARGUMENT] * 10


def test_an_input_is_used_up() -> None:
    infer = struct.pack("<I", 1)
    answers = converse(
        request(Command.LOAD_INPUT, bytes(4 + 64), 1)
        + request(Command.INFER, infer, 2)
        + request(Command.INFER, infer, 3)
    )
    assert [answer.status for answer in answers if answer] == [0, 0, Status.NO_INPUT]


def test_a_repeated_request_is_answered_again_but_not_executed_again() -> None:
    infer = request(Command.INFER, struct.pack("<I", 1), 2)
    answers = converse(request(Command.LOAD_INPUT, bytes(4 + 64), 1) + infer + infer)
    assert [answer.status for answer in answers if answer] == [0, 0, 0]


def statuses(*requests: bytes) -> list[int]:
    answers = converse(b"".join(requests), session=None)
    return [answer.status for answer in answers if answer]


def test_a_late_request_is_not_executed() -> None:
    load = [request(Command.LOAD_INPUT, bytes(4) + bytes([k] * 64), 1 + k) for k in range(3)]
    infer = request(Command.INFER, struct.pack("<I", 1), 4)
    read = request(Command.READ_OUTPUT, range_of(0, 64), 5)
    answers = converse(
        b"".join([*load, load[0], load[1], infer, load[2], infer, read, infer, read])
    )
    late = Status.LATE
    assert [a.status for a in answers if a] == [0, 0, 0, late, late, 0, late, 0, 0, late, 0]
    assert answers[3] == Frame(Command.LOAD_INPUT, late, 1, b"")
    assert answers[-1] == answers[-3] == Frame(Command.READ_OUTPUT, 0, 5, bytes([3] * 64))


def test_a_number_that_is_taken_by_another_request_is_late() -> None:
    echoes = [request(Command.ECHO, b"a", 9), request(Command.ECHO, b"b", 9)]
    assert statuses(request(Command.INFO, b"", 8), *echoes) == [0, 0, Status.LATE]


def test_after_a_reset_every_request_is_late_until_info() -> None:
    """Whoever goes on with a session that the board was reset in would get other states."""
    info, late = request(Command.INFO, b"", 700), Status.LATE
    for sequence in (0, 1, 255, 256, 65535):
        first = [request(c, bytes(64), sequence) for c in Command if c != Command.INFO]
        echo = request(Command.ECHO, b"here", 701)
        assert statuses(*first, echo, info, echo) == [late] * (len(first) + 1) + [0, 0]


def test_info_begins_a_session_where_no_late_one_can_be() -> None:
    def info(sequence: int) -> bytes:
        return request(Command.INFO, b"", sequence)

    def echo(sequence: int) -> bytes:
        return request(Command.ECHO, b"", sequence)

    late = Status.LATE
    assert statuses(info(500), echo(501), info(900), echo(502), echo(901)) == [0, 0, 0, late, 0]
    assert statuses(info(500), echo(501), echo(502), info(500), echo(503)) == [0, 0, 0, late, 0]
    many = [echo(n % 65536) for n in range(65400, 65900)]  # the last is 363
    assert statuses(info(65399), *many, info(363 - 255), info(363 - 256))[-2:] == [late, 0]


def test_selftest_computes_the_documented_crc() -> None:
    (answer,) = converse(request(Command.SELFTEST))
    assert answer is not None
    expected, got = struct.unpack("<II", answer.payload)
    assert expected == got


def test_selftest_input_matches_the_header() -> None:
    assert [value - 256 if value > 127 else value for value in stub.selftest_input(6)] == [
        7,
        -107,
        -56,
        1,
        -16,
        -87,
    ]


def test_a_tensor_longer_than_a_frame_is_read_in_chunks() -> None:
    size = 1500
    x = bytes(i % 251 for i in range(size))
    answers = converse(
        request(Command.RUN, x[:1024], 1)
        + request(Command.LOAD_INPUT, struct.pack("<I", 0) + x[:1000], 2)
        + request(Command.LOAD_INPUT, struct.pack("<I", 1000) + x[1000:], 3)
        + request(Command.INFER, struct.pack("<I", 1), 4)
        + request(Command.READ_OUTPUT, range_of(0, 1025), 5)
        + request(Command.READ_OUTPUT, range_of(0, 1024), 6)
        + request(Command.READ_OUTPUT, range_of(1024, 476), 7)
        + request(Command.READ_LAYER, range_of(0, 1021), 8),
        size,
    )
    statuses = [answer.status for answer in answers if answer]
    bad = Status.BAD_ARGUMENT
    assert statuses == [bad, 0, 0, 0, bad, 0, 0, bad]
    assert b"".join(answer.payload for answer in answers[5:7] if answer) == stub.add_one(x)


def test_python_names_the_same_numbers_as_the_header() -> None:
    header = (resources.folder("firmware") / "include" / "hwk_protocol.h").read_text()
    for prefix, names in (("HWK_COMMAND_", Command), ("HWK_STATUS_", Status)):
        found = re.findall(rf"\b{prefix}(\w+) = (\d+)", header)
        assert {name: int(value) for name, value in found} == {n.name: n.value for n in names}
    assert f"HWK_PROTOCOL_VERSION {protocol.VERSION}u" in header


def test_stuffing_is_what_the_paper_says() -> None:
    assert stuff(b"\x11\0\x22") == b"\2\x11\2\x22"
    assert stuff(b"") == b"\1"
    assert stuff(b"\0") == b"\1\1"
