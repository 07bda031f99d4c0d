"""The forms in which programmers take a firmware: plain binary and Intel HEX."""

from __future__ import annotations

from collections.abc import Sequence

from hwkit.errors import FormatError
from hwkit.toolchain.elf import Segment

LONGEST_BINARY_BYTES = 64 << 20
"""More than any flash here: segments farther apart are not one memory."""

_ROW_BYTES = 16


def binary(segments: Sequence[Segment]) -> bytes:
    """Memory from the lowest address to the highest, gaps filled with 0xFF (erased flash).

    ``FormatError`` when that is more than 64 MiB or there is nothing to load.
    """
    if not segments:
        raise FormatError("image has no bytes to load")
    start = min(segment.address for segment in segments)
    end = max(segment.address + len(segment.data) for segment in segments)
    if end - start > LONGEST_BINARY_BYTES:
        raise FormatError(f"image spans {end - start} bytes from {start:#x}; not one memory")
    memory = bytearray(b"\xff" * (end - start))
    for segment in segments:
        at = segment.address - start
        memory[at : at + len(segment.data)] = segment.data
    return bytes(memory)


def intel_hex(segments: Sequence[Segment], entry: int) -> str:
    """Intel HEX (Intel, "Hexadecimal Object File Format Specification", 1988): data records (00)
    of 16 bytes, extended linear addresses (04), the entry point (05) and the end (01).

    Example: bytes 01 02 at address 0x10 give ``:020010000102EB``.
    """
    rows = []
    upper = 0
    for segment in sorted(segments, key=lambda segment: segment.address):
        at = 0
        while at < len(segment.data):
            address = segment.address + at
            if address >> 16 != upper:
                upper = address >> 16
                rows.append(_record(4, 0, upper.to_bytes(2, "big")))
            size = min(_ROW_BYTES, len(segment.data) - at, 0x10000 - (address & 0xFFFF))
            rows.append(_record(0, address & 0xFFFF, segment.data[at : at + size]))
            at += size
    rows.append(_record(5, 0, entry.to_bytes(4, "big")))
    rows.append(_record(1, 0, b""))
    return "\n".join(rows) + "\n"


def _record(kind: int, address: int, data: bytes) -> str:
    body = bytes((len(data), address >> 8, address & 0xFF, kind)) + data
    return f":{body.hex().upper()}{-sum(body) & 0xFF:02X}"
