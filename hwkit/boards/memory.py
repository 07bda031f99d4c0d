"""What a memory map must be: regions that exist, each with its own addresses and its own name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

from hwkit.boards.records import MemoryRegion
from hwkit.errors import ConfigError

_ADDRESSES = 1 << 32


def check_memory(regions: Sequence[MemoryRegion], path: Path) -> None:
    """``ConfigError`` for a region without bytes or outside 32-bit addresses, and for two that
    overlap or whose names are one to a linker: a build would lay one arena over another.

    Example: 4 kB of sram at 0x2000_0000 and 4 kB at 0x2000_0800 are refused.
    """
    for region in regions:
        end = region.origin + region.size_bytes
        if region.size_bytes < 1 or region.origin < 0 or end > _ADDRESSES:
            raise ConfigError(
                f"{path}: mcu.memory {region.name!r:.80}: {region.size_bytes} bytes at "
                f"{region.origin:#x}; give at least one, within 32-bit addresses"
            )
    for one, other in combinations(regions, 2):
        if _identifier(one.name) == _identifier(other.name):
            raise ConfigError(
                f"{path}: mcu.memory {other.name!r:.80}: another is called {one.name!r:.80}; "
                "their letters and digits must differ"
            )
        if one.origin < other.origin + other.size_bytes and other.origin < (
            one.origin + one.size_bytes
        ):
            raise ConfigError(
                f"{path}: mcu.memory {other.name!r:.80} at {other.origin:#x} overlaps "
                f"{one.name!r:.80} at {one.origin:#x}; each address belongs to one region"
            )


def _identifier(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]", "_", name)
