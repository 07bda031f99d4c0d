"""Plans are remembered, checked when read, and the largest blocks decided first."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings

from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Clamp, Concat, MaxPool2d, Pad, Padding
from hwkit.ir.types import S8
from hwkit.lower import memory_lowest, remembered, reorder
from hwkit.lower.memory import MemoryPlan
from hwkit.lower.memory_core import core
from hwkit.lower.memory_packing import Box, Problem, conflict, first_fit, height, problem
from tests.lower.planned import plan_nodes
from tests.lower.test_memory import check, sizes
from tests.lower.test_memory_exact import brute_force, by_size, problems


def sliding(layers: int) -> Problem:
    """Maps of 500 units, each running into the one before by all but 60 or 16, and scratch for
    each layer: what a network of separable convolutions asks."""
    boxes = [Box(500, k, k + 1) for k in range(layers)] + [Box(19, k, k) for k in range(1, layers)]
    return problem(boxes, {(k, k - 1): 60 if k % 2 else 16 for k in range(1, layers)})


def test_maps_that_slide_into_each_other_are_proven() -> None:
    """The bound of single layers is 579 units; no kernel turns round, so the maps need 804."""
    case = sliding(9)
    bound, offsets = core(case, 579, by_size(case))
    assert bound == height(case, offsets) == 500 + 4 * (60 + 16) and conflict(case, offsets) is None


@settings(max_examples=40, derandomize=True, deadline=None, database=None)
@given(problems(6, 4, 4))
def test_what_the_largest_need_is_a_bound_for_all(case: Problem) -> None:
    start = first_fit(case, range(len(case.boxes)))
    bound, offsets = core(case, 0, start)
    assert bound <= brute_force(case) <= height(case, offsets) <= height(case, start)
    assert conflict(case, offsets) is None


def branches() -> Graph:
    """Four branches from one input, the second half of each smaller, joined at the end."""
    b = GraphBuilder("branches")
    b.input("x", (4, 4, 4), S8)
    for k in range(4):
        b.add(Pad(f"pad{k}", "x", f"p{k}", Padding(k, 1, 2, 1), 0), S8)
        b.add(Clamp(f"clamp{k}", f"p{k}", f"c{k}", 0, 9), S8)
    b.add(Concat("a", ("c0", "c0"), "ca", 2), S8)
    b.add(Concat("b", ("c1", "c1"), "cb", 2), S8)
    return b.build(["ca", "cb", "c2", "c3"])


@pytest.fixture
def plans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the plans, where every plan is worth keeping."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(remembered, "WORTH_S", 0.0)
    return tmp_path / "hwkit" / "plans"


def planned() -> MemoryPlan:
    graph = branches()
    return plan_nodes(graph, sizes(graph), {"a": 300, "b": 20})


def test_a_plan_is_made_once(plans: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = planned()
    check(first)

    def fail(*arguments: object) -> None:
        raise AssertionError("planned again")

    monkeypatch.setattr(memory_lowest, "_placed", fail)
    assert planned() == first


@pytest.mark.parametrize("damage", ["cut", "digit", "overlap", "long", "folder", "deep", "list"])
def test_a_damaged_plan_is_made_again(damage: str, plans: Path) -> None:
    first = planned()
    (path,) = plans.iterdir()
    kept = json.loads(path.read_text())
    content = path.read_bytes()
    if damage == "cut":
        path.write_bytes(content[:-9])
    elif damage == "digit":
        kept["plan"]["bound"] -= 1
        path.write_text(json.dumps(kept))
    elif damage in ("overlap", "long"):
        offsets = kept["plan"]["offsets"]
        kept["plan"]["offsets"] = [0] * (len(offsets) + (damage == "long"))
        plan = memory_lowest.Placed(tuple(kept["plan"]["offsets"]), kept["plan"]["bound"])
        kept["sha256"] = remembered._digest(plan)
        path.write_text(json.dumps(kept))
    elif damage == "folder":
        path.unlink()
        path.mkdir()
    else:
        path.write_text("[" * 100_000 if damage == "deep" else "[]")
    assert planned() == first
    if damage != "folder":
        assert path.read_bytes() == content


def test_a_cache_that_cannot_be_used_changes_nothing(
    plans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = planned()
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert planned() == first


def wide() -> Graph:
    """Branches that grow and shrink again: one after the other needs less than side by side."""
    b = GraphBuilder("wide")
    b.input("x", (4, 4, 1), S8)
    for k in range(3):
        b.add(Pad(f"pad{k}", "x", f"p{k}", Padding(3, 3, 3, 3), 0), S8)
    for k in range(3):
        b.add(MaxPool2d(f"pool{k}", f"p{k}", f"c{k}", (5, 5), (5, 5)), S8)
    return b.build([f"c{k}" for k in range(3)])


def test_an_order_is_searched_once(plans: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = wide()
    first = reorder.best_order(graph, sizes(graph), {})
    assert first.peak_bytes < reorder._Work(graph, sizes(graph), {}).peak(tuple(range(6)))

    def fail(*arguments: object) -> None:
        raise AssertionError("searched again")

    (path,) = plans.iterdir()
    with monkeypatch.context() as patch:
        patch.setattr(reorder, "_search", fail)
        assert reorder.best_order(graph, sizes(graph), {}) == first
    kept = reorder._Path((0, 0, 1, 2, 3, 4), 1)
    path.write_text(
        json.dumps(
            {"plan": {"layers": kept.layers, "bound": 1}, "sha256": remembered._digest(kept)}
        )
    )
    assert reorder.best_order(graph, sizes(graph), {}) == first


def test_an_order_that_reaches_its_bound_is_not_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise AssertionError("searched")

    monkeypatch.setattr(reorder, "_search", fail)
    b = GraphBuilder("two")
    b.input("x", (8, 8, 4), S8)
    b.add(Pad("pad", "x", "p", Padding(9, 9, 9, 9), 0), S8)
    b.add(Clamp("clamp", "x", "c", 0, 9), S8)
    graph = b.build(["p", "c"])
    order = reorder.best_order(graph, sizes(graph), {"pad": 5000})
    assert order.optimal and order.nodes == graph.nodes
