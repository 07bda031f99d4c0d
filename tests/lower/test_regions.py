"""Plans over several regions, and over steps that are no nodes."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwkit.errors import GraphError
from hwkit.ir.graph import Graph
from hwkit.lower.memory import MemoryPlan, Region, Used, plan_memory
from hwkit.lower.schedule import Schedule, Step, step_per_node
from tests.conformance.graphs import ANY, graphs
from tests.lower.test_memory import root, sizes


def check(plan: MemoryPlan) -> None:
    """What is alive together lies apart, and no more than ``Used`` of each region is taken."""
    for a, b in combinations(plan.placements, 2):
        if a.region == b.region and a.first_layer <= b.last_layer and b.first_layer <= a.last_layer:
            assert a.end <= b.offset or b.end <= a.offset or root(plan, a) == root(plan, b), (a, b)
    for used in plan.regions:
        ends = [p.end for p in plan.placements if p.region == used.region]
        assert used.size_bytes == -(-max(ends, default=0) // 16) * 16
    assert plan.arena_bytes == sum(used.size_bytes for used in plan.regions)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(graphs(ANY), st.integers(0, 300), st.integers(0, 3000))
def test_nothing_that_is_moved_overlaps_what_is_there(
    graph: Graph, scratch_bytes: int, room: int
) -> None:
    """Every tensor has all its bytes in every step of its life, in one place after another."""
    schedule = step_per_node(graph, sizes(graph), {op.name: scratch_bytes for op in graph.nodes})
    regions = [Region("fast", room), Region("slow", 1 << 20, 7)]
    plan = plan_memory(schedule, regions, movable=sizes(graph))
    check(plan)
    assert plan.waits.bound_cycles <= plan.waits.cycles
    assert plan.waits.cycles <= plan_memory(schedule, regions).waits.cycles
    for move in plan.moves:
        before, after = (p for p in plan.placements if p.tensor == move.tensor)
        assert before.last_layer + 1 == after.first_layer == move.layer
        assert move.tensor in schedule.steps[move.layer].reads


@settings(max_examples=60, derandomize=True, deadline=None)
@given(graphs(ANY), st.integers(0, 300), st.integers(0, 3000))
def test_a_plan_over_two_regions_is_legal_and_needs_no_less_than_one(
    graph: Graph, scratch_bytes: int, room: int
) -> None:
    schedule = step_per_node(graph, sizes(graph), {op.name: scratch_bytes for op in graph.nodes})
    one = plan_memory(schedule, [Region("all", 1 << 20)])
    two = plan_memory(schedule, [Region("fast", room), Region("slow", 1 << 20)])
    check(two)
    assert two.lower_bound_bytes == one.lower_bound_bytes <= two.arena_bytes
    fast, _ = two.regions
    assert fast.size_bytes <= room
    if one.arena_bytes <= room // 16 * 16:
        assert [p.offset for p in two.placements] == [p.offset for p in one.placements]
        assert {p.region for p in two.placements} == {"fast"}


def chain(*bytes_of: int, scratch: int = 0) -> Schedule:
    """t0 -> t1 -> ..., each of so many bytes."""
    steps = tuple(
        Step(f"s{k}", (f"t{k}",), (f"t{k + 1}",), scratch) for k in range(len(bytes_of) - 1)
    )
    tensors = {f"t{k}": n for k, n in enumerate(bytes_of)}
    return Schedule(steps, tensors, ("t0",), (f"t{len(bytes_of) - 1}",))


def test_scratch_is_where_memory_is_fast() -> None:
    plan = plan_memory(chain(64, 64, scratch=64), [Region("fast", 64), Region("slow", 1024)])
    assert {p.tensor: p.region for p in plan.placements} == {
        "t0": "slow",
        "t1": "slow",
        "s0/scratch": "fast",
    }
    assert plan.regions == (Used("fast", 64), Used("slow", 128))
    assert plan.in_use(0) == 192


def test_a_tensor_that_is_read_often_is_where_memory_is_fast() -> None:
    steps = (Step("a", ("x",), ("y",)), Step("b", ("y", "x"), ("z",)))
    schedule = Schedule(steps, {"x": 64, "y": 32, "z": 32}, ("x",), ("z",))
    plan = plan_memory(schedule, [Region("fast", 96), Region("slow", 1024)])
    assert plan.placed("x").region == "fast"


def test_a_third_region_takes_what_the_second_has_no_room_for() -> None:
    regions = [Region(name, 64) for name in "abc"]
    steps = (Step("join", ("x", "y"), ("z",)),)
    plan = plan_memory(Schedule(steps, dict.fromkeys("xyz", 64), ("x", "y"), ("z",)), regions)
    assert plan.regions == (Used("a", 64), Used("b", 64), Used("c", 64))


def test_a_tensor_for_which_no_region_is_large_enough_is_in_the_last() -> None:
    plan = plan_memory(chain(100, 16), [Region("fast", 64), Region("slow", 64)])
    assert plan.placed("t0").region == "slow" and plan.regions == (
        Used("fast", 16),
        Used("slow", 112),
    )


def test_a_single_region_takes_all_whatever_its_size() -> None:
    assert plan_memory(chain(100, 16), [Region("sram", 64)]).regions == (Used("sram", 128),)


def test_a_state_lasts_and_is_never_overwritten() -> None:
    """y could take over s's bytes were s a tensor like others; its next value lasts to the end."""
    step = Step("update", ("s",), ("y",), in_place=("s",))
    more = Step("more", ("x",), ("z",))
    tensors = dict.fromkeys(("x", "s", "y", "z"), 16)
    states = Schedule((step, more), tensors, ("x",), ("y", "z"), ("s",))
    plan = plan_memory(states)
    lives = {p.tensor: (p.first_layer, p.last_layer, p.shared) for p in plan.placements}
    assert lives["s"] == (0, 1, "") and lives["y"] == (0, 1, "")
    assert plan.arena_bytes == 4 * 16
    assert plan_memory(Schedule((step, more), tensors, ("x", "s"), ("y", "z"))).arena_bytes == 48


def test_a_step_may_write_several_tensors() -> None:
    split = Step("split", ("x",), ("a", "b"), 32)
    join = Step("join", ("a", "b"), ("y",))
    schedule = Schedule((split, join), {"x": 32, "a": 16, "b": 16, "y": 32}, ("x",), ("y",))
    plan = plan_memory(schedule)
    check(plan)
    assert (plan.arena_bytes, plan.optimal) == (32 + 32 + 32, True)


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ((Step("a", ("q",), ("y",)),), "a: reads 'q' before a step writes it"),
        ((Step("a", ("x",), ("x",)),), "a: writes 'x', which is there already"),
    ],
)
def test_a_schedule_out_of_order_is_refused(steps: tuple[Step, ...], message: str) -> None:
    with pytest.raises(GraphError, match=message):
        plan_memory(Schedule(steps, {"x": 1, "y": 1, "q": 1}, ("x",), ()))


def test_only_a_single_output_may_overlap() -> None:
    with pytest.raises(GraphError, match="split: writes 2 tensors"):
        Step("split", ("x",), ("a", "b"), in_place=("x",))


def test_what_is_there_between_steps_lies_apart_from_the_first_placement_on() -> None:
    """The halo is gone in both steps, and there with x before and after: so x is not over it."""
    steps = (Step("a", ("x",), ("y", "h")), Step("b", ("y", "h"), ("z",), 64))
    sizes_ = {"x": 16, "y": 16, "h": 16, "z": 16}
    schedule = Schedule(steps, sizes_, ("x",), ("z",), closer={"h": {"x": 16}}, gaps={"h": (0, 1)})
    plan = plan_memory(schedule)
    assert plan.placed("h").offset != plan.placed("x").offset
