"""Files whose maps are never whole: the same integers, in a smaller arena where it is measured."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hwkit import boards
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Conv2d, DepthwiseConv2d, Padding, Rescale, Rounding
from hwkit.ir.types import S8
from hwkit.lower.patch.turns import Stage, by_input, by_output
from hwkit.targets.edge.emit import MODEL, emit, file_model, has_functions
from hwkit.targets.edge.flatbuffer import write
from hwkit.targets.edge.loaded import load
from hwkit.targets.edge.lower import lower
from hwkit.targets.edge.offline import planned
from hwkit.targets.edge.patched import patched
from tests.predicted import predicted
from tests.targets.edge.networks import BOARDS

HALF = Rescale((1 << 30,), (37,), Rounding.DOUBLE, -128, 127)


def network() -> Graph:
    """Wide maps between a small input and a smaller output: 64 by 64 by 1, to 16 and to 8 by 8."""
    rng = np.random.default_rng(3)
    b = GraphBuilder("network")
    x = b.input("x", (64, 64, 1), S8)
    for k, (channels, stride) in enumerate(((8, 1), (8, 4), (2, 2))):
        shape = (channels, 3, 3, b.shape(x)[2])
        if k == 1:
            weight = b.constant("w1", rng.integers(-90, 90, (1, 3, 3, 8)), S8)
            op = DepthwiseConv2d("c1", x, weight, None, "y1", (4, 4), around(1), rescale=HALF)
            x = b.add(op, S8)
            continue
        weight = b.constant(f"w{k}", rng.integers(-90, 90, shape), S8)
        conv = Conv2d(f"c{k}", x, weight, None, f"y{k}", (stride, stride), around(1), rescale=HALF)
        x = b.add(conv, S8)
    return b.build([x])


def around(n: int) -> Padding:
    return Padding(n, n, n, n)


def in_rows(graph: Graph) -> list[Stage]:
    return [by_output(graph, graph.nodes, 2)]


@pytest.mark.parametrize("board", BOARDS)
def test_a_patched_file_computes_the_same(board: str) -> None:
    graph = network()
    found = boards.load(board)
    assert found.edge is not None
    whole = lower(graph, found)
    parts = patched(whole, in_rows)
    x = np.random.default_rng(1).integers(-128, 128, (20, 64, 64, 1)).astype(np.int8)
    expected = predicted(whole.graph, x)
    models = [emit(lowered).files[MODEL] for lowered in (whole, parts)]
    for model in models:
        (got,) = load(found.edge, model, 1).run([x])
        assert np.array_equal(got.reshape(expected.shape), expected)
    weights = [name for name in parts.graph.constants if name.endswith("/weight")]
    assert len(weights) == 3  # The parts of a layer share them.
    if board == "host_tflm":
        arenas = [load(found.edge, model, 1).facts["arena_bytes"] for model in models]
        assert arenas[1] < 0.75 * arenas[0]


def test_tflm_puts_tensors_where_the_file_says() -> None:
    graph = network()
    board = boards.load("host_tflm")
    assert board.edge is not None
    for lowered in (lower(graph, board), patched(lower(graph, board), in_rows)):
        model, plan = planned(file_model(lowered.graph, has_functions(board.edge)))
        given, own = (
            load(board.edge, write(one), 1) for one in (model, replace(model, offsets=()))
        )
        assert given.facts["arena_bytes"] <= own.facts["arena_bytes"]
        # What the plan raises rises in the arena: TFLM has taken it over.
        raised = tuple(k + 4096 if k >= 0 else k for k in model.offsets)
        higher = load(board.edge, write(replace(model, offsets=raised)), 1)
        assert higher.facts["arena_bytes"] == given.facts["arena_bytes"] + 4096
        assert max(model.offsets) < plan.arena_bytes
        x = np.random.default_rng(2).integers(-128, 128, (5, 64, 64, 1)).astype(np.int8)
        (got,) = given.run([x])
        expected = predicted(graph, x)
        assert isinstance(expected, np.ndarray)
        assert np.array_equal(got.reshape(expected.shape), expected)


def test_padding_is_inside_the_windows_when_stages_are_chosen() -> None:
    seen: list[Graph] = []

    def choose(graph: Graph) -> list[Stage]:
        seen.append(graph)
        return [by_input(graph, graph.nodes[:2], 16)]

    patched(lower(network(), boards.load("host_tflm")), choose)
    assert [type(op) for op in seen[0].nodes] == [Conv2d, DepthwiseConv2d, Conv2d]
