"""``ArgMax`` behind a network's logits: equal to the file's own execution, and on targets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from hwkit.errors import GraphError, UnsupportedOp
from hwkit.flow.verify import verify
from hwkit.importers import load_model, load_proven
from hwkit.ir.graph import Graph
from hwkit.ir.ops import ArgMax, Dense
from hwkit.ir.types import S32
from tests.predicted import predicted

from .test_importer import Onnx


def proven(model: Onnx, path: Path) -> Graph:
    graph, proof = load_proven(model.save(path / "m.onnx"), 200)
    assert proof is not None and (proof.differing, proof.ties) == (0, 0), proof
    return graph


def logits(scale: Any = 0.25, bias: Any = None, quantized: bool = False) -> Onnx:
    """Four classes of six inputs of 2 bits, so that logits are often equal."""
    rng = np.random.default_rng(8)
    model = Onnx((1, 6))
    model.quant("x", "q", scale=0.5, bits=2)
    model.weight(np.asarray(scale) * rng.integers(-1, 2, (4, 6)), scale=scale, bits=2)
    inputs = ["q", "wq"]
    if bias is not None:
        inputs.append(model.constant("fc.bias", np.array(bias, np.float32)))
    model.node("Gemm", inputs, "s", transB=1)
    if quantized:
        model.quant("s", "logits", scale=0.5, bits=4)
    return model


@pytest.mark.parametrize("quantized", [False, True])
@pytest.mark.parametrize("form", [{"axis": 1}, {"axis": -1, "keepdims": 0}])
def test_equal_logits_take_the_first(quantized: bool, form: dict[str, int], tmp_path: Path) -> None:
    model = logits(quantized=quantized)
    model.node("ArgMax", ["logits" if quantized else "s"], "y", **form)
    graph = proven(model, tmp_path)
    tensor = graph.tensors[graph.outputs[0]]
    assert (tensor.shape, tensor.dtype) == ((1,), S32)
    assert isinstance(graph.nodes[-1], ArgMax)
    x = np.random.default_rng(1).integers(-2, 2, (500, 6)).astype(np.int8)
    (source,) = (op.input for op in graph.nodes if isinstance(op, ArgMax))
    values = predicted(graph.with_nodes(graph.nodes), x)
    assert set(values.reshape(-1).tolist()) == {0, 1, 2, 3}
    assert source in graph.tensors


def test_a_bias_finer_than_a_step_decides(tmp_path: Path) -> None:
    model = logits(bias=[0.01, 0.02, 0.03, 0.02])
    model.node("ArgMax", ["s"], "y", axis=1)
    graph = proven(model, tmp_path)
    # Of equal sums the one with the largest bias is first, not the first one.
    assert predicted(graph, np.zeros((1, 6), np.int8)).tolist() == [[2]]


def test_a_norm_of_all_classes_alike_costs_nothing(tmp_path: Path) -> None:
    model = logits()
    model.node("Sub", ["s", model.constant("mean", np.float32(0.37))], "centred")
    model.node("Mul", ["centred", model.constant("gain", np.float32(1.3))], "scaled")
    model.node("ArgMax", ["scaled"], "y", axis=1)
    assert [type(op) for op in proven(model, tmp_path).nodes] == [Dense, ArgMax]


def test_scales_of_each_channel_are_compared_as_reals(tmp_path: Path) -> None:
    scales = np.array([[0.25], [0.3], [0.11], [0.7]], np.float32)
    model = logits(scale=scales)
    model.node("ArgMax", ["s"], "y", axis=1)
    proven(model, tmp_path)


def test_of_a_map_each_place_has_its_own(tmp_path: Path) -> None:
    model = Onnx((1, 3, 4, 4))
    model.quant("x", "q", bits=3)
    model.node("ArgMax", ["q"], "a", axis=1, keepdims=0)
    model.node("Cast", ["a"], "y", to=TensorProto.INT32)
    graph = proven(model, tmp_path)
    assert graph.tensors[graph.outputs[0]].shape == (4, 4, 1)


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"axis": 0}, "ArgMax along the batch; take it over channels"),
        ({"axis": 0}, "ArgMax along the batch; take it over channels"),
        ({"axis": 1, "select_last_index": 1}, "the last of equals; leave select_last_index 0"),
    ],
)
def test_other_forms_are_refused_by_name(
    form: dict[str, int], message: str, tmp_path: Path
) -> None:
    model = Onnx((1, 3, 4, 4))
    model.quant("x", "q", bits=3)
    model.node("ArgMax", ["q"], "y", **form)
    with pytest.raises(UnsupportedOp, match=message) as refusal:
        load_model(model.save(tmp_path / "m.onnx"))
    assert refusal.value.node == "/y/ArgMax"


@pytest.mark.parametrize("axis", [4, -5])
def test_an_axis_that_is_not_there_is_named(axis: int, tmp_path: Path) -> None:
    model = Onnx((1, 3, 4, 4))
    model.quant("x", "q", bits=3)
    model.node("ArgMax", ["q"], "y", axis=axis)
    with pytest.raises(GraphError, match=f"axis {axis} of 4"):
        load_model(model.save(tmp_path / "m.onnx"))


@pytest.mark.slow  # compiles firmware and a simulation
@pytest.mark.parametrize("board", ["virtual_m4", "rtl_sim"])
def test_sums_are_compared_on_targets(board: str, tmp_path: Path) -> None:
    for model in (logits(), logits(bias=[0.01, 0.02, 0.03, 0.02])):
        model.node("ArgMax", ["s"], "y", axis=1)
        found = verify(proven(model, tmp_path), board, samples=60)
        assert found.integers >= 60 and found.differing == 0
