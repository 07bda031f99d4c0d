"""An import beside its file: exact where a rounded bias was not, and a fault is seen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from hwkit import importers
from hwkit.cli import _run
from hwkit.errors import GraphError, HwkitError, UnsupportedOp
from hwkit.importers import load_model, load_proven, open_model
from hwkit.importers.proof import Observed, counted, prove
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.ops import Conv2d, Dense, Requantize
from hwkit.ir.types import S32, Array, IntType
from hwkit.lower.fuse_requantize import fuse_requantize
from tests.predicted import predicted

from .test_importer import Onnx, dense


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "m.onnx"


def proven(model: Onnx, path: Path, output: str = "y") -> Graph:
    graph, proof = load_proven(model.save(path, output), 64)
    assert proof is not None
    assert (proof.differing, proof.ties) == (0, 0), proof
    assert proof.integers > 0
    return graph


def coarse_bias() -> Onnx:
    """Sums in steps of 1, an output in steps of 0.7, a bias of 0.3."""
    model = Onnx((1, 2))
    model.quant("x", "q", scale=1.0, bits=2, signed=0)
    model.weight([[1.0, 1.0]], scale=1.0, bits=2)
    bias = model.constant("fc.bias", np.array([0.3], np.float32))
    model.node("Gemm", ["q", "wq", bias], "s", transB=1)
    model.quant("s", "y", scale=0.7, bits=4)
    return model


def test_a_bias_finer_than_a_step_of_the_sum(path: Path) -> None:
    graph = proven(coarse_bias(), path)
    x = np.array([[a, b] for a in range(4) for b in range(4)], np.uint8)
    reals = x.sum(axis=1) + np.float64(np.float32(0.3))
    wanted = np.rint(reals / np.float64(np.float32(0.7))).clip(-8, 7)
    assert np.array_equal(predicted(graph, x)[:, 0], wanted)
    layer = fuse_requantize(graph).nodes[0]
    assert isinstance(layer, Dense) and layer.rescale is not None
    rescale = layer.rescale
    assert all(0 <= o < m for o, m in zip(rescale.offset, rescale.multiplier, strict=True))


def test_whole_steps_stand_in_the_bias(path: Path) -> None:
    """0.7 steps above -9, and 0.25 above 12: what is left stands in the rescale."""
    model = dense()
    bias = model.constant("fc.bias", np.array([-8.3 * 0.125, 12.25 * 0.125], np.float32))
    model.node("Gemm", ["q", "wq", bias], "s", transB=1)
    model.quant("s", "y", scale=0.3)
    layer, requantize = proven(model, path).nodes
    assert isinstance(layer, Dense)
    assert isinstance(requantize, Requantize)
    graph = load_model(path)
    assert graph.constants["fc.bias"].tolist() == [-9, 12]
    r = requantize.rescale
    assert np.allclose(np.array(r.offset) / r.multiplier[0], [0.7, 0.25], atol=1e-5)


def test_a_quantized_bias_needs_no_offset(path: Path) -> None:
    """A bias on the sum's grid as float32 has it, which is not quite where float64 has it."""
    model = dense(scale=0.1)
    step = np.float32(0.5) * np.float32(0.1)
    bias = model.constant("fc.bias", np.array([1000, -777], np.float32) * step)
    model.node("Gemm", ["q", "wq", bias], "s", transB=1)
    model.quant("s", "y", scale=0.37)
    graph = proven(model, path)
    assert graph.constants["fc.bias"].tolist() == [1000, -777]
    output = graph.nodes[1]
    assert isinstance(output, Requantize) and output.rescale.offset == (0,)


def test_an_input_with_a_batch_norm_alone(path: Path) -> None:
    """No layer is there to take the bias: the rescale holds all of it, for any sign of gamma."""
    for gamma in ([0.7, 1.3], [0.7, -1.3]):
        model = Onnx()
        model.quant("x", "q")
        parts = {"g": gamma, "b": [0.33, -0.2], "m": [0.1, 0.4], "v": [1.1, 0.6]}
        names = [model.constant(k, np.array(v, np.float32)) for k, v in parts.items()]
        model.node("BatchNormalization", ["q", *names], "n")
        model.quant("n", "y", scale=0.3)
        graph = proven(model, path)
        kinds = [type(op).__name__ for op in graph.nodes]
        assert kinds == ["Requantize"] if min(gamma) > 0 else ["DepthwiseConv2d", "Requantize"]


def test_a_switched_off_channel_with_an_offset_is_a_constant(path: Path) -> None:
    """Behind a batch norm of nearly no gain a bias is more than 2**31 steps of the sum."""
    model = dense()
    model.node("MatMul", ["q", "wq"], "s")
    parts = {"g": [1e-12, 1.0], "b": [2.0, 0.0], "m": [0.0, 0.0], "v": [1.0, 1.0]}
    names = [model.constant(k, np.array(v, np.float32)) for k, v in parts.items()]
    model.node("BatchNormalization", ["s", *names], "n")
    model.quant("n", "y", scale=0.3)
    assert set(
        predicted(proven(model, path), np.array([[9, -100], [127, 127]], np.int8))[:, 0]
    ) == {7}


def test_a_bias_beyond_all_scales_is_refused_by_name(path: Path) -> None:
    model = dense()
    bias = model.constant("fc.bias", np.array([1e30, 0.0], np.float32))
    model.node("Gemm", ["q", "wq", bias], "s", transB=1)
    model.quant("s", "y", scale=0.3)
    with pytest.raises(GraphError, match=r"its bias is 3.33e\+30 steps of its output; check both"):
        load_model(model.save(path, "y"))


def test_two_readers_with_different_biases_share_one_layer(path: Path) -> None:
    model = dense()
    model.node("MatMul", ["q", "wq"], "s")
    model.node("Add", ["s", model.constant("b", np.array([1.1, 2.3], np.float32))], "one")
    model.node("Sub", ["s", model.constant("c", np.array([0.7, -0.2], np.float32))], "two")
    model.quant("one", "r", scale=0.6)
    model.quant("two", "t", scale=0.6)
    model.node("Add", ["r", "t"], "u")
    model.quant("u", "y", scale=0.9)
    graph = proven(model, path)
    assert sum(isinstance(op, Dense) for op in graph.nodes) == 1


def test_float_logits_of_few_bits_get_a_finer_step(path: Path) -> None:
    """Sums of 0 to 6 steps and biases of a third of one: their order is the float network's."""
    model = Onnx((1, 2))
    model.quant("x", "q", scale=1.0, bits=2, signed=0)
    model.weight(np.eye(2), scale=1.0, bits=2)
    bias = model.constant("fc.bias", np.array([0.0, 0.3], np.float32))
    model.node("Gemm", ["q", "wq", bias], "y", transB=1)
    graph = proven(model, path)
    x = np.array([[a, b] for a in range(4) for b in range(4)], np.uint8)
    wanted = (x + np.array([0, 0.3])).argmax(axis=1)
    assert np.array_equal(predicted(graph, x).argmax(axis=1), wanted)


def test_logits_beside_a_bias_of_another_magnitude(path: Path) -> None:
    """A dead layer's scale makes a bias more than 2**31 steps of the sum."""
    model = Onnx((1, 2))
    model.quant("x", "q", scale=1e-12)
    model.weight(np.eye(2), scale=1.0, bits=2)
    bias = model.constant("fc.bias", np.array([0.5, -0.25], np.float32))
    model.node("Gemm", ["q", "wq", bias], "y", transB=1)
    graph = proven(model, path)
    facts = graph.tensors[graph.outputs[0]].quantization
    assert facts is not None
    y = predicted(graph, np.array([[-128, 127]], np.int8)) * facts.scale
    assert np.allclose(y, [[0.5, -0.25]], rtol=1e-4)


def test_clamped_sums_with_a_bias_keep_it_through_a_mean(path: Path) -> None:
    model = Onnx()
    model.quant("x", "q", bits=3)
    model.weight(np.random.default_rng(1).normal(size=(3, 2, 3, 3)), bits=3, scale=0.5)
    bias = model.constant("b", np.array([0.11, -0.27, 0.4], np.float32))
    model.node("Conv", ["q", "wq", bias], "c")
    model.node("Relu", ["c"], "r")
    model.node("GlobalAveragePool", ["r"], "g")
    model.quant("g", "y", scale=0.17)
    proven(model, path)


@pytest.mark.parametrize("mode", ["ROUND", "FLOOR", "CEIL", "UP", "DOWN", "HALF_UP", "HALF_DOWN"])
def test_a_mean_over_twenty_rounds_as_the_file_says(path: Path, mode: str) -> None:
    """Half of these sums of tens lie on a tie or on an integer."""
    model = Onnx((1, 3, 4, 5))
    model.quant("x", "q", scale=0.125)
    model.node("ReduceMean", ["q"], "m", axes=[-1, -2], keepdims=0)
    model.quant("m", "y", scale=0.0625, mode=mode)
    graph = proven(model, path)
    x = np.zeros((200, 4, 5, 3), np.int8)
    x[:, 0, 0] = np.arange(-100, 100)[:, None]
    exact = [v / 20 * 0.125 / 0.0625 for v in range(-100, 100)]
    from hwkit.importers.qonnx.rounding import round_array

    wanted = round_array(np.array(exact), mode)
    assert np.array_equal(predicted(graph, x)[:, 0], wanted)


def test_binary_activations(path: Path) -> None:
    for kind in ("BipolarQuant", "Quant"):
        model = dense()
        bias = model.constant("fc.bias", np.array([0.3, -0.1], np.float32))
        model.node("Gemm", ["q", "wq", bias], "s", transB=1)
        if kind == "Quant":
            model.quant("s", "b", scale=0.5, bits=1)
        else:
            model.node("BipolarQuant", ["s", model.constant("step", np.float32(0.5))], "b")
        model.node("Gemm", ["b", "wq"], "y", transB=1)
        graph = proven(model, path)
        assert IntType(2, True) in {t.dtype for t in graph.tensors.values()}


def test_intquant_is_quant(path: Path) -> None:
    model = coarse_bias()
    for node in model.nodes:
        node.op_type = node.op_type.replace("Quant", "IntQuant")
    proven(model, path)


def test_a_dead_branch_is_pruned(path: Path) -> None:
    model = coarse_bias()
    model.node("Softmax", ["y"], "dead")
    proven(model, path)


def test_a_view_of_a_dynamic_batch(path: Path) -> None:
    """``view(x.size(0), -1)``: a 0-d result of folding is a value like others."""
    model = Onnx((1, 2, 4, 4))
    model.quant("x", "q")
    model.node("Shape", ["q"], "shape")
    model.node("Gather", ["shape", model.constant("zero", np.int64(0))], "n", axis=0)
    model.node("Unsqueeze", ["n", model.constant("axes", np.array([0], np.int64))], "first")
    model.node(
        "Concat", ["first", model.constant("rest", np.array([-1], np.int64))], "target", axis=0
    )
    model.node("Reshape", ["q", "target"], "flat")
    model.weight(np.random.default_rng(0).normal(size=(32, 3)))
    model.node("MatMul", ["flat", "wq"], "y")
    model.save(path)
    proto = onnx.load(path)
    proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "N"
    path.write_bytes(proto.SerializeToString())
    _, proof = load_proven(path)
    assert proof is not None
    assert proof.exact


def test_a_flattened_map_plus_a_vector(path: Path) -> None:
    """The two vectors have their entries in other orders until one is turned."""
    model = Onnx((1, 3, 2, 2))
    model.quant("x", "q")
    model.node("Flatten", ["q"], "f")
    model.weight(np.random.default_rng(0).normal(size=(12, 12)))
    model.node("MatMul", ["f", "wq"], "s")
    model.quant("s", "r")
    model.node("Add", ["f", "r"], "u")
    model.quant("u", "y")
    proven(model, path)


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (np.zeros((2, 0), np.float32), GraphError, "no values"),
        (np.zeros((0, 2), np.float32), GraphError, "no values"),
    ],
)
def test_a_weight_without_values_is_refused(
    path: Path, value: Array, error: type[HwkitError], message: str
) -> None:
    model = Onnx((1, 2))
    model.quant("x", "q")
    model.weight(value)
    model.node("MatMul", ["q", "wq"], "y")
    with pytest.raises(error, match=message):
        load_model(model.save(path))


def mapped(**quantizer: Any) -> Onnx:
    """A map of 3 channels, 3 rows and 3 columns into a quantizer."""
    model = Onnx((1, 3, 3, 3))
    model.quant("x", "q")
    model.weight(np.random.default_rng(0).normal(size=(3, 3, 1, 1)))
    model.node("Conv", ["q", "wq"], "c")
    model.quant("c", "y", **quantizer)
    return model


THREE = np.array([0.5, 1.0, 4.0], np.float32)


@pytest.mark.parametrize(
    ("quantizer", "message"),
    [
        ({"scale": np.stack([THREE, THREE[::-1], THREE])}, "differs along rows and columns"),
        (
            {"zero_point": np.array([0, 1, 2], np.float32)},
            "zero point that differs within a tensor",
        ),
        (
            {"bits": np.array([[[4]], [[5]], [[8]]], np.float32)},
            "bit width that differs within a tensor",
        ),
    ],
)
def test_other_axes_than_channels_are_refused_by_name(
    path: Path, quantizer: dict[str, Any], message: str
) -> None:
    with pytest.raises(UnsupportedOp, match=message):
        load_model(mapped(**quantizer).save(path))


@pytest.mark.parametrize("shape", [(3,), (3, 1), (1, 3, 1, 1)])
def test_scales_and_constants_along_any_one_axis(path: Path, shape: tuple[int, ...]) -> None:
    """By ONNX's rules shapes are aligned at their ends: three numbers run along the width."""
    values = THREE.reshape(shape)
    proven(mapped(scale=values), path)
    model = mapped(scale=0.5)
    model.node("Add", ["y", model.constant("k", values)], "z")
    model.quant("z", "out")
    proven(model, path, "out")


def test_scales_along_channels_and_equal_ones_of_any_shape(path: Path) -> None:
    proven(mapped(scale=THREE.reshape(3, 1, 1)), path)
    proven(mapped(scale=THREE.reshape(1, 3, 1, 1)), path)
    proven(mapped(scale=np.full(3, 0.5, np.float32), bits=np.array([[8, 8, 8]], np.float32)), path)


@pytest.mark.parametrize("shape", [(2,), (1, 3, 1, 4), (5, 1, 1, 1, 1)])
def test_what_does_not_broadcast_is_refused(path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(GraphError, match="does not fit"):
        load_model(mapped(scale=np.full(shape, 0.5, np.float32)).save(path))


def test_a_fault_is_seen_and_a_tie_does_not_spread(path: Path) -> None:
    """The runner goes on with the graph's integers: one wrong bias is wrong in one layer."""
    model = coarse_bias()
    model.constant("fc2.weight", np.array([[1.0]], np.float32))
    model.quant("fc2.weight", "w2", 1.0, bits=2)
    model.node("MatMul", ["y", "w2"], "t")
    model.quant("t", "z", scale=0.35)
    graph, runner = open_model(model.save(path, "z"))
    bias = graph.constants.get("fc.bias", np.zeros(1, np.int32)) + 2
    tensors = {**graph.tensors, "moved": replace(graph.tensors["fc"], shape=(1,))}
    layer = graph.nodes[0]
    assert isinstance(layer, Dense) and runner is not None
    nodes = (replace(layer, bias="moved"), *graph.nodes[1:])
    wrong = graph.with_nodes(nodes, tensors, {**graph.constants, "moved": bias.astype(np.int32)})
    x = np.array([[a, b] for a in range(4) for b in range(4)], np.uint8)
    right, changed = (run(g, {"x": x}, keep=["y", "z"]) for g in (graph, wrong))
    assert (right["z"] != changed["z"]).any()
    proof = prove(wrong, runner, {"x": x})
    assert proof.first is not None
    assert proof.first.layer == "y"
    assert proof.differing == (right["y"] != changed["y"]).sum()


def test_ties_are_counted_apart(path: Path) -> None:
    graph, _ = open_model(coarse_bias().save(path))

    class Told:
        tensors = (graph.outputs[0],)

        def run(self, known: Mapping[str, Array]) -> dict[str, Observed]:
            integers = known[self.tensors[0]].astype(np.int64).copy()
            integers[0] += 1
            integers[3] += 1
            distance = np.full(integers.shape, 0.2)
            distance[0] = 3e-6
            return {self.tensors[0]: Observed(integers, distance)}

    proof = prove(graph, Told(), {"x": np.zeros((4, 2), np.uint8)})
    assert (proof.integers, proof.ties, proof.differing) == (4, 1, 1)
    assert proof.first is not None
    assert proof.first.index == (3, 0)


def test_counts_stand_in_the_metadata_and_survive_the_file(path: Path, tmp_path: Path) -> None:
    graph, proof = load_proven(coarse_bias().save(path))
    assert proof is not None
    assert graph.metadata["inputs"] == "64"
    graph.save(str(tmp_path / "m.hwk"))
    from hwkit.ir.serialize import load

    assert counted(load(tmp_path / "m.hwk")) == proof.line()


def test_import_prints_the_count_and_check_answers(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    coarse_bias().save(path)
    out = tmp_path / "m.hwk"
    assert _run(("import", str(path), "-o", str(out))) == 0
    assert "64 inputs in the file's own execution: 64 integers, 0 differing, 0 ties" in (
        capsys.readouterr().out
    )
    assert _run(("import", str(path), "--check", "-n", "5", "--json")) == 0
    found = json.loads(capsys.readouterr().out)
    assert [found[k] for k in ("inputs", "integers", "differing", "ties")] == [5, 5, 0, 0]
    np.save(tmp_path / "x.npy", np.array([[3, 3], [0, 1]], np.uint8))
    assert _run(("import", str(path), "--check", "-i", str(tmp_path / "x.npy"))) == 0
    assert "2 inputs" in capsys.readouterr().out
    graph, runner = open_model(path)
    layer = graph.nodes[1]
    assert isinstance(layer, Requantize)
    clamped = replace(layer, rescale=replace(layer.rescale, high=1))
    wrong = graph.with_nodes((graph.nodes[0], clamped))
    monkeypatch.setattr(importers, "open_model", lambda path: (wrong, runner))
    assert _run(("import", str(path), "--check")) == 1
    assert "y[" in capsys.readouterr().err


def test_verify_names_the_file_that_is_not_the_graph_s(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = dense()
    model.node("MatMul", ["q", "wq"], "s")
    model.quant("s", "y", scale=0.25)
    graph = load_model(model.save(path))
    graph.save(str(tmp_path / "m.hwk"))
    arguments = ("verify", str(tmp_path / "m.hwk"), "--board", "virtual_m4", "--source")
    assert _run((*arguments, str(path), "-n", "3", "--json")) == 0
    found = json.loads(capsys.readouterr().out)
    assert [found[k] for k in ("inputs", "differing", "moved", "ties")] == [3, 0, 0, 0]
    other = coarse_bias().save(tmp_path / "other.onnx")
    assert _run((*arguments, str(other))) == 2
    assert "import the file again" in capsys.readouterr().err


def test_sums_beyond_32_bits_get_a_coarser_grid(path: Path) -> None:
    """A float ReLU's sums are brought to a fine grid; their mean over 49 must still fit."""
    model = Onnx((1, 1, 7, 7))
    model.quant("x", "q")
    model.weight([[[[1.0]]]])
    bias = model.constant("b", np.array([0.03], np.float32))
    model.node("Conv", ["q", "wq", bias], "c")
    model.node("Relu", ["c"], "r")
    model.node("MaxPool", ["r"], "p", kernel_shape=[1, 1])
    model.node("GlobalAveragePool", ["p"], "y")
    graph = proven(model, path)
    assert graph.tensors[graph.outputs[0]].dtype == S32


def test_any_names(path: Path) -> None:
    """Inputs, layers and constants that are called as the importer would call its own."""
    model = Onnx((1, 2))
    model.constant("x.weight", np.array([[1.0, 0.5], [0.25, 1.0]], np.float32))
    model.quant("x", "q")
    model.quant("x.weight", "x.bias", 0.25, narrow=1)
    model.node("MatMul", ["q", "x.bias"], "s")
    model.quant("s", "y")
    graph = proven(model, path)
    assert graph.inputs == ("x",)


def test_a_damaged_file_gives_one_line_from_its_execution_too(path: Path) -> None:
    from .test_importer import sample

    data = sample(path)
    rng = np.random.default_rng(6)
    for _ in range(250):
        damaged = bytearray(data)
        for _ in range(int(rng.integers(1, 6))):
            damaged[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        try:
            load_proven(path, 2)
        except HwkitError as error:
            assert "\n" not in str(error)


def test_a_mean_with_axes_as_an_input(path: Path) -> None:
    """The same nodes in an opset whose ReduceMean has its axes as an input."""
    model = Onnx((1, 3, 4, 5))
    model.quant("x", "q")
    model.node(
        "ReduceMean", ["q", model.constant("axes", np.array([2, 3], np.int64))], "m", keepdims=0
    )
    model.quant("m", "y")
    model.save(path)
    proto = onnx.load(path)
    proto.opset_import[0].CopyFrom(helper.make_opsetid("", 18))
    path.write_bytes(proto.SerializeToString())
    _, proof = load_proven(path)
    assert proof is not None
    assert proof.exact


def test_a_normalization_before_the_first_quantizer_is_done_outside(path: Path) -> None:
    """By channel, as (x - mean) / deviation; the graph reads what the quantizer gives."""
    model = Onnx((1, 3, 4, 4))
    mean = model.constant("mean", np.array([0.5, 0.25, 0.75], np.float32).reshape(1, 3, 1, 1))
    deviation = model.constant("deviation", np.array([[[0.25]], [[0.5]], [[0.125]]], np.float32))
    model.node("Sub", ["x", mean], "centred")
    model.node("Div", ["centred", deviation], "normal")
    model.quant("normal", "q", scale=0.125)
    model.constant("w", np.ones((2, 3, 3, 3), np.float32))
    model.quant("w", "wq", scale=1.0, bits=2)
    model.node("Conv", ["q", "wq"], "s")
    model.quant("s", "y", scale=0.5)
    graph = proven(model, path)
    assert [type(op) for op in graph.nodes] == [Conv2d, Requantize]
    assert graph.metadata["input x"] == "[4.0, 2.0, 8.0] * x + [-2.0, -0.5, -6.0]"


def test_two_normalizations_of_an_input_are_two_quantizers(path: Path) -> None:
    model = Onnx((1, 2))
    for name, gain in (("a", 2.0), ("b", 3.0)):
        model.node("Mul", ["x", model.constant(f"{name}.gain", np.float32(gain))], f"{name}.x")
        model.quant(f"{name}.x", name)
    model.node("Add", ["a", "b"], "s")
    model.quant("s", "y", scale=0.7)
    graph = proven(model, path)
    assert graph.inputs == ("x", "x.2")
    assert graph.metadata["input x.2"] == "3.0 * x + 0.0"


@pytest.mark.parametrize("kind", ["BipolarQuant", "Quant"])
def test_a_binary_input_is_its_signs(kind: str, path: Path) -> None:
    """Behind 2x - 1: pixels from one half on are 1."""
    model = Onnx((1, 4))
    model.node("Mul", ["x", model.constant("two", np.float32(2))], "double")
    model.node("Sub", ["double", model.constant("one", np.float32(1))], "moved")
    if kind == "Quant":
        model.quant("moved", "q", scale=1.0, bits=1)
    else:
        model.node(kind, ["moved", model.constant("step", np.float32(1))], "q")
    rng = np.random.default_rng(2)
    model.weight(rng.choice([-1.0, 1.0], (3, 4)), scale=1.0, bits=2)
    model.node("Gemm", ["q", "wq"], "s", transB=1)
    model.quant("s", "y", scale=1.0, bits=4)
    graph = proven(model, path)
    assert graph.tensors["x"].dtype == IntType(2, True)
    signs = np.array([[-1, 1, 1, -1]], np.int8)
    others = np.array([[-2, 0, 1, -1]], np.int8)
    assert np.array_equal(predicted(graph, signs), predicted(graph, others))


def test_a_norm_of_the_whole_output_folds_with_its_constants(path: Path) -> None:
    """(s - mean) / (variance + eps) ** 0.5 * gain + bias, its power left to be computed."""
    model = dense()
    model.node("MatMul", ["q", "wq"], "s")
    numbers = {"mean": 0.5, "variance": 3.0, "eps": 1e-4, "half": 0.5, "gain": 1.5, "bias": -0.25}
    for name, value in numbers.items():
        model.constant(name, np.float32(value))
    model.node("Sub", ["s", "mean"], "centred")
    model.node("Add", ["variance", "eps"], "spread")
    model.node("Pow", ["spread", "half"], "deviation")
    model.node("Div", ["centred", "deviation"], "normal")
    model.node("Mul", ["normal", "gain"], "scaled")
    model.node("Add", ["scaled", "bias"], "t")
    model.quant("t", "y", scale=0.3)
    graph = proven(model, path)
    assert [type(op) for op in graph.nodes] == [Dense, Requantize]


@pytest.mark.parametrize(
    ("kind", "base", "exponent"),
    [("Sqrt", -4.0, None), ("Pow", -4.0, 0.5), ("Pow", 0.0, -0.5), ("Reciprocal", 0.0, None)],
)
def test_constants_that_compute_to_no_number_are_refused(
    kind: str, base: float, exponent: float | None, path: Path
) -> None:
    model = Onnx((1, 2))
    inputs = [model.constant("base", np.float32(base))]
    if exponent is not None:
        inputs.append(model.constant("exponent", np.float32(exponent)))
    model.node("Mul", ["x", model.node(kind, inputs, "spread")], "scaled")
    model.quant("scaled", "y")
    with pytest.raises(GraphError, match=r"/spread/.*NaN or infinite"):
        load_model(model.save(path))


@pytest.mark.parametrize(
    ("kind", "first", "second", "result"),
    [
        ("Div", np.array([-7, 7, -8, 0]), np.array(2), [-3, 3, -4, 0]),
        ("Div", np.array([7, -7]), np.array([-2, -2]), [-3, 3]),
        ("Pow", np.array([3], np.int64), np.array([0.5], np.float32), [1]),
    ],
)
def test_folded_integers_are_onnx_s(
    kind: str, first: Array, second: Array, result: list[int], path: Path
) -> None:
    """Quotients go towards zero, and a power has its base's type: here as sizes of padding."""
    model = Onnx((1, 1, 4, 4))
    model.quant("x", "q")
    pads = [*result, *(0 for _ in range(8 - len(result)))]
    zeros = model.constant("zeros", np.zeros(8 - len(result), np.int64))
    model.node(kind, [model.constant("a", first), model.constant("b", second)], "some")
    model.node("Concat", ["some", zeros], "pads", axis=0)
    model.node("Sub", ["pads", model.constant("these", np.array(pads))], "none")
    model.node("Pad", ["q", "none"], "y")
    assert load_model(model.save(path)).tensors["y"].shape == (4, 4, 1)


def test_ternary_weights(path: Path) -> None:
    model = Onnx((1, 4))
    model.quant("x", "q", scale=0.5, bits=2)
    model.weight([[1.0, 0.0, -1.0, 1.0], [0.0, 0.0, 1.0, -1.0]], scale=1.0, bits=2)
    model.node("Gemm", ["q", "wq"], "s", transB=1)
    model.node("BipolarQuant", ["s", model.constant("step", np.float32(0.5))], "y")
    graph = proven(model, path)
    (weight,) = (graph.constants[op.weight] for op in graph.nodes if isinstance(op, Dense))
    assert sorted(np.unique(weight).tolist()) == [-1, 0, 1]
