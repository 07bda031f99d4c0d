"""Allocation against a search over all plans; limits are hard, ties go to the cheaper plan."""

from __future__ import annotations

import time
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwkit.allocate import program
from hwkit.allocate.budget import Budget
from hwkit.allocate.cost import CostRow, CostTable, Sensitivity, SharedCost
from hwkit.allocate.solve import allocate, predict
from hwkit.errors import BudgetInfeasible, ConfigError
from tests.allocate.instances import harm_of, plans, spent, table_of, within

WIDTHS = (2, 4, 8)
Problem = tuple[CostTable, Sensitivity, Budget, list[list[str]]]


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    layers = [f"l{i}" for i in range(draw(st.integers(1, 5)))]
    pairs = [(layer, bits) for layer in layers for bits in WIDTHS]
    amount = st.integers(0, 40)
    table = table_of({pair: (draw(amount), draw(amount), draw(amount)) for pair in pairs})
    harm = harm_of({pair: draw(st.integers(0, 6)) for pair in pairs})
    limit = st.none() | st.integers(1, 40 * len(layers))
    cycles, flash = draw(limit), draw(limit)
    sram = draw(st.none() | st.integers(1, 60))
    budget = Budget(
        latency_cycles=None if cycles is None else 50 + cycles,
        flash_bytes=None if flash is None else 1000 + flash,
        sram_bytes=sram,
    )
    groups = [layers[:2]] if len(layers) > 2 and draw(st.booleans()) else []
    return table, harm, budget, groups


def tie_cost(table: CostTable, groups: list[list[str]], plan: dict[str, int]) -> Fraction:
    """Cycles and flash as shares of their range over all plans."""
    shares = Fraction(0)
    for kind in (0, 1):
        of_all = [spent(table, p)[kind] for p in plans(table, groups)]
        extent = max(of_all) - min(of_all)
        shares += Fraction(spent(table, plan)[kind] - min(of_all), max(1, extent))
    return shares


@settings(derandomize=True, deadline=None, max_examples=150)
@given(problems())
def test_equals_the_search_over_all_plans(problem: Problem) -> None:
    table, harm, budget, groups = problem
    values = harm.by_width()
    good = [p for p in plans(table, groups) if within(budget, spent(table, p))]
    if not good:
        with pytest.raises(BudgetInfeasible) as caught:
            allocate(table, harm, budget, groups)
        assert caught.value.exit_code == 1
        assert "\n" not in str(caught.value)
        return
    best = min((sum(values[pair] for pair in p.items()), tie_cost(table, groups, p)) for p in good)
    plan = allocate(table, harm, budget, groups)
    found = dict(plan.weight_bits)
    assert found in good
    assert (sum(values[pair] for pair in found.items()), tie_cost(table, groups, found)) == best
    cycles, flash, sram = spent(table, found)
    assert plan.predicted["latency_cycles"] == cycles
    assert plan.predicted["flash_bytes"] == flash
    assert plan.predicted["sram_bytes"] == sram
    assert plan.predicted["latency_us"] == cycles / 64
    assert plan.evidence == "simulated"
    assert plan.board == "virtual_m4"


@settings(derandomize=True, deadline=None, max_examples=100)
@given(problems(), st.lists(st.integers(0, 60), min_size=2, max_size=2))
def test_shared_costs_count_once(problem: Problem, sizes: list[int]) -> None:
    table, harm, budget, groups = problem
    shared = (SharedCost((8,), sizes[0]), SharedCost((4, 2), sizes[1]))
    table = replace(table, shared=shared)
    values = harm.by_width()
    good = [p for p in plans(table, groups) if within(budget, spent(table, p))]
    if not good:
        with pytest.raises(BudgetInfeasible):
            allocate(table, harm, budget, groups)
        return
    plan = allocate(table, harm, budget, groups)
    found = dict(plan.weight_bits)
    assert found in good
    least = min(sum(values[pair] for pair in p.items()) for p in good)
    assert sum(values[pair] for pair in found.items()) == least
    assert plan.predicted["flash_bytes"] == spent(table, found)[1]


def test_a_kernel_for_one_layer_may_not_pay() -> None:
    """4 bits save 50 B of weights in each layer, but 80 B of code come with the first of them."""
    costs = {(f"l{i}", b): (1, 50 if b == 4 else 100, 0) for i in range(2) for b in (4, 8)}
    harm = harm_of({pair: float(pair[1] == 4) for pair in costs})
    table = replace(table_of(costs), shared=(SharedCost((4,), 80), SharedCost((8,), 90)))
    for limit, widths in ((1290, (8, 8)), (1289, (4, 4)), (1180, (4, 4))):
        plan = allocate(table, harm, Budget(flash_bytes=limit))
        assert tuple(plan.weight_bits.values()) == widths
    with pytest.raises(BudgetInfeasible, match="flash 1179 B, least reachable 1180 B"):
        allocate(table, harm, Budget(flash_bytes=1179))


def test_the_docstring_example() -> None:
    rows = tuple(CostRow(n, b, w) for n in ("a", "b") for b, w in ((8, 100), (4, 50)))
    harm = harm_of({("a", 8): 0, ("a", 4): 1, ("b", 8): 0, ("b", 4): 5})
    plan = allocate(CostTable("board", rows), harm, Budget(flash_bytes=150))
    assert plan.weight_bits == {"a": 4, "b": 8}
    assert plan.predicted == {"sensitivity": 1.0, "flash_bytes": 150}
    assert plan.budget == {"flash_bytes": 150}


def test_without_limits_the_least_sensitive_widths_win() -> None:
    table = table_of({("a", 8): (9, 9, 9), ("a", 4): (1, 1, 1)})
    plan = allocate(table, harm_of({("a", 8): 0.5, ("a", 4): 0.6}), Budget())
    assert plan.weight_bits == {"a": 8}


def test_a_time_limit_in_microseconds_is_exact() -> None:
    rows = (CostRow("a", 8, 10, us=2.5), CostRow("a", 4, 10, us=2.4))
    harm = harm_of({("a", 8): 0, ("a", 4): 1})
    table = CostTable("host", rows)
    assert allocate(table, harm, Budget(latency_us=2.5)).weight_bits == {"a": 8}
    assert allocate(table, harm, Budget(latency_us=2.499)).weight_bits == {"a": 4}


def test_time_becomes_cycles_through_the_clock() -> None:
    table = table_of({("a", 8): (640, 1, 1), ("a", 4): (100, 1, 1)})
    harm = harm_of({("a", 8): 0, ("a", 4): 1})
    exact = (640 + 50) / 64  # us at 64 MHz
    assert allocate(table, harm, Budget(latency_us=exact)).weight_bits == {"a": 8}
    assert allocate(table, harm, Budget(latency_us=exact - 0.01)).weight_bits == {"a": 4}


def large(layers: int = 200, seed: int = 5) -> tuple[CostTable, Sensitivity]:
    random = np.random.default_rng(seed)
    costs, values = {}, {}
    for i in range(layers):
        weights, cycles = int(random.integers(100, 40000)), int(random.integers(1000, 900000))
        scale = float(random.uniform(0.01, 3))
        for bits in (2, 3, 4, 5, 6, 8):
            jitter = random.uniform(0.8, 1.2)
            costs[f"l{i}", bits] = (round(cycles * bits / 8 * jitter), weights * bits // 8, 100)
            values[f"l{i}", bits] = scale * 4.0**-bits
    return table_of(costs), harm_of(values)


def test_200_layers_with_6_widths_take_less_than_a_second(
    capfd: pytest.CaptureFixture[str],
) -> None:
    table, harm = large()
    dearest = predict(table, harm, {row.layer: 8 for row in table.rows})
    budget = Budget(
        latency_cycles=round(dearest["latency_cycles"] * 0.6),
        flash_bytes=round(dearest["flash_bytes"] * 0.55),
    )
    allocate(table, harm, Budget())  # imports scipy
    start = time.perf_counter()
    plan = allocate(table, harm, budget)
    seconds = time.perf_counter() - start
    assert plan.predicted["latency_cycles"] <= (budget.latency_cycles or 0)
    assert plan.predicted["flash_bytes"] <= (budget.flash_bytes or 0)
    assert plan.proven
    assert seconds < 1.0
    assert capfd.readouterr().out == ""  # the solver's debugging lines stay out of --json


def test_when_the_solver_runs_out_of_time_the_plan_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    table, harm = large(40)
    budget = Budget(flash_bytes=500_000)
    monkeypatch.setattr(program, "TIME_LIMIT_S", 0.0)
    with pytest.raises(ConfigError, match="found no plan in 0 s"):
        allocate(table, harm, budget)


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        (Budget(lut=5), "budget: lut is limited, but the cost table of virtual_m4 lacks lut"),
    ],
)
def test_a_limit_on_what_the_table_lacks(budget: Budget, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        allocate(table_of({("a", 8): (1, 1, 1)}), harm_of({("a", 8): 0}), budget)
    assert str(caught.value).startswith(message)


def test_time_without_a_clock_and_cycles_without_cycles() -> None:
    harm = harm_of({("a", 8): 0})
    with pytest.raises(ConfigError, match="has cycles and no clock"):
        allocate(CostTable("b", (CostRow("a", 8, 1, 5),)), harm, Budget(latency_us=1))
    with pytest.raises(ConfigError, match="lacks cycles in some row"):
        allocate(CostTable("b", (CostRow("a", 8, 1, us=5.0),)), harm, Budget(latency_cycles=1))
    with pytest.raises(ConfigError, match="lacks us or cycles"):
        allocate(CostTable("b", (CostRow("a", 8, 1),)), harm, Budget(latency_us=1))


def test_inputs_that_do_not_fit_together() -> None:
    table = table_of({("a", 8): (1, 1, 1), ("b", 4): (1, 1, 1), ("c", 4): (1, 1, 1)})
    harm = harm_of({("a", 8): 0, ("b", 4): 0, ("c", 4): 0})
    with pytest.raises(ConfigError, match="a at 8 bits is missing"):
        allocate(table, harm_of({("b", 4): 0, ("c", 4): 0}), Budget())
    with pytest.raises(ConfigError, match="no layer 'z'"):
        allocate(table, harm, Budget(), [["a", "z"]])
    with pytest.raises(ConfigError, match="no width is offered for all"):
        allocate(table, harm, Budget(), [["a", "b"]])
    with pytest.raises(ConfigError, match="'b' stands in two groups"):
        allocate(table, harm, Budget(), [["b", "c"], ["b"]])
    with pytest.raises(ConfigError, match="no row for a at 4 bits"):
        predict(table, harm, {"a": 4})


def test_infeasible_alone_names_the_limit_and_the_best() -> None:
    table = table_of({("a", 8): (100, 80, 5), ("a", 4): (90, 40, 5), ("b", 8): (10, 8, 30)})
    harm = harm_of({("a", 8): 0, ("a", 4): 1, ("b", 8): 0})
    with pytest.raises(BudgetInfeasible) as caught:
        allocate(table, harm, Budget(latency_cycles=1000, flash_bytes=1040, sram_bytes=49))
    assert str(caught.value) == (
        "budget cannot be met: flash 1040 B, least reachable 1048 B; "
        "sram 49 B, least reachable 50 B; widen it"
    )


def test_infeasible_together_says_so_with_the_numbers() -> None:
    # fewer bits save flash and cost time, as on a Cortex-M4
    table = table_of({("a", 8): (100, 80, 5), ("a", 4): (140, 40, 5)})
    harm = harm_of({("a", 8): 0, ("a", 4): 1})
    with pytest.raises(BudgetInfeasible) as caught:
        allocate(table, harm, Budget(latency_cycles=160, flash_bytes=1050))
    assert str(caught.value) == (
        "budget cannot be met: latency 160 cycles (alone down to 150 cycles) and flash 1050 B "
        "(alone down to 1040 B) can each be met, but not together; "
        "with flash held, latency reaches 190 cycles; with latency held, flash reaches 1080 B"
    )


def test_infeasible_together_with_a_peak() -> None:
    table = table_of({("a", 8): (100, 80, 9), ("a", 4): (140, 40, 5), ("b", 8): (1, 1, 1)})
    harm = harm_of({("a", 8): 0, ("a", 4): 1, ("b", 8): 0})
    with pytest.raises(BudgetInfeasible, match="with latency held, sram reaches 29 B"):
        allocate(table, harm, Budget(latency_cycles=160, sram_bytes=26))
