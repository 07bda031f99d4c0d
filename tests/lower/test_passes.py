"""Each common pass keeps the integers it promises to keep."""

import numpy as np
import pytest
from hypothesis import given, settings

from hwkit.errors import BitExactnessError, UnsupportedOp
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.ops import (
    OP_TYPES,
    AvgPool2d,
    Clamp,
    Requantize,
    Rescale,
    Reshape,
    Rounding,
    SumPool2d,
)
from hwkit.ir.types import S8, U8, IntType, Quantization
from hwkit.ir.verify import verify
from hwkit.lower.checked import apply, first_difference
from hwkit.lower.fuse_requantize import fuse_requantize
from hwkit.lower.retarget_rounding import in_rounding, retarget_rounding
from hwkit.lower.shift_to_signed import from_signed, shift_to_signed, to_signed
from tests.conformance.graphs import ALL_OPS, Space, graphs, inputs_for
from tests.ir.test_arith import rescales

UNSIGNED = Space(
    ops=tuple(op for op in ALL_OPS if op is not AvgPool2d),
    activations=(U8, S8, IntType(5, False)),
)


@settings(max_examples=200)
@given(graphs(UNSIGNED))
def test_shift_to_signed_keeps_every_integer(graph: Graph) -> None:
    shifted = verify(shift_to_signed(graph))
    assert all(shifted.tensors[op.output].dtype.signed for op in shifted.nodes)
    source, target = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]
    x = inputs_for(graph, 3, 1)
    y = run(shifted, {shifted.inputs[0]: to_signed(x, source)})[shifted.outputs[0]]
    np.testing.assert_array_equal(from_signed(y, target), graph.predict(x))


@settings(max_examples=150)
@given(graphs(Space(activations=(S8,), roundings=tuple(Rounding), fused=True)))
def test_fused_graphs_hold_nothing_to_fuse(graph: Graph) -> None:
    fused = apply(graph, fuse_requantize)
    assert len(fused.nodes) <= len(graph.nodes)


def test_a_reshape_moves_behind_what_rescales_it() -> None:
    """As ``x.mean([2, 3])`` and a quantizer export: sum, reshape, requantize, clamp."""
    b = GraphBuilder("mean")
    b.input("x", (4, 4, 3), S8, Quantization((0.5,)))
    b.add(SumPool2d("pool", "x", "sum", (4, 4), (4, 4)), IntType(32, True))
    b.add(Reshape("flat", "sum", "sums"), IntType(32, True), shape=(3,))
    rescale = Rescale((3, 5, 7), (6, 6, 6), Rounding.HALF_UP, -128, 127)
    b.add(Requantize("round", "sums", "mean", rescale), S8, Quantization((0.5,)))
    b.add(Clamp("relu", "mean", "y", 0, 127), S8, Quantization((0.5,)))
    fused = apply(b.build(["y"]), fuse_requantize)
    assert [type(op) for op in fused.nodes] == [SumPool2d, Reshape]
    assert fused.tensors["y"].shape == (3,)


def test_a_reshape_stays_before_offsets_of_its_own_channels() -> None:
    """One multiplier, but an offset for each channel that only the reshape makes."""
    b = GraphBuilder("flat")
    b.input("x", (2, 2), S8)
    b.add(Reshape("flat", "x", "h"), S8, shape=(4,))
    r = Rescale((1,), (1,), Rounding.FLOOR, -128, 127, offset=(0, 20, 40, 60))
    b.add(Requantize("rescale", "h", "y", r), S8)
    graph = b.build(["y"])
    assert apply(graph, fuse_requantize).nodes == graph.nodes


@settings(max_examples=150)
@given(graphs(Space(roundings=(Rounding.HALF_UP, Rounding.DOUBLE))))
def test_retargeting_names_what_it_changed(graph: Graph) -> None:
    allowed = dict.fromkeys(OP_TYPES.values(), (Rounding.DOUBLE,))
    target, changed = retarget_rounding(graph, allowed, "tflm")
    verify(target)
    before = {op.name: op for op in graph.nodes}
    assert set(changed) == {op.name for op in target.nodes if op != before[op.name]}
    again, more = retarget_rounding(target, allowed, "tflm")
    assert more == () and again.nodes == target.nodes


@settings(max_examples=200)
@given(rescales())
def test_retargeted_rescales_are_legal_or_refused(r: Rescale) -> None:
    for rounding in (Rounding.DOUBLE, Rounding.FLOAT32):
        try:
            new = in_rounding(r, (rounding,), "node", "target")
        except UnsupportedOp as error:
            assert "node" in str(error)
            continue
        assert new.rounding is rounding
        if rounding is Rounding.DOUBLE:
            assert all(m == 0 or 2**30 <= m < 2**31 for m in new.multiplier)
        else:
            assert all(0 <= m <= 2**24 for m in new.multiplier)


def test_a_pass_that_changes_integers_is_caught() -> None:
    with pytest.raises(BitExactnessError, match=r"y\[1,0\]: expected 3, got 4"):
        first_difference("y", np.array([[1], [3]]), np.array([[1], [4]]))
