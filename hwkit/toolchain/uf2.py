"""UF2: firmware as blocks that a board's USB drive takes (Microsoft, "USB Flashing Format")."""

from __future__ import annotations

import struct

PAYLOAD_BYTES = 256
"""A page of flash for each block, which every boot loader accepts."""

_BLOCK = struct.Struct("<8I476sI")
_MAGIC = (0x0A324655, 0x9E5D5157)
_MAGIC_END = 0x0AB16F30
_FAMILY_PRESENT = 0x2000


def uf2(binary: bytes, address: int, family: int) -> bytes:
    """The blocks that write ``binary`` to ``address``, for chips of ``family``.

    The last block is filled up with 0xFF, erased flash. Example: 300 bytes give two blocks of
    512 bytes, the second of which goes to ``address + 256``.
    """
    count = -(-len(binary) // PAYLOAD_BYTES)
    blocks = []
    for number in range(count):
        at = number * PAYLOAD_BYTES
        payload = binary[at : at + PAYLOAD_BYTES].ljust(PAYLOAD_BYTES, b"\xff")
        fields = (_FAMILY_PRESENT, address + at, PAYLOAD_BYTES, number, count, family)
        blocks.append(_BLOCK.pack(*_MAGIC, *fields, payload, _MAGIC_END))
    return b"".join(blocks)
