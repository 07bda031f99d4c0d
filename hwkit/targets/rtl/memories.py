"""Where a memory of a design lies on a family of parts, as Yosys' ``memory_libmap`` chooses.

It compares costs: of bits in logic, of cells of LUT memory with the choice between their rows, of
blocks of RAM. Its weights are those of Yosys 0.70: a bit of RAM in registers 1, of ROM in logic
1/16, a cell of LUT memory 4, a block 64 (iCE40) or 128, a choice of a bit 1/2, what a port lacks 8.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

_ROM_BIT = 1 / 16
_CHOICE = 0.5
_EMULATED = 8.0
_CELL_WORDS, _CELL_BITS, _CELL = 16, 4, 4.0


@dataclass(frozen=True, slots=True)
class RamBlock:
    """A part's block of RAM: its bits, and how many it gives in a cycle at the most."""

    bits: int
    width: int

    @property
    def cost(self) -> float:
        """What Yosys counts it as."""
        return 64.0 if self.bits < 8192 else 128.0

    def used(self, depth: int, width: int) -> tuple[float, int, int]:
        """Of a memory, for the width of a block that costs least: that cost, the blocks, and the
        rows of words of which one is chosen at each read. Rows lie side by side in a block."""
        ways, each = [], self.width
        while each > (1 if self.bits < 8192 else 0):
            words = 1 << (self.bits // each).bit_length() - 1
            rows = ceil(depth / words)
            blocks = ceil(rows * width / each)
            ways.append((blocks * self.cost + (rows - 1) * width * _CHOICE, blocks, rows))
            each //= 2
        return min(ways)


@dataclass(frozen=True, slots=True)
class Memory:
    """``depth`` words of ``width`` bits: constants, or written."""

    depth: int
    width: int
    constant: bool = False

    @property
    def bits(self) -> int:
        """All of it."""
        return self.depth * self.width


@dataclass(frozen=True, slots=True)
class Placed:
    """``terms`` of LUTs and flip-flops, and the ``blocks`` of RAM."""

    terms: dict[str, float]
    blocks: int = 0


def placed(memory: Memory, block: RamBlock, lut_memory: bool) -> Placed:
    """Where ``memory`` lies on a part with such blocks, and with memory in LUTs or without.

    Example: 16 words of 8 constant bits lie in logic everywhere.
    """
    depth, width, bits = memory.depth, memory.width, memory.bits
    if depth <= 1:
        return Placed({})
    in_blocks, blocks, rows = block.used(depth, width)
    if memory.constant:
        if bits * _ROM_BIT <= in_blocks:
            return Placed(_rom(depth, width))
        return Placed({"rom.choice": width * (rows - 1.0)} if rows > 1 else {}, blocks)
    in_blocks += 2 * _EMULATED
    words = ceil(depth / _CELL_WORDS)
    cells, choices = ceil(words * width / _CELL_BITS), width * (words - 1.0)
    in_cells = cells * _CELL + choices * _CHOICE + _EMULATED
    if lut_memory and in_cells < min(bits, in_blocks):
        return Placed({"cells": float(cells), "cells.choice": choices, "cells.memory": 1.0})
    if bits < in_blocks:
        return Placed({"registers": float(bits), "registers.width": float(width)})
    terms = {"block.width": float(width), "block.address": float((depth - 1).bit_length())}
    return Placed(terms | {"rom.choice": width * (rows - 1.0)}, blocks)


def _rom(depth: int, width: int) -> dict[str, float]:
    """Constants in logic: 16 words a LUT, and choices between them."""
    if depth <= 4:
        return {"rom.few": float(width)}
    if depth <= 16:
        return {"rom": float(width)}
    return {"rom.deep": width * depth / 16, "rom.deep_width": float(width)}
