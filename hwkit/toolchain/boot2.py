"""The checksum of a boot stage that a chip's ROM loads from the start of the flash."""

from __future__ import annotations

import struct
from pathlib import Path

from hwkit.errors import FormatError, ToolMissing

_POLYNOMIAL = 0x04C11DB7


def crc32(data: bytes) -> int:
    """CRC-32 as the RP2040's ROM computes it: most significant bit first, all ones to start with,
    nothing inverted at the end (RP2040 Datasheet, 2.8.1.3.1).

    Example: ``crc32(b"123456789") == 0x0376E6E7``.
    """
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1) ^ (_POLYNOMIAL if crc >> 31 else 0)
            crc &= 0xFFFFFFFF
    return crc


def seal(path: Path, size_bytes: int) -> None:
    """Writes the checksum into the last word of the section ``.boot`` of the ELF image ``path``.

    ``FormatError`` when that section does not have ``size_bytes``.
    """
    try:
        from elftools.elf.elffile import ELFFile
    except ImportError as error:
        raise ToolMissing("pyelftools", "pip install 'hwkit[mcu]'") from error
    with path.open("r+b") as stream:
        section = ELFFile(stream).get_section_by_name(".boot")
        if section is None or section["sh_size"] != size_bytes:
            size = 0 if section is None else section["sh_size"]
            raise FormatError(f"{path}: boot stage of {size} bytes; the ROM loads {size_bytes}")
        body = section.data()[:-4]
        stream.seek(section["sh_offset"] + len(body))
        stream.write(struct.pack("<I", crc32(body)))
