"""What the QONNX importer makes of single constructs, and of files that are wrong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from hwkit.errors import ConfigError, FormatError, GraphError, HwkitError, UnsupportedOp
from hwkit.importers import load_model
from hwkit.ir.interpret import run
from hwkit.ir.ops import Clamp, Conv2d, Dense, DepthwiseConv2d, Requantize, Rounding
from hwkit.ir.types import S8, S32, U8, IntType
from tests.predicted import predicted

DOMAIN = "qonnx.custom_op.general"


class Onnx:
    """A small QONNX model, node by node; input ``x`` of (1, 2, 4, 4)."""

    def __init__(self, shape: Sequence[int] = (1, 2, 4, 4)) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.shape = list(shape)

    def constant(self, name: str, value: npt.ArrayLike) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        domain = DOMAIN if kind in ("Quant", "BipolarQuant", "Trunc") else ""
        self.nodes.append(
            helper.make_node(
                kind, inputs, [output], name=f"/{output}/{kind}", domain=domain, **attributes
            )
        )
        return output

    def quant(
        self,
        source: str,
        output: str,
        scale: npt.ArrayLike = 0.5,
        bits: npt.ArrayLike = 8,
        zero_point: npt.ArrayLike = 0.0,
        signed: int = 1,
        narrow: int = 0,
        mode: str = "ROUND",
    ) -> str:
        """Numbers become float32, arrays stay what they are."""
        names = [
            self.constant(
                f"{output}.{key}", np.asarray(value, np.float32) if np.isscalar(value) else value
            )
            for key, value in (("scale", scale), ("zero_point", zero_point), ("bits", bits))
        ]
        attributes = {"signed": signed, "narrow": narrow, "rounding_mode": mode}
        return self.node("Quant", [source, *names], output, **attributes)

    def weight(self, value: npt.ArrayLike, scale: npt.ArrayLike = 0.25, **options: Any) -> str:
        self.constant("fc.weight", np.asarray(value, np.float32))
        return self.quant("fc.weight", "wq", scale, narrow=1, **options)

    def save(self, path: Path, output: str = "y") -> Path:
        graph = helper.make_graph(
            self.nodes, "net",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, self.shape)],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
            initializer=self.constants,
        )  # fmt: skip
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid(DOMAIN, 2)]
        path.write_bytes(helper.make_model(graph, opset_imports=opsets).SerializeToString())
        return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "m.onnx"


def dense(weight: npt.ArrayLike = ((1.0, -0.5), (0.25, 0.75)), **weight_options: Any) -> Onnx:
    model = Onnx((1, 2))
    model.quant("x", "q")
    model.weight(weight, **weight_options)
    return model


def test_dense_with_quantizer(path: Path) -> None:
    model = dense()
    model.node(
        "Gemm",
        ["q", "wq", model.constant("fc.bias", np.array([1.0, 0.0], np.float32))],
        "s",
        transB=1,
    )
    model.quant("s", "y", scale=0.25)
    graph = load_model(model.save(path))
    layer, requantize = graph.nodes
    assert isinstance(layer, Dense)
    assert isinstance(requantize, Requantize)
    assert layer.name == "fc"
    assert np.array_equal(graph.constants["fc.weight"], [[4, -2], [1, 3]])
    assert np.array_equal(graph.constants["fc.bias"], [8, 0])
    rescale = requantize.rescale
    assert (rescale.multiplier, rescale.shift, rescale.rounding) == ((1,), (1,), Rounding.HALF_EVEN)
    facts = graph.tensors["y"].quantization
    assert facts is not None and facts.scale == (0.25,)
    assert predicted(graph, np.array([[3, 1]], np.int8)).tolist() == [[9, 3]]


def test_ends_in_accumulators_without_output_quantizer(path: Path) -> None:
    model = dense()
    model.node("MatMul", ["q", "wq"], "y")
    graph = load_model(model.save(path))
    assert graph.tensors[graph.outputs[0]].dtype == S32
    facts = graph.tensors[graph.outputs[0]].quantization
    assert facts is not None and facts.scale == (0.125,)
    assert predicted(graph, np.array([[3, 1]], np.int8)).tolist() == [[13, -3]]


def test_narrow_input_is_clamped(path: Path) -> None:
    model = Onnx((1, 2))
    model.quant("x", "q", narrow=1)
    model.weight(np.eye(2))
    model.node("MatMul", ["q", "wq"], "y")
    graph = load_model(model.save(path))
    assert isinstance(graph.nodes[0], Clamp)
    assert predicted(graph, np.array([[-128, 127]], np.int8)).tolist() == [[-127 * 4, 127 * 4]]


def test_grouped_convolutions(path: Path) -> None:
    for groups, shape, kind in ((2, (6, 1, 3, 3), DepthwiseConv2d), (1, (3, 2, 3, 3), Conv2d)):
        model = Onnx()
        model.quant("x", "q")
        model.weight(np.ones(shape))
        model.node("Conv", ["q", "wq"], "y", group=groups, pads=[1, 0, 0, 1])
        graph = load_model(model.save(path))
        assert isinstance(graph.nodes[0], kind)
        assert graph.tensors[graph.outputs[0]].shape == (3, 3, shape[0])


def test_weights_are_quantized_as_pytorch_does(path: Path) -> None:
    model = dense([[0.125, 0.375], [-0.125, 500.0]])
    model.node("MatMul", ["q", "wq"], "y")
    weight = load_model(model.save(path)).constants["fc.weight"]
    assert weight.tolist() == [[0, 0], [2, 127]]


@pytest.mark.parametrize(
    ("mode", "signed", "expected"),
    [("ROUND", 1, [-2, 2]), ("FLOOR", 1, [-2, 1]), ("HALF_UP", 0, [0, 2]), ("DOWN", 0, [0, 1])],
)
def test_rounding_modes(path: Path, mode: str, signed: int, expected: list[int]) -> None:
    model = dense([[0.25, 0], [0, 0.25]])
    model.node("MatMul", ["q", "wq"], "s")
    model.quant("s", "y", scale=0.25, signed=signed, mode=mode)
    assert predicted(load_model(model.save(path)), np.array([[-3, 3]], np.int8)).tolist() == [
        expected
    ]


def broken(kind: str) -> Onnx:
    """A model with one thing wrong."""
    model = dense()
    match kind:
        case "no input quantizer":
            model.nodes.pop(0)
            model.node("MatMul", ["x", "wq"], "y")
        case "float weight":
            model.node("MatMul", ["q", "fc.weight"], "y")
        case "unknown op":
            model.node("Det", ["q"], "y")
        case "input not quantized":
            model.node("MatMul", ["q", "wq"], "s")
            model.node("MatMul", ["s", "wq"], "y")
        case "binary scale":
            model.node("BipolarQuant", ["q", "q"], "y")
        case "12 bit weight":
            model = Onnx((1, 2))
            model.quant("x", "q")
            model.weight(np.eye(2), bits=12)
            model.node("MatMul", ["q", "wq"], "y")
        case "unknown rounding":
            model.node("MatMul", ["q", "wq"], "s")
            model.quant("s", "y", mode="STOCHASTIC")
        case "two activations":
            model.quant("x", "wide", bits=12)
            model.node("Div", ["q", "wide"], "y")
        case "transposed":
            model.node("Transpose", ["q"], "t", perm=[1, 0])
            model.node("Flatten", ["t"], "y")
        case "fractional bits":
            model.quant("q", "y", bits=3.5)
        case "zero scale":
            model.quant("q", "y", scale=0.0)
        case "nan scale":
            model.quant("q", "y", scale=np.nan)
        case "infinite weight":
            model = dense(np.array([[np.inf, 0], [0, 1]]))
            model.node("MatMul", ["q", "wq"], "y")
        case "nan bias":
            bias = model.constant("fc.bias", np.array([np.nan, 0], np.float32))
            model.node("Gemm", ["q", "wq", bias], "y")
        case "huge bias":
            bias = model.constant("fc.bias", np.array([1e30, 0], np.float32))
            model.node("Gemm", ["q", "wq", bias], "s")
            model.node("Add", ["s", "s"], "y")
        case "wrong shapes":
            model.constant("other", np.float32(np.zeros((5, 3))))
            model.quant("other", "oq")
            model.node("MatMul", ["q", "oq"], "y")
        case "cycle":
            model.node("Add", ["q", "z"], "y")
            model.node("Relu", ["y"], "z")
        case "nothing computed":
            model.node("Relu", ["missing"], "y")
    return model


@pytest.mark.parametrize(
    ("kind", "error", "where", "remedy"),
    [
        ("no input quantizer", GraphError, "y/MatMul", "QuantIdentity"),
        ("float weight", UnsupportedOp, "y/MatMul", "QuantLinear"),
        ("unknown op", UnsupportedOp, "y/Det", "docs/onnx.md lists"),
        ("input not quantized", UnsupportedOp, "y/MatMul", "QuantReLU"),
        ("binary scale", UnsupportedOp, "y/BipolarQuant", "export it as a constant"),
        ("12 bit weight", UnsupportedOp, "y/MatMul", "use 8 bits or fewer"),
        ("unknown rounding", UnsupportedOp, "y/Quant", "HALF_UP, ROUND"),
        ("two activations", UnsupportedOp, "y/Div", "quantized to 8 bits"),
        ("transposed", UnsupportedOp, "y/Flatten", "batch is not first"),
        ("fractional bits", GraphError, "y/Quant", "whole number"),
        ("zero scale", GraphError, "y/Quant", "train"),
        ("nan scale", GraphError, "y.scale", "train again"),
        ("infinite weight", GraphError, "fc.weight", "train again"),
        ("nan bias", GraphError, "fc.bias", "train again"),
        ("huge bias", GraphError, "fc", "larger scales"),
        ("wrong shapes", UnsupportedOp, "y/MatMul", "flatten"),
        ("cycle", GraphError, "y/Add", "nothing computes"),
        ("nothing computed", GraphError, "y/Relu", "nothing computes"),
    ],
)
def test_says_what_is_wrong_and_what_helps(
    path: Path, kind: str, error: type[HwkitError], where: str, remedy: str
) -> None:
    with pytest.raises(error) as caught:
        load_model(broken(kind).save(path))
    text = str(caught.value)
    assert where in text
    assert remedy in text
    assert "\n" not in text


def test_missing_empty_and_foreign_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load_model(tmp_path / "none.onnx")
    for content, message in ((b"", "empty"), (b"\x00" * 64, "ONNX"), (b"#!/bin/sh\n" * 9, "ONNX")):
        (tmp_path / "m.onnx").write_bytes(content)
        with pytest.raises(FormatError, match=message):
            load_model(tmp_path / "m.onnx")


def sample(path: Path) -> bytes:
    model = Onnx()
    model.quant("x", "q")
    model.weight(np.random.default_rng(0).normal(size=(3, 2, 3, 3)))
    model.node("Conv", ["q", "wq"], "c", pads=[1, 1, 1, 1])
    model.node("Relu", ["c"], "r")
    model.node("MaxPool", ["r"], "p", kernel_shape=[2, 2], strides=[2, 2])
    model.node("Flatten", ["p"], "f", axis=1)
    model.quant("f", "y", signed=0)
    return model.save(path).read_bytes()


def test_every_truncation_is_an_error_or_a_graph(path: Path) -> None:
    data = sample(path)
    load_model(path)
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(HwkitError) as caught:
            load_model(path)
        assert "\n" not in str(caught.value)


def test_flipped_bits_never_escape(path: Path) -> None:
    data = sample(path)
    rng = np.random.default_rng(5)
    for _ in range(600):
        damaged = bytearray(data)
        for _ in range(int(rng.integers(1, 6))):
            damaged[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        try:
            load_model(path)
        except HwkitError as error:
            assert "\n" not in str(error)


def test_external_data_stays_in_the_folder(path: Path) -> None:
    model = dense()
    model.node("MatMul", ["q", "wq"], "y")
    model.save(path)
    proto = onnx.load(path)
    onnx.save(proto, path, save_as_external_data=True, location="m.data", size_threshold=0,
              convert_attribute=False)  # fmt: skip
    assert np.array_equal(load_model(path).constants["fc.weight"], [[4, 1], [-2, 3]])
    path.write_bytes(path.read_bytes().replace(b"m.data", b"../etc"))
    with pytest.raises(FormatError, match="not beside it"):
        load_model(path)
    path.write_bytes(path.read_bytes().replace(b"../etc", b"m.dada"))
    with pytest.raises(ConfigError, match=r"m\.dada"):
        load_model(path)


def test_a_shape_that_asks_for_all_memory_is_refused(path: Path) -> None:
    model = Onnx((1, 1 << 20, 1 << 20))
    model.quant("x", "y")
    with pytest.raises(FormatError, match="shape"):
        load_model(model.save(path))


def test_types_of_tensors(path: Path) -> None:
    model = Onnx()
    model.quant("x", "q", bits=4, signed=0)
    model.weight(np.ones((3, 2, 1, 1)), bits=3)
    model.node("Conv", ["q", "wq"], "c")
    model.quant("c", "y", bits=5)
    graph = load_model(model.save(path))
    types = {name: tensor.dtype for name, tensor in graph.tensors.items()}
    assert types["x"] == IntType(4, False)
    assert types["fc.weight"] == IntType(3, True)
    assert types["fc"] == S32
    assert types["y"] == IntType(5, True)
    assert S8 != U8


def test_two_inputs(path: Path) -> None:
    model = Onnx((1, 2))
    model.quant("x", "q")
    model.quant("z", "r", scale=0.25)
    model.node("Add", ["q", "r"], "s")
    model.quant("s", "y", scale=1.0)
    model.save(path)
    proto = onnx.load(path)
    proto.graph.input.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, [1, 2]))
    path.write_bytes(proto.SerializeToString())
    graph = load_model(path)
    assert graph.inputs == ("x", "z")
    feeds = {"x": np.array([[3, 3]], np.int8), "z": np.array([[2, 4]], np.int8)}
    assert run(graph, feeds)[graph.outputs[0]].tolist() == [[2, 2]]


def test_one_layer_used_twice(path: Path) -> None:
    model = dense()
    model.node("MatMul", ["q", "wq"], "s")
    model.quant("s", "r", scale=1.0)
    model.node("MatMul", ["r", "wq"], "y")
    graph = load_model(model.save(path))
    assert [op.name for op in graph.nodes] == ["fc", "r", "fc_2"]
    assert graph.tensors["fc_2.weight"] == graph.tensors["fc.weight"]


def test_arithmetic_with_constants_folds_into_the_layer(path: Path) -> None:
    model = dense()
    model.node("MatMul", ["q", "wq"], "s")
    model.node("Mul", ["s", model.constant("gain", np.array([2.0, -1.0], np.float32))], "m")
    model.node("Add", ["m", model.constant("offset", np.array([0.5, 0.25], np.float32))], "a")
    model.node("Sub", ["a", model.constant("less", np.float32(0.25))], "b")
    model.node("Div", ["b", model.constant("by", np.float32(2.0))], "d")
    model.quant("d", "y", scale=0.125)
    graph = load_model(model.save(path))
    assert len(graph.nodes) == 2
    x = np.array([[3, 1], [-7, 20]], np.int8)
    reals = (x * 0.5) @ np.array([[1.0, -0.5], [0.25, 0.75]])
    wanted = np.rint((reals * [2, -1] + [0.25, 0.0]) / 2 / 0.125).clip(-128, 127)
    assert np.array_equal(predicted(graph, x), wanted)


def test_batch_norm_that_switches_a_channel_off_or_around(path: Path) -> None:
    """gamma 0 leaves beta alone; a negative gamma turns the weights' sign."""
    model = dense()
    model.node("MatMul", ["q", "wq"], "s")
    for key, value in (("gamma", [0.0, -2.0]), ("beta", [1.25, 0.5]), ("mean", [3.0, 0.25])):
        model.constant(key, np.array(value, np.float32))
    model.constant("variance", np.array([1.0, 4.0], np.float32))
    model.node("BatchNormalization", ["s", "gamma", "beta", "mean", "variance"], "n", epsilon=0.0)
    model.node("Relu", ["n"], "r")
    model.quant("r", "y", scale=0.125, signed=0)
    graph = load_model(model.save(path))
    assert graph.constants["fc.weight"].tolist() == [[0, 0], [2, -3]]
    x = np.array([[3, 1], [-7, -20]], np.int8)
    sums = (x * 0.5) @ np.array([[1.0, -0.5], [0.25, 0.75]])
    wanted = np.rint(np.maximum((sums - [3, 0.25]) * [0, -1] + [1.25, 0.5], 0) / 0.125)
    assert np.array_equal(predicted(graph, x), wanted.clip(0, 255))


@pytest.mark.parametrize("shape", [(1, 4), (1, 4, 2, 3)])
def test_integers_with_a_zero_point_whose_channels_are_turned(
    path: Path, shape: tuple[int, ...]
) -> None:
    model = Onnx(shape)
    model.quant("x", "q", zero_point=3.0)
    gain = np.array([1.0, -1.0, -2.0, 0.5], np.float32).reshape(4, *(1,) * (len(shape) - 2))
    model.node("Mul", ["q", model.constant("gain", gain)], "m")
    model.quant("m", "y", scale=0.25)
    graph = load_model(model.save(path))
    rows = np.random.default_rng(1).integers(-128, 128, (7, *graph.tensors["x"].shape))
    reals = (rows - 3) * 0.5 * gain.ravel()
    wanted = np.rint(reals / 0.25).clip(-128, 127)
    assert np.array_equal(predicted(graph, rows.astype(np.int8)), wanted)


@pytest.mark.parametrize(("kind", "given"), [("Clip", (-1.1, 7.3)), ("Pad", ())])
def test_reals_off_the_integers_grid_are_taken_on_a_finer_one(
    path: Path, kind: str, given: tuple[float, ...]
) -> None:
    """Before a mean, whose integers have no place for a clip, or for an offset next to zeros."""
    model = Onnx()
    model.quant("x", "q")
    model.node("Add", ["q", model.constant("offset", np.float32(0.3))], "a")
    if kind == "Clip":
        names = [model.constant(f"bound{k}", np.float32(v)) for k, v in enumerate(given)]
    else:
        names = [model.constant("pads", np.array([0, 0, 1, 0, 0, 0, 0, 0]))]
    model.node(kind, ["a", *names], "c")
    model.node("AveragePool", ["c"], "p", kernel_shape=[2, 2])
    model.quant("p", "y", scale=0.0625)
    graph = load_model(model.save(path))
    x = np.random.default_rng(1).integers(-9, 12, (9, 4, 4, 2))
    reals = x * 0.5 + 0.3
    if kind == "Clip":
        reals = np.clip(reals, given[0], given[1])
    else:
        reals = np.pad(reals, ((0, 0), (1, 0), (0, 0), (0, 0)))
    rows, columns = reals.shape[1] - 1, reals.shape[2] - 1
    total = sum(reals[:, r : r + rows, c : c + columns] for r in (0, 1) for c in (0, 1))
    wanted = np.rint(np.asarray(total) / 4 / 0.0625).clip(-128, 127)
    assert np.ptp(wanted) > 50
    assert np.array_equal(predicted(graph, x.astype(np.int8)), wanted)
