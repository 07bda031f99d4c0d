"""Small allocation problems, and the plain search over all plans that says what is right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from hwkit.allocate.budget import Budget
from hwkit.allocate.cost import CostRow, CostTable, FixedCost, Sensitivity, SensitivityRow


def plans(table: CostTable, groups: Sequence[Sequence[str]] = ()) -> Iterator[dict[str, int]]:
    """Every assignment of offered widths that keeps the groups."""
    offered: dict[str, list[int]] = {}
    for row in table.rows:
        offered.setdefault(row.layer, []).append(row.bits)
    for widths in product(*offered.values()):
        plan = dict(zip(offered, widths, strict=True))
        if all(len({plan[layer] for layer in group}) == 1 for group in groups):
            yield plan


def spent(table: CostTable, plan: Mapping[str, int]) -> tuple[int, int, int]:
    """Cycles, flash bytes, peak SRAM bytes."""
    rows = [row for row in table.rows if plan[row.layer] == row.bits]
    return (
        table.fixed.cycles + sum(row.cycles or 0 for row in rows),
        table.fixed.flash_bytes
        + sum(row.weight_bytes for row in rows)
        + sum(p.flash_bytes for p in table.shared if set(p.widths) & set(plan.values())),
        table.fixed.sram_bytes + max(row.sram_bytes or 0 for row in rows),
    )


def within(budget: Budget, amounts: tuple[int, int, int]) -> bool:
    limits = (budget.latency_cycles, budget.flash_bytes, budget.sram_bytes)
    return all(limit is None or a <= limit for a, limit in zip(amounts, limits, strict=True))


def table_of(costs: Mapping[tuple[str, int], tuple[int, int, int]]) -> CostTable:
    """From (cycles, weight bytes, SRAM bytes) by (layer, bits)."""
    rows = tuple(
        CostRow(layer, bits, weight, cycles, None, sram, None, "simulated", "virtual_m4")
        for (layer, bits), (cycles, weight, sram) in costs.items()
    )
    return CostTable("virtual_m4", rows, FixedCost(1000, 50, 0.0, 20, 0), 64_000_000)


def harm_of(values: Mapping[tuple[str, int], float]) -> Sensitivity:
    return Sensitivity(tuple(SensitivityRow(*pair, value) for pair, value in values.items()))
