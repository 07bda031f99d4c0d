"""The runtime that lives in an environment of its own: every integer, where it is installed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwkit import boards
from hwkit.errors import AccumulatorOverflow, ToolMissing, UnsupportedOp
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.ops import Conv2d, Dense, DepthwiseConv2d, Op, Reshape, Rounding
from hwkit.ir.types import S8, S32
from hwkit.targets.edge.emit import MODEL, emit
from hwkit.targets.edge.loaded import load, package_version
from hwkit.targets.edge.target import TARGET
from tests.conformance.graphs import ALL_OPS, BORDERS, Space, feeds_for, graphs
from tests.targets.edge.networks import compare, lowered, rescale, runtime
from tests.targets.edge.test_borders import entered

BOARD = "host_tflite_runtime"


@pytest.fixture(autouse=True)
def installed() -> None:
    try:
        package_version("tflite_runtime")
    except ToolMissing as missing:
        pytest.skip(str(missing))


def taken_by(board: str, space: Space, examples: int, steps: int) -> int:
    """How many random graphs ``board`` takes, each of which it computes exactly."""
    taken = 0

    @settings(max_examples=examples)
    @given(graphs(space), st.integers(0, 99))
    def one(graph: Graph, seed: int) -> None:
        nonlocal taken
        try:
            form = lowered(graph, board)
            feeds = entered(graph, form.graph, feeds_for(graph, steps, seed))
            expected = run(form.graph, feeds)
        except (UnsupportedOp, AccumulatorOverflow):
            return
        outputs = form.graph.outputs
        model = load(runtime(board), emit(form).files[MODEL], len(outputs))
        got = model.run([x.astype(np.int8) for x in feeds.values()], steps=0)
        for name, y in zip(outputs, got, strict=True):
            assert y.dtype == expected[name].dtype
            np.testing.assert_array_equal(y.reshape(expected[name].shape), expected[name], name)
        taken += 1

    one()
    return taken


@pytest.mark.parametrize(
    "ops",
    [(Conv2d,), (DepthwiseConv2d,), (Reshape, Dense), ALL_OPS],
    ids=["conv", "dw", "fc", "all"],
)
def test_random_layers(ops: tuple[type[Op], ...]) -> None:
    space = Space(ops=ops, activations=(S8,), weight_bits=(8, 4), max_ops=3, raw_output=True)
    assert taken_by(BOARD, space, 60, 20) > 25


def test_several_inputs_outputs_and_states() -> None:
    assert taken_by(BOARD, BORDERS, 80, 8) > 33


def test_sums_that_fall_half_way_twice() -> None:
    """A bias alone chooses the sum. Of quarters, -2.5 and 2.5 go up to -2 and 3, and so does 2.25:
    its first rounding takes 4.5 halves up to 5."""
    sums = np.array([-10, 10, -6, 6, 9, -9])
    b = GraphBuilder("half")
    b.input("x", (1, 1, 1), S8)
    b.constant("w", np.zeros((6, 1, 1, 1), np.int64), S8)
    b.constant("b", sums, S32)
    b.add(Conv2d("conv", "x", "w", "b", "y", rescale=rescale([0.25] * 6)), S8)
    form = compare(b.build(["y"]), BOARD, np.zeros((1, 1, 1, 1), np.int8))
    got = np.asarray(form.graph.predict(np.zeros((1, 1, 1, 1), np.int8)))
    assert got.ravel().tolist() == [-2, 3, -1, 2, 3, -2]
    conv = form.graph.nodes[-1]
    assert isinstance(conv, Conv2d) and conv.rescale is not None
    assert conv.rescale.rounding is Rounding.HALF_UP and set(conv.rescale.offset) == {1 << 30}


def test_board() -> None:
    board = boards.load(BOARD)
    assert TARGET.tools(board) == {"tflite-runtime": "2.14.0"}
