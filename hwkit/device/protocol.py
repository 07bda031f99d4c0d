"""Commands to the firmware and their answers: the host's end of ``hwk_protocol.h``."""

from __future__ import annotations

import enum
import secrets
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice

from hwkit.device.frame import Frame, FrameReceiver, encode
from hwkit.device.link import Link
from hwkit.errors import DeviceError
from hwkit.target import Kind

VERSION = 2
MAX_TENSOR_BYTES = 64 << 20
"""Largest tensor or table that a board is believed to have."""

ATTEMPTS = 3
ANSWER_TIMEOUT_S = 1.0
INFER_TIMEOUT_S = 60.0


class Command(enum.IntEnum):
    """``HWK_COMMAND_*``."""

    NONE = 0
    INFO = 1
    LOAD_INPUT = 2
    INFER = 3
    READ_OUTPUT = 4
    READ_CYCLES = 5
    READ_LAYER = 6
    SELFTEST = 7
    STACK = 8
    ECHO = 9
    RUN = 10
    MEMORY_TEST = 11
    COUNTER = 12
    RESET = 13
    READ_STATE = 14
    WRITE_STATE = 15


class Status(enum.IntEnum):
    """``HWK_STATUS_*``."""

    OK = 0
    BAD_CRC = 1
    BAD_FRAME = 2
    UNKNOWN_COMMAND = 3
    BAD_ARGUMENT = 4
    NO_INPUT = 5
    NO_OUTPUT = 6
    ARENA_OVERRUN = 7
    LATE = 8


_MEANING = {
    Status.BAD_CRC: "the request arrived damaged",
    Status.BAD_FRAME: "the request was longer than the board accepts, or cut short",
    Status.UNKNOWN_COMMAND: "the firmware does not know it; flash a newer one",
    Status.BAD_ARGUMENT: "an argument is outside the model",
    Status.NO_INPUT: "the inputs have not been loaded",
    Status.NO_OUTPUT: "nothing has been computed yet",
    Status.LATE: "it is not the next one of the session: the board was reset in the middle of it, "
    "or something else uses the port",
    Status.ARENA_OVERRUN: "a layer wrote behind the arena; report it with the model",
}


KINDS: Mapping[int, Kind] = {1: "hardware", 2: "emulator", 3: "simulator"}
"""What answers, by INFO's number."""


@dataclass(frozen=True, slots=True)
class Info:
    """What a device says about itself and its model.

    ``chip`` is the number by which its chip identifies itself (0: it has none), ``serial`` the
    chip's serial number in hex ("": none), ``digest`` the model's SHA-256, ``build`` the first 16
    hex digits of the build's ("": an image that was built without). ``inputs``, ``outputs``
    and ``states`` have the bytes of each tensor.
    """

    max_payload_bytes: int
    kind: Kind
    clock_hz: int
    stack_size_bytes: int
    chip: int
    serial: str
    layer_count: int
    arena_bytes: int
    digest: bytes
    build: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    states: tuple[int, ...]
    name: str

    @property
    def input_bytes(self) -> int:
        """Of all inputs."""
        return sum(self.inputs)

    @property
    def output_bytes(self) -> int:
        """Of all outputs."""
        return sum(self.outputs)

    @property
    def state_bytes(self) -> int:
        """Of all states."""
        return sum(self.states)


_INFO = struct.Struct("<HHBBBBIII12sII32s8s")
_TENSOR_BYTES = 4


class Client:
    """Speaks the protocol over a link: one request, one answer.

    A request whose answer is damaged or missing is sent again, ``ATTEMPTS`` times in all; the
    board never executes one twice, nor one that arrives after its successor. INFO begins a
    session, also after a request that had no answer: whether the board got it is not known.
    Inferences, which may take long, are not sent again when there is no answer at all. Each
    method raises ``DeviceError`` when the board is silent, sends garbage, refuses, or answers
    with something of the wrong size.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._receiver = FrameReceiver()
        self._sequence = secrets.randbelow(1 << 16)
        self._in_session = False
        self._sessions = 0
        # Ends whatever an earlier host left unfinished.
        link.discard()
        link.write(b"\0")

    @property
    def url(self) -> str:
        """Of the link."""
        return self._link.url

    @property
    def session(self) -> int:
        """Number of the session that is open, from 1; 0 where none is, since nothing was asked yet
        or the last request failed. The device was not reset as long as this stays the same."""
        return self._sessions if self._in_session else 0

    def exchange(
        self,
        command: Command,
        payload: bytes = b"",
        timeout_s: float = ANSWER_TIMEOUT_S,
        silences: int = ATTEMPTS,
    ) -> bytes:
        """Sends ``command`` and returns its answer's payload; gives up after ``ATTEMPTS``
        damaged answers or ``silences`` times ``timeout_s`` without one."""
        if not self._in_session and command != Command.INFO:
            self.exchange(Command.INFO)
        self._in_session = False
        self._sequence = (self._sequence + 1) & 0xFFFF
        wire = encode(Frame(command, 0, self._sequence, payload))
        self._receiver.forget_garbage()
        unreadable = Status.OK
        for _ in range(ATTEMPTS):
            self._link.write(wire)
            deadline_s = time.monotonic() + timeout_s
            answer = self._wait_for_answer(deadline_s)
            if answer is None:
                silences -= time.monotonic() >= deadline_s
                if silences == 0:
                    break
            elif answer.command == Command.NONE:
                unreadable = self._status(answer)
            elif answer.command == Command.INFO and answer.status == Status.LATE:
                # An earlier session ended at a number close by: this one begins at another.
                unreadable = Status.LATE
                self._sequence = (self._sequence + 0x4000) & 0xFFFF
                wire = encode(Frame(command, 0, self._sequence, payload))
            else:
                return self._payload(command, answer)
        if unreadable != Status.OK:
            raise self._refusal(command, unreadable)
        raise self._no_answer(timeout_s)

    def _payload(self, command: Command, answer: Frame) -> bytes:
        if answer.command != command:
            raise self._error(f"answers {command.name} with command {answer.command}")
        self._in_session = answer.status != Status.LATE
        self._sessions += command == Command.INFO
        if answer.status != Status.OK:
            raise self._refusal(command, self._status(answer))
        return answer.payload

    def _wait_for_answer(self, deadline_s: float) -> Frame | None:
        """The answer to the current sequence, or the notice that a request was unreadable; None
        at the deadline or when a damaged frame came, which may have been it."""
        # A board that babbles always has something to read: look at the clock as well.
        while (data := self._link.read(deadline_s)) and time.monotonic() < deadline_s:
            frames = self._receiver.receive(data)
            for frame in frames:
                if frame and (frame.sequence == self._sequence or frame.command == Command.NONE):
                    return frame
            if None in frames:
                return None
        return None

    def info(self) -> Info:
        """The model and the board; a firmware of another protocol version is refused."""
        payload = self.exchange(Command.INFO)
        version = int.from_bytes(payload[:2], "little")
        if len(payload) >= 2 and version != VERSION:
            raise self._error(
                f"speaks protocol version {version}, this hwkit {VERSION}; flash the board again"
            )
        if len(payload) < _INFO.size:
            raise self._error(f"answers INFO with {len(payload)} bytes, expected {_INFO.size}")
        info = self._described(payload)
        sizes = (*info.inputs, *info.outputs, *info.states, info.layer_count)
        whole = info.inputs and info.outputs and all(0 < n <= MAX_TENSOR_BYTES for n in sizes)
        if info.max_payload_bytes < 16 or not whole:
            raise self._error(f"describes an impossible model: {info}")
        return info

    def _described(self, payload: bytes) -> Info:
        fields = _INFO.unpack_from(payload)
        _, longest, kind, *counts, clock, stack, chip, serial, layers, arena, digest, build = fields
        if kind not in KINDS:
            raise self._error(f"is of kind {kind}; this hwkit knows {list(KINDS)}")
        tensors = sum(counts)
        name_at = _INFO.size + _TENSOR_BYTES * tensors
        if len(payload) < name_at:
            raise self._error(f"answers INFO with {len(payload)} bytes, expected {name_at}")
        sizes = iter(struct.unpack_from(f"<{tensors}I", payload, _INFO.size))
        inputs, outputs, states = (tuple(islice(sizes, count)) for count in counts)
        return Info(
            max_payload_bytes=longest,
            kind=KINDS[kind],
            clock_hz=clock,
            stack_size_bytes=stack,
            chip=chip,
            serial=serial.hex() if any(serial) else "",
            layer_count=layers,
            arena_bytes=arena,
            digest=digest,
            build=build.hex() if any(build) else "",
            inputs=inputs,
            outputs=outputs,
            states=states,
            name=payload[name_at:].decode(errors="replace"),
        )

    def load_input(self, data: bytes, chunk_bytes: int) -> None:
        """Loads all inputs, one after the other in ``data``, in chunks of at most
        ``chunk_bytes``."""
        self._write(Command.LOAD_INPUT, data, chunk_bytes)

    def reset(self) -> None:
        """Gives every state its initial value."""
        self._sized(Command.RESET, b"", 0)

    def write_state(self, data: bytes, chunk_bytes: int) -> None:
        """Gives all states the values that lie in ``data``, one after the other."""
        self._write(Command.WRITE_STATE, data, chunk_bytes)

    def read_state(self, size_bytes: int, chunk_bytes: int) -> bytes:
        """All states, one after the other."""
        return self._read(Command.READ_STATE, size_bytes, chunk_bytes)

    def infer(self, last_layer: int, timeout_s: float = INFER_TIMEOUT_S) -> None:
        """Runs layers 0 to ``last_layer`` on the loaded inputs, which are used up."""
        self.exchange(Command.INFER, struct.pack("<I", last_layer), timeout_s, silences=1)

    def run(self, data: bytes, timeout_s: float = INFER_TIMEOUT_S) -> bytes:
        """Loads all inputs, runs every layer and returns all outputs, in one exchange."""
        return self.exchange(Command.RUN, data, timeout_s, silences=1)

    def read_output(self, size_bytes: int, chunk_bytes: int) -> bytes:
        """All outputs of the last inference, one after the other."""
        return self._read(Command.READ_OUTPUT, size_bytes, chunk_bytes)

    def _write(self, command: Command, data: bytes, chunk_bytes: int) -> None:
        for offset in range(0, len(data), chunk_bytes):
            chunk = data[offset : offset + chunk_bytes]
            self._sized(command, struct.pack("<I", offset) + chunk, 0)

    def _read(self, command: Command, size_bytes: int, chunk_bytes: int) -> bytes:
        out = bytearray()
        while len(out) < size_bytes:
            size = min(chunk_bytes, size_bytes - len(out))
            out += self._sized(command, struct.pack("<II", len(out), size), size)
        return bytes(out)

    def read_layer(self, chunk_bytes: int) -> bytes:
        """The output of the last layer that the last inference ran."""
        (total,) = struct.unpack("<I", self._sized(Command.READ_LAYER, bytes(8), 4))
        if total > MAX_TENSOR_BYTES:
            raise self._error(f"claims a layer output of {total} bytes")
        out = bytearray()
        while len(out) < total:
            size = min(chunk_bytes, total - len(out))
            request = struct.pack("<II", len(out), size)
            out += self._sized(Command.READ_LAYER, request, size + 4)[4:]
        return bytes(out)

    def read_cycles(self, layer_count: int) -> list[int]:
        """Cycles of each layer that the last inference ran, at most ``layer_count``."""
        cycles: list[int] = []
        while len(cycles) < layer_count:
            payload = self.exchange(Command.READ_CYCLES, struct.pack("<I", len(cycles)))
            if len(payload) % 4:
                raise self._error(f"answers READ_CYCLES with {len(payload)} bytes")
            if not payload:
                break
            cycles += struct.unpack(f"<{len(payload) // 4}I", payload)
        return cycles[:layer_count]

    def selftest(self, timeout_s: float = INFER_TIMEOUT_S) -> tuple[int, int]:
        """The self-test's expected CRC and the one that the board computed; ``DeviceError`` when
        its run wrote behind the arena."""
        payload = self.exchange(Command.SELFTEST, b"", timeout_s, silences=1)
        if len(payload) != 8:
            raise self._error(f"answers SELFTEST with {len(payload)} bytes, expected 8")
        expected, got = struct.unpack("<II", payload)
        return expected, got

    def stack(self) -> tuple[int, int]:
        """Most bytes of stack used since reset, and bytes reserved for it."""
        used, size = struct.unpack("<II", self._sized(Command.STACK, b"", 8))
        return used, size

    def memory_test(self, timeout_s: float = INFER_TIMEOUT_S) -> tuple[int, int, int]:
        """Bytes of unused SRAM tested, wrong reads, address of the first one (0 if none)."""
        payload = self.exchange(Command.MEMORY_TEST, b"", timeout_s, silences=1)
        if len(payload) != 12:
            raise self._error(f"answers MEMORY_TEST with {len(payload)} bytes, expected 12")
        tested, failures, address = struct.unpack("<III", payload)
        return tested, failures, address

    def counter(self) -> int:
        """The cycle counter as the request was executed, modulo 2**32; 0 without one."""
        return int.from_bytes(self._sized(Command.COUNTER, b"", 4), "little")

    def echo(self, data: bytes) -> bytes:
        """``data``, back from the board."""
        return self.exchange(Command.ECHO, data)

    def _sized(self, command: Command, payload: bytes, size_bytes: int) -> bytes:
        answer = self.exchange(command, payload)
        if len(answer) != size_bytes:
            raise self._error(f"answers {command.name} with {len(answer)} bytes, not {size_bytes}")
        return answer

    def _status(self, answer: Frame) -> Status:
        try:
            return Status(answer.status)
        except ValueError as error:
            raise self._error(f"answers with unknown status {answer.status}") from error

    def _refusal(self, command: Command, status: Status) -> DeviceError:
        return self._error(f"refuses {command.name} ({status.name}): {_MEANING[status]}")

    def _no_answer(self, timeout_s: float) -> DeviceError:
        receiver = self._receiver
        garbage_bytes = receiver.garbage_bytes + len(receiver.unfinished)
        if garbage_bytes:
            sample = (receiver.sample + receiver.unfinished)[:16].hex(" ")
            return self._error(
                f"sends garbage ({garbage_bytes} bytes, no answer among them; first: {sample}); "
                "check the baud rate and that the board runs hwkit's firmware"
            )
        return self._error(
            f"silent: no answer within {timeout_s:g} s; check that the board is powered, connected "
            "and flashed with hwkit's firmware"
        )

    def _error(self, text: str) -> DeviceError:
        return DeviceError(f"board at {self._link.url} {text}")
