"""Every .tflite operator alone: the graph gives TFLM's integers, random and extreme ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwkit.errors import UnsupportedOp
from hwkit.importers.tflite.file import parse
from hwkit.importers.tflite.importer import convert
from hwkit.ir.ops import Clamp, Lookup, Reshape, SumPool2d
from tests.importers.tflite.files import (
    activation,
    as_tflm,
    file_bytes,
    integers,
    operator,
    values,
    weights,
)

MAP = (1, 4, 5, 3)
RNG = np.random.default_rng(0)


@pytest.mark.parametrize("other", [MAP, (1, 1, 1, 3), (1, 1, 5, 1), (1, 4, 1, 3)])
@pytest.mark.parametrize("fused", range(4))
@pytest.mark.parametrize("code", ["ADD", "SUB", "MUL"])
def test_two_operands(code: str, fused: int, other: tuple[int, ...], tmp_path: Path) -> None:
    scales = {"ADD": 0.15, "SUB": 0.15, "MUL": 0.04}
    tensors = [
        activation("x", MAP, 0.07, 11),
        activation("z", other, 0.031, -100),
        activation("y", MAP, scales[code], -7),
    ]
    options = f"{code.title()}Options"
    op = operator(code, ("x", "z"), options=options, fusedActivationFunction=fused)
    as_tflm(file_bytes(tensors, [op], ("x", "z")), tmp_path)
    swapped = operator(code, ("z", "x"), options=options, fusedActivationFunction=fused)
    as_tflm(file_bytes(tensors, [swapped], ("x", "z")), tmp_path)


@pytest.mark.parametrize("shape", [(), (1,), (3,), (5, 1), (1, 1, 1, 3), (4, 5, 3), MAP])
@pytest.mark.parametrize("code", ["ADD", "SUB", "MUL"])
def test_constant_operands(code: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    constant = values("k", RNG.integers(-128, 128, shape), 0.05, 7)
    tensors = [activation("x", MAP, 0.11, -128), constant, activation("y", MAP, 0.3, 127)]
    options = f"{code.title()}Options"
    for inputs in (("x", "k"), ("k", "x")):
        op = operator(code, inputs, options=options)
        as_tflm(file_bytes(tensors, [op]), tmp_path)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("code", ["ADD", "SUB", "MUL"])
def test_two_operands_of_any_scale(code: str, seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    first, second = (float(np.float32(10 ** rng.uniform(-4, 1))) for _ in range(2))
    top = max(first, second) if code != "MUL" else first * second * 128
    output = float(np.float32(top * 10 ** rng.uniform(-1, 1)))
    points = rng.integers(-128, 128, 3).tolist()
    tensors = [
        activation("x", (1, 40), first, points[0]),
        activation("z", (1, 40), second, points[1]),
        activation("y", (1, 40), output, points[2]),
    ]
    op = operator(code, ("x", "z"), options=f"{code.title()}Options")
    as_tflm(file_bytes(tensors, [op], ("x", "z")), tmp_path, 40, seed)


_ALL = np.arange(-128, 128)


@pytest.mark.parametrize("zero_point", [-128, -5, 0, 127])
@pytest.mark.parametrize("scale", [2.0**-12, 0.0039, 0.04, 1 / 16, 0.21, 1.7])
@pytest.mark.parametrize("code", ["LOGISTIC", "TANH", "HARD_SWISH", "LEAKY_RELU", "RELU", "RELU6"])
def test_functions_of_one_integer(code: str, scale: float, zero_point: int, tmp_path: Path) -> None:
    output, point = {
        "LOGISTIC": (1 / 256, -128),
        "TANH": (1 / 128, 0),
        "RELU": (scale * 0.7, -128),
        "RELU6": (scale, zero_point),
    }.get(code, (scale * 0.9, -20))
    tensors = [activation("x", (1, 64), scale, zero_point), activation("y", (1, 64), output, point)]
    leaky = code == "LEAKY_RELU"
    fields: dict[str, Any] = {"alpha": 0.17} if leaky else {}
    op = operator(code, ("x",), options="LeakyReluOptions" if leaky else "", **fields)
    graph = as_tflm(file_bytes(tensors, [op]), tmp_path, 24)
    assert isinstance(graph.nodes[0], Lookup) == (code not in ("RELU", "RELU6"))


@pytest.mark.parametrize("alpha", [-0.5, 0.0, 1e-7, 0.3, 1.5, 30.0])
def test_leaky_relu_of_any_slope(alpha: float, tmp_path: Path) -> None:
    tensors = [activation("x", (1, 64), 0.1, 9), activation("y", (1, 64), 0.35, -3)]
    op = operator("LEAKY_RELU", ("x",), options="LeakyReluOptions", alpha=alpha)
    as_tflm(file_bytes(tensors, [op]), tmp_path)


@pytest.mark.parametrize("ratio", [1 / 127, 0.1, 1.0, 8.0, 1000.0])
@pytest.mark.parametrize("scale", [1e-4, 0.01, 0.1, 20.0])
def test_hard_swish_of_any_scale(scale: float, ratio: float, tmp_path: Path) -> None:
    tensors = [activation("x", (1, 64), scale, 9), activation("y", (1, 64), scale * ratio, -3)]
    as_tflm(file_bytes(tensors, [operator("HARD_SWISH", ("x",))]), tmp_path)


def test_relu6_passes_integers_on_whatever_the_output_scale(tmp_path: Path) -> None:
    tensors = [activation("x", (1, 64), 0.1, 9), activation("y", (1, 64), 6 / 255, -128)]
    graph = as_tflm(file_bytes(tensors, [operator("RELU6", ("x",))]), tmp_path)
    assert isinstance(graph.nodes[0], Clamp)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 1, 1), (4, 5, 3), (3,)])
@pytest.mark.parametrize("zero_point", [0, -128])
def test_prelu(zero_point: int, shape: tuple[int, ...], tmp_path: Path) -> None:
    slope = values("a", RNG.integers(-128, 128, shape), 0.004, zero_point)
    tensors = [activation("x", MAP, 0.1, 4), slope, activation("y", MAP, 0.08, -11)]
    as_tflm(file_bytes(tensors, [operator("PRELU", ("x", "a"))]), tmp_path)


@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize(
    ("shape", "axes", "reduced"),
    [
        ((1, 4, 5, 3), (1, 2), (1, 1, 1, 3)),
        ((1, 4, 5, 3), (2, 1), (1, 1, 1, 3)),
        ((1, 4, 5, 3), (-3, -2), (1, 1, 1, 3)),
        ((1, 4, 5, 3), (2,), (1, 4, 1, 3)),
        ((1, 4, 5, 3), (1,), (1, 1, 5, 3)),
        ((1, 4, 5, 3), (3,), (1, 4, 5, 1)),
        ((1, 4, 5, 3), (-1, -2), (1, 4, 1, 1)),
        ((1, 7, 3), (1,), (1, 1, 3)),
        ((1, 13), (1,), (1, 1)),
        ((1, 48, 48, 2), (1, 2), (1, 1, 1, 2)),
    ],
)
def test_mean(
    shape: tuple[int, ...],
    axes: tuple[int, ...],
    reduced: tuple[int, ...],
    keep: bool,
    same: bool,
    tmp_path: Path,
) -> None:
    gone = [axis % len(shape) for axis in axes]
    output = reduced if keep else tuple(n for k, n in enumerate(reduced) if k not in gone)
    facts = (0.1, -9) if same else (0.031, 17)
    tensors = [
        activation("x", shape, 0.1, -9),
        integers("k", axes),
        activation("y", output, *facts),
    ]
    op = operator("MEAN", ("x", "k"), options="ReducerOptions", keepDims=keep)
    graph = as_tflm(file_bytes(tensors, [op]), tmp_path)
    pools = [node for node in graph.nodes if not isinstance(node, Reshape)]
    assert [type(node) for node in pools] == [SumPool2d]


@pytest.mark.parametrize("seed", range(20))
def test_mean_of_any_scale_and_count(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    height, width = rng.integers(1, 20, 2).tolist()
    scale, ratio = 10 ** rng.uniform(-3, 0), 10 ** rng.uniform(-1.5, 1)
    points = rng.integers(-128, 128, 2).tolist()
    tensors = [
        activation("x", (1, height, width, 4), scale, points[0]),
        integers("k", (1, 2)),
        activation("y", (1, 4), scale * ratio, points[1]),
    ]
    op = operator("MEAN", ("x", "k"), options="ReducerOptions", keepDims=False)
    as_tflm(file_bytes(tensors, [op]), tmp_path, 40, seed)


@pytest.mark.parametrize(("axis", "parts"), [(1, 2), (3, 3), (-1, 3), (2, 5), (0, 1)])
def test_split(axis: int, parts: int, tmp_path: Path) -> None:
    shape = list(MAP)
    shape[axis] //= parts
    names = tuple(f"y{k}" for k in range(parts))
    tensors = [activation("x", MAP), integers("k", axis)]
    tensors += [activation(name, tuple(shape)) for name in names]
    op = operator("SPLIT", ("k", "x"), names, "SplitOptions", numSplits=parts)
    as_tflm(file_bytes(tensors, [op], outputs=names), tmp_path, 4)


def test_split_into_uneven_parts(tmp_path: Path) -> None:
    names = ("y0", "y1", "y2")
    tensors = [activation("x", MAP), integers("s", (1, 3, 1)), integers("k", 2)]
    tensors += [activation(name, (1, 4, n, 3)) for name, n in zip(names, (1, 3, 1), strict=True)]
    op = operator("SPLIT_V", ("x", "s", "k"), names, "SplitVOptions", numSplits=3)
    as_tflm(file_bytes(tensors, [op], outputs=names), tmp_path, 4)


@pytest.mark.parametrize(
    ("begin", "size", "output"),
    [
        ((0, 1, 2, 0), (1, 2, 3, 3), (1, 2, 3, 3)),
        ((0, 0, 0, 1), (-1, -1, -1, -1), (1, 4, 5, 2)),
        ((0, 0, 0, 0), MAP, MAP),
    ],
)
def test_slice(
    begin: tuple[int, ...], size: tuple[int, ...], output: tuple[int, ...], tmp_path: Path
) -> None:
    tensors = [activation("x", MAP), integers("b", begin), integers("s", size)]
    tensors.append(activation("y", output))
    as_tflm(file_bytes(tensors, [operator("SLICE", ("x", "b", "s"))]), tmp_path, 4)


@pytest.mark.parametrize(
    ("begin", "end", "stride", "masks", "output"),
    [
        ((0, 1, 0, 0), (1, 4, 5, 3), (1, 2, 1, 1), (0, 0, 0), (1, 2, 5, 3)),
        ((0, 0, 1, 0), (0, 0, -1, 0), (1, 1, 2, 1), (11, 11, 0), (1, 4, 2, 3)),
        ((0, 3, 4, 2), (1, 0, 0, 0), (1, -1, -2, -1), (0, 14, 0), (1, 4, 3, 3)),
        ((0, -3, 0, 0), (1, 99, 5, 3), (1, 1, 1, 1), (0, 0, 0), (1, 3, 5, 3)),
        ((0, 2, 0, 0), (1, 3, 5, 3), (1, 1, 1, 1), (0, 0, 2), (1, 5, 3)),
        ((0, 0, 0, -1), (1, 4, 5, 0), (1, 1, 1, 1), (0, 0, 9), (4, 5)),
    ],
)
def test_strided_slice(
    begin: tuple[int, ...],
    end: tuple[int, ...],
    stride: tuple[int, ...],
    masks: tuple[int, int, int],
    output: tuple[int, ...],
    tmp_path: Path,
) -> None:
    tensors = [activation("x", MAP)]
    tensors += [integers(n, v) for n, v in (("b", begin), ("e", end), ("s", stride))]
    tensors.append(activation("y", output))
    fields: dict[str, Any] = {
        "beginMask": masks[0],
        "endMask": masks[1],
        "shrinkAxisMask": masks[2],
    }
    op = operator("STRIDED_SLICE", ("x", "b", "e", "s"), options="StridedSliceOptions", **fields)
    as_tflm(file_bytes(tensors, [op]), tmp_path, 4)


@pytest.mark.parametrize(
    "axes", [(0, 2, 1, 3), (0, 3, 1, 2), (0, 3, 2, 1), (0, 1, 2, 3), (2, 0, 1, 3)]
)
def test_transpose(axes: tuple[int, ...], tmp_path: Path) -> None:
    output = tuple(MAP[axis] for axis in axes)
    tensors = [activation("x", MAP), integers("k", axes), activation("y", output)]
    as_tflm(file_bytes(tensors, [operator("TRANSPOSE", ("x", "k"))]), tmp_path, 4)


@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize("centres", [False, True])
@pytest.mark.parametrize("size", [(8, 10), (4, 5), (3, 11), (1, 2), (7, 1), (13, 29)])
def test_resize_nearest(size: tuple[int, int], centres: bool, align: bool, tmp_path: Path) -> None:
    tensors = [activation("x", MAP), integers("s", size), activation("y", (1, *size, 3))]
    op = operator(
        "RESIZE_NEAREST_NEIGHBOR",
        ("x", "s"),
        options="ResizeNearestNeighborOptions",
        alignCorners=align,
        halfPixelCenters=centres,
    )
    as_tflm(file_bytes(tensors, [op]), tmp_path, 4)


@pytest.mark.parametrize("axis", [1, 2, -1])
def test_pack_and_unpack(axis: int, tmp_path: Path) -> None:
    shape = [1, 4, 3]
    shape.insert(axis % 4, 2)
    tensors = [activation(name, (1, 4, 3)) for name in ("x", "z", "u", "v")]
    tensors.append(activation("p", tuple(shape)))
    operators = [
        operator("PACK", ("x", "z"), ("p",), "PackOptions", axis=axis, valuesCount=2),
        operator("UNPACK", ("p",), ("u", "v"), "UnpackOptions", axis=axis, num=2),
    ]
    as_tflm(file_bytes(tensors, operators, ("x", "z"), ("p", "u", "v")), tmp_path, 4)


def test_concat_with_a_constant(tmp_path: Path) -> None:
    constant = values("k", RNG.integers(-128, 128, (1, 4, 5, 2)))
    tensors = [activation("x", MAP), constant, activation("y", (1, 4, 5, 5))]
    op = operator("CONCATENATION", ("k", "x"), options="ConcatenationOptions", axis=3)
    as_tflm(file_bytes(tensors, [op]), tmp_path, 4)


@pytest.mark.parametrize(
    ("shape", "amounts"),
    [
        ((1, 6, 3), ((0, 0), (2, 1), (0, 0))),
        ((1, 4, 5, 3), ((0, 0), (0, 0), (0, 0), (1, 2))),
        ((1, 4, 5, 3), ((0, 0), (1, 0), (0, 2), (0, 1))),
        ((1, 9), ((0, 0), (3, 4))),
    ],
)
def test_pad_of_any_axis(
    shape: tuple[int, ...], amounts: tuple[tuple[int, int], ...], tmp_path: Path
) -> None:
    output = tuple(n + a + b for n, (a, b) in zip(shape, amounts, strict=True))
    tensors = [activation("x", shape), integers("p", amounts), activation("y", output)]
    as_tflm(file_bytes(tensors, [operator("PAD", ("x", "p"), options="PadOptions")]), tmp_path, 4)


@pytest.mark.parametrize("code", ["MAXIMUM", "MINIMUM"])
@pytest.mark.parametrize("inputs", [("x", "k"), ("k", "x")])
def test_extremum_with_a_constant(code: str, inputs: tuple[str, str], tmp_path: Path) -> None:
    tensors = [activation("x", MAP), values("k", [17]), activation("y", MAP)]
    op = operator(code, inputs, options="MaximumMinimumOptions")
    graph = as_tflm(file_bytes(tensors, [op]), tmp_path, 6)
    assert isinstance(graph.nodes[0], Clamp)


@pytest.mark.parametrize("shape", [MAP, (1, 1, 1, 3), (1, 4, 1, 1)])
@pytest.mark.parametrize("code", ["MAXIMUM", "MINIMUM"])
def test_extremum_of_two(code: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    tensors = [activation("x", MAP), activation("z", shape), activation("y", MAP)]
    for inputs in (("x", "z"), ("z", "x")):
        op = operator(code, inputs, options="MaximumMinimumOptions")
        as_tflm(file_bytes(tensors, [op], ("x", "z")), tmp_path)
    constant = values("z", RNG.integers(-128, 128, shape))
    op = operator(code, ("x", "z"), options="MaximumMinimumOptions")
    as_tflm(file_bytes([tensors[0], constant, tensors[2]], [op]), tmp_path, 6)


@pytest.mark.parametrize("code", ["EXPAND_DIMS", "SQUEEZE"])
def test_axes_of_one(code: str, tmp_path: Path) -> None:
    wide, narrow = (1, 4, 1, 3), (1, 4, 3)
    source, output = (narrow, wide) if code == "EXPAND_DIMS" else (wide, narrow)
    tensors = [activation("x", source), integers("k", 2), activation("y", output)]
    inputs = ("x", "k") if code == "EXPAND_DIMS" else ("x",)
    options: dict[str, Any] = {"squeezeDims": [2]} if code == "SQUEEZE" else {}
    name = "ExpandDimsOptions" if code == "EXPAND_DIMS" else "SqueezeOptions"
    graph = as_tflm(
        file_bytes(tensors, [operator(code, inputs, options=name, **options)]), tmp_path, 4
    )
    assert isinstance(graph.nodes[0], Reshape)


@pytest.mark.parametrize("dtype", ["int8", "int4"])
@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize(
    ("stride", "dilation"), [((1, 1), (1, 1)), ((2, 3), (1, 1)), ((1, 1), (2, 3))]
)
@pytest.mark.parametrize("code", ["CONV_2D", "DEPTHWISE_CONV_2D"])
def test_convolutions(
    code: str,
    stride: tuple[int, int],
    dilation: tuple[int, int],
    padding: int,
    per_channel: bool,
    dtype: str,
    tmp_path: Path,
) -> None:
    shape, kernel, outputs = (1, 9, 10, 3), (3, 2), 6
    deep = code == "DEPTHWISE_CONV_2D"
    form = (1, *kernel, outputs) if deep else (outputs, *kernel, 3)
    limit = 7 if dtype == "int4" else 127
    rng = np.random.default_rng(stride[0] + padding)
    scale = tuple(rng.uniform(0.001, 0.02, outputs if per_channel else 1).tolist())
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    sizes = [
        -(-n // s) if padding == 0 else (n - span) // s + 1
        for n, s, span in zip(shape[1:3], stride, spans, strict=True)
    ]
    bias = rng.integers(-3000, 3000, outputs).astype(np.int32)
    tensors = [
        activation("x", shape, 0.05, -9),
        weights("w", rng.integers(-limit - 1, limit + 1, form), scale, 3 if deep else 0, dtype),
        weights("b", bias, tuple(0.05 * s for s in scale), 0, "int32"),
        activation("y", (1, *sizes, outputs), 0.04 if dtype == "int8" else 0.01, 20),
    ]
    fields: dict[str, Any] = {
        "padding": padding,
        "strideH": stride[0],
        "strideW": stride[1],
        "dilationHFactor": dilation[0],
        "dilationWFactor": dilation[1],
        "fusedActivationFunction": 1,
    }
    if deep:
        fields["depthMultiplier"] = 2
    options = "DepthwiseConv2DOptions" if deep else "Conv2DOptions"
    op = operator(code, ("x", "w", "b"), options=options, **fields)
    as_tflm(file_bytes(tensors, [op]), tmp_path, 10)


@pytest.mark.parametrize("dtype", ["int8", "int4"])
@pytest.mark.parametrize(
    ("shape", "output"), [((1, 33), (1, 5)), ((1, 4, 33), (1, 4, 5)), ((2, 33), (2, 5))]
)
def test_dense_of_rows(
    shape: tuple[int, ...], output: tuple[int, ...], dtype: str, tmp_path: Path
) -> None:
    limit = 7 if dtype == "int4" else 127
    flat = (1, int(np.prod(shape)))
    tensors = [
        activation("x", flat, 0.05, -9),
        integers("s", shape),
        activation("r", shape, 0.05, -9),
        weights("w", RNG.integers(-limit, limit + 1, (5, 33)), 0.01, 0, dtype),
        activation("y", output, 0.3, 2),
    ]
    operators = [
        operator("RESHAPE", ("x", "s"), ("r",), "ReshapeOptions", newShape=list(shape)),
        operator(
            "FULLY_CONNECTED",
            ("r", "w", None),
            ("y",),
            "FullyConnectedOptions",
            keepNumDims=len(shape) > 2,
        ),
    ]
    as_tflm(file_bytes(tensors, operators), tmp_path, 20)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(
    ("padding", "stride", "kernel", "sides"),
    [
        (0, (2, 2), (3, 3), (8, 10)),
        (0, (2, 2), (4, 2), (7, 10)),
        (0, (1, 3), (2, 5), (4, 13)),
        (0, (3, 2), (2, 1), (12, 9)),
        (1, (2, 2), (3, 2), (9, 10)),
        (1, (3, 2), (2, 3), (11, 11)),
        (1, (1, 1), (3, 3), (6, 7)),
        (1, (2, 1), (2, 2), (9, 6)),
    ],
)
def test_transpose_conv(
    padding: int,
    stride: tuple[int, int],
    kernel: tuple[int, int],
    sides: tuple[int, int],
    bias: bool,
    tmp_path: Path,
) -> None:
    rng = np.random.default_rng(kernel[0])
    scale = tuple(rng.uniform(0.001, 0.02, 6).tolist())
    output = (1, *sides, 6)
    tensors = [
        activation("x", MAP, 0.05, -9),
        integers("s", output),
        weights("w", rng.integers(-127, 128, (6, *kernel, 3)), scale),
        weights("b", rng.integers(-3000, 3000, 6), tuple(0.05 * s for s in scale), 0, "int32"),
        activation("y", output, 0.04, 20),
    ]
    inputs = ("s", "w", "x", "b") if bias else ("s", "w", "x")
    fields: dict[str, Any] = {"padding": padding, "strideH": stride[0], "strideW": stride[1]}
    op = operator("TRANSPOSE_CONV", inputs, options="TransposeConvOptions", **fields)
    as_tflm(file_bytes(tensors, [op]), tmp_path, 10)


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("inner", [0, 1])
@pytest.mark.parametrize(
    ("block", "pads", "crops"),
    [
        ((2, 2), ((2, 2), (2, 3)), ((0, 0), (0, 1))),
        ((3, 1), ((0, 2), (0, 0)), ((0, 0), (0, 0))),
        ((2, 3), ((1, 1), (0, 2)), ((1, 0), (0, 0))),
    ],
)
@pytest.mark.parametrize("code", ["CONV_2D", "DEPTHWISE_CONV_2D"])
def test_dilations_by_batches(
    code: str,
    block: tuple[int, int],
    pads: tuple[tuple[int, int], tuple[int, int]],
    crops: tuple[tuple[int, int], tuple[int, int]],
    inner: int,
    shared: bool,
    tmp_path: Path,
) -> None:
    """``inner`` is the padding inside each batch: SAME or VALID. The zero point is the one for
    which TFLM's border is a zero."""
    shape, rng = (1, 10, 7, 3), np.random.default_rng(0)
    deep = code == "DEPTHWISE_CONV_2D"
    form = (1, 3, 2, 3) if deep else (3, 3, 2, 3)
    whole = [shape[1 + k] + sum(pads[k]) for k in range(2)]
    dealt = [n // b for n, b in zip(whole, block, strict=True)]
    assert [n * b for n, b in zip(dealt, block, strict=True)] == whole
    given = [n - inner * lost for n, lost in zip(dealt, (2, 1), strict=True)]
    output = [n * b - sum(crop) for n, b, crop in zip(given, block, crops, strict=True)]
    batches = block[0] * block[1]
    tensors = [
        activation("x", shape, 0.05, 0),
        *(integers(n, v) for n, v in (("b", block), ("p", pads), ("c", crops))),
        activation("d", (batches, *dealt, 3), 0.05, 0),
        weights("w", rng.integers(-127, 128, form), 0.01, 3 if deep else 0),
        weights("k", rng.integers(-999, 999, 3), 0.0005, 0, "int32"),
        activation("s", (batches, *given, 3), 0.03, 20),
        activation("y", (1, *output, 3), 0.03, 20),
    ]
    fields: dict[str, Any] = {"padding": inner, "strideH": 1, "strideW": 1}
    if deep:
        fields["depthMultiplier"] = 1
    options = "DepthwiseConv2DOptions" if deep else "Conv2DOptions"
    operators = [
        operator("SPACE_TO_BATCH_ND", ("x", "b", "p"), ("d",)),
        operator(code, ("d", "w", "k"), ("s",), options, **fields),
        operator("BATCH_TO_SPACE_ND", ("s", "b", "c"), ("y",)),
    ]
    outputs = ("y", "z")[: 1 + shared]
    if shared:
        tensors += [
            activation("t", tensors[7].shape, 0.03, 20),
            activation("z", tensors[8].shape, 0.03, 20),
        ]
        operators += [
            operator(code, ("d", "w", "k"), ("t",), options, fusedActivationFunction=1, **fields),
            operator("BATCH_TO_SPACE_ND", ("t", "b", "c"), ("z",)),
        ]
    graph = as_tflm(file_bytes(tensors, operators, ("x",), outputs), tmp_path, 4)
    assert len(graph.nodes) == len(outputs)


@pytest.mark.parametrize("block", [2, 3])
@pytest.mark.parametrize("code", ["DEPTH_TO_SPACE", "SPACE_TO_DEPTH"])
def test_blocks_of_channels(code: str, block: int, tmp_path: Path) -> None:
    deep, flat = (1, 2, 4, 5 * block**2), (1, 2 * block, 4 * block, 5)
    source, output = (deep, flat) if code == "DEPTH_TO_SPACE" else (flat, deep)
    name = "DepthToSpaceOptions" if code == "DEPTH_TO_SPACE" else "SpaceToDepthOptions"
    op = operator(code, ("x",), options=name, blockSize=block)
    as_tflm(file_bytes([activation("x", source), activation("y", output)], [op]), tmp_path, 4)


@pytest.mark.parametrize("axis", [1, 2, -1])
def test_reverse(axis: int, tmp_path: Path) -> None:
    tensors = [activation("x", MAP), integers("k", [axis]), activation("y", MAP)]
    as_tflm(file_bytes(tensors, [operator("REVERSE_V2", ("x", "k"))]), tmp_path, 4)


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("axes", [(1, 2), (2,), (-1,), (1, 2, 3)])
def test_largest_of_axes(axes: tuple[int, ...], keep: bool, tmp_path: Path) -> None:
    gone = {axis % 4 for axis in axes}
    output = tuple(1 if k in gone else n for k, n in enumerate(MAP) if keep or k not in gone)
    tensors = [activation("x", MAP), integers("k", axes), activation("y", output)]
    op = operator("REDUCE_MAX", ("x", "k"), options="ReducerOptions", keepDims=keep)
    as_tflm(file_bytes(tensors, [op]), tmp_path, 6)


@pytest.mark.parametrize("facts", [(0.1, 4), (0.2, 3)])
def test_the_largest_of_axes_is_not_rescaled(facts: tuple[float, int]) -> None:
    tensors = [activation("x", MAP, 0.1, 3), integers("k", (1, 2)), activation("y", (1, 3), *facts)]
    op = operator("REDUCE_MAX", ("x", "k"), options="ReducerOptions", keepDims=False)
    with pytest.raises(UnsupportedOp, match="must share scale and zero point"):
        convert(parse(file_bytes(tensors, [op])), "m")


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("groups", [2, 4])
def test_grouped_convolution(groups: int, per_channel: bool, tmp_path: Path) -> None:
    rng = np.random.default_rng(groups)
    scale = tuple(rng.uniform(0.001, 0.02, 8 if per_channel else 1).tolist())
    tensors = [
        activation("x", (1, 5, 5, 8), 0.05, -9),
        weights("w", rng.integers(-127, 128, (8, 3, 2, 8 // groups)), scale),
        weights("b", rng.integers(-999, 999, 8), tuple(0.05 * s for s in scale), 0, "int32"),
        activation("y", (1, 5, 5, 8), 0.04, 20),
    ]
    options = "Conv2DOptions"
    op = operator("CONV_2D", ("x", "w", "b"), options=options, strideH=1, strideW=1)
    as_tflm(file_bytes(tensors, [op]), tmp_path, 10)
