"""Budget and cost table brought to whole units, so that a limit is compared exactly.

Latency is counted in cycles when the table has cycles (and a clock, if the budget is a time), else
in nanoseconds rounded up; memory in bytes; logic in LUTs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hwkit.allocate.budget import Budget
from hwkit.allocate.cost import CostRow, CostTable
from hwkit.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Resource:
    """One thing a plan spends: ``of`` whole units of each row and ``of_maps`` of each row of a map,
    in the order of the table, plus ``fixed``.

    ``peak``: a plan needs the maximum over its layers or moments, not the sum. ``limit`` None: not
    limited. ``shown`` turns units into text for people.
    """

    name: str
    of: Sequence[int]
    of_maps: Sequence[int]
    fixed: int
    limit: int | None
    shown: Callable[[int], str]
    peak: bool = False


def resources(table: CostTable, budget: Budget) -> tuple[Resource, ...]:
    """Everything that all rows of the table know; limited where the budget says so.

    Raises ``ConfigError`` when the budget limits what the table doesn't know.
    """
    fixed = table.fixed
    found = [
        _latency(table, budget),
        _plain(table, "flash", "weight_bytes", fixed.flash_bytes, budget.flash_bytes, " B"),
        _plain(table, "sram", "sram_bytes", fixed.sram_bytes, budget.sram_bytes, " B"),
        _plain(table, "lut", "lut", fixed.lut, budget.lut, ""),
        _plain(table, "energy", "energy_nj", fixed.energy_nj, budget.energy_nj, " nJ"),
    ]
    return tuple(resource for resource in found if resource is not None)


def _plain(
    table: CostTable, name: str, key: str, fixed: int, limit: int | None, unit: str
) -> Resource | None:
    of = _column(table.rows, lambda row: getattr(row, key))
    if of is None and name == "sram" and table.moments:
        of = [row.sram_bytes or 0 for row in table.rows]
    if of is None:
        if limit is not None:
            raise _unknown(table, name, key)
        return None
    of_maps = [getattr(row, "flash_bytes" if name == "flash" else key) for row in table.maps]
    return Resource(name, of, of_maps, fixed, limit, lambda n: f"{n}{unit}", peak=name == "sram")


def _latency(table: CostTable, budget: Budget) -> Resource | None:
    time_us, cycles = budget.latency_us, budget.latency_cycles
    in_us = _column(table.rows, lambda row: None if row.us is None else math.ceil(row.us * 1e3))
    in_cycles = _column(table.rows, lambda row: row.cycles)
    if in_us is not None and cycles is None:
        limit = None if time_us is None else math.floor(time_us * 1e3)
        fixed = math.ceil(table.fixed.us * 1e3)
        maps = [math.ceil(row.us * 1e3) for row in table.maps]
        return Resource("latency", in_us, maps, fixed, limit, lambda n: _time(n / 1e3))
    if in_cycles is None:
        if time_us is not None or cycles is not None:
            raise _unknown(table, "latency", "us or cycles" if cycles is None else "cycles")
        return None
    clock_hz, fixed = table.clock_hz, table.fixed.cycles
    maps = [row.cycles for row in table.maps]
    if time_us is None or clock_hz is None:
        if time_us is not None:
            raise ConfigError(
                f"budget: latency is a time, but the cost table of {table.board} has cycles and no "
                "clock; give latency=...cycles"
            )
        return Resource("latency", in_cycles, maps, fixed, cycles, lambda n: f"{n} cycles")
    limit = math.floor(time_us * clock_hz / 1e6)
    return Resource(
        "latency",
        in_cycles,
        maps,
        fixed,
        limit,
        lambda n: f"{_time(n * 1e6 / clock_hz)} ({n} cycles)",
    )


def _column(rows: Sequence[CostRow], value: Callable[[CostRow], int | None]) -> list[int] | None:
    known = [amount for row in rows if (amount := value(row)) is not None]
    return known if len(known) == len(rows) else None


def _unknown(table: CostTable, name: str, key: str) -> ConfigError:
    return ConfigError(
        f"budget: {name} is limited, but the cost table of {table.board} lacks {key} in some row; "
        f"measure it or drop {name} from the budget"
    )


def _time(us: float) -> str:
    return f"{us / 1e3:.6g} ms" if us >= 1e3 else f"{us:.6g} us"
