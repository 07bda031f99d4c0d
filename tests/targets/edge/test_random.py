"""Random graphs of each op alone and of all together, on both runtimes, without building."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwkit.errors import AccumulatorOverflow, UnsupportedOp
from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    Add,
    AvgPool2d,
    Clamp,
    Concat,
    Constant,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    LayerNorm,
    Lookup,
    MatMul,
    MaxPool2d,
    Mul,
    Op,
    Pad,
    Requantize,
    Reshape,
    ResizeNearest,
    Softmax,
    Sub,
    SumPool2d,
)
from hwkit.ir.types import S8, U8, IntType
from hwkit.targets.edge.emit import MODEL, emit
from hwkit.targets.edge.loaded import load, run_all
from tests import sessions
from tests.conformance.graphs import ALL_OPS, Space, graphs, inputs_for
from tests.examples import more
from tests.predicted import predicted
from tests.targets.edge.networks import BOARDS, lowered, runtime

_WIDTHS = (S8, U8, IntType(3, True), IntType(7, False))


def _space(*ops: type[Op]) -> Space:
    return Space(ops=ops, activations=_WIDTHS, weight_bits=(8, 2, 5), max_ops=3, raw_output=True)


def _equal_or_refused(graph: Graph, seed: int) -> int:
    """Number of runtimes that took the graph; each that did gave the interpreter's integers."""
    taken = 0
    for board in BOARDS:
        try:
            form = lowered(graph, board)
            x = sessions.entered(graph, form.graph, inputs_for(graph, 3, seed)).astype("int8")
            expected = predicted(form.graph, x)
        except (UnsupportedOp, AccumulatorOverflow):
            continue
        (got,) = run_all(load(runtime(board), emit(form).files[MODEL]), x)
        assert got.dtype == expected.dtype and (got == expected).all()
        taken += 1
    return taken


def _taken(space: Space, examples: int) -> int:
    """How many times a runtime took one of the drawn graphs."""
    taken = 0

    @settings(max_examples=more(examples))
    @given(graphs(space), st.integers(0, 99))
    def one(graph: Graph, seed: int) -> None:
        nonlocal taken
        taken += _equal_or_refused(graph, seed)

    one()
    return taken


@pytest.mark.parametrize(
    "ops",
    [
        (Conv2d,),
        (DepthwiseConv2d,),
        (Reshape, Dense),
        (Add,),
        (SumPool2d,),
        (AvgPool2d, Clamp),
        (MaxPool2d,),
        (Requantize, Reshape),
        (Clamp,),
        (Pad,),
        (Concat,),
        (Lookup,),
        (Reshape, Softmax, Lookup),
        (Sub,),
        (Mul,),
        (MatMul,),
        (LayerNorm,),
        (Constant, Add),
        (Constant, Mul, Sub),
        (ResizeNearest,),
    ],
    ids=lambda ops: "-".join(op.__name__ for op in ops),
)
def test_graphs_of_one_kind(ops: tuple[type[Op], ...]) -> None:
    assert _taken(_space(*ops), 150 if Sub in ops else 90) > 25  # a runtime takes few of these


def test_graphs_of_all_kinds() -> None:
    assert _taken(_space(*ALL_OPS), 100) > 100
