"""Memory of stages: what the planner makes of it, by hand and on random networks."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import MaxPool2d, activations
from hwkit.ir.types import S8
from hwkit.lower.memory import plan_memory
from hwkit.lower.patch.peak import (
    in_columns,
    in_rows,
    plan_stage,
    reads_ahead,
    row_bytes,
    schedule,
    whole_bytes,
)
from hwkit.lower.patch.turns import Stage, by_input
from tests.conformance.graphs import graphs
from tests.lower.patch.test_turns import MAPS, parts_of, two_convolutions


def wide() -> Graph:
    """Two poolings 3 by 1 without padding over 10 by 16 by 2."""
    b = GraphBuilder("wide")
    x = b.input("x", (10, 16, 2), S8)
    for k in "ab":
        x = b.add(MaxPool2d(k, x, f"{k}_out", (3, 1), (1, 1)), S8)
    return b.build([x])


def test_a_stage_by_hand() -> None:
    graph = wide()
    stage = by_input(graph, graph.nodes, 1, ["x"], even=True)
    assert row_bytes(graph, "x") == 32
    assert whole_bytes(graph, "b_out") == 6 * 32
    # Halos of two rows for x and a_out; buffers of three rows for both while a runs.
    assert plan_stage(graph, stage).arena_bytes == 2 * 64 + 2 * 96
    run = in_rows(graph, stage)
    assert plan_memory(schedule(graph, [run])).arena_bytes == 2 * 64 + 2 * 96 + 192


def test_a_result_lies_over_rows_that_were_read() -> None:
    graph = wide()
    stage = by_input(graph, graph.nodes, 1, even=True)
    assert reads_ahead(graph, stage, "x") == 0
    run = in_rows(graph, stage)
    assert run.inner_bytes == 64 + 96
    assert plan_memory(schedule(graph, [run])).arena_bytes == 320 + 64 + 96
    apart = schedule(graph, [run], uncounted=["x"])
    assert plan_memory(apart).arena_bytes == 192 + 64 + 96


def test_what_is_read_outside_a_stage_is_not_written_over() -> None:
    graph = replace(wide(), outputs=("b_out", "x"))
    run = in_rows(graph, by_input(graph, graph.nodes, 1, even=True))
    assert plan_memory(schedule(graph, [run])).arena_bytes == 320 + 192 + 64 + 96


def test_columns_by_hand() -> None:
    graph = wide()
    run = in_columns(graph, graph.nodes, 4)
    # Of four columns, 8 bytes a row: a halo of 16 bytes each of two maps, their buffers of 24
    # (rounded up to 32), and the row of the result.
    assert run.inner_bytes == 2 * 16 + 2 * 32 + 16


@given(graphs(MAPS), st.data())
def test_no_row_is_written_over_that_is_still_read(graph: Graph, data: st.DataObject) -> None:
    for nodes in parts_of(graph):
        stage = by_input(graph, nodes, data.draw(st.integers(1, 3)), even=data.draw(st.booleans()))
        for source in stage.sources:
            if len(stage.results) == 1:
                check_apart(graph, stage, source)


def check_apart(graph: Graph, stage: Stage, source: str) -> None:
    """With the result as far before the source as asked, nothing that a turn reads was written."""
    (result,) = stage.results
    start = -reads_ahead(graph, stage, source)
    written = start
    for turn in stage.turns:
        for op, part in zip(stage.nodes, turn.parts, strict=True):
            if part is None:
                continue
            for name, read in zip(activations(op), part.reads, strict=True):
                if name == source:
                    assert written <= read.rows.start * row_bytes(graph, source)
            if op.output == result:
                written = start + part.rows.stop * row_bytes(graph, result)


def test_two_convolutions_share_a_buffer_in_turns() -> None:
    graph = two_convolutions()
    run = in_rows(graph, by_input(graph, graph.nodes, 1, even=True))
    assert run.inner_bytes == 16 + 16  # two rows of 4 bytes kept, three worked on, rounded up
