"""16-bit activations with 8-bit weights and 64-bit biases: every integer as in TFLM."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwkit.errors import UnsupportedOp
from hwkit.importers.tflite.file import parse
from hwkit.importers.tflite.importer import convert
from hwkit.ir.traits import Weighted
from hwkit.targets.edge.flatbuffer import FileOperator, FileTensor
from tests.importers.tflite.files import (
    as_tflm,
    file_bytes,
    integers,
    operator,
    tflm,
    weights,
)

MAP = (1, 6, 7, 4)


def wide(name: str, shape: tuple[int, ...], scale: float = 0.001) -> FileTensor:
    return FileTensor(name, shape, "int16", (scale,), 0)


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("code", ["CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"])
def test_weighted(code: str, per_channel: bool, tmp_path: Path) -> None:
    """With a bias: TFLM's 16-bit convolutions read it without asking."""
    rng = np.random.default_rng(per_channel)
    form, axis, output = {
        "CONV_2D": ((5, 3, 2, 4), 0, (1, 6, 7, 5)),
        "DEPTHWISE_CONV_2D": ((1, 3, 2, 8), 3, (1, 6, 7, 8)),
        "FULLY_CONNECTED": ((5, 168), 0, (1, 5)),
    }[code]
    channels = form[axis]
    scale = tuple(rng.uniform(0.002, 0.02, channels if per_channel else 1).tolist())
    x = wide("x", (1, 168) if code == "FULLY_CONNECTED" else MAP)
    tensors = [
        x,
        weights("w", rng.integers(-127, 128, form), scale, axis),
        weights(
            "b",
            rng.integers(-(10**7), 10**7, channels),
            tuple(0.001 * s for s in scale),
            0,
            "int64",
        ),
        wide("y", output, 0.004),
    ]
    options = {"CONV_2D": "Conv2DOptions", "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions"}
    fields: dict[str, Any] = {"fusedActivationFunction": 1}
    if code != "FULLY_CONNECTED":
        fields |= {"strideH": 1, "strideW": 1}
    if code == "DEPTHWISE_CONV_2D":
        fields["depthMultiplier"] = 2
    op = operator(
        code, ("x", "w", "b"), options=options.get(code, "FullyConnectedOptions"), **fields
    )
    graph = as_tflm(file_bytes(tensors, [op]), tmp_path, 20)
    layer = graph.nodes[-1]
    assert isinstance(layer, Weighted) and layer.accumulator_bits == 48


def _with_narrow_bias(code: str, form: tuple[int, ...]) -> bytes:
    rng, scales = np.random.default_rng(0), (0.01,) * form[0]
    tensors = [
        wide("x", MAP),
        weights("w", rng.integers(-127, 128, form), scales),
        weights("b", rng.integers(-(10**6), 10**6, form[0]), (1e-5,) * form[0], 0, "int32"),
        wide("y", (1, 6, 7, form[0]), 0.004),
    ]
    deep = code == "DEPTHWISE_CONV_2D"
    options = "DepthwiseConv2DOptions" if deep else "Conv2DOptions"
    op = operator(code, ("x", "w", "b"), options=options, strideH=1, strideW=1)
    return file_bytes(tensors, [op])


def test_convolution_with_32_bit_sums(tmp_path: Path) -> None:
    graph = as_tflm(_with_narrow_bias("CONV_2D", (5, 3, 2, 4)), tmp_path, 20)
    layer = graph.nodes[0]
    assert isinstance(layer, Weighted) and layer.accumulator_bits == 32
    with pytest.raises(UnsupportedOp, match=r"\(DEPTHWISE_CONV_2D\).*want a 64-bit bias"):
        convert(parse(_with_narrow_bias("DEPTHWISE_CONV_2D", (1, 3, 2, 4))), "m")


def test_dense_with_32_bit_sums(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    tensors = [
        wide("x", (1, 300)),
        weights("w", rng.integers(-127, 128, (5, 300)), 0.01),
        weights("b", rng.integers(-(10**8), 10**8, 5), 1e-5, 0, "int32"),
        wide("y", (1, 5), 0.4),
    ]
    op = operator("FULLY_CONNECTED", ("x", "w", "b"), options="FullyConnectedOptions")
    as_tflm(file_bytes(tensors, [op]), tmp_path, 30)


@pytest.mark.parametrize("other", [MAP, (1, 1, 1, 4)])
@pytest.mark.parametrize("code", ["MAXIMUM", "MINIMUM"])
def test_extremum(code: str, other: tuple[int, ...], tmp_path: Path) -> None:
    tensors = [wide("x", MAP), wide("z", other), wide("y", MAP)]
    as_tflm(file_bytes(tensors, [operator(code, ("x", "z"))], ("x", "z")), tmp_path, 20)


@pytest.mark.parametrize("other", [MAP, (1, 1, 1, 4)])
@pytest.mark.parametrize("code", ["ADD", "SUB", "MUL"])
def test_two_operands(code: str, other: tuple[int, ...], tmp_path: Path) -> None:
    tensors = [
        wide("x", MAP),
        wide("z", other, 0.0003),
        wide("y", MAP, 0.02 if code == "MUL" else 0.0015),
    ]
    op = operator(code, ("x", "z"), options=f"{code.title()}Options")
    as_tflm(file_bytes(tensors, [op], ("x", "z")), tmp_path, 20)


def _one(code: str) -> tuple[list[FileTensor], FileOperator]:
    pool: dict[str, Any] = {"filterHeight": 3, "filterWidth": 2, "strideH": 2, "strideW": 1}
    half = (1, 6, 7, 2)
    x = wide("x", MAP)
    match code:
        case "AVERAGE_POOL_2D" | "MAX_POOL_2D":
            y = wide("y", (1, 3, 7, 4))
            return [x, y], operator(code, ("x",), options="Pool2DOptions", **pool)
        case "CONCATENATION":
            y = wide("y", (1, 6, 7, 8))
            op = operator(code, ("x", "x"), options="ConcatenationOptions", axis=3)
            return [x, y], op
        case "PAD":
            amounts = integers("p", [[0, 0], [1, 2], [0, 1], [0, 0]])
            return [x, amounts, wide("y", (1, 9, 8, 4))], operator(code, ("x", "p"))
        case "SLICE":
            parts = [integers("b", [0, 0, 0, 1]), integers("s", [1, 6, 7, 2])]
            return [x, *parts, wide("y", half)], operator(code, ("x", "b", "s"))
        case "TRANSPOSE":
            return [x, integers("k", [0, 2, 1, 3]), wide("y", (1, 7, 6, 4))], operator(
                code, ("x", "k")
            )
        case "REVERSE_V2":
            return [x, integers("k", [2]), wide("y", MAP)], operator(code, ("x", "k"))
        case "RESIZE_NEAREST_NEIGHBOR":
            op = operator(code, ("x", "s"), options="ResizeNearestNeighborOptions")
            return [x, integers("s", (9, 3)), wide("y", (1, 9, 3, 4))], op
        case "QUANTIZE":
            return [x, wide("y", MAP, 0.0017)], operator(code, ("x",))
        case _:
            return [x, wide("y", MAP)], operator(code, ("x",))


@pytest.mark.parametrize(
    "code",
    [
        "AVERAGE_POOL_2D",
        "MAX_POOL_2D",
        "CONCATENATION",
        "PAD",
        "SLICE",
        "TRANSPOSE",
        "REVERSE_V2",
        "RESIZE_NEAREST_NEIGHBOR",
        "QUANTIZE",
        "RELU",
        "RELU6",
        "RESHAPE",
    ],
)
def test_one_operand(code: str, tmp_path: Path) -> None:
    tensors, op = _one(code)
    as_tflm(file_bytes(tensors, [op]), tmp_path, 12)


def test_between_the_widths(tmp_path: Path) -> None:
    tensors = [
        FileTensor("x", MAP, "int8", (0.1,), 3),
        wide("m", MAP, 0.0007),
        FileTensor("y", MAP, "int8", (0.09,), -20),
    ]
    operators = [operator("QUANTIZE", ("x",), ("m",)), operator("QUANTIZE", ("m",), ("y",))]
    as_tflm(file_bytes(tensors, operators), tmp_path)


EVERY = np.arange(-(1 << 15), 1 << 15).astype(np.int16)


@pytest.mark.parametrize("scale", [2.0**-13, 2.0**-12, 1e-5, 0.0003, 0.001, 0.01, 0.3, 4.0])
@pytest.mark.parametrize("code", ["LOGISTIC", "TANH", "LEAKY_RELU"])
def test_functions_of_every_integer(code: str, scale: float) -> None:
    output = 0.9 * scale if code == "LEAKY_RELU" else 1 / 32768
    tensors = [wide("x", (1, EVERY.size), scale), wide("y", (1, EVERY.size), output)]
    leaky = code == "LEAKY_RELU"
    fields: dict[str, Any] = {"alpha": 0.17} if leaky else {}
    op = operator(code, ("x",), options="LeakyReluOptions" if leaky else "", **fields)
    model = file_bytes(tensors, [op])
    got = convert(parse(model), "m").predict(EVERY[None])
    np.testing.assert_array_equal(got, tflm(model, {"x": EVERY[None]}, 1)[0].reshape(1, -1))


@pytest.mark.parametrize("beta", [1.0, 0.3])
@pytest.mark.parametrize("scale", [1e-5, 0.0003, 0.001, 0.01])
@pytest.mark.parametrize("depth", [2, 12, 100])
def test_softmax(depth: int, scale: float, beta: float, tmp_path: Path) -> None:
    tensors = [wide("x", (1, depth), scale), wide("y", (1, depth), 1 / 32768)]
    op = operator("SOFTMAX", ("x",), options="SoftmaxOptions", beta=beta)
    model = file_bytes(tensors, [op])
    as_tflm(model, tmp_path, 20)
    rng = np.random.default_rng(depth)
    x = np.clip(rng.normal(0, 3 / scale, (200, depth)), -32768, 32767).astype(np.int16)
    got = convert(parse(model), "m").predict(x)
    np.testing.assert_array_equal(got, tflm(model, {"x": x}, 1)[0].reshape(200, -1))


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("scale", [0.001, 0.00031])
@pytest.mark.parametrize("side", [(6, 7), (3, 1), (48, 40)])
def test_mean(side: tuple[int, int], scale: float, keep: bool, tmp_path: Path) -> None:
    output = (1, 1, 1, 4) if keep else (1, 4)
    tensors = [wide("x", (1, *side, 4)), integers("k", (1, 2)), wide("y", output, scale)]
    op = operator("MEAN", ("x", "k"), options="ReducerOptions", keepDims=keep)
    as_tflm(file_bytes(tensors, [op]), tmp_path, 12)


@pytest.mark.parametrize("code", ["PRELU", "HARD_SWISH", "DEPTH_TO_SPACE"])
def test_what_has_no_16_bit_form_is_named(code: str) -> None:
    model = file_bytes([wide("x", MAP), wide("y", MAP)], [operator(code, ("x",))])
    with pytest.raises(UnsupportedOp, match=rf"operator 0 \({code}\).*int16 activations"):
        convert(parse(model), "m")


def test_widths_that_meet_are_named() -> None:
    tensors = [wide("x", MAP), FileTensor("y", MAP, "int8", (0.1,), 3)]
    with pytest.raises(UnsupportedOp, match="int16 and int8 meet"):
        convert(parse(file_bytes(tensors, [operator("RELU", ("x",))])), "m")


@pytest.mark.parametrize("code", ["CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"])
@pytest.mark.parametrize(("bits", "scale", "taken"), [(39, 1.0, True), (39, 1e-3, False)])
def test_bias_beyond_32_bits(
    code: str, bits: int, scale: float, taken: bool, tmp_path: Path
) -> None:
    """Runtimes keep 32 bits of a scaled sum before they clamp it: what may wrap is refused."""
    rng = np.random.default_rng(bits)
    form = {"CONV_2D": (4, 1, 1, 4), "DEPTHWISE_CONV_2D": (1, 1, 1, 4), "FULLY_CONNECTED": (4, 4)}
    dense = code == "FULLY_CONNECTED"
    shape = (1, 4) if dense else MAP
    axis = 3 if code == "DEPTHWISE_CONV_2D" else 0
    tensors = [
        wide("x", shape),
        weights("w", rng.integers(-127, 128, form[code]), (0.01,) * 4, axis),
        weights("b", rng.integers(-1 << bits, 1 << bits, 4), (1e-5,) * 4, 0, "int64"),
        wide("y", shape, scale),
    ]
    options = {"CONV_2D": "Conv2DOptions", "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions"}
    fields: dict[str, Any] = {} if dense else {"strideH": 1, "strideW": 1}
    if axis == 3:
        fields["depthMultiplier"] = 1
    op = operator(
        code, ("x", "w", "b"), options=options.get(code, "FullyConnectedOptions"), **fields
    )
    model = file_bytes(tensors, [op])
    if taken:
        as_tflm(model, tmp_path, 20)
        return
    with pytest.raises(UnsupportedOp, match=rf"\({code}\).*its sums reach \d+ steps.*32 bits"):
        convert(parse(model), "m")
