"""Memory of stages: what the planner makes of it, by hand."""

from __future__ import annotations

from dataclasses import replace

from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import MaxPool2d
from hwkit.ir.types import S8
from hwkit.lower.patch.peak import in_columns, plan, row_bytes, whole_bytes
from hwkit.lower.patch.turns import by_input
from tests.lower.patch.test_turns import two_convolutions


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
    # A halo of two rows for x; buffers of three rows for both while a runs, that of a_out with its
    # halo in it. The result's last row lies where x had its halo, not kept by the last turn.
    assert plan(graph, [stage]).arena_bytes == 64 + 2 * 96 + 192 - 32
    assert plan(graph, [stage], uncounted=["b_out"]).arena_bytes == 64 + 2 * 96


def test_a_result_lies_over_rows_that_were_read() -> None:
    graph = wide()
    stage = by_input(graph, graph.nodes, 1, even=True)
    assert plan(graph, [stage]).arena_bytes == 320 + 96
    assert plan(graph, [stage], uncounted=["x"]).arena_bytes == 192 + 96


def test_what_is_read_outside_a_stage_is_not_written_over() -> None:
    graph = replace(wide(), outputs=("b_out", "x"))
    stage = by_input(graph, graph.nodes, 1, even=True)
    assert plan(graph, [stage]).arena_bytes == 320 + 192 + 96


def test_columns_by_hand() -> None:
    graph = wide()
    run = in_columns(graph, graph.nodes, 4)
    # Of four columns, 8 bytes a row: buffers of 24 (rounded up to 32) of two maps, with a halo of
    # 16 bytes in each, and the row of the result.
    assert run.inner_bytes == 2 * 32 + 16
    assert plan(graph, [], [run]).arena_bytes == 320 + 192 + run.inner_bytes


def test_two_convolutions_share_a_buffer_in_turns() -> None:
    graph = two_convolutions()
    stage = by_input(graph, graph.nodes, 1, even=True)
    # Three rows of 4 bytes worked on, rounded up, two of them kept in the same place.
    assert plan(graph, [stage], uncounted=["x", "b_out"]).arena_bytes == 16
