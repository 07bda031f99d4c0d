"""One width for each layer: the integer linear program of HAWQ-V3 (arXiv 2011.10680, section 3.4)
over costs measured on the device, as OHQ asks (arXiv 2309.01945).

Minimise the summed sensitivity under hard limits; among plans that are equally good, take the
cheapest. Layers that must share a width (a residual branch and its main path) become one choice.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from hwkit.allocate.budget import Budget
from hwkit.allocate.cost import CostTable, Sensitivity
from hwkit.allocate.infeasible import explain
from hwkit.allocate.plan import BitPlan
from hwkit.allocate.program import Plan, Program
from hwkit.allocate.resource import Resource, resources
from hwkit.errors import ConfigError
from hwkit.record import to_json

Choice = tuple[tuple[str, ...], tuple[int, ...]]  # layers that share a width, widths on offer


def allocate(
    table: CostTable,
    sensitivity: Sensitivity,
    budget: Budget,
    groups: Sequence[Sequence[str]] = (),
) -> BitPlan:
    """The plan of least summed sensitivity within ``budget``.

    ``groups`` name layers that must share one width. Every layer and width of the cost table
    needs a sensitivity. Plans are compared by their sensitivity as a share of its range plus
    1e-8 times their cost (resources added, each as a share of its range): so ties, and only ties,
    go to the cheaper plan. A hard instance ends after 20 s with ``proven`` False.

    Raises ``BudgetInfeasible`` with the limit that fails and the best reachable value,
    ``ConfigError`` for inputs that don't fit together, ``ToolMissing`` without scipy.

    Example: two layers of 100 B at 8 bits and 50 B at 4 bits, sensitivity 0 at 8 bits, 1 and 5
    at 4 bits: under ``flash=150B`` the first gets 4 bits, the second 8.
    """
    harm = sensitivity.by_width()
    for row in table.rows:
        if (row.layer, row.bits) not in harm:
            raise ConfigError(
                f"sensitivity: {row.layer} at {row.bits} bits is missing, but the cost table of "
                f"{table.board} offers it; measure it or drop the row"
            )
    programs = []
    for variant in _variants(table, groups):
        choices = _choices(variant, groups)
        programs.append((choices, _program(choices, harm, resources(variant, budget))))
    found = [
        (_widths(choices, p, best), best.proven) for choices, p in programs if (best := p.best())
    ]
    if not found:
        raise explain(min((p for _, p in programs), key=_least_flash))
    promised = [(predict(table, sensitivity, widths), widths) for widths, _ in found]
    _, widths = min(promised, key=lambda pair: _rank(pair[0]))
    proven = all(proven for _, proven in found)
    return BitPlan(
        weight_bits={row.layer: widths[row.layer] for row in table.rows},
        predicted=predict(table, sensitivity, widths),
        budget=budget.limits(),
        board=table.board,
        evidence=table.evidence,
        proven=proven,
        digests={"cost_table": _digest(table), "sensitivity": _digest(sensitivity)},
    )


def _variants(table: CostTable, groups: Sequence[Sequence[str]]) -> list[CostTable]:
    """The table once for each set of shared costs that a plan may take on: their bytes fixed, the
    widths of the others not on offer. Each is a plain linear program; the best of them is best."""
    if not table.shared:
        return [table]
    _choices(table, groups)  # What is wrong with the whole table is an error, not a variant less.
    layers = {row.layer for row in table.rows}
    found = []
    for size in range(1, len(table.shared) + 1):
        for taken in combinations(table.shared, size):
            barred = {w for part in table.shared if part not in taken for w in part.widths}
            rows = tuple(row for row in table.rows if row.bits not in barred)
            shared = sum(part.flash_bytes for part in taken)
            fixed = replace(table.fixed, flash_bytes=table.fixed.flash_bytes + shared)
            if {row.layer for row in rows} == layers:
                variant = replace(table, rows=rows, fixed=fixed, shared=())
                if _groups_agree(variant, groups):
                    found.append(variant)
    return found


def _groups_agree(table: CostTable, groups: Sequence[Sequence[str]]) -> bool:
    """Whether every group still has a width on offer for all of its layers."""
    offered = {
        layer: {r.bits for r in table.rows if r.layer == layer} for g in groups for layer in g
    }
    return all(set.intersection(*(offered[layer] for layer in group)) for group in groups if group)


def _widths(choices: Sequence[Choice], program: Program, plan: Plan) -> dict[str, int]:
    bits = program.bits[plan.variables].tolist()
    return {layer: b for (layers, _), b in zip(choices, bits, strict=True) for layer in layers}


def _least_flash(program: Program) -> int:
    return next(program.least(r) for r in program.resources if r.name == "flash")


def _rank(promised: Mapping[str, float]) -> tuple[float, float, float]:
    """Sensitivity first, then the cost, between the best plans of the variants."""
    latency = promised.get("latency_us", promised.get("latency_cycles", 0.0))
    return promised["sensitivity"], promised["flash_bytes"], latency


def predict(
    table: CostTable, sensitivity: Sensitivity, widths: Mapping[str, int]
) -> dict[str, float]:
    """What the table promises for ``widths``: ``flash_bytes`` and, where every row knows them,
    ``latency_cycles``, ``latency_us``, ``sram_bytes``, ``lut``; and the summed ``sensitivity``.

    Raises ``ConfigError`` when the table lacks a row. Example: one layer of 300 B beside 1000 B
    of code gives ``{"sensitivity": 0.0, "flash_bytes": 1300}``.
    """
    rows = {(row.layer, row.bits): row for row in table.rows}
    if missing := [f"{layer} at {b} bits" for layer, b in widths.items() if (layer, b) not in rows]:
        raise ConfigError(f"cost table of {table.board}: no row for {missing[0]}; measure it")
    chosen = [rows[pair] for pair in widths.items()]
    harm, fixed = sensitivity.by_width(), table.fixed
    promised: dict[str, float] = {
        "sensitivity": math.fsum(harm[pair] for pair in widths.items()),
        "flash_bytes": fixed.flash_bytes
        + sum(row.weight_bytes for row in chosen)
        + sum(p.flash_bytes for p in table.shared if set(p.widths) & set(widths.values())),
    }
    cycles = [row.cycles for row in chosen if row.cycles is not None]
    if len(cycles) == len(chosen):
        promised["latency_cycles"] = fixed.cycles + sum(cycles)
    times = [row.us for row in chosen if row.us is not None]
    if len(times) == len(chosen):
        promised["latency_us"] = fixed.us + math.fsum(times)
    elif table.clock_hz and "latency_cycles" in promised:
        promised["latency_us"] = promised["latency_cycles"] * 1e6 / table.clock_hz
    sram = [row.sram_bytes for row in chosen if row.sram_bytes is not None]
    if len(sram) == len(chosen):
        promised["sram_bytes"] = fixed.sram_bytes + max(sram)
    lut = [row.lut for row in chosen if row.lut is not None]
    if len(lut) == len(chosen):
        promised["lut"] = fixed.lut + sum(lut)
    return promised


def _choices(table: CostTable, groups: Sequence[Sequence[str]]) -> list[Choice]:
    """Layers in the table's order, those of a group at the place of the group's first."""
    offered: dict[str, set[int]] = {}
    for row in table.rows:
        offered.setdefault(row.layer, set()).add(row.bits)
    group_of: dict[str, tuple[str, ...]] = {}
    for group in groups:
        for layer in group:
            if layer not in offered:
                raise ConfigError(f"group {list(group)}: the cost table has no layer {layer!r}")
            if layer in group_of:
                raise ConfigError(f"layer {layer!r} stands in two groups; join them")
            group_of[layer] = tuple(group)
    choices = []
    for layers in dict.fromkeys(group_of.get(layer, (layer,)) for layer in offered):
        shared = set.intersection(*(offered[layer] for layer in layers))
        if not shared:
            raise ConfigError(f"group {list(layers)}: no width is offered for all of them")
        choices.append((layers, tuple(sorted(shared))))
    return choices


def _program(
    choices: Sequence[Choice], harm: Mapping[tuple[str, int], float], spent: tuple[Resource, ...]
) -> Program:
    variables = [(i, layers, b) for i, (layers, widths) in enumerate(choices) for b in widths]
    amounts = {}
    for r in spent:
        together = max if r.peak else sum
        column = [together([r.of[layer, b] for layer in layers]) for _, layers, b in variables]
        amounts[r.name] = np.array(column, dtype=np.int64)
    return Program(
        owner=np.array([i for i, _, _ in variables]),
        bits=np.array([b for _, _, b in variables]),
        sensitivity=np.array(
            [math.fsum(harm[layer, b] for layer in layers) for _, layers, b in variables]
        ),
        amounts=amounts,
        resources=spent,
    )


def _digest(inputs: CostTable | Sensitivity) -> str:
    return hashlib.sha256(json.dumps(to_json(inputs)).encode()).hexdigest()
