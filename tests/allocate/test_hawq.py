"""The 18 allocations that HAWQ-V3 published, from the arrays that its authors published."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from hwkit.allocate.budget import Budget
from hwkit.allocate.cost import CostRow, CostTable, Sensitivity, SensitivityRow
from hwkit.allocate.solve import allocate, predict

NETWORKS = json.loads(Path(__file__).with_name("hawq_v3.json").read_text())["networks"]
FRACTIONS = ("0.75", "0.5", "0.25")
CASES = [
    (name, kind, fraction)
    for name in NETWORKS
    for kind in ("modelsize", "bops", "latency")
    for fraction in FRACTIONS
]
BETTER = ("resnet50", "modelsize", "0.25")
"""The published plan leaves 0.19 MB of its budget unused and harms 11 % more than need be."""


def tables(net: dict[str, Any]) -> tuple[CostTable, Sensitivity]:
    """Bytes of weights, microseconds, and BitOPs in units of 16 (a product of 4 by 4 bits)."""
    rows, harm = [], []
    for i, weights in enumerate(net["weights"]):
        for bits in (8, 4):
            products = net["macs"][i] * bits * bits // 16
            us = net[f"us{bits}"][i]
            rows.append(CostRow(f"l{i}", bits, weights * bits // 8, us=us, energy_nj=products))
            harm.append(SensitivityRow(f"l{i}", bits, net["trace"][i] * net[f"error{bits}"][i]))
    return CostTable("T4", tuple(rows)), Sensitivity(tuple(harm))


def between(promised: dict[int, dict[str, float]], key: str, fraction: str) -> int:
    """The paper's limits: a share of the way from all 4 bits to all 8."""
    low, high = promised[4][key], promised[8][key]
    return math.floor(low + (high - low) * float(fraction))


def test_all_are_there() -> None:
    assert len(CASES) == sum(len(net["published"]) for net in NETWORKS.values()) == 18


@pytest.mark.parametrize(("name", "kind", "fraction"), CASES)
def test_equal_or_provably_better(name: str, kind: str, fraction: str) -> None:
    net = NETWORKS[name]
    table, harm = tables(net)
    layers = [f"l{i}" for i in range(len(net["weights"]))]
    uniform = {b: predict(table, harm, dict.fromkeys(layers, b)) for b in (4, 8)}
    budget = {
        "modelsize": Budget(flash_bytes=between(uniform, "flash_bytes", fraction)),
        "bops": Budget(energy_nj=between(uniform, "energy_nj", fraction)),
        "latency": Budget(latency_us=between(uniform, "latency_us", fraction)),
    }[kind]
    published = dict(zip(layers, map(int, net["published"][f"{kind} {fraction}"]), strict=True))
    theirs = predict(table, harm, published)
    (limited,) = budget.limits().items()
    assert theirs[limited[0]] <= limited[1]
    groups = [[f"l{i}" for i in tie] for tie in net["ties"]]
    plan = allocate(table, harm, budget, groups)
    assert plan.proven
    assert plan.predicted[limited[0]] <= limited[1]
    assert all(len({plan.weight_bits[layer] for layer in group}) == 1 for group in groups)
    if (name, kind, fraction) == BETTER:
        assert plan.predicted["sensitivity"] < 0.91 * theirs["sensitivity"]
    else:
        assert plan.weight_bits == published
