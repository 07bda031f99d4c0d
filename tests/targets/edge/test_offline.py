"""hwkit's memory plan in a file: outputs over inputs, rows in place, and the same integers."""

from __future__ import annotations

from itertools import takewhile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwkit.errors import AccumulatorOverflow, BudgetInfeasible, UnsupportedOp
from hwkit.flow import build as flow
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.ops import (
    Add,
    AvgPool2d,
    Clamp,
    Concat,
    Conv2d,
    DepthwiseConv2d,
    MaxPool2d,
    Pad,
    Requantize,
    Reshape,
    Slice,
)
from hwkit.ir.types import S8, Array
from hwkit.lower.patch.spans import can_tile
from hwkit.lower.patch.turns import Stage, by_input
from hwkit.targets.edge.emit import MODEL, emit, file_model
from hwkit.targets.edge.flatbuffer import FileOperator, FileTensor, write
from hwkit.targets.edge.loaded import load
from hwkit.targets.edge.offline import planned
from hwkit.targets.edge.order import progress
from hwkit.targets.edge.patched import patched
from hwkit.targets.edge.views import View, views
from tests import sessions
from tests.conformance.graphs import Space, graphs, inputs_for
from tests.examples import more
from tests.predicted import predicted
from tests.targets.edge.networks import lowered, runtime
from tests.targets.edge.test_patched import network

SPACE = Space(
    ops=(
        Conv2d,
        DepthwiseConv2d,
        MaxPool2d,
        AvgPool2d,
        Add,
        Clamp,
        Concat,
        Pad,
        Requantize,
        Reshape,
    ),
    activations=(S8,),
    weight_bits=(8,),
    max_ops=6,
)


def halves() -> Graph:
    """Rows of a map in two halves, each through a layer, and joined."""
    b = GraphBuilder("halves")
    x = b.input("x", (4, 2, 3), S8)
    parts = []
    for k in (0, 2):
        half = b.add(Slice(f"half{k}", x, f"half{k}", (k, 0, 0), (2, 2, 3), (1, 1, 1)), S8)
        parts.append(b.add(Clamp(f"clamp{k}", half, f"part{k}", -k, 100), S8))
    return b.build([b.add(Concat("join", (parts[0], parts[1]), "y", 0), S8)])


def same(graph: Graph, x: Array) -> None:
    """What the file gives with the plan in it is what the graph computes."""
    model, _ = planned(file_model(graph, functions=True))
    (got,) = load(runtime("host_tflm"), write(model), 1).run([x])
    expected = predicted(graph, x)
    assert np.array_equal(got.reshape(expected.shape), expected)


def test_rows_lie_where_they_are_copied_to_and_from() -> None:
    graph = lowered(halves(), "host_tflm").graph
    found = views(file_model(graph))
    assert found["half0"] == View("x", 0, 12)
    assert found["half2"] == View("x", 12, 12)
    assert {found["part0"].root, found["part2"].root} == {"y"}
    assert (found["part0"].offset, found["part2"].offset) == (0, 12)
    same(graph, np.arange(-48, 48).reshape(4, 4, 2, 3).astype(np.int8))


def test_a_convolution_reads_the_rows_above_what_it_writes() -> None:
    source, output = (FileTensor(name, (1, 4, 2, 4), "int8") for name in "xy")
    weight = FileTensor("w", (4, 3, 3, 4), "int8", data=np.zeros((4, 3, 3, 4), np.int8))
    fields = {"padding": 0, "strideH": 1, "dilationHFactor": 1}
    conv = FileOperator("CONV_2D", ("x", "w", None), ("y",), "Conv2DOptions", fields)
    found = progress(conv, "x", {tensor.name: tensor for tensor in (source, output, weight)})
    assert found is not None
    assert [of.tolist() for of in found] == [[8, 16, 24, 32], [0, 0, 8, 16]]


@settings(max_examples=more(8), deadline=None)
@given(graphs(SPACE), st.integers(0, 99))
def test_planned_files_of_random_networks_compute_the_same(graph: Graph, seed: int) -> None:
    try:
        form = lowered(graph, "host_tflm")
        x = sessions.entered(graph, form.graph, inputs_for(graph, 2, seed)).astype("int8")
        predicted(form.graph, x)
        parts = patched(form, in_turns)
    except (UnsupportedOp, AccumulatorOverflow):
        return
    same(form.graph, x)
    same(parts.graph, x)


def in_turns(graph: Graph) -> list[Stage]:
    """All layers up to the first that wants whole maps, two rows a turn."""
    nodes = list(takewhile(lambda op: can_tile(graph, op), graph.nodes))
    return [by_input(graph, nodes, 2, even=True)] if nodes else []


def test_a_file_takes_the_arena_that_it_may_and_computes_the_same() -> None:
    """Whole where that fits, in turns where it does not, refused with the bytes that are missing;
    what is between can be looked at, for then the plan is left out."""
    _, whole = flow.lower(network(), "host_tflm", sram="100kB")
    _, parts = flow.lower(network(), "host_tflm", sram="26kB")
    assert len(parts.graph.nodes) > len(whole.graph.nodes)
    x = np.random.default_rng(1).integers(-128, 128, (3, 64, 64, 1)).astype(np.int8)
    arenas = []
    for one in (whole, parts):
        loaded = load(runtime("host_tflm"), emit(one).files[MODEL], 1)
        arenas.append(loaded.facts["arena_bytes"])
        (got,) = loaded.run([x])
        expected = predicted(one.graph, x)
        assert np.array_equal(got.reshape(expected.shape), expected)
    assert arenas[1] <= 26_000 < arenas[0] < 0.75 * _plain()
    inner = whole.graph.nodes[0].output
    seen = load(runtime("host_tflm"), emit(whole).files[MODEL], 1).observe([x], [inner])
    assert np.array_equal(seen[inner][:, 0], run(whole.graph, {"x": x}, [inner])[inner])
    with pytest.raises(BudgetInfeasible, match="what TFLM keeps for each layer take"):
        flow.lower(network(), "host_tflm", sram="5kB")


def _plain() -> int:
    model = emit(lowered(network(), "host_tflm")).files[MODEL]
    return int(load(runtime("host_tflm"), model, 1).facts["arena_bytes"])
