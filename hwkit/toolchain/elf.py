"""What an ELF image holds: sizes by kind of section, symbols, the bytes to load."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwkit.errors import FormatError, ToolMissing

_MACHINES = ("EM_ARM", "EM_RISCV")


@dataclass(frozen=True, slots=True)
class Segment:
    """Bytes that a loader puts at ``address`` (where they are stored, not where they run)."""

    address: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Image:
    """An ELF image of a firmware.

    ``code_bytes`` machine code and vectors, ``rodata_bytes`` constants, ``data_bytes``
    initialised variables (they take flash and SRAM), ``bss_bytes`` zeroed ones, ``stack_bytes``
    what is reserved for the stack. ``symbols`` address by name (a function's without the Thumb
    bit), ``symbol_bytes`` size by name. ``entry`` is the entry point, Thumb bit included.
    """

    entry: int
    code_bytes: int
    rodata_bytes: int
    data_bytes: int
    bss_bytes: int
    stack_bytes: int
    segments: tuple[Segment, ...]
    symbols: dict[str, int]
    symbol_bytes: dict[str, int]

    @property
    def flash_bytes(self) -> int:
        """All that is stored in flash."""
        return self.code_bytes + self.rodata_bytes + self.data_bytes

    @property
    def ram_bytes(self) -> int:
        """All SRAM, stack included."""
        return self.data_bytes + self.bss_bytes + self.stack_bytes

    def address(self, symbol: str) -> int:
        """Address of ``symbol``; ``FormatError`` when the image has none."""
        if symbol not in self.symbols:
            raise FormatError(f"symbol {symbol!r} is not in the image; build it with hwkit deploy")
        return self.symbols[symbol]


def read(path: Path) -> Image:
    """Reads a 32-bit little-endian Arm or RISC-V ELF executable.

    ``FormatError`` when the file is missing, damaged or something else; ``ToolMissing`` without
    pyelftools.
    """
    with opened(path) as elf:
        return _image(elf)


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """pyelftools' view of a 32-bit little-endian Arm or RISC-V file. Errors are those of ``read``,
    in the body too."""
    try:
        from elftools.common.exceptions import DWARFError, ELFError
        from elftools.construct import ConstructError
        from elftools.elf.elffile import ELFFile
    except ImportError as error:
        raise ToolMissing("pyelftools", "pip install 'hwkit[mcu]'") from error
    try:
        with path.open("rb") as stream:
            elf = ELFFile(stream)
            machine = elf["e_machine"]
            if elf.elfclass != 32 or not elf.little_endian or machine not in _MACHINES:
                raise FormatError(f"{path}: not a 32-bit little-endian Arm or RISC-V image")
            yield elf
    except OSError as error:
        raise FormatError(f"{path}: {error.strerror}; give the path of a firmware.elf") from error
    except (ELFError, DWARFError, ConstructError, ValueError, KeyError, AttributeError) as error:
        raise FormatError(f"{path}: damaged or not an ELF image ({error})") from error


def _image(elf: Any) -> Image:
    sizes = dict.fromkeys(("code", "rodata", "data", "bss", "stack"), 0)
    for section in elf.iter_sections():
        kind = _kind(section)
        if kind:
            sizes[kind] += section["sh_size"]
    segments = tuple(
        Segment(segment["p_paddr"], segment.data())
        for segment in elf.iter_segments("PT_LOAD")
        if segment["p_filesz"]
    )
    table = elf.get_section_by_name(".symtab")
    symbols, symbol_bytes = {}, {}
    for symbol in table.iter_symbols() if table else ():
        if symbol.name and symbol["st_shndx"] != "SHN_UNDEF":
            is_function = symbol["st_info"]["type"] == "STT_FUNC"
            # Bit 0 of an Arm function's address says Thumb; RISC-V's is 0 as it is.
            symbols[symbol.name] = symbol["st_value"] & ~int(is_function)
            symbol_bytes[symbol.name] = symbol["st_size"]
    return Image(
        entry=elf["e_entry"],
        code_bytes=sizes["code"],
        rodata_bytes=sizes["rodata"],
        data_bytes=sizes["data"],
        bss_bytes=sizes["bss"],
        stack_bytes=sizes["stack"],
        segments=segments,
        symbols=symbols,
        symbol_bytes=symbol_bytes,
    )


def _kind(section: Any) -> str:
    allocated, writable, executable = 2, 1, 4  # SHF_ALLOC, SHF_WRITE, SHF_EXECINSTR
    flags = section["sh_flags"]
    if not flags & allocated:
        return ""
    if section.name == ".stack":
        return "stack"
    if flags & executable or section.name in (".boot", ".vectors"):
        return "code"
    if section["sh_type"] == "SHT_NOBITS":
        return "bss"
    return "data" if flags & writable else "rodata"
