"""What a memory map must be: regions that exist, each with its own addresses and its own name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

from hwkit.boards.records import FlashTiming, MemoryRegion
from hwkit.errors import ConfigError

_ADDRESSES = 1 << 32
_LONGEST_WAIT = 1000


def check_memory(regions: Sequence[MemoryRegion], path: Path) -> None:
    """``ConfigError`` for a region without bytes or outside 32-bit addresses, for cycles of waiting
    that are none, and for two that overlap or whose names are one to a linker: a build would lay
    one arena over another.

    Example: 4 kB of sram at 0x2000_0000 and 4 kB at 0x2000_0800 are refused.
    """
    for region in regions:
        end = region.origin + region.size_bytes
        if region.size_bytes < 1 or region.origin < 0 or end > _ADDRESSES:
            raise ConfigError(
                f"{path}: mcu.memory {region.name!r:.80}: {region.size_bytes} bytes at "
                f"{region.origin:#x}; give at least one, within 32-bit addresses"
            )
        if region.wait_cycles is not None and not 0 <= region.wait_cycles <= _LONGEST_WAIT:
            raise ConfigError(
                f"{path}: mcu.memory {region.name!r:.80}: wait_cycles {region.wait_cycles}; give "
                f"0 .. {_LONGEST_WAIT}"
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


_LONGEST_CYCLES = 1_000_000
_LARGEST_CACHE_BYTES = 1 << 24


def check_flash(timing: FlashTiming | None, path: Path) -> None:
    """``ConfigError`` for cycles that are none, for two caches of one content, and for one whose
    lines are no power of two or do not fill it.

    Example: 1000 bytes in lines of 16 are refused.
    """
    if timing is None:
        return
    for name, cycles in (("miss", timing.miss_cycles), ("data", timing.data_cycles)):
        if not 0 <= cycles <= _LONGEST_CYCLES:
            raise ConfigError(
                f"{path}: mcu.flash_timing.{name}_cycles: {cycles}; give 0 .. {_LONGEST_CYCLES}"
            )
    held = [cache.holds for cache in timing.caches]
    if len(set(held)) != len(held) or ("both" in held and len(held) > 1):
        raise ConfigError(
            f"{path}: mcu.flash_timing.caches: {', '.join(held)}; one for code, one for data, or "
            "one for both"
        )
    for cache in timing.caches:
        line, ways, size = cache.line_bytes, cache.ways, cache.size_bytes
        power = line > 0 and line & (line - 1) == 0
        fills = power and ways > 0 and 0 < size <= _LARGEST_CACHE_BYTES
        if not fills or size % (line * ways):
            raise ConfigError(
                f"{path}: mcu.flash_timing.caches: {size} bytes in {ways} ways of lines of {line}; "
                f"lines are a power of two, and fill the cache, of at most {_LARGEST_CACHE_BYTES}"
            )
