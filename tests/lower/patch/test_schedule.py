"""The memory of stages: a plan for them computes every integer in its own arena."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwkit.errors import GraphError
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.ops import Constant
from hwkit.lower.checked import first_difference
from hwkit.lower.memory import plan_memory
from hwkit.lower.patch.schedule import Move, halo, moves
from hwkit.lower.patch.turns import by_input, by_output
from tests.conformance.graphs import ANY, feeds_for, graphs
from tests.lower.patch.arena import Arena, schedule_of
from tests.lower.patch.test_turns import two_convolutions
from tests.targets.mcu.staged import stages

PLAIN = replace(ANY, ops=tuple(op for op in ANY.ops if op is not Constant), outputs=3, inputs=2)
STREAM = replace(PLAIN, inputs=1, outputs=1)


@given(graphs(PLAIN) | graphs(STREAM), st.data())
def test_a_plan_with_stages_keeps_every_integer(graph: Graph, data: st.DataObject) -> None:
    found = data.draw(stages(graph))
    feeds = feeds_for(graph, 1, 0)
    expected = run(graph, feeds, graph.results)
    over_start = [op.name for op in graph.nodes if data.draw(st.booleans())]
    got = Arena(graph, found, feeds, over_start=over_start).results()
    for name in graph.results:
        first_difference(name, expected[name][0], got[name])


def test_halos_live_as_long_as_their_stage_and_buffers_in_each_turn_anew() -> None:
    graph = two_convolutions()
    schedule = schedule_of(graph, [by_output(graph, graph.nodes, 2, streamed=["x"])])
    row = 4 * 8
    assert schedule.tensor_bytes["x"] == schedule.tensor_bytes["a_out"] == 4 * row
    assert schedule.tensor_bytes[halo("x")] == schedule.tensor_bytes[halo("a_out")] == 2 * row
    alive = schedule.lifetimes()
    assert alive[halo("x")] == alive[halo("a_out")] == (0, 1)
    assert alive["x"] == (0, 0) and alive["a_out"] == (0, 1)
    assert alive["b_out"] == (0, 2)


def test_moves_of_the_halo_between_two_convolutions() -> None:
    graph = two_convolutions()
    stage = by_output(graph, graph.nodes, 2)
    # Rows 0 to 2; then 1 to 4, of which 1 and 2 were there; ...; the last turn keeps none.
    assert moves(stage, "a_out") == (Move(0, 1, 2), Move(2, 2, 2), Move(2, 2, 2), Move(2, 0, 0))
    again = by_output(graph, graph.nodes, 2, again=["a_out"])
    assert set(moves(again, "a_out")) == {Move()}


def test_what_pauses_moves_nothing() -> None:
    graph = two_convolutions()
    stage = by_input(graph, graph.nodes, 1, ["x"])
    assert moves(stage, "a_out")[0] == Move()  # the first row of x computes nothing


def test_a_result_runs_into_the_source_that_the_stage_uses_up() -> None:
    graph = two_convolutions()
    stage = by_output(graph, graph.nodes, 1)
    near = schedule_of(graph, [stage]).closer
    # Behind row k of the result the stage needs rows of x from k + 1 on, and at last none; what is
    # kept of the map between has been moved before the last of 8 rows is there.
    assert near["b_out"] == {"x": 0, halo("a_out"): 7 * 4 * 8}
    apart = replace(schedule_of(graph, [stage]), closer={})
    together = plan_memory(schedule_of(graph, [stage])).arena_bytes
    assert together < plan_memory(apart).arena_bytes


def test_stages_must_follow_the_graph() -> None:
    graph = two_convolutions()
    stage = by_output(graph, graph.nodes, 2)
    backwards = replace(stage, nodes=stage.nodes[::-1])
    with pytest.raises(GraphError, match="don't follow each other"):
        schedule_of(graph, [backwards])
    with pytest.raises(GraphError, match="shares layers"):
        schedule_of(graph, [stage, stage])
