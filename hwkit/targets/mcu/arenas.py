"""The arenas in C: one array for each SRAM that the memory plan uses."""

from __future__ import annotations

from hwkit.lower.memory import ALIGNMENT_BYTES, MemoryPlan
from hwkit.toolchain.linker_script import arena_section, identifier


def declarations(memory: MemoryPlan) -> str:
    """An array for each region; that of the first one is ``arena``, in .bss.

    Example: ``static int8_t arena[64] __attribute__((aligned(16)));``.
    """
    first, *others = memory.regions
    lines = [_declaration(symbol(memory, first.region), first.size_bytes, "")]
    lines += [
        _declaration(
            symbol(memory, other.region),
            other.size_bytes,
            f', section("{arena_section(other.region)}")',
        )
        for other in others
        if other.size_bytes
    ]
    return "\n".join(lines)


def pointer(memory: MemoryPlan, tensor: str, layer: int = -1) -> str:
    """Where a tensor or a scratch lies, as ``layer`` finds it, or at first. Example:
    ``arena + 128``."""
    placed = memory.placed(tensor, layer)
    return f"{symbol(memory, placed.region)} + {placed.offset}"


def symbol(memory: MemoryPlan, region: str) -> str:
    """The name of the array in a region. Example: ``arena_axi_sram``."""
    if region == memory.regions[0].region:
        return "arena"
    return f"arena_{identifier(region)}"


def moves(memory: MemoryPlan, layer: int) -> list[str]:
    """What is copied to another place before ``layer``. Example: ``memcpy(arena + 128,
    arena_slow + 64, 256);``."""
    return [
        f"memcpy({pointer(memory, move.tensor, layer)}, {pointer(memory, move.tensor)}, "
        f"{memory.placed(move.tensor).size_bytes});"
        for move in memory.moves
        if move.layer == layer
    ]


def _declaration(name: str, size_bytes: int, more: str) -> str:
    attributes = f"aligned({ALIGNMENT_BYTES}){more}"
    return f"static int8_t {name}[{size_bytes}] __attribute__(({attributes}));"
