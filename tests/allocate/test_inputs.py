"""Budgets, tables and plans as users and files give them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from hwkit.allocate import plan as plans
from hwkit.allocate.budget import Budget, parse
from hwkit.allocate.cost import CostRow, CostTable, FixedCost, Sensitivity, SensitivityRow
from hwkit.allocate.plan import BitPlan
from hwkit.allocate.solve import allocate
from hwkit.errors import ConfigError, FormatError, ToolMissing
from hwkit.record import from_json, to_json
from tests.allocate.instances import harm_of, table_of


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("latency=2.5ms,flash=24kB", Budget(latency_us=2500.0, flash_bytes=24000)),
        ("latency=120 us", Budget(latency_us=120.0)),
        ("latency=1s", Budget(latency_us=1e6)),
        ("latency=3e5cycles, lut=5000", Budget(latency_cycles=300000, lut=5000)),
        ("flash=1.5KiB,sram=0.3kB", Budget(flash_bytes=1536, sram_bytes=300)),
        ("flash=2MB", Budget(flash_bytes=2_000_000)),
        ("sram=1MiB", Budget(sram_bytes=1 << 20)),
        ("flash=10.7B", Budget(flash_bytes=10)),
    ],
)
def test_budgets(text: str, budget: Budget) -> None:
    assert parse(text) == budget


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "is not one of latency=, flash=, sram=, lut="),
        ("power=3W", "'power=3W' is not one of latency=, flash=, sram=, lut="),
        ("flash", "'flash' is not one of"),
        ("flash=24", "unit '' is not one of B, kB, KiB, MB, MiB"),
        ("flash=24KB", "unit 'KB' is not one of"),
        ("latency=3h", "unit 'h' is not one of us, ms, s, cycles"),
        ("lut=3kB", "a number of LUTs has no unit"),
        ("flash=0kB", "'flash=0kB' is not a number above 0"),
        ("flash=-1kB", "is not a number above 0"),
        ("flash=nanB", "is not a number above 0"),
        ("flash=1e99B", "is not a number above 0"),
        ("flash=0.2B", "is less than one"),
        ("flash=1kB,flash=2kB", "flash is given twice"),
        ("latency=1ms,latency=5cycles", "latency is given twice"),
        ("flash=1kB,", "'' is not one of"),
    ],
)
def test_budgets_that_are_wrong(text: str, part: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def row(**changes: Any) -> CostRow:
    fields: dict[str, Any] = {"layer": "a", "bits": 8, "weight_bytes": 10}
    return CostRow(**(fields | changes))


@pytest.mark.parametrize(
    ("rows", "part"),
    [
        ((), "it has no rows"),
        ((row(), row()), "a at 8 bits stands twice"),
        ((row(bits=9),), "9 bits is outside 1..8"),
        ((row(weight_bytes=-1),), "weight_bytes: -1 is not a number"),
        ((row(us=float("nan")),), "us: nan is not a number"),
        ((row(us=float("inf")),), "us: inf is not a number"),
        ((row(board="other"),), "measured on other, the table is board's"),
        ((row(), row(bits=4, evidence="simulated")), "one table holds one kind of evidence"),
    ],
)
def test_cost_tables_that_are_wrong(rows: tuple[CostRow, ...], part: str) -> None:
    with pytest.raises(ConfigError) as caught:
        CostTable("board", rows)
    assert part in str(caught.value)


def test_fixed_costs_and_clock_are_checked() -> None:
    with pytest.raises(ConfigError, match="fixed cycles: -5"):
        CostTable("board", (row(),), FixedCost(cycles=-5))
    with pytest.raises(ConfigError, match="clock_hz 0 is below 1"):
        CostTable("board", (row(),), clock_hz=0)


@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf")])
def test_sensitivities_are_finite_and_not_negative(value: float) -> None:
    with pytest.raises(ConfigError, match="sensitivity: a at 8 bits"):
        Sensitivity((SensitivityRow("a", 8, value),))


def test_tables_pass_through_json() -> None:
    table = table_of({("a", 8): (1, 2, 3), ("a", 4): (4, 5, 6)})
    harm = harm_of({("a", 8): 0.25})
    assert from_json(CostTable, json.loads(json.dumps(to_json(table))), "t") == table
    assert from_json(Sensitivity, json.loads(json.dumps(to_json(harm))), "s") == harm


def test_a_plan_passes_through_its_file(tmp_path: Path) -> None:
    table = table_of({("a", 8): (1, 2, 3), ("a", 4): (4, 5, 6)})
    harm = harm_of({("a", 8): 0.25, ("a", 4): 1})
    plan = allocate(table, harm, parse("flash=2kB"))
    plan.save(tmp_path / "plan.json")
    assert plans.load(tmp_path / "plan.json") == plan
    value = json.loads((tmp_path / "plan.json").read_text())
    assert value["weight_bits"] == {"a": 8}
    assert value["budget"] == {"flash_bytes": 2000}
    assert set(value["digests"]) == {"cost_table", "sensitivity"}
    assert all(len(digest) == 64 for digest in value["digests"].values())


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "not JSON"),
        ("[]", "expected an object, got []"),
        ("{}", "key 'weight_bits' is missing"),
        ('{"weight_bits": {}}', "names no layer"),
        ('{"weight_bits": {"a": 0}}', "a: 0 bits is outside 1..8"),
        ('{"weight_bits": {"a": 4.0}}', "weight_bits.a: expected a whole number, got 4.0"),
        ('{"weight_bits": {"a": 4}, "x": 1}', "unknown key 'x'"),
        ('{"weight_bits": {"a": 4}, "predicted": {"flash": NaN}}', "expected a finite number"),
    ],
)
def test_plans_that_are_wrong(tmp_path: Path, text: str, part: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(text)
    with pytest.raises(FormatError) as caught:
        plans.load(path)
    assert part in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_plan_without_layers_cannot_be_made() -> None:
    with pytest.raises(ConfigError, match="names no layer"):
        BitPlan({})


def test_without_scipy_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(ToolMissing) as caught:
        allocate(table_of({("a", 8): (1, 1, 1)}), harm_of({("a", 8): 0}), Budget())
    assert str(caught.value) == "scipy is not installed; pip install 'hwkit[allocate]'"
