"""Files that once were refused with the wrong words, crashed, or gave other integers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest

from hwkit.errors import FormatError, HwkitError, UnsupportedOp
from hwkit.importers.tflite.context import size_option
from hwkit.importers.tflite.file import FileOperator, parse
from hwkit.importers.tflite.importer import convert
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.ops import Conv2d
from hwkit.targets.edge.flatbuffer import FileTensor, schema
from tests.conformance.tflite_runtimes import LITERT, Runtimes
from tests.importers.tflite.files import (
    activation,
    as_tflm,
    file_bytes,
    integers,
    operator,
    random_feeds,
    values,
    weights,
)

MAP = (1, 4, 4, 4)
RNG = np.random.default_rng(0)


def imported(model: bytes) -> Graph:
    return convert(parse(model), "m")


def changed(model: bytes, change: Any) -> bytes:
    """``model`` after ``change`` of its object tree."""
    tree = schema().ModelT.InitFromPackedBuf(bytearray(model), 0)
    change(tree)
    builder = flatbuffers.Builder(1024)
    builder.Finish(tree.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def as_litert(model: bytes, samples: int = 30) -> Graph:
    """The imported graph, after a comparison with LiteRT's reference kernels."""
    graph = imported(model)
    feeds = random_feeds(graph, samples, 0)
    got = run(graph, feeds)
    with Runtimes() as runtimes:
        answer = runtimes.run(LITERT, model, feeds, len(graph.outputs))
    assert isinstance(answer, list), answer
    for name, expected in zip(graph.outputs, answer, strict=True):
        np.testing.assert_array_equal(got[name], expected.reshape(got[name].shape))
    return graph


# Types


def unsigned(name: str, shape: tuple[int, ...], scale: float = 0.1, point: int = 99) -> FileTensor:
    return FileTensor(name, shape, "uint8", (scale,), point)


@pytest.mark.parametrize("code", ["LOGISTIC", "TANH"])
def test_functions_of_uint8(code: str) -> None:
    facts = {"LOGISTIC": (1 / 256, 0), "TANH": (1 / 128, 128)}[code]
    tensors = [unsigned("x", (1, 300), 0.05, 223), unsigned("y", (1, 300), *facts)]
    as_litert(file_bytes(tensors, [operator(code, ("x",))]))


@pytest.mark.parametrize(("first", "second"), [("uint8", "int8"), ("int16", "int8")])
@pytest.mark.parametrize("constant", [False, True])
@pytest.mark.parametrize("code", ["ADD", "MAXIMUM", "CONCATENATION", "PACK"])
def test_types_that_meet_are_named(code: str, constant: bool, first: str, second: str) -> None:
    data = np.zeros(MAP, second) if constant else None
    tensors = [
        FileTensor("x", MAP, first, (0.1,), 0),
        FileTensor("z", MAP, second, (0.1,), 0, data=data),
        FileTensor("y", MAP, first, (0.1,), 0),
    ]
    inputs = ("x",) if constant else ("x", "z")
    with pytest.raises(UnsupportedOp, match=rf"\({code}\).* and .* meet"):
        imported(file_bytes(tensors, [operator(code, ("x", "z"))], inputs))


@pytest.mark.parametrize(("x", "w"), [("uint8", "int8"), ("int8", "uint8"), ("int16", "int4")])
def test_weights_of_another_type_are_named(x: str, w: str) -> None:
    tensors = [
        FileTensor("x", (1, 8), x, (0.1,), 0),
        weights("w", np.ones((2, 8), np.int8), 0.1, dtype=w),
        FileTensor("y", (1, 2), x, (0.1,), 0),
    ]
    op = operator("FULLY_CONNECTED", ("x", "w"), options="FullyConnectedOptions")
    with pytest.raises(UnsupportedOp, match=r"\(FULLY_CONNECTED\).*(uint8|int4) weights go with"):
        imported(file_bytes(tensors, [op]))


# Arithmetic that random files found


def test_leaky_relu_of_a_negative_slope(tmp_path: Path) -> None:
    """TFLM rounds the product of the positive slope and negates it."""
    shape = (1, 20000)
    tensors = [FileTensor(name, shape, "int16", (0.001,), 0) for name in "xy"]
    op = operator("LEAKY_RELU", ("x",), options="LeakyReluOptions", alpha=-0.0625)
    as_tflm(file_bytes(tensors, [op]), tmp_path, 4)


def test_a_softmax_that_leaves_32_bits_is_named() -> None:
    tensors = [
        FileTensor("x", (1, 4), "int16", (2.0,), 0),
        FileTensor("y", (1, 4), "int16", (1 / 32768,), 0),
    ]
    op = operator("SOFTMAX", ("x",), options="SoftmaxOptions", beta=6.0)
    with pytest.raises(UnsupportedOp, match="steps of 12, not below 5"):
        imported(file_bytes(tensors, [op]))


@pytest.mark.parametrize("scale", [0.25, 0.013])
@pytest.mark.parametrize("dtype", ["uint8", "int4"])
def test_dense_layers_that_round_once(dtype: str, scale: float) -> None:
    """Files of LiteRT alone. A power of two makes sums that fall half-way."""
    kind = "uint8" if dtype == "uint8" else "int8"
    count = 1 if dtype == "uint8" else 2
    w = RNG.integers(0, 256, (2, 9)) if dtype == "uint8" else RNG.integers(-8, 8, (2, 9))
    tensors = [
        FileTensor("x", (1, 9), kind, (0.5,), 3),
        FileTensor("w", (2, 9), dtype, (scale,) * count, 7 if count == 1 else 0, 0, w),
        FileTensor("y", (1, 2), kind, (2.0 * scale * (16 if count == 1 else 1),), 20),
    ]
    op = operator("FULLY_CONNECTED", ("x", "w", None), options="FullyConnectedOptions")
    as_litert(file_bytes(tensors, [op]), 400)


@pytest.mark.parametrize("missing", [None, np.array([], np.int64)])
def test_scales_without_zero_points_are_refused(missing: Any) -> None:
    """As LiteRT does; TFLM drops the scale too, and gives the zero point of the output."""
    tensors = [
        activation("x", (1, 9)),
        weights("w", RNG.integers(-127, 128, (2, 9)), (0.01, 0.02)),
        activation("y", (1, 2), 0.9),
    ]
    op = operator("FULLY_CONNECTED", ("x", "w", None), options="FullyConnectedOptions")

    def forget(tree: Any) -> None:
        tree.subgraphs[0].tensors[1].quantization.zeroPoint = missing

    model = file_bytes(tensors, [op])
    imported(model)
    with pytest.raises(FormatError, match="'w': scales must be finite and above 0, with zero"):
        imported(changed(model, forget))
    with Runtimes() as runtimes:
        answer = runtimes.run(LITERT, changed(model, forget), {"x": np.zeros((1, 9), np.int8)}, 1)
    assert isinstance(answer, str)


@pytest.mark.parametrize("multiplier", [0, 1, 3])
def test_a_depth_multiplier_that_the_weights_do_not_have(multiplier: int) -> None:
    """TFLM reads past the weights with it, XNNPACK refuses it."""
    tensors = [
        activation("x", MAP),
        weights("w", RNG.integers(-127, 128, (1, 3, 3, 8)), 0.01, 3),
        activation("y", (1, 2, 2, 8)),
    ]
    fields: dict[str, Any] = {
        "padding": 1,
        "strideH": 1,
        "strideW": 1,
        "depthMultiplier": multiplier,
    }
    op = operator("DEPTHWISE_CONV_2D", ("x", "w", None), options="DepthwiseConv2DOptions", **fields)
    with pytest.raises(FormatError, match=f"multiplier {multiplier} of 4 channels with 8 weights"):
        imported(file_bytes(tensors, [op]))


def test_transposed_convolution_of_int16(tmp_path: Path) -> None:
    tensors = [
        FileTensor("x", MAP, "int16", (0.001,), 0),
        integers("s", (1, 8, 8, 3)),
        weights("w", RNG.integers(-127, 128, (3, 3, 3, 4)), (0.01, 0.02, 0.03)),
        weights("b", RNG.integers(-9999, 9999, 3), (1e-5, 2e-5, 3e-5), 0, "int64"),
        FileTensor("y", (1, 8, 8, 3), "int16", (0.02,), 0),
    ]
    op = operator(
        "TRANSPOSE_CONV", ("s", "w", "x", "b"), options="TransposeConvOptions", strideH=2, strideW=2
    )
    as_tflm(file_bytes(tensors, [op]), tmp_path, 10)


# Zero sizes


@pytest.mark.parametrize("shape", [(0, 4), (2, 0), (0, 0)])
def test_weights_that_hold_nothing_are_named(shape: tuple[int, ...]) -> None:
    tensors = [
        activation("x", (1, 4)),
        weights("w", np.zeros(shape, np.int8), 0.1),
        activation("y", (1, max(shape[0], 1))),
    ]
    op = operator("FULLY_CONNECTED", ("x", "w"), options="FullyConnectedOptions")
    with pytest.raises(UnsupportedOp, match=r"operator 0 \(FULLY_CONNECTED\).*holds nothing"):
        imported(file_bytes(tensors, [op]))


@pytest.mark.parametrize("where", ["x", "y"])
def test_activations_that_hold_nothing_are_named(where: str) -> None:
    shapes = {"x": (1, 4), "y": (1, 4)} | {where: (1, 0)}
    tensors = [activation(name, shape) for name, shape in shapes.items()]
    with pytest.raises(UnsupportedOp, match=r"operator 0 \(MAXIMUM\).*holds nothing"):
        imported(file_bytes(tensors, [operator("MAXIMUM", ("x", "x"))]))


def test_a_fused_lstm_is_named() -> None:
    """Its scratch tensors have shapes of 0, which is no fault of theirs."""
    tensors = [
        activation("x", (1, 5, 8)),
        FileTensor("scratch", (0,), "int16", (0.1,), 0),
        activation("y", (1, 5, 8)),
    ]
    op = operator("UNIDIRECTIONAL_SEQUENCE_LSTM", ("x", "scratch"))
    with pytest.raises(UnsupportedOp, match=r"operator 0 \(UNIDIRECTIONAL_SEQUENCE_LSTM\)"):
        imported(file_bytes(tensors, [op]))


def test_a_custom_operator_is_called_by_its_name() -> None:
    """As those of signals, which the schema does not know."""
    s = schema()
    tensors = [activation("x", (1, 4)), activation("y", (1, 4))]
    model = s.ModelT.InitFromObj(
        s.Model.GetRootAsModel(file_bytes(tensors, [operator("ABS", ("x",))]), 0)
    )
    code = model.operatorCodes[0]
    code.builtinCode = code.deprecatedBuiltinCode = s.BuiltinOperator.CUSTOM
    code.customCode = "SignalRfft"
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    with pytest.raises(UnsupportedOp, match=r"operator 0 \(CUSTOM SignalRfft\)"):
        imported(bytes(builder.Output()))


# Floats


def _float(name: str, shape: tuple[int, ...] = (1, 4)) -> FileTensor:
    return FileTensor(name, shape, "float32")


def _island(code: str) -> bytes:
    tensors = [activation("x", (1, 4)), _float("f"), _float("g"), activation("y", (1, 4))]
    operators = [operator("DEQUANTIZE", ("x",), ("f",)), operator("QUANTIZE", ("g",), ("y",))]
    operators.insert(1, operator(code, ("f",), ("g",)))
    return file_bytes(tensors, operators)


@pytest.mark.parametrize("code", ["L2_NORMALIZATION", "LOG_SOFTMAX", "SOFTMAX"])
def test_a_float_island_is_named_by_what_keeps_it(code: str) -> None:
    with pytest.raises(UnsupportedOp, match=rf"operator 1 \({code}\).*activations are float32"):
        imported(_island(code))


def test_a_float_between_two_conversions_is_named() -> None:
    """Under another shape: of one shape the two are a table (``test_islands``)."""
    tensors = [activation("x", (1, 4)), _float("f"), activation("y", (4, 1), 0.2)]
    operators = [operator("DEQUANTIZE", ("x",), ("f",)), operator("QUANTIZE", ("f",), ("y",))]
    with pytest.raises(UnsupportedOp, match=r"operator 0 .*a float stands in the middle"):
        imported(file_bytes(tensors, operators))


@pytest.mark.parametrize("quantized", [False, True])
def test_float_activations_are_named_not_the_input(quantized: bool) -> None:
    """A float model, and one with int8 weights alone."""
    data = np.ones((4, 4), np.int8 if quantized else np.float32)
    kind = "int8" if quantized else "float32"
    w = FileTensor("w", (4, 4), kind, (0.1,) if quantized else (), data=data)
    op = operator("FULLY_CONNECTED", ("x", "w"), options="FullyConnectedOptions")
    model = file_bytes([_float("x"), w, _float("y")], [op])
    with pytest.raises(UnsupportedOp, match=r"operator 0 \(FULLY_CONNECTED\).*are float32"):
        imported(model)


@pytest.mark.parametrize("scale", [0.1, 0.2])
def test_an_input_that_is_quantized_twice(scale: float) -> None:
    tensors = [_float("x"), activation("a", (1, 4)), activation("b", (1, 4), scale)]
    tensors.append(activation("y", (1, 4), 0.3))
    operators = [operator("QUANTIZE", ("x",), (name,)) for name in "ab"]
    model = file_bytes(tensors, [*operators, operator("ADD", ("a", "b"), options="AddOptions")])
    if scale == 0.1:
        assert imported(model).inputs == ("x",)
        return
    with pytest.raises(UnsupportedOp, match=r"operator 1 \(QUANTIZE\).*second way"):
        imported(model)


# What no output needs


def test_a_dead_branch_is_pruned(tmp_path: Path) -> None:
    """An operator that hwkit lacks, a tensor without a size, and a float input, all unread."""
    tensors = [
        activation("x", (1, 4)),
        _float("unread"),
        _float("dead"),
        activation("none", (1, 0)),
        activation("y", (1, 4)),
    ]
    operators = [
        operator("SIN", ("unread",), ("dead",)),
        operator("GELU", ("x",), ("none",)),
        operator("RELU", ("x",)),
    ]
    graph = imported(file_bytes(tensors, operators, ("x", "unread")))
    assert (graph.inputs, len(graph.nodes)) == (("x",), 1)


# Inputs, outputs and names


def test_several_inputs_and_outputs(tmp_path: Path) -> None:
    """One output is read on, one named twice, one an input, one a constant."""
    tensors = [activation(name, (1, 4)) for name in "xzab"]
    tensors.append(values("k", np.arange(4)[None]))
    operators = [operator("RELU", ("x",), ("a",)), operator("MAXIMUM", ("a", "z"), ("b",))]
    graph = imported(file_bytes(tensors, operators, ("x", "z"), ("b", "a", "b", "x", "k")))
    x, z = np.array([[-9, 9, 20, -7]]), np.array([[5, 5, 5, 90]])
    results = graph.predict({"x": x, "z": z})
    assert isinstance(results, dict) and len(results) == 5
    b, a, again, same, constant = results.values()
    assert b.tolist() == again.tolist() == [[5, 9, 20, 90]] and a.tolist() == [[3, 9, 20, 3]]
    assert same.tolist() == x.tolist() and constant.tolist() == [[0, 1, 2, 3]]


_NAMES = [
    ["fully_connected_1/weight", "fully_connected_0", "fully_connected_1"],
    ["fully_connected_0/flatten", "fully_connected_1/weight", "fully_connected_0/weight"],
    ["", "", ""],
    ["same", "same", "same"],
    ["x" * 300, "x" * 300 + "y", "z" * 5000],
    ["a\nb", "a\tb", "\x00\x1b[31m"],
    ["a", "a#2", "a"],
    ["a/rank4", "a", "a/constant2/value"],
    [b"\xff\xfe", b"\xc3", "é漢🙂"],
]


@pytest.mark.parametrize("names", _NAMES, ids=range(len(_NAMES)))
def test_any_tensor_names(names: list[Any], tmp_path: Path) -> None:
    tensors = [
        activation("x", (1, 2, 2)),
        weights("w", RNG.integers(-127, 128, (4, 4)), 0.1),
        activation("m", (1, 4), 5.0),
        weights("v", RNG.integers(-127, 128, (4, 4)), 0.1),
        activation("y", (1, 4), 50.0),
    ]
    options = "FullyConnectedOptions"
    operators = [
        operator("FULLY_CONNECTED", ("x", "w", None), ("m",), options),
        operator("FULLY_CONNECTED", ("m", "v", None), ("y",), options),
    ]

    def rename(tree: Any) -> None:
        for place, name in zip((0, 2, 4), names, strict=True):
            tree.subgraphs[0].tensors[place].name = name

    graph = as_tflm(changed(file_bytes(tensors, operators), rename), tmp_path, 9)
    assert all(name.isprintable() and name for name in graph.tensors)


# Which axis the scales lie along


@pytest.mark.parametrize("axis", [1, 2, 3])
def test_weight_scales_along_another_axis_are_named(axis: int) -> None:
    """Every axis of the weight has 4 places."""
    w = weights("w", np.ones((4, 4, 4, 4), np.int8), (0.1, 0.2, 0.3, 0.4), axis)
    op = operator("CONV_2D", ("x", "w"), options="Conv2DOptions", strideH=1, strideW=1)
    model = file_bytes([activation("x", MAP), w, activation("y", MAP)], [op])
    with pytest.raises(UnsupportedOp, match=rf"4 weight scales along axis {axis}; channels are"):
        imported(model)


@pytest.mark.parametrize("axis", [1, 2, 3])
@pytest.mark.parametrize("what", ["x", "y", "k"])
def test_activation_scales_along_an_axis_are_named(what: str, axis: int) -> None:
    scale = {"x": (0.1,), "k": (0.1,), "y": (0.1,)} | {what: (0.1, 0.2, 0.3, 0.4)}
    tensors = [
        FileTensor(name, MAP, "int8", scale[name], 0, axis, np.ones(MAP) if name == "k" else None)
        for name in "xky"
    ]
    model = file_bytes(tensors, [operator("ADD", ("x", "k"), options="AddOptions")])
    with pytest.raises(UnsupportedOp, match=f"'{what}'.*4 scales along axis {axis}"):
        imported(model)


def test_zero_points_by_channel_are_named() -> None:
    w = weights("w", np.ones((4, 4), np.int8), (0.1,) * 4)
    op = operator("FULLY_CONNECTED", ("x", "w"), options="FullyConnectedOptions")
    model = file_bytes([activation("x", (1, 4)), w, activation("y", (1, 4))], [op])

    def differ(tree: Any) -> None:
        tree.subgraphs[0].tensors[1].quantization.zeroPoint = np.array([0, 1, 0, 2])

    with pytest.raises(UnsupportedOp, match=r"\(FULLY_CONNECTED\).*weights must be symmetric"):
        imported(changed(model, differ))


def test_scales_by_block_are_named() -> None:
    model = file_bytes(
        [activation("x", (1, 4)), activation("y", (1, 4))], [operator("RELU", ("x",))]
    )

    def blocks(tree: Any) -> None:
        quantization = tree.subgraphs[0].tensors[0].quantization
        quantization.detailsType = schema().QuantizationDetails.BlockwiseQuantization
        quantization.details = schema().BlockwiseQuantizationT()

    with pytest.raises(FormatError, match="tensor 'x' has scales by block"):
        imported(changed(model, blocks))


# Files that are none


@pytest.mark.parametrize("seed", range(40))
def test_random_bytes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    data = bytearray(rng.integers(0, 256, int(rng.integers(0, 3000)), np.uint8).tobytes())
    data[4:8] = b"TFL3"
    data[0:4] = int(rng.integers(0, max(len(data), 9))).to_bytes(4, "little")
    with pytest.raises(HwkitError) as caught:
        imported(bytes(data))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


def test_a_stride_is_1_to_65536() -> None:
    def read(value: int) -> int:
        return size_option(FileOperator("CONV_2D", (), (), {"stride_w": value}), "stride_w")

    assert (read(1), read(1 << 16)) == (1, 1 << 16)
    for value in (0, (1 << 16) + 1):
        with pytest.raises(FormatError, match=f"stride_w is {value}"):
            read(value)


@pytest.mark.parametrize(("inputs", "outputs"), [(("x", "x"), ("y",)), (("x",), ("y", "z"))])
def test_a_conversion_of_two_tensors_is_named(
    inputs: tuple[str, ...], outputs: tuple[str, ...]
) -> None:
    tensors = [FileTensor("x", (1, 4), "int8", (0.1,), 3), _float("y"), _float("z")]
    model = file_bytes(tensors, [operator("DEQUANTIZE", inputs, outputs)], ("x",), ("y",))
    with pytest.raises(HwkitError, match="DEQUANTIZE"):
        imported(model)


def test_groups_of_as_many_channels_as_there_may_be() -> None:
    channels = 1 << 16
    w = np.ones((2, 1, 1, channels // 2), np.int8)
    tensors = [
        FileTensor("x", (1, 1, 1, channels), "int8", (0.1,), 3),
        FileTensor("w", w.shape, "int8", (0.1,), 0, data=w),
        FileTensor("y", (1, 1, 1, 2), "int8", (0.5,), 3),
    ]
    operators = [operator("CONV_2D", ("x", "w"), ("y",), "Conv2DOptions", strideH=1, strideW=1)]
    graph = imported(file_bytes(tensors, operators))
    weight = next(graph.constants[op.weight] for op in graph.nodes if isinstance(op, Conv2d))
    halves = np.arange(channels) < channels // 2
    np.testing.assert_array_equal(weight.reshape(2, channels), [halves, ~halves])
