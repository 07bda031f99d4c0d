"""Frames on the wire: the host's end of ``firmware/include/hwk_protocol.h``.

A frame is its body in COBS (Cheshire and Baker, "Consistent Overhead Byte Stuffing", 1999) and a
zero byte. Body: command u8, status u8, sequence u16, payload length u16, payload, CRC-32, all
little-endian.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

HEADER = struct.Struct("<BBHH")
CRC = struct.Struct("<I")
MAX_PAYLOAD_BYTES = 0xFFFF
"""What the length field can say; a board announces its own, smaller cap."""

_LONGEST_RUN = 254
_MAX_BODY_BYTES = HEADER.size + MAX_PAYLOAD_BYTES + CRC.size
MAX_WIRE_BYTES = _MAX_BODY_BYTES + _MAX_BODY_BYTES // _LONGEST_RUN + 2


@dataclass(frozen=True, slots=True)
class Frame:
    """One request (``status`` 0) or answer."""

    command: int
    status: int
    sequence: int
    payload: bytes


def encode(frame: Frame) -> bytes:
    """The bytes to send, delimiter included.

    Example: ``encode(Frame(1, 0, 7, b""))`` is ``02 01 02 07 01 01 05 <CRC> 00`` but for zero
    bytes in the CRC.
    """
    header = HEADER.pack(frame.command, frame.status, frame.sequence, len(frame.payload))
    body = header + frame.payload
    return stuff(body + CRC.pack(zlib.crc32(body))) + b"\0"


def stuff(body: bytes) -> bytes:
    """COBS: ``body`` without zero bytes.

    Example: ``stuff(b"\\x11\\0\\x22") == b"\\2\\x11\\2\\x22"``.
    """
    out = bytearray()
    for part in body.split(b"\0"):
        while len(part) > _LONGEST_RUN:
            out += b"\xff" + part[:_LONGEST_RUN]
            part = part[_LONGEST_RUN:]
        if len(part) == _LONGEST_RUN:
            # A full run stands for no zero, so the zero that ended this part needs a code.
            out += b"\xff" + part
            part = b""
        out.append(len(part) + 1)
        out += part
    return bytes(out)


def unstuff(data: bytes) -> bytes | None:
    """The body that ``stuff`` made ``data`` from; None when ``data`` is cut short."""
    out = bytearray()
    at = 0
    while at < len(data):
        code = data[at]
        end = at + code
        if code == 0 or end > len(data):
            return None
        out += data[at + 1 : end]
        if code != _LONGEST_RUN + 1 and end < len(data):
            out.append(0)
        at = end
    return bytes(out)


def decode(data: bytes) -> Frame | None:
    """The frame in ``data`` (without its delimiter); None when length or CRC is wrong."""
    body = unstuff(data)
    if body is None or len(body) < HEADER.size + CRC.size:
        return None
    covered, crc = body[: -CRC.size], body[-CRC.size :]
    if CRC.pack(zlib.crc32(covered)) != crc:
        return None
    command, status, sequence, size = HEADER.unpack_from(covered)
    if size != len(covered) - HEADER.size:
        return None
    return Frame(command, status, sequence, covered[HEADER.size :])


class FrameReceiver:
    """Cuts a byte stream into frames and skips what is none.

    ``garbage_bytes`` counts what was skipped, ``sample`` keeps its first bytes. Never holds more
    than one frame of the greatest length.
    """

    def __init__(self) -> None:
        self._pending = bytearray()
        self.garbage_bytes = 0
        self.sample = b""

    def receive(self, data: bytes) -> list[Frame | None]:
        """Frames that end in ``data``, in order; None for each one that is damaged."""
        frames: list[Frame | None] = []
        self._pending += data
        while (end := self._pending.find(0)) >= 0:
            wire = bytes(self._pending[:end])
            del self._pending[: end + 1]
            if wire:
                frames.append(self._frame(wire))
        if len(self._pending) > MAX_WIRE_BYTES:
            self._skip(bytes(self._pending))
            self._pending.clear()
            frames.append(None)
        return frames

    def forget_garbage(self) -> None:
        """Counts from zero again."""
        self.garbage_bytes = 0
        self.sample = b""

    @property
    def unfinished(self) -> bytes:
        """Bytes of a frame that has not ended."""
        return bytes(self._pending)

    def _frame(self, wire: bytes) -> Frame | None:
        frame = decode(wire)
        if frame is None:
            self._skip(wire)
        return frame

    def _skip(self, data: bytes) -> None:
        self.garbage_bytes += len(data)
        self.sample = (self.sample + data)[:16]
