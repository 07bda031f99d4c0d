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


def pointer(memory: MemoryPlan, tensor: str) -> str:
    """Where a tensor or a scratch lies. Example: ``arena + 128``."""
    placed = memory.placed(tensor)
    return f"{symbol(memory, placed.region)} + {placed.offset}"


def symbol(memory: MemoryPlan, region: str) -> str:
    """The name of the array in a region. Example: ``arena_axi_sram``."""
    if region == memory.regions[0].region:
        return "arena"
    return f"arena_{identifier(region)}"


def _declaration(name: str, size_bytes: int, more: str) -> str:
    attributes = f"aligned({ALIGNMENT_BYTES}){more}"
    return f"static int8_t {name}[{size_bytes}] __attribute__(({attributes}));"
