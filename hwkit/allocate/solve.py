"""One width for each layer: the integer linear program of HAWQ-V3 (arXiv 2011.10680, section 3.4)
over costs measured on the device, as OHQ asks (arXiv 2309.01945).

Minimise the summed sensitivity under hard limits; among plans that are equally good, take the
cheapest. Layers that must share a width (a residual branch and its main path) are tied, and so are
the layers that read one map with the map.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence

from hwkit.allocate.budget import Budget
from hwkit.allocate.cost import CostRow, CostTable, Sensitivity
from hwkit.allocate.infeasible import explain
from hwkit.allocate.plan import BitPlan
from hwkit.allocate.problem import Problem, problem
from hwkit.allocate.program import Plan
from hwkit.errors import ConfigError
from hwkit.record import to_json


def allocate(
    table: CostTable,
    sensitivity: Sensitivity,
    budget: Budget,
    groups: Sequence[Sequence[str]] = (),
) -> BitPlan:
    """The plan of least summed sensitivity within ``budget``.

    ``groups`` name layers whose weights must share one width. Every row of the cost table needs a
    sensitivity. Plans are compared by their sensitivity as a share of its range plus
    1e-8 times their cost (resources added, each as a share of its range): so ties, and only ties,
    go to the cheaper plan. A hard instance ends after 60 s with ``proven`` False.

    Raises ``BudgetInfeasible`` with the limit that fails and the best reachable value,
    ``ConfigError`` for inputs that don't fit together, ``ToolMissing`` without scipy.

    Example: two layers of 100 B at 8 bits and 50 B at 4 bits, sensitivity 0 at 8 bits, 1 and 5
    at 4 bits: under ``flash=150B`` the first gets 4 bits, the second 8.
    """
    (plan,) = allocate_fleet((table,), sensitivity, (budget,), groups)
    return plan


def allocate_fleet(
    tables: Sequence[CostTable],
    sensitivity: Sensitivity,
    budgets: Sequence[Budget],
    groups: Sequence[Sequence[str]] = (),
) -> tuple[BitPlan, ...]:
    """The same for several boards that run one network: the plan of least sensitivity that is
    within each table's budget, once for each with what that board promises. Widths are those that
    all tables offer. Raises as ``allocate``, with the board in the name of a limit."""
    model = problem(tables, sensitivity, budgets, groups)
    best = model.program.best()
    if best is None:
        raise explain(model.program)
    return tuple(
        _plan(model, best, table, sensitivity, budget)
        for table, budget in zip(tables, budgets, strict=True)
    )


def front(
    table: CostTable,
    sensitivity: Sensitivity,
    budget: Budget,
    resource: str,
    groups: Sequence[Sequence[str]] = (),
    most: int | None = None,
) -> tuple[BitPlan, ...]:
    """All plans within ``budget`` that no other beats in both sensitivity and ``resource``
    (latency, flash, sram, lut or energy), the least sensitive first: each is the best with less of
    the resource than the one before. ``most`` of them at most, evenly spread over the resource.

    Raises as ``allocate``, and ``ConfigError`` for a resource that the table doesn't know.

    Example: one layer of 100 B at 8 bits, 50 B at 4 and 50 B at 2 bits, more sensitive with fewer:
    the plans of 8 and 4 bits.
    """
    model = problem((table,), sensitivity, (budget,), groups)
    program = model.program
    of = next((r for r in program.resources if r.name == resource), None)
    if of is None:
        known = ", ".join(r.name for r in program.resources)
        raise ConfigError(f"front over {resource!r:.40}: the cost table knows {known}")
    best = program.best()
    if best is None:
        raise explain(program)
    least = program.least(of, program.limits)
    assert least is not None  # there is a plan
    start = program.spent(best.variables)[resource]
    step = 1 if most is None else max(1, (start - least) // max(1, most - 1))
    plans = []
    while best is not None:
        plans.append(_plan(model, best, table, sensitivity, budget))
        limit = program.spent(best.variables)[resource] - step
        if limit < least and step > 1 and limit + step > least:
            limit = least
        best = program.best({**program.limits, resource: limit})
    kept = zip(plans, [*plans[1:], None], strict=True)
    harm = "sensitivity"  # of plans that are equally good the last takes least
    return tuple(p for p, n in kept if n is None or n.predicted[harm] > p.predicted[harm])


def _plan(
    model: Problem, found: Plan, table: CostTable, sensitivity: Sensitivity, budget: Budget
) -> BitPlan:
    weights, maps = model.widths(found.variables)
    return BitPlan(
        weight_bits=weights,
        predicted=predict(table, sensitivity, weights, maps),
        budget=budget.limits(),
        board=table.board,
        evidence=table.evidence,
        proven=found.proven,
        digests={"cost_table": _digest(table), "sensitivity": _digest(sensitivity)},
        activation_bits=maps,
    )


def predict(
    table: CostTable,
    sensitivity: Sensitivity,
    widths: Mapping[str, int],
    maps: Mapping[str, int] | None = None,
) -> dict[str, float]:
    """What the table promises for ``widths`` of weights and of ``maps``: ``flash_bytes`` and, where
    every row knows them, ``latency_cycles``, ``latency_us``, ``sram_bytes``, ``lut``,
    ``energy_nj``; and the summed ``sensitivity``.

    Raises ``ConfigError`` when the table lacks a row. Example: one layer of 300 B beside 1000 B
    of code gives ``{"sensitivity": 0.0, "flash_bytes": 1300}``.
    """
    maps = {} if maps is None else maps
    chosen = [_row(table, layer, bits, maps) for layer, bits in widths.items()]
    of_maps = [row for row in table.maps if maps.get(row.map) == row.bits]
    harm = [*map(sensitivity.of, chosen), *map(sensitivity.of_map, of_maps)]
    used = {"weights": set(widths.values()), "maps": set(maps.values())}
    fixed = table.fixed
    promised: dict[str, float] = {
        "sensitivity": math.fsum(value for value in harm if value is not None),
        "flash_bytes": fixed.flash_bytes
        + sum(row.weight_bytes for row in chosen)
        + sum(row.flash_bytes for row in of_maps)
        + sum(p.flash_bytes for p in table.shared if set(p.widths) & used[p.of]),
    }
    cycles = [row.cycles for row in chosen if row.cycles is not None]
    if len(cycles) == len(chosen):
        promised["latency_cycles"] = fixed.cycles + sum(cycles) + sum(r.cycles for r in of_maps)
    times = [row.us for row in chosen if row.us is not None]
    if len(times) == len(chosen):
        promised["latency_us"] = fixed.us + math.fsum([*times, *(row.us for row in of_maps)])
    elif table.clock_hz and "latency_cycles" in promised:
        promised["latency_us"] = promised["latency_cycles"] * 1e6 / table.clock_hz
    sram = {row.layer: row.sram_bytes for row in chosen if row.sram_bytes is not None}
    if table.moments:
        size = {row.map: row.sram_bytes for row in of_maps}
        promised["sram_bytes"] = fixed.sram_bytes + max(
            moment.sram_bytes
            + sum(size[m] for m in moment.maps)
            + sram.get(moment.layer, 0)
            + dict(moment.scratch).get(maps.get(moment.of, 0), 0)
            for moment in table.moments
        )
    elif len(sram) == len(chosen):
        promised["sram_bytes"] = fixed.sram_bytes + max(sram.values())
    for name in ("lut", "energy_nj"):
        known = [value for row in chosen if (value := getattr(row, name)) is not None]
        if len(known) == len(chosen):
            more = sum(getattr(row, name) for row in of_maps)
            promised[name] = getattr(fixed, name) + sum(known) + more
    return promised


def _row(table: CostTable, layer: str, bits: int, maps: Mapping[str, int]) -> CostRow:
    """The row of a layer at a width, on what its map has."""
    read = maps.get(table.reads.get(layer, ""))
    for row in table.rows:
        if (row.layer, row.bits) == (layer, bits) and row.activation_bits in (None, read):
            return row
    raise ConfigError(f"cost table of {table.board}: no row for {layer} at {bits} bits; measure it")


def _digest(inputs: CostTable | Sensitivity) -> str:
    return hashlib.sha256(json.dumps(to_json(inputs)).encode()).hexdigest()
