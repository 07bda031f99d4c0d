"""Attention, layer norm and positions in ONNX files, proven against their own execution."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hwkit.errors import UnsupportedOp
from hwkit.importers import load_proven
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Add, Constant, LayerNorm, MatMul, Softmax, Transpose
from tests.importers.qonnx.test_importer import Onnx

_RNG = np.random.default_rng(3)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "m.onnx"


def proven(model: Onnx, path: Path) -> Graph:
    """The graph of a model, every integer of which its own execution gave, ties apart."""
    graph, proof = load_proven(model.save(path))
    assert proof is not None and proof.differing == 0, proof
    assert proof.ties < proof.integers / 1000, proof
    return graph


def heads(model: Onnx, source: str, name: str, order: list[int], zero_point: float = 0.0) -> str:
    """Tokens (1, 6, 8) as two heads under ``order`` of (1, 6, 2, 4), on a grid of their own."""
    model.quant(source, f"{name}q", scale=0.03, zero_point=zero_point)
    shape = model.constant(f"{name}shape", np.array([1, 6, 2, 4]))
    model.node("Reshape", [f"{name}q", shape], f"{name}r")
    return model.node("Transpose", [f"{name}r"], f"{name}t", perm=order)


def test_attention_of_two_heads(path: Path) -> None:
    model = Onnx((1, 6, 8))
    model.quant("x", "x8", scale=0.04)
    query = heads(model, "x8", "query", [0, 2, 1, 3], 3.0)
    key = heads(model, "x8", "key", [0, 2, 3, 1], -5.0)
    value = heads(model, "x8", "value", [0, 2, 1, 3])
    model.node("MatMul", [query, key], "scores")
    half = model.constant("half", np.float32(0.5))
    model.node("Mul", ["scores", half], "scaled")
    model.quant("scaled", "scaled8", scale=0.02)
    model.node("Softmax", ["scaled8"], "soft", axis=-1)
    model.quant("soft", "soft8", scale=1 / 256, signed=0)
    model.node("MatMul", ["soft8", value], "mixed")
    model.quant("mixed", "mixed8", scale=0.02)
    model.node("Transpose", ["mixed8"], "back", perm=[0, 2, 1, 3])
    model.node("Reshape", ["back", model.constant("flat", np.array([1, 6, 8]))], "y")
    graph = proven(model, path)
    kinds = [type(op) for op in graph.nodes]
    assert (kinds.count(MatMul), kinds.count(Softmax)) == (2, 1)
    # Each operand's heads apart, and the result's together: nothing else is ever turned.
    assert kinds.count(Transpose) <= 4
    first = next(op for op in graph.nodes if isinstance(op, MatMul))
    assert (any(first.transposed), first.input_zero_points) == (True, (3, -5))


def test_products_of_any_order_of_axes(path: Path) -> None:
    for first, second in (([0, 2, 3, 1], [0, 2, 1, 3]), ([0, 1, 2, 3], [0, 1, 3, 2])):
        model = Onnx((1, 6, 8))
        model.quant("x", "x8", scale=0.04)
        one, two = heads(model, "x8", "one", first), heads(model, "x8", "two", second)
        model.node("MatMul", [one, two], "s")
        model.quant("s", "y", scale=0.05)
        proven(model, path)


def norm_in_parts(model: Onnx, power: bool) -> str:
    """As exporters before opset 17 write it."""
    axes = {"axes": [-1], "keepdims": 1}
    model.node("ReduceMean", ["x8"], "mean", **axes)
    model.node("Sub", ["x8", "mean"], "centred")
    if power:
        model.node("Pow", ["centred", model.constant("two", np.float32(2))], "square")
    else:
        model.node("Mul", ["centred", "centred"], "square")
    model.node("ReduceMean", ["square"], "variance", **axes)
    model.node("Add", ["variance", model.constant("eps", np.float32(1e-5))], "sum")
    model.node("Sqrt", ["sum"], "root")
    model.node("Div", ["centred", "root"], "normal")
    model.node("Mul", ["normal", "gain"], "scaled")
    return model.node("Add", ["scaled", "bias"], "n")


@pytest.mark.parametrize("form", ["whole", "power", "product"])
def test_layer_norm_is_one_op_however_it_is_written(path: Path, form: str) -> None:
    model = Onnx((1, 5, 16))
    model.quant("x", "x8", scale=0.04, zero_point=9.0)
    gain = _RNG.normal(0.5, 1.0, 16).astype(np.float32)
    gain[3] = 0
    model.constant("gain", gain)
    model.constant("bias", _RNG.normal(0, 0.3, 16).astype(np.float32))
    if form == "whole":
        model.node("LayerNormalization", ["x8", "gain", "bias"], "n", axis=-1, epsilon=1e-5)
    else:
        norm_in_parts(model, form == "power")
    model.quant("n", "y", scale=0.03, zero_point=-4.0)
    graph = proven(model, path)
    (norm,) = (op for op in graph.nodes if isinstance(op, LayerNorm))
    assert norm.signs is not None
    assert np.array_equal(graph.constants[norm.signs], np.sign(gain))
    assert norm.epsilon == round(256 * 16**2 * 1e-5 / 0.04**2)


def test_positions_are_added_as_a_constant(path: Path) -> None:
    model = Onnx((1, 5, 6))
    model.quant("x", "x8", scale=0.04)
    model.constant("positions", _RNG.normal(0, 1, (1, 5, 6)).astype(np.float32))
    model.quant("positions", "p8", scale=0.02)
    model.node("Add", ["x8", "p8"], "s")
    model.quant("s", "y", scale=0.05)
    kinds = {type(op) for op in proven(model, path).nodes}
    assert {Constant, Add} <= kinds


@pytest.mark.parametrize(
    ("kind", "inputs", "attributes", "message"),
    [
        ("Softmax", ["x8"], {"axis": 0}, "softmax over axis 0"),
        ("LayerNormalization", ["x8", "gain"], {"axis": 1}, "several axes"),
        ("LayerNormalization", ["x8", "x8"], {}, "no constant"),
        ("MatMul", ["x8", "flat"], {}, "one rank"),
    ],
)
def test_what_has_no_form_is_refused_by_name(
    path: Path, kind: str, inputs: list[str], attributes: dict[str, int], message: str
) -> None:
    model = Onnx((1, 5, 6))
    model.quant("x", "x8", scale=0.04)
    model.constant("gain", np.ones(6, np.float32))
    model.node("Reshape", ["x8", model.constant("to", np.array([1, 30]))], "flat")
    model.node(kind, inputs, "s", **attributes)
    model.quant("s", "y", scale=0.05)
    with pytest.raises(UnsupportedOp, match=message):
        load_proven(model.save(path))
