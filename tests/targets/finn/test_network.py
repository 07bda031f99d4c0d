"""FINN's dialect: random graphs, executed by QONNX, give the interpreter's integers."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings

from hwkit import boards, targets
from hwkit.errors import UnsupportedOp
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.ops import (
    Add,
    AvgPool2d,
    Clamp,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Lookup,
    MaxPool2d,
    Op,
    Overflow,
    Pad,
    Padding,
    Requantize,
    Rescale,
    Reshape,
    Rounding,
    Softmax,
    SoftmaxKind,
    SumPool2d,
)
from hwkit.ir.types import S8, S16, S32, U8, Array, IntType
from hwkit.target import Lowered
from hwkit.targets.finn.graph import Network, datatype
from tests.conformance.graphs import Space, graphs, inputs_for

OPS: tuple[type[Op], ...] = (
    Conv2d,
    DepthwiseConv2d,
    Dense,
    Add,
    SumPool2d,
    AvgPool2d,
    MaxPool2d,
    Requantize,
    Clamp,
    Pad,
    Reshape,
    Lookup,
)
WIDTHS = (S8, U8, IntType(4, True), IntType(3, False))
DYADIC = Space(
    ops=OPS,
    roundings=(Rounding.HALF_EVEN, Rounding.HALF_UP, Rounding.FLOOR),
    activations=WIDTHS,
    weight_bits=(2, 4, 8),
    dyadic=True,
    offsets=True,
)
ANY_SCALE = Space(
    ops=OPS,
    roundings=tuple(Rounding),
    activations=WIDTHS,
    weight_bits=(4, 8),
    offsets=True,
)


def lowered(graph: Graph) -> Lowered[Network]:
    board = boards.load("finn_sim")
    return targets.get(board).lower(graph, board)


def executed(low: Lowered[Network], x: Array) -> dict[str, Array]:
    """Every tensor, by QONNX's execution of the project's ``model.onnx``."""
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx

    board = boards.load("finn_sim")
    content = targets.get(board).emit(low).files["model.onnx"]
    model = ModelWrapper(onnx.load_from_string(content))
    (name,) = low.graph.inputs
    rows = [execute_onnx(model, {name: sample[None].astype(np.float32)}, True) for sample in x]
    return {op.output: np.concatenate([r[op.output] for r in rows]) for op in low.graph.nodes}


@pytest.mark.parametrize("space", [DYADIC, ANY_SCALE], ids=["dyadic", "any_scale"])
def test_every_integer_of_random_graphs(space: Space) -> None:
    accepted = 0

    @settings(max_examples=80)
    @given(graphs(space))
    def one(graph: Graph) -> None:
        nonlocal accepted
        try:
            low = lowered(graph)
        except UnsupportedOp as error:
            assert error.target == "finn_sim" and error.node and "; " in str(error)
            return
        accepted += 1
        x = inputs_for(graph, 3, 1)
        got = executed(low, x)
        wanted = run(low.graph, {graph.inputs[0]: x}, keep=[op.output for op in low.graph.nodes])
        for name, expected in wanted.items():
            np.testing.assert_array_equal(got[name].reshape(expected.shape), expected)

    one()
    assert accepted > 10


def relu(bits: int = 4) -> Rescale:
    return Rescale((1,), (3,), Rounding.HALF_UP, 0, 2**bits - 1)


def one_op(op: Op, *, dtype: IntType = U8, shape: tuple[int, ...] = (4, 4, 2)) -> Graph:
    """A graph of ``op`` over a tensor ``x``, with weights ``w`` where it takes some."""
    b = GraphBuilder("one")
    b.input("x", shape, dtype)
    if isinstance(op, DepthwiseConv2d):
        b.constant("w", np.full((1, 2, 2, 4), 3, np.int8), S8)
    elif isinstance(op, Conv2d):
        b.constant("w", np.full((3, 2, 2, 2), 3, np.int8), S8)
    elif isinstance(op, Dense):
        b.constant("w", np.full((2, shape[-1]), -127, np.int8), S8)
    if isinstance(op, Lookup):
        b.constant("t", np.arange(256)[::-1].astype(np.uint8), U8)
    r = getattr(op, "rescale", None)
    kind = S32 if r is None else S16 if r.high > 255 else U8 if r.low >= 0 else S8
    if isinstance(op, Lookup | MaxPool2d | Pad):
        kind = dtype
    b.add(op, S8 if isinstance(op, Softmax) else kind)
    return b.build(["y"])


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (one_op(Softmax("s", "x", "y", 1.0, SoftmaxKind.FLOAT), dtype=S8), "Softmax has no FINN"),
        (one_op(Lookup("l", "x", "t", "y")), "its table falls somewhere"),
        (
            one_op(MaxPool2d("m", "x", "y", (2, 2), (2, 2), Padding(1, 1, 1, 1)), dtype=S8),
            "FINN pads with 0",
        ),
        (one_op(Pad("p", "x", "y", Padding(1, 1, 1, 1), 7)), "FINN pads with 0, this with 7"),
        (
            one_op(DepthwiseConv2d("d", "x", "w", None, "y", rescale=relu())),
            "2 outputs of each channel",
        ),
        (
            one_op(
                Conv2d(
                    "c",
                    "x",
                    "w",
                    None,
                    "y",
                    padding=Padding(1, 1, 1, 1),
                    input_zero_point=3,
                    rescale=relu(),
                )
            ),
            "it pads with its zero point 3",
        ),
        (
            one_op(Dense("f", "x", "w", None, "y", rescale=relu(12)), shape=(8,)),
            "4095 thresholds for 0..4095, FINN takes 1023",
        ),
        (
            one_op(Dense("f", "x", "w", None, "y", rescale=relu()), shape=(600,)),
            "'f/sum' can reach 19431000, and FINN computes in float32, exact below 2**24",
        ),
        (
            one_op(
                Requantize(
                    "r",
                    "x",
                    "y",
                    Rescale((1,), (0,), Rounding.FLOOR, -8, 7, overflow=Overflow.WRAP),
                )
            ),
            "it wraps into -8..7",
        ),
    ],
    ids=lambda value: value.name if isinstance(value, Graph) else value[:24],
)
def test_what_has_no_exact_form_is_refused_by_name(graph: Graph, message: str) -> None:
    with pytest.raises(UnsupportedOp) as refusal:
        lowered(graph)
    assert refusal.value.node == graph.nodes[0].name
    assert message in str(refusal.value)


def sum_of(first: Rescale | None, second: Rescale | None) -> Graph:
    b = GraphBuilder("sum")
    b.input("x", (2, 2, 3), U8)
    b.add(Clamp("c", "x", "c", 3, 200), U8)
    op = Add("a", ("x", "c"), "y", (1, 2), (first, second), rescale=relu(8))
    b.add(op, U8)
    return b.build(["y"])


def whole(factor: int) -> Rescale:
    return Rescale((factor,), (0,), Rounding.HALF_UP, -(2**31), 2**31 - 1)


@pytest.mark.parametrize(
    ("graph", "kinds"),
    [
        (sum_of(None, None), {"Add"}),
        (sum_of(None, whole(4)), {"Add", "Mul"}),
        (sum_of(Rescale((3,), (2,), Rounding.HALF_EVEN, -500, 500), None), {"Add"}),
    ],
    ids=["as they are", "a whole multiple", "thresholds"],
)
def test_operands_of_a_sum(graph: Graph, kinds: set[str]) -> None:
    low = lowered(graph)
    assert {node.kind for node in low.plan.nodes} - {"MultiThreshold"} == kinds
    x = inputs_for(graph, 4, 2)
    expected = run(low.graph, {"x": x})["y"]
    np.testing.assert_array_equal(executed(low, x)["y"].reshape(expected.shape), expected)


def test_an_operand_of_another_scale_names_its_values() -> None:
    fine = Rescale((1441659329,), (20,), Rounding.HALF_UP, -(2**31), 2**31 - 1)
    with pytest.raises(UnsupportedOp, match="rescaled by no whole number, into 350594 values"):
        lowered(sum_of(fine, None))


@pytest.mark.parametrize(
    ("low", "high", "name"),
    [(0, 255, "UINT8"), (-3, 8, "INT5"), (0, 1, "UINT2"), (-1, 0, "INT2"), (-128, 127, "INT8")],
)
def test_datatypes(low: int, high: int, name: str) -> None:
    assert datatype(low, high) == name


def project(graph: Graph) -> dict[str, Any]:
    board = boards.load("finn_sim")
    return dict(targets.get(board).emit(lowered(graph)).files)


def test_the_project_is_whole_and_the_same_every_time() -> None:
    graph = sum_of(None, whole(4))
    files = project(graph)
    assert {
        "model.onnx",
        "dataflow_build_config.json",
        "folding_config.json",
        "build.py",
        "input.npy",
        "expected_output.npy",
        "README.md",
    } <= set(files)
    assert files == project(graph)
    x = np.load(io.BytesIO(files["input.npy"]))
    y = np.load(io.BytesIO(files["expected_output.npy"]))
    np.testing.assert_array_equal(run(graph, {"x": x.astype(np.uint8)})["y"], y)
    onnx.checker.check_model(onnx.load_from_string(files["model.onnx"]), full_check=False)
    goal = json.loads(files["goal.json"])
    assert goal["frames_per_second"] == 10_000
    assert goal["budget"] == {"LUT": 31_920, "BRAM_18K": 168, "DSP": 132}
