"""The host against boards that are silent, babble, lie, or sit behind a bad wire."""

from __future__ import annotations

import random
import socket
import struct
import time
from collections.abc import Callable, Mapping

import pytest

from hwkit.device.frame import Frame, FrameReceiver, encode
from hwkit.device.link import Link
from hwkit.device.protocol import Client, Command, Status
from hwkit.device.session import open_board
from hwkit.errors import ConfigError, DeviceError
from hwkit.target import Identity
from tests.device import boards
from tests.firmware.runtime import stub


def opening_fails(url: str, within_s: float = 8.0) -> str:
    start_s = time.monotonic()
    with pytest.raises(DeviceError) as caught, open_board(stub.BOARD, None, url):
        pass
    assert time.monotonic() - start_s < within_s
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_silent_board() -> None:
    with boards.serving(boards.silent) as url:
        assert "silent: no answer within 1 s" in opening_fails(url)


@pytest.mark.parametrize("noise", [b"\xa5\x5a\x01", b"\0\x01\x02", b"U" * 9, b"\x02\x01\0"])
def test_babbling_board(noise: bytes) -> None:
    with boards.serving(boards.babbling(noise)) as url:
        assert "sends garbage" in opening_fails(url)


def test_stale_answers_for_ever_do_not_hold_the_host_up() -> None:
    stale = encode(Frame(Command.INFO, 0, 77, b""))
    with boards.serving(boards.babbling(stale)) as url:
        assert opening_fails(url)


def test_nothing_listens() -> None:
    with boards.serving(boards.silent) as url:
        opening_fails(url)
    assert "cannot be opened" in opening_fails(url)


def test_bad_url() -> None:
    assert "cannot be opened" in opening_fails("socket://127.0.0.1:nonsense")
    assert "cannot be opened" in opening_fails("/dev/no-such-port")


def test_board_hangs_up() -> None:
    with boards.serving(lambda client: client.close()) as url:
        assert "connection lost" in opening_fails(url)


def reply_with(
    change: Mapping[Command, bytes], status: int = 0, command: int | None = None
) -> Callable[[socket.socket], None]:
    """A board whose answers' payloads are given by command."""

    def reply(wire: bytes) -> bytes:
        (frame,) = FrameReceiver().receive(wire + b"\0")
        assert frame is not None
        answered = frame.command if command is None else command
        return encode(
            Frame(answered, status, frame.sequence, change.get(Command(frame.command), b""))
        )

    return boards.answering(reply)


def info(
    version: int = 2,
    payload: int = 1024,
    kind: int = 1,
    counts: tuple[int, int, int] = (1, 1, 0),
    sizes: tuple[int, ...] = (64, 64),
) -> bytes:
    fixed = struct.pack("<HHBBBB", version, payload, kind, *counts)
    fixed += struct.pack("<III12sII32s8s", 0, 0, 0, b"", 1, 0, stub.DIGEST, b"")
    return fixed + struct.pack(f"<{len(sizes)}I", *sizes) + b"liar"


@pytest.mark.parametrize(
    ("board", "message"),
    [
        (reply_with({}), "answers INFO with 0 bytes"),
        (reply_with({Command.INFO: info(version=9)}), "protocol version 9"),
        (reply_with({Command.INFO: info(payload=3)}), "impossible model"),
        (reply_with({Command.INFO: info(sizes=(64, 1 << 31))}), "impossible model"),
        (reply_with({Command.INFO: info(sizes=(64, 0))}), "impossible model"),
        (reply_with({Command.INFO: info(counts=(2, 0, 0))}), "impossible model"),
        (reply_with({Command.INFO: info(counts=(0, 1, 1))}), "impossible model"),
        (reply_with({Command.INFO: info(counts=(9, 9, 255))}), "with 92 bytes, expected 1172"),
        (reply_with({Command.INFO: info(kind=0)}), "is of kind 0; this hwkit knows [1, 2, 3]"),
        (reply_with({Command.INFO: info()[:79]}), "answers INFO with 79 bytes, expected 80"),
        (reply_with({Command.INFO: info(version=1)[:60]}), "protocol version 1"),
        (reply_with({}, status=Status.BAD_ARGUMENT), "refuses INFO (BAD_ARGUMENT)"),
        (reply_with({}, status=99), "unknown status 99"),
        (reply_with({}, command=5), "answers INFO with command 5"),
        (reply_with({}, status=Status.BAD_CRC, command=0), "refuses INFO (BAD_CRC)"),
    ],
)
def test_a_board_that_lies_is_named(board: Callable[[socket.socket], None], message: str) -> None:
    with boards.serving(board) as url:
        assert message in opening_fails(url)


def test_wrong_lengths_later_are_noticed() -> None:
    answers = {Command.INFO: info(), Command.RUN: bytes(63), Command.STACK: bytes(7)}
    answers |= {Command.READ_CYCLES: bytes(5), Command.READ_LAYER: b"\xff" * 4}
    with (
        boards.serving(reply_with(answers)) as url,
        open_board(stub.BOARD, None, url) as device,
    ):
        with pytest.raises(DeviceError, match="answers RUN with 63 bytes, not 64"):
            device.infer(bytes(64))
        with pytest.raises(DeviceError, match="answers STACK with 7 bytes"):
            device.stack_bytes()
        with pytest.raises(DeviceError, match="answers READ_CYCLES with 5 bytes"):
            device.cycles()
        with pytest.raises(DeviceError, match="claims a layer output of 4294967295 bytes"):
            device.layer_output(0, bytes(64))


def test_wrong_model_is_refused() -> None:
    with (
        boards.serving(boards.host_firmware()) as url,
        pytest.raises(DeviceError, match="runs model 'stub' 01020304"),
        open_board(stub.BOARD, None, url, digest=bytes(32)),
    ):
        pass


def test_wrong_build_is_refused_by_both_digests() -> None:
    build = "f" * 64
    with (
        boards.serving(boards.host_firmware()) as url,
        pytest.raises(DeviceError, match=f"build {stub.BUILD} .* expected {'f' * 16}; flash"),
        open_board(stub.BOARD, None, url, digest=stub.DIGEST, build=build),
    ):
        pass


def test_the_right_build_is_known_by_its_beginning() -> None:
    build = stub.BUILD + "0" * 48
    with (
        boards.serving(boards.host_firmware()) as url,
        open_board(stub.BOARD, None, url, digest=stub.DIGEST, build=build) as device,
    ):
        assert device.identity() == Identity(
            "hardware",
            "hardware of protocol version 2",
            None,
            stub.DIGEST.hex(),
            stub.BUILD,
            host=url,  # it has no serial number
        )


def test_the_host_firmware_computes() -> None:
    with (
        boards.serving(boards.host_firmware()) as url,
        open_board(stub.BOARD, None, url, digest=stub.DIGEST) as device,
    ):
        x = bytes(range(64))
        assert device.infer(x) == stub.add_one(x)
        assert device.layer_output(0) == x
        assert device.layer_output(1) == stub.add_one(x)
        assert device.instructions() is None
        assert device.selftest().passed


def test_long_tensors_go_in_chunks() -> None:
    x = bytes(i % 256 for i in range(5000))
    with (
        boards.serving(boards.host_firmware(size=5000)) as url,
        open_board(stub.BOARD, None, url) as device,
    ):
        assert device.infer(x) == stub.add_one(x)
        assert device.layer_output(0) == x


def flip(index: int, wire: bytes) -> bytes:
    """Damages every third frame, keeping its delimiter."""
    return bytes([wire[0] ^ 0x41]) + wire[1:] if index % 3 == 1 else wire


def with_garbage(index: int, wire: bytes) -> bytes:
    """Noise before every second frame, some of it ending in a delimiter."""
    return (b"\x99\x98\0" if index % 4 == 1 else b"") + wire


@pytest.mark.parametrize("to_board", [flip, with_garbage])
@pytest.mark.parametrize("to_host", [flip, with_garbage])
def test_a_bad_wire_changes_no_integer(
    to_board: Callable[[int, bytes], bytes], to_host: Callable[[int, bytes], bytes]
) -> None:
    serve = boards.host_firmware(to_board, to_host, size=1500)
    x = bytes(i % 256 for i in range(1500))
    with boards.serving(serve) as url, open_board(stub.BOARD, None, url) as device:
        for _ in range(5):
            assert device.infer(x) == stub.add_one(x)
        assert device.layer_output(0) == x


def test_a_lost_answer_is_asked_for_again() -> None:
    serve = boards.host_firmware(to_host=lambda index, wire: b"" if index == 1 else wire)
    with boards.serving(serve) as url, open_board(stub.BOARD, None, url) as device:
        assert device.echo(b"hello") == b"hello"


class Delays:
    """A wire that delivers some frames twice, the second copy after up to three later ones."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.held: list[bytes] = []

    def __call__(self, index: int, wire: bytes) -> bytes:
        if self.rng.random() < 0.5:
            self.held.append(wire)
        self.rng.shuffle(self.held)
        late = [self.held.pop() for _ in range(len(self.held) - self.rng.randint(0, 3))]
        before = self.rng.randint(0, len(late))
        return b"".join([*late[:before], wire, *late[before:]])


@pytest.mark.parametrize("seed", range(4))
def test_late_and_repeated_frames_change_no_integer(seed: int) -> None:
    serve = boards.host_firmware(Delays(seed), Delays(seed + 100), size=1500)
    rng = random.Random(seed)
    with boards.serving(serve) as url, open_board(stub.BOARD, None, url) as device:
        for _ in range(12):
            x = rng.randbytes(1500)
            assert device.infer(x) == stub.add_one(x)
            assert device.layer_output(0) == x


def test_a_session_begins_anew_after_a_request_without_an_answer() -> None:
    def lossy(index: int, wire: bytes) -> bytes:
        return b"" if 1 <= index <= 3 else wire  # the echo below, and its repetitions

    with boards.serving(boards.host_firmware(lossy)) as url, open_board(stub.BOARD, None, url) as d:
        with pytest.raises(DeviceError, match="silent"):
            d.echo(b"lost")
        assert d.echo(b"here") == b"here"
        assert d.infer(bytes(64)) == stub.add_one(bytes(64))


def test_a_new_session_finds_a_number_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secrets.randbelow", lambda most: 500)
    serve = boards.host_firmware()
    with boards.serving(serve) as url, Link(url, 115200) as link:
        first = Client(link)
        for _ in range(9):
            first.echo(b"x")
        second = Client(link)
        assert second.info().name == "stub" and second.echo(b"y") == b"y"
        with pytest.raises(DeviceError, match=r"refuses ECHO \(LATE\)"):
            first.echo(b"z")
        assert first.echo(b"z") == b"z"


def test_wrong_arguments_are_the_callers() -> None:
    with (
        boards.serving(boards.host_firmware()) as url,
        open_board(stub.BOARD, None, url) as device,
    ):
        with pytest.raises(ConfigError):
            device.infer(bytes(63))
        with pytest.raises(ConfigError):
            device.layer_output(2, bytes(64))
        with pytest.raises(ConfigError, match="give an input"):
            device.layer_output(0)
