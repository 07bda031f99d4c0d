"""The linker script of a firmware, from the board's memory map."""

from __future__ import annotations

import re

from hwkit.boards import McuBoard, MemoryRegion
from hwkit.errors import ConfigError

_SCRIPT = """\
ENTRY(Reset_Handler)

MEMORY {{
  FLASH (rx) : ORIGIN = {flash.origin:#x}, LENGTH = {flash.size_bytes:#x}
  SRAM (rw) : ORIGIN = {sram.origin:#x}, LENGTH = {sram.size_bytes:#x}
{banks}}}

SECTIONS {{
  .boot : {{ KEEP(*(.boot)) }} > FLASH
  .vectors : {{ KEEP(*(.vectors)) KEEP(*(.image_definition)) }} > FLASH
  .text : ALIGN(4) {{ *(.text .text.*) }} > FLASH
  .rodata : ALIGN(16) {{ *(.rodata .rodata.* .srodata .srodata.*) . = ALIGN(4); }} > FLASH
  .ARM.exidx : {{ *(.ARM.exidx .ARM.exidx.*) }} > FLASH

  .stack (NOLOAD) : ALIGN(8) {{
    hwk_stack_limit = .;
    . = . + {stack_bytes:#x};
    hwk_stack_top = .;
  }} > SRAM
  .data : ALIGN(16) {{
    hwk_data_start = .;
    *(.data .data.* .sdata .sdata.*)
    . = ALIGN(4);
    hwk_data_end = .;
  }} > SRAM AT > FLASH
  hwk_data_image = LOADADDR(.data);
{arenas}  .bss (NOLOAD) : ALIGN(16) {{
    hwk_bss_start = .;
    *(.bss.arena)
    . = ALIGN(16);
    hwk_arena_guard = .;
    . = . + 16;
    *(.bss .bss.* .sbss .sbss.* COMMON)
    . = ALIGN(4);
    hwk_bss_end = .;
  }} > SRAM
  hwk_sram_end = ORIGIN(SRAM) + LENGTH(SRAM);

  /DISCARD/ : {{ *(.comment) *(.note*) *(.ARM.attributes) *(.riscv.attributes) }}
}}
"""


_BANK = "  SRAM{number} (rw) : ORIGIN = {bank.origin:#x}, LENGTH = {bank.size_bytes:#x}\n"
_ARENA = "  .arena{number} (NOLOAD) : ALIGN(16) {{ *({section}) }} > SRAM{number}\n"


def linker_script(board: McuBoard, stack_bytes: int | None = None) -> str:
    """GNU linker script: code and constants in the first flash region, the rest in the first
    SRAM region, and in each further one what is in its ``arena_section``, which nothing clears
    before it is written. The stack lies at the bottom of the SRAM, so that an overflow leaves the
    memory and faults instead of overwriting data. Right behind the model's arena lie 16 bytes that
    the firmware's self-test watches. ``stack_bytes`` defaults to the board's.

    ``ConfigError`` when a region is missing or ``stack_bytes`` is not a multiple of 8.
    """
    stack_bytes = board.stack_bytes if stack_bytes is None else stack_bytes
    if stack_bytes <= 0 or stack_bytes % 8:
        raise ConfigError(f"stack of {stack_bytes} bytes: give a positive multiple of 8")
    flash, (sram, *others) = region(board, "flash"), regions(board, "sram")
    return _SCRIPT.format(
        flash=flash,
        sram=sram,
        stack_bytes=stack_bytes,
        banks="".join(_BANK.format(number=k, bank=bank) for k, bank in enumerate(others, start=1)),
        arenas="".join(
            _ARENA.format(number=k, section=arena_section(bank.name))
            for k, bank in enumerate(others, start=1)
        ),
    )


def arena_section(region: str) -> str:
    """The section of what lies in an SRAM region that is not the first. Where a linker script
    knows nothing of it, it is one of .bss."""
    return f".bss.arena.{identifier(region)}"


def identifier(region: str) -> str:
    """A region's name as C and the linker take it: ``slow bank`` gives ``slow_bank``."""
    return re.sub(r"[^A-Za-z0-9_]", "_", region)


def region(board: McuBoard, kind: str) -> MemoryRegion:
    """The first memory region of ``kind``; ``ConfigError`` when the board has none."""
    return regions(board, kind)[0]


def regions(board: McuBoard, kind: str) -> list[MemoryRegion]:
    """The memory regions of ``kind``, in the board's order; ``ConfigError`` for none."""
    if found := [candidate for candidate in board.memory if candidate.kind == kind]:
        return found
    raise ConfigError(f"board with core {board.core}: no memory region of kind {kind!r}")
