"""A stage in turns computes the same integers as its layers one after the other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.ops import Clamp, Conv2d, MaxPool2d, Op, Padding, Prelu, Rescale, Rounding
from hwkit.ir.types import S8, S32, Shape
from hwkit.lower.checked import first_difference
from hwkit.lower.patch.spans import Read, Span, can_tile, reads
from hwkit.lower.patch.turns import Stage, boundary, by_input, by_output
from tests.conformance.graphs import ANY, feeds_for, graphs
from tests.lower.patch.tiled import run_stage

MAPS = replace(ANY, outputs=3, inputs=2)


def parts_of(graph: Graph) -> list[tuple[Op, ...]]:
    """Runs of consecutive nodes that can be computed in rows."""
    runs: list[tuple[Op, ...]] = [()]
    for op in graph.nodes:
        runs = [*runs[:-1], (*runs[-1], op)] if can_tile(graph, op) else [*runs, ()]
    return [found for found in runs if found]


@given(graphs(MAPS), st.data())
def test_a_stage_is_exact(graph: Graph, data: st.DataObject) -> None:
    for nodes in parts_of(graph):
        sources, results = boundary(graph, nodes)
        streamed = data.draw(st.sets(st.sampled_from(sources)))
        rows = data.draw(st.integers(1, 4))
        again = data.draw(st.sets(st.sampled_from([op.output for op in nodes])))
        if data.draw(st.booleans()):
            even = data.draw(st.booleans())
            pairs = data.draw(st.none() | st.integers(0, len(nodes) - 1))
            stage = by_input(graph, nodes, rows, streamed, again=again, even=even, pairs_from=pairs)
        else:
            stage = by_output(graph, nodes, rows, again, streamed)
        feeds = feeds_for(graph, 2, 0)
        whole = run(graph, feeds, [*sources, *results])
        got = run_stage(graph, stage, {name: whole[name] for name in sources})
        for name in results:
            first_difference(name, whole[name], got[name])
        check_work(graph, stage)


def test_rows_in_pairs_from_a_layer_on() -> None:
    """Of two convolutions 3 by 3 the second one waits until it can make two rows."""
    graph = two_convolutions()
    stage = by_input(graph, graph.nodes, 1, even=True, pairs_from=1)
    made = [[len(part.rows) for turn in stage.turns if (part := turn.parts[k])] for k in (0, 1)]
    assert made == [[1] * 8, [2] * 4]
    assert stage.rows("a_out") == 4 and stage.kept("a_out") == 3


def check_work(graph: Graph, stage: Stage) -> None:
    """Results are made once; with nothing computed again, so is all else."""
    for k, op in enumerate(stage.nodes):
        rows = [part.rows for turn in stage.turns if (part := turn.parts[k]) is not None]
        if op.output in stage.results:
            assert sum(map(len, rows)) == graph.tensors[op.output].shape[0]
        assert all(span.stop <= graph.tensors[op.output].shape[0] for span in rows)


def two_convolutions() -> Graph:
    """3 by 3 with padding 1 over 8 by 4 by 1, twice."""
    b = GraphBuilder("two")
    x = b.input("x", (8, 4, 1), S8)
    weight = b.constant("w", np.ones((1, 3, 3, 1), np.int64), S8)
    rescale = Rescale((1 << 30,), (33,), Rounding.HALF_UP, -128, 127)
    for k in "ab":
        op = Conv2d(k, x, weight, None, f"{k}_out", padding=Padding(1, 1, 1, 1), rescale=rescale)
        x = b.add(op, S8)
    return b.build([x])


def rows_made(stage: Stage, layer: int) -> list[tuple[int, int] | None]:
    parts = [turn.parts[layer] for turn in stage.turns]
    return [None if part is None else (part.rows.start, part.rows.stop) for part in parts]


def test_by_input_each_layer_makes_what_it_can() -> None:
    graph = two_convolutions()
    stage = by_input(graph, graph.nodes, 1, ["x"])
    assert rows_made(stage, 0) == [None, *((k, k + 1) for k in range(6)), (6, 8)]
    assert rows_made(stage, 1) == [None, None, *((k, k + 1) for k in range(5)), (5, 8)]
    assert (stage.rows("x"), stage.kept("x")) == (3, 2)
    assert (stage.rows("a_out"), stage.kept("a_out")) == (4, 2)
    assert stage.buffers == ("x", "a_out")


def test_by_input_evenly_takes_more_turns_and_smaller_buffers() -> None:
    graph = two_convolutions()
    stage = by_input(graph, graph.nodes, 1, ["x"], even=True)
    assert rows_made(stage, 0) == [None, *((k, k + 1) for k in range(8)), None]
    assert rows_made(stage, 1) == [None, None, *((k, k + 1) for k in range(8))]
    assert (stage.rows("x"), stage.rows("a_out")) == (3, 3)


def test_by_output_halos_are_kept_or_computed_again() -> None:
    graph = two_convolutions()
    kept, again = (by_output(graph, graph.nodes, 2, names) for names in ((), ["a_out"]))
    assert rows_made(kept, 0) == [(0, 3), (3, 5), (5, 7), (7, 8)]
    assert rows_made(again, 0) == [(0, 3), (1, 5), (3, 7), (5, 8)]
    assert rows_made(kept, 1) == rows_made(again, 1) == [(0, 2), (2, 4), (4, 6), (6, 8)]
    assert (kept.rows("a_out"), kept.kept("a_out")) == (4, 2)
    assert (again.rows("a_out"), again.kept("a_out")) == (4, 0)


def test_rows_that_nobody_reads_take_room_when_they_are_made() -> None:
    b = GraphBuilder("gaps")
    x = b.input("x", (7, 4, 1), S8)
    x = b.add(Clamp("clamp", x, "a", -5, 5), S8)
    graph = b.build([b.add(MaxPool2d("pool", x, "y", (1, 1), (3, 1)), S8)])
    stage = by_input(graph, graph.nodes, 3, ["x"])
    assert stage.rows("x") == stage.rows("a") == 3
    assert [turn.held["a"] for turn in stage.turns] == [Span(0, 3), Span(3, 6), Span(6, 7)]


def test_padding_belongs_to_the_ends_of_the_map() -> None:
    graph = two_convolutions()
    read = [reads(graph, graph.nodes[0], Span(*rows)) for rows in ((0, 2), (2, 4), (6, 8))]
    assert read == [Read(Span(0, 3), 1, 0), Read(Span(1, 5)), Read(Span(5, 8), 0, 1)]


def branches(*layers: tuple[str, str, int]) -> Graph:
    """Over 8 by 4 by 1, each layer 1 by 1 of that name, its input and its stride."""
    b = GraphBuilder("branches")
    b.input("x", (8, 4, 1), S8)
    weight = b.constant("w", np.full((1, 1, 1, 1), 2, np.int64), S8)
    rescale = Rescale((1 << 30,), (30,), Rounding.HALF_UP, -128, 127)
    for name, source, stride in layers:
        op = Conv2d(name, source, weight, None, name, stride=(stride, stride), rescale=rescale)
        b.add(op, S8)
    read = {source for _, source, _ in layers}
    return b.build([name for name, _, _ in layers if name not in read])


def check_exact(graph: Graph, stage: Stage) -> None:
    feeds = feeds_for(graph, 2, 0)
    whole = run(graph, feeds, stage.results)
    got = run_stage(graph, stage, feeds)
    for name in stage.results:
        first_difference(name, whole[name], got[name])


def test_rows_that_nobody_reads_have_their_place_in_the_buffer() -> None:
    """Row 7 of a is made in a turn of its own, in which no row of it is read."""
    graph = branches(("a", "x", 1), ("b", "a", 3))
    for even in (False, True):
        stage = by_input(graph, graph.nodes, 1, ["x"], even=even)
        assert rows_made(stage, 0)[7] == (7, 8) and rows_made(stage, 1)[7] is None
        assert stage.turns[7].held["a"] == Span(7, 8)
        check_exact(graph, stage)


def test_by_output_rows_between_strides_are_made_for_who_reads_them_later() -> None:
    alone = branches(("a", "x", 1), ("b", "a", 3))
    assert rows_made(by_output(alone, alone.nodes, 1), 0) == [(0, 1), (3, 4), (6, 7)]
    graph = branches(("a", "x", 1), ("c", "a", 1), ("b", "a", 3))
    stage = by_output(graph, graph.nodes, 1)
    assert rows_made(stage, 0) == [(0, 1), (1, 4), (4, 8)]
    assert rows_made(stage, 1) == [None, None, (0, 8)]
    check_exact(graph, stage)


def test_by_output_a_result_is_made_once_whatever_is_computed_again() -> None:
    graph = replace(branches(("a", "x", 1), ("b", "a", 3)), outputs=("a", "b"))
    stage = by_output(graph, graph.nodes, 1, ["a", "b"])
    assert rows_made(stage, 0) == [(0, 1), (1, 4), (4, 8)]
    check_exact(graph, stage)


@pytest.mark.parametrize(
    ("slope", "alone"),
    [
        ((1, 1, 4), [True, True]),
        ((2, 2, 1), [False, False]),
        ((1, 2, 1), [True, False]),
        ((2, 1, 1), [False, True]),
    ],
)
def test_slopes_of_positions_belong_to_the_whole_map(slope: Shape, alone: list[bool]) -> None:
    b = GraphBuilder("slopes")
    b.input("x", (2, 2, 4), S8)
    b.constant("slope", np.ones(slope, np.int64), S8)
    rescale = Rescale((1 << 30,), (30,), Rounding.HALF_UP, -128, 127)
    op = Prelu("y", "x", "slope", "y", rescale, rescale)
    graph = b.build([b.add(op, S8)])
    assert [can_tile(graph, op, axis) for axis in (0, 1)] == alone


@pytest.mark.parametrize("side", range(4))
def test_windows_in_padding_alone_have_no_part_of_the_map(side: int) -> None:
    """Above, below, left and right of it: as many rows of padding as the window has."""
    b = GraphBuilder("window")
    b.input("x", (5, 6, 2), S8)
    b.constant("w", np.ones((1, 3, 3, 2), np.int64), S8)
    most, one_less = ([n * (k == side) for k in range(4)] for n in (3, 2))
    ops = [
        Conv2d(f"op{k}", "x", "w", None, f"y{k}", padding=Padding(*around))
        for k, around in enumerate((most, one_less))
    ]
    graph = b.build([b.add(op, S32) for op in ops])
    found = [[can_tile(graph, op, axis) for axis in (0, 1)] for op in ops]
    assert found == [[side > 1, side < 2], [True, True]]
