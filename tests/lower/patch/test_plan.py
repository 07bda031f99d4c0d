"""Plans: as good as every choice tried one by one, exact in the memory planner's bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings

from hwkit.errors import BudgetInfeasible, ConfigError
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.counts import macs
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Add, Conv2d, Op, Padding, Rescale, Rounding
from hwkit.ir.types import S8
from hwkit.lower.checked import apply
from hwkit.lower.memory import MemoryPlan
from hwkit.lower.patch.candidates import ROWS, by_result_of
from hwkit.lower.patch.costs import Costs
from hwkit.lower.patch.labels import AGAIN
from hwkit.lower.patch.peak import plan as placed
from hwkit.lower.patch.peak import whole_bytes
from hwkit.lower.patch.plan import plain, plan_front, plan_within, rewritten
from hwkit.lower.patch.search import edges, front, others
from hwkit.lower.patch.turns import Stage, by_input
from tests.conformance.graphs import graphs
from tests.lower.patch.test_turns import MAPS

RESCALE = Rescale((1 << 30,), (38,), Rounding.HALF_UP, -128, 127)


def network(*layers: tuple[int, int, int], residual: bool = False) -> Graph:
    """Convolutions of (channels, kernel, stride) over 24 by 24 by 3."""
    rng = np.random.default_rng(0)
    b = GraphBuilder("network")
    x = b.input("x", (24, 24, 3), S8)
    for k, (channels, kernel, stride) in enumerate(layers):
        shape = (channels, kernel, kernel, b.shape(x)[2])
        weight = b.constant(f"w{k}", rng.integers(-9, 9, shape), S8)
        pad = Padding(*(kernel // 2,) * 4)
        op = Conv2d(f"c{k}", x, weight, None, f"y{k}", (stride, stride), pad, rescale=RESCALE)
        y = b.add(op, S8)
        if residual and b.shape(y) == b.shape(x):
            y = b.add(Add(f"a{k}", (x, y), f"z{k}", rescale=RESCALE), S8)
        x = y
    return b.build([x])


CHAIN = network((16, 3, 1), (16, 3, 2), (24, 1, 1), (8, 3, 2), (8, 3, 1))
RESIDUAL = network((16, 3, 1), (16, 3, 1), (16, 3, 2), (16, 3, 1), residual=True)


def test_turns_by_result_are_parts_of_its_rows() -> None:
    """Of 24 rows of 16 channels: whole groups of two or four."""
    tilings = [edge.tiling for edge in by_result_of(Costs(CHAIN), 0, 1)]
    assert [(t.rows, t.by_result) for t in tilings] == [(n, True) for n in (2, 4, 6, 8, 12)]


def peak(graph: Graph, stage: Stage) -> int:
    """The arena with this stage alone."""
    return placed(graph, [stage]).arena_bytes


def work(graph: Graph, stage: Stage) -> int:
    """Multiplications of all parts."""
    total = 0
    for k, op in enumerate(stage.nodes):
        rows = sum(len(part.rows) for turn in stage.turns if (part := turn.parts[k]) is not None)
        total += macs(graph, op) * rows // graph.tensors[op.output].shape[0]
    return total


def test_stages_found_are_as_good_as_all_that_there_are() -> None:
    """Every choice of what to compute again, for the whole chain as a stage."""
    nodes, costs = CHAIN.nodes, Costs(CHAIN)
    names = [op.output for op in nodes[:-1]]
    found = [e for e in edges(costs) if e.tiling.last - e.tiling.first == len(nodes)]
    plain_macs = sum(costs.macs)
    free = min(path.size_bytes for path in front(costs) if path.macs == plain_macs)
    tried = 0
    for rows in ROWS:
        for again in (some for n in range(AGAIN + 1) for some in combinations(names, n)):
            stage = by_input(CHAIN, nodes, rows, again=again, even=True)
            size, cost = peak(CHAIN, stage), work(CHAIN, stage)
            if cost > 1.5 * plain_macs or (cost > plain_macs and size >= free):
                continue
            tried += 1
            assert any(e.size_bytes <= size and e.macs <= cost for e in found)
    assert tried > 5


def test_a_first_turn_gets_what_lets_the_others_use_all_their_rows() -> None:
    """One convolution 3 by 3 at a stride of 2 over 16 rows, padded below, two rows a turn: 3, 2,
    2, ..., and 1."""
    graph = network((4, 3, 2))
    (conv,) = graph.nodes
    assert isinstance(conv, Conv2d)
    below = replace(conv, padding=Padding(0, 1, 0, 1))
    graph = graph.with_nodes((below,), graph.tensors)
    stage = by_input(graph, graph.nodes, 2, graph.inputs, even=True)
    assert (stage.kept(graph.inputs[0]), stage.rows(graph.inputs[0])) == (1, 3)
    given = [len(turn.held[graph.inputs[0]]) - turn.kept[graph.inputs[0]] for turn in stage.turns]
    height = graph.tensors[graph.inputs[0]].shape[0]
    assert given == [3, *[2] * (height // 2 - 2), 1]


def test_other_paths_are_whole_and_within_the_limit() -> None:
    costs = Costs(CHAIN)
    found = edges(costs)
    limit = max(edge.size_bytes for edge in found)
    paths = others(found, len(CHAIN.nodes), limit, 20)
    assert len({path.tilings for path in paths}) == len(paths) > 5
    for path in paths:
        assert [t.last for t in path.tilings[:-1]] == [t.first for t in path.tilings[1:]]
        assert (path.tilings[0].first, path.tilings[-1].last) == (0, len(CHAIN.nodes))
        assert path.size_bytes <= limit
    sizes = [path.size_bytes for path in paths]
    assert sizes == sorted(sizes)
    assert sizes[0] == front(costs, found)[-1].size_bytes


def test_macs_and_bytes_are_those_of_the_stages() -> None:
    costs = Costs(CHAIN)
    plans = plan_front(costs)
    assert len(plans) > 2
    assert plans[0].arena_bytes == plain(costs).arena_bytes
    for plan in plans:
        staged = {op for tiling in plan.staged for op in plan.nodes(tiling)}
        total = sum(macs(CHAIN, op) for op in CHAIN.nodes if op not in staged)
        rows = [tiling for tiling in plan.staged if not tiling.columns]
        if len(rows) == len(plan.staged):
            total += sum(work(CHAIN, plan.stage(tiling)) for tiling in rows)
            assert plan.macs == total
        assert plan.macs >= plan.plain_macs
    sizes = [plan.arena_bytes for plan in plans]
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize(("streamed", "over"), [((), 0), (("x",), 48)])
def test_the_model_says_what_the_memory_planner_finds(streamed: tuple[str, ...], over: int) -> None:
    """But for the bytes in which the last rows of a result come over what has ended before."""
    costs = Costs(CHAIN, streamed)
    smallest = min(path.size_bytes for path in front(costs))
    assert min(plan.arena_bytes for plan in plan_front(costs)) == smallest - over


def test_residuals_are_inside_a_stage() -> None:
    whole, *_, least = plan_front(Costs(RESIDUAL))
    assert least.arena_bytes < 0.5 * whole.arena_bytes
    inside: set[type[Op]] = {type(op) for t in least.staged for op in least.nodes(t)}
    assert Add in inside


def test_a_limit_takes_the_plan_of_least_work_or_says_what_is_missing() -> None:
    costs = Costs(CHAIN)
    plans = plan_front(costs)
    for plan in plans:
        chosen = plan_within(costs, plan.arena_bytes)
        assert chosen.arena_bytes <= plan.arena_bytes
        assert chosen.macs == plan.macs
    least = plans[-1].arena_bytes
    with pytest.raises(BudgetInfeasible, match=f"needs {least:,} bytes .* 7 more than there are"):
        plan_within(costs, least - 7)


def test_what_the_memory_planner_packs_closer_fits_where_the_search_counts_more() -> None:
    def halved(stages: Sequence[Stage]) -> MemoryPlan:
        whole = placed(CHAIN, stages)
        return replace(whole, arena_bytes=whole.arena_bytes // 2)

    costs = Costs(CHAIN, ("x",), place=halved)
    plans = plan_front(costs)
    assert plan_within(costs, plans[-1].arena_bytes) == plans[-1]
    with pytest.raises(BudgetInfeasible, match=" 1 more than there are"):
        plan_within(costs, plans[-1].arena_bytes - 1)


def test_streamed_inputs_count_with_the_rows_that_are_held() -> None:
    whole, streamed = (plan_front(Costs(CHAIN, given)) for given in ((), ("x",)))
    assert streamed[-1].arena_bytes < whole[-1].arena_bytes < whole[0].arena_bytes
    assert all(plan.staged[0].first == 0 for plan in streamed)


def test_an_input_that_a_layer_wants_whole_cannot_be_streamed() -> None:
    b = GraphBuilder("dense")
    b.input("x", (6,), S8)
    y = b.add(Add("a", ("x", "x"), "y", rescale=RESCALE), S8)
    with pytest.raises(ConfigError, match="input x cannot come row by row"):
        plan_front(Costs(b.build([y]), ("x",)))


def test_without_strips_all_stages_are_of_whole_rows() -> None:
    rows = plan_front(Costs(CHAIN, strips=False))
    assert all(len(plan.stages) == len(plan.staged) for plan in rows)
    columns = plan_front(Costs(CHAIN))
    assert any(len(plan.stages) < len(plan.staged) for plan in columns)
    assert columns[-1].arena_bytes < rows[-1].arena_bytes


@pytest.mark.parametrize("graph", [CHAIN, RESIDUAL], ids=["chain", "residual"])
@pytest.mark.parametrize("streamed", [(), ("x",)], ids=["whole", "streamed"])
def test_what_a_plan_computes_is_exact_and_costs_what_it_says(
    graph: Graph, streamed: tuple[str, ...]
) -> None:
    plans = plan_front(Costs(graph, streamed))
    for plan in plans:
        made = apply(graph, lambda _, plan=plan: rewritten(plan))  # type: ignore[misc]
        assert sum(macs(made, op) for op in made.nodes) == plan.macs


@settings(max_examples=50)
@given(graphs(MAPS))
def test_plans_of_random_networks_are_exact(graph: Graph) -> None:
    for plan in plan_front(Costs(graph)):
        made = apply(graph, lambda _, plan=plan: rewritten(plan))  # type: ignore[misc]
        assert sum(macs(made, op) for op in made.nodes) == plan.macs
        assert plan.arena_bytes >= max(whole_bytes(graph, name) for name in graph.inputs)
