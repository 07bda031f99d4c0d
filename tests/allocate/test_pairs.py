"""Widths of weights and maps together, boards that share a plan, and fronts, against a search over
all plans."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwkit.allocate.budget import Budget
from hwkit.allocate.cost import (
    CostRow,
    CostTable,
    FixedCost,
    MapRow,
    Moment,
    Sensitivity,
    SensitivityRow,
    SharedCost,
)
from hwkit.allocate.solve import allocate, allocate_fleet, front, predict
from hwkit.errors import BudgetInfeasible, ConfigError
from tests.allocate.instances import harm_of, table_of

WIDTHS = (4, 8)
Widths = tuple[dict[str, int], dict[str, int]]
LIMITED = ("latency_cycles", "flash_bytes", "sram_bytes")


def plans(table: CostTable, groups: list[list[str]]) -> Iterator[Widths]:
    """Every assignment to layers and maps."""
    layers = list(dict.fromkeys(row.layer for row in table.rows))
    maps = list(dict.fromkeys(table.reads.values()))
    for weights in product(WIDTHS, repeat=len(layers)):
        plan = dict(zip(layers, weights, strict=True))
        if any(len({plan[layer] for layer in group}) > 1 for group in groups):
            continue
        for widths in product(WIDTHS, repeat=len(maps)):
            yield plan, dict(zip(maps, widths, strict=True))


def good(table: CostTable, harm: Sensitivity, budget: Budget, plan: Widths) -> bool:
    promised = predict(table, harm, *plan)
    return all(promised[key] <= limit for key, limit in budget.limits().items())


@st.composite
def tables(draw: st.DrawFn) -> tuple[CostTable, Sensitivity]:
    """Up to three layers that read up to two maps, pairs of widths, moments, shared code."""
    amount = st.integers(0, 30)
    layers = [f"l{i}" for i in range(draw(st.integers(1, 3)))]
    reads = {layer: f"m{draw(st.integers(0, 1))}" for layer in layers}
    maps = sorted(set(reads.values()))
    owned = draw(st.booleans())
    pairs = list(product(layers, WIDTHS, WIDTHS))
    rows = tuple(
        CostRow(n, w, draw(amount), draw(amount), None, draw(amount), None, "simulated", "", a)
        for n, w, a in pairs
    )
    of_maps = [
        MapRow(m, b, draw(amount), 0.0, draw(amount), draw(amount))
        for m, b in product(maps, WIDTHS)
    ]
    moments = [
        Moment(tuple(m for m in maps if draw(st.booleans())), draw(st.sampled_from(["", *layers])),
               draw(st.integers(-5, 20)), draw(st.sampled_from(["", *maps])), ((4, draw(amount)),))
        for _ in range(draw(st.integers(0, 3)))
    ]  # fmt: skip
    shared = (SharedCost((4,), draw(amount)), SharedCost((4,), draw(amount), "maps"))
    table = CostTable(
        "board", rows, FixedCost(100, 10, 0.0, 20), None, shared if draw(st.booleans()) else (),
        tuple(of_maps) if owned else (), reads, tuple(moments) if owned else (),
    )  # fmt: skip
    value = st.integers(0, 9)
    harm = Sensitivity(
        tuple(SensitivityRow(n, w, draw(value), a) for n, w, a in pairs),
        "",
        tuple(SensitivityRow(m, b, draw(value)) for m, b in product(maps, WIDTHS)),
    )
    return table, harm


@st.composite
def problems(draw: st.DrawFn) -> tuple[CostTable, Sensitivity, Budget, list[list[str]]]:
    table, harm = draw(tables())
    limit = st.none() | st.integers(5, 140)
    cycles, flash, sram = draw(limit), draw(limit), draw(limit)
    budget = Budget(None, cycles, None if flash is None else 100 + flash, sram)
    layers = list(dict.fromkeys(row.layer for row in table.rows))
    groups = [layers[:2]] if len(layers) > 2 and draw(st.booleans()) else []
    return table, harm, budget, groups


@settings(max_examples=100)
@given(problems())
def test_equals_the_search_over_all_plans(
    problem: tuple[CostTable, Sensitivity, Budget, list[list[str]]],
) -> None:
    table, harm, budget, groups = problem
    found = [p for p in plans(table, groups) if good(table, harm, budget, p)]
    if not found:
        with pytest.raises(BudgetInfeasible) as caught:
            allocate(table, harm, budget, groups)
        for name, key in zip(("latency", "flash", "sram"), LIMITED, strict=True):
            if f"{name} " in str(caught.value) and "least reachable" in str(caught.value):
                least = min(predict(table, harm, *p)[key] for p in plans(table, groups))
                alone = getattr(budget, key) is not None and least > getattr(budget, key)
                assert alone == (f"{name} {getattr(budget, key)}" in str(caught.value))
                assert not alone or f"least reachable {least:.0f} " in str(caught.value)
        return
    plan = allocate(table, harm, budget, groups)
    mine = dict(plan.weight_bits), dict(plan.activation_bits)
    assert mine in found
    best = min(predict(table, harm, *p)["sensitivity"] for p in found)
    assert plan.predicted["sensitivity"] == best
    assert plan.predicted == predict(table, harm, *mine)


@settings(max_examples=60)
@given(problems(), st.sampled_from(["latency", "flash", "sram"]))
def test_the_whole_front(
    problem: tuple[CostTable, Sensitivity, Budget, list[list[str]]], resource: str
) -> None:
    table, harm, budget, groups = problem
    key = dict(zip(("latency", "flash", "sram"), LIMITED, strict=True))[resource]
    all_of_them = [predict(table, harm, *p) for p in plans(table, groups)
                   if good(table, harm, budget, p)]  # fmt: skip
    points = {(p["sensitivity"], p[key]) for p in all_of_them}
    beaten = {p for p in points for q in points if q != p and q[0] <= p[0] and q[1] <= p[1]}
    if not points:
        with pytest.raises(BudgetInfeasible):
            front(table, harm, budget, resource, groups)
        return
    found = [
        (plan.predicted["sensitivity"], plan.predicted[key])
        for plan in front(table, harm, budget, resource, groups)
    ]
    assert found == sorted(points - beaten)


@settings(max_examples=60)
@given(tables(), st.data())
def test_one_plan_for_two_boards(
    problem: tuple[CostTable, Sensitivity], data: st.DataObject
) -> None:
    table, harm = problem
    amount = st.integers(0, 30)
    rows = tuple(
        replace(row, weight_bytes=data.draw(amount), cycles=data.draw(amount))
        for row in table.rows
        if row.bits == 8 or row.activation_bits == 8
    )
    other = replace(table, board="other", rows=rows)
    budgets = [
        Budget(flash_bytes=100 + data.draw(st.integers(10, 120))),
        Budget(latency_cycles=data.draw(st.integers(10, 120))),
    ]
    offered = {(row.layer, row.bits, row.activation_bits) for row in rows}
    found = [
        p
        for p in plans(table, [])
        if all((n, w, p[1][table.reads[n]]) in offered for n, w in p[0].items())
        and good(table, harm, budgets[0], p)
        and good(other, harm, budgets[1], p)
    ]
    if not found:
        with pytest.raises(BudgetInfeasible):
            allocate_fleet([table, other], harm, budgets)
        return
    first, second = allocate_fleet([table, other], harm, budgets)
    mine = dict(first.weight_bits), dict(first.activation_bits)
    assert (second.weight_bits, second.activation_bits) == mine and mine in found
    best = min(predict(table, harm, *p)["sensitivity"] for p in found)
    assert first.predicted["sensitivity"] == best
    assert (first.board, second.board) == ("board", "other")
    assert second.predicted == predict(other, harm, *mine)


def test_the_limit_of_a_fleet_names_its_board() -> None:
    costs = {("a", b): (1, b * 10, 0) for b in (8, 4)}
    harm = harm_of({("a", 8): 0, ("a", 4): 1})
    one = table_of(costs)
    two = replace(one, board="small", rows=tuple(replace(r, board="") for r in one.rows))
    with pytest.raises(BudgetInfeasible, match="flash on small 1000 B, least reachable 1040 B"):
        allocate_fleet([one, two], harm, [Budget(), Budget(flash_bytes=1000)])
    other = table_of({("b", 8): (1, 1, 1)})
    with pytest.raises(ConfigError, match="are of different networks"):
        allocate_fleet([one, other], harm, [Budget(), Budget()])


def test_a_front_of_a_resource_that_nobody_knows() -> None:
    table = table_of({("a", 8): (1, 1, 1)})
    with pytest.raises(ConfigError, match="front over 'lut': the cost table knows latency"):
        front(table, harm_of({("a", 8): 0}), Budget(), "lut")


def test_a_front_of_few_points() -> None:
    costs = {(f"l{i}", b): (1, b * 10, 0) for i in range(8) for b in (8, 4)}
    harm = harm_of({pair: float(pair[1] == 4) for pair in costs})
    table = table_of(costs)
    whole = front(table, harm, Budget(), "flash")
    assert [plan.predicted["sensitivity"] for plan in whole] == list(range(9))
    few = front(table, harm, Budget(), "flash", most=3)
    assert [plan.predicted["sensitivity"] for plan in few] == [0.0, 4.0, 8.0]


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"reads": {"x": "m"}}, "reads names 'x', which has no row"),
        ({"moments": (Moment(("m",)),)}, "a moment names map 'm', which has no row"),
        ({"moments": (Moment((), of="m"),)}, "a moment names map 'm', which has no row"),
        ({"moments": (Moment((), "x"),)}, "a moment names 'x', which has no row"),
        ({"maps": (MapRow("m", 9),)}, "m: 9 bits is outside 1..8"),
        ({"maps": (MapRow("m", 4, lut=-1),)}, "map m at 4 bits: lut: -1 is not a number"),
    ],
)
def test_tables_that_are_wrong(changes: dict[str, object], part: str) -> None:
    table = table_of({("a", 8): (1, 1, 1)})
    with pytest.raises(ConfigError) as caught:
        replace(table, **changes)  # type: ignore[arg-type]
    assert part in str(caught.value)


def test_a_map_needs_a_sensitivity() -> None:
    table = replace(table_of({("a", 8): (1, 1, 1)}), maps=(MapRow("m", 4),))
    with pytest.raises(ConfigError, match="map m at 4 bits is missing"):
        allocate(table, harm_of({("a", 8): 0}), Budget())
