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

import numpy as np

from hwkit.allocate.budget import Budget
from hwkit.allocate.cost import CostTable, Sensitivity
from hwkit.allocate.infeasible import explain
from hwkit.allocate.plan import BitPlan
from hwkit.allocate.program import Program
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
    choices = _choices(table, groups)
    program = _program(choices, harm, resources(table, budget))
    plan = program.best()
    if plan is None:
        raise explain(program)
    bits = program.bits[plan.variables].tolist()
    widths = {layer: b for (layers, _), b in zip(choices, bits, strict=True) for layer in layers}
    return BitPlan(
        weight_bits={row.layer: widths[row.layer] for row in table.rows},
        predicted=predict(table, sensitivity, widths),
        budget=budget.limits(),
        board=table.board,
        evidence=table.evidence,
        proven=plan.proven,
        digests={"cost_table": _digest(table), "sensitivity": _digest(sensitivity)},
    )


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
        "flash_bytes": fixed.flash_bytes + sum(row.weight_bytes for row in chosen),
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
