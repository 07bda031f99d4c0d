"""The quick numbers of a search are those of the stages that it stands for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hwkit.ir.graph import Graph
from hwkit.ir.ops import activations
from hwkit.lower.patch.pace import Held, held, needed, pace, pace_by_result
from hwkit.lower.patch.spans import Span, made, reach_of, reads
from hwkit.lower.patch.turns import by_input, by_output
from tests.conformance.graphs import graphs
from tests.lower.patch.test_turns import MAPS, parts_of, two_convolutions


@given(graphs(MAPS), st.integers(1, 4), st.none() | st.integers(0, 4))
def test_pace_is_that_of_the_stage(graph: Graph, rows: int, pairs: int | None) -> None:
    for nodes in parts_of(graph):
        reach = {op.name: found for op in nodes if (found := reach_of(graph, op)) is not None}
        stage = by_input(graph, nodes, rows, even=True, pairs_from=pairs)
        quick = pace(graph, nodes, reach, rows, pairs)
        for name in stage.buffers:
            readers = [op for op in nodes if name in activations(op)]
            read = [needed(reach[op.name], quick.spans(op.output)) for op in readers]
            holds = held(quick.spans(name), read)
            assert holds == Held(stage.rows(name), stage.kept(name))
        for k, op in enumerate(nodes):
            parts = [turn.parts[k] for turn in stage.turns]
            spans = [span for span in quick.spans(op.output) if span[1] > span[0]]
            assert spans == [(p.rows.start, p.rows.stop) for p in parts if p is not None]


@given(graphs(MAPS), st.integers(1, 4))
def test_pace_by_result_is_that_of_the_stage(graph: Graph, rows: int) -> None:
    for nodes in parts_of(graph):
        reach = {op.name: found for op in nodes if (found := reach_of(graph, op)) is not None}
        if any(one.rows or one.stride > one.extent for one in reach.values()):
            continue  # rows that are left out, which a search does not try
        stage = by_output(graph, nodes, rows)
        quick = pace_by_result(graph, nodes, reach, rows)
        for name in stage.buffers:
            readers = [op for op in nodes if name in activations(op)]
            read = [needed(reach[op.name], quick.spans(op.output)) for op in readers]
            holds = held(quick.spans(name), read)
            assert holds.rows >= stage.rows(name) and holds.kept >= stage.kept(name)
        last = [span for span in quick.spans(nodes[-1].output) if span[1] > span[0]]
        parts = [turn.parts[-1] for turn in stage.turns]
        assert last == [(p.rows.start, p.rows.stop) for p in parts if p is not None]


def test_two_rows_of_the_result_a_turn() -> None:
    graph = two_convolutions()
    reach = {op.name: found for op in graph.nodes if (found := reach_of(graph, op)) is not None}
    quick = pace_by_result(graph, graph.nodes, reach, 2)
    assert quick.stops["b_out"] == [2, 4, 6, 8] and quick.stops["a_out"] == [3, 5, 7, 8]
    read = needed(reach["b"], quick.spans("b_out"))
    assert held(quick.spans("a_out"), [read]) == Held(4, 2)


@given(graphs(MAPS))
def test_reach_is_that_of_spans(graph: Graph) -> None:
    for nodes in parts_of(graph):
        for op in nodes:
            reach = reach_of(graph, op)
            assert reach is not None
            for there in range(reach.size + 1):
                assert reach.count(there) == made(graph, op, there)
                ends = [reads(graph, op, Span(0, n)).rows.stop for n in range(1, reach.made + 1)]
                assert reach.count(there) == sum(stop <= there for stop in ends)
            for start in range(reach.made):
                read = reads(graph, op, Span(start, reach.made)).rows
                assert reach.read(start, reach.made) == (read.start, read.stop)


def test_rows_that_nobody_reads_take_room_when_they_are_made() -> None:
    # Three rows a turn, of which a pooling of every third row reads the first alone.
    made, read_rows = [(0, 3), (3, 6), (6, 7)], [(0, 1), (3, 4), (6, 7)]
    assert held(made, [read_rows]) == Held(3, 0)
    # Six rows at once, of which the next turn reads the last one.
    assert held([(0, 6), (6, 7)], [[(0, 0), (5, 7)]]) == Held(6, 1)


def test_of_two_convolutions_the_map_between_keeps_two_rows() -> None:
    graph = two_convolutions()
    reach = {op.name: found for op in graph.nodes if (found := reach_of(graph, op)) is not None}
    quick = pace(graph, graph.nodes, reach, 1)
    assert quick.stops["a_out"] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 8]
    assert quick.turns("b_out") == 10
    read = needed(reach["b"], quick.spans("b_out"))
    assert held(quick.spans("a_out"), [read]) == Held(3, 2)
