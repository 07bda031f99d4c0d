"""Three networks that hold every operator of the importer, small enough for every board."""

from __future__ import annotations

from typing import Any

import numpy as np

from hwkit.targets.edge.flatbuffer import FileTensor
from tests.importers.tflite.files import activation, integers, operator
from tests.importers.tflite.networks import Net

_RELU6 = 3
_TABLE = (1 / 256, -128)
_SIGNED_TABLE = (1 / 128, 0)


def arithmetic() -> bytes:
    """What computes: strides, dilations, borders, broadcasts, functions of one integer."""
    net = Net((1, 11, 10, 4))
    x = net.conv("x", 6, (3, 2), (2, 1), valid=True)
    y = net.conv(x, 6, (2, 3), dilation=(2, 2), activation=0)
    z = net.depthwise(x, (3, 2), activation=_RELU6)
    x = net.binary("SUB", net.add_op(*_leaky(net, y), alpha=0.2), z, 0.05)
    slopes = net.rng.integers(-128, 128, (1, 1, 6)).astype(np.int8)
    net.tensors.append(FileTensor("slopes", (1, 1, 6), "int8", (0.004,), 0, data=slopes))
    x = net.add_op("PRELU", (x, "slopes"), net.at(x).shape)
    gate = net.unary("LOGISTIC", net.mean(x, keep=True), _TABLE)
    x = net.binary("MUL", x, gate, net.at(x).scale[0] * 0.6)
    x = net.binary("ADD", net.unary("HARD_SWISH", x), net.unary("TANH", x, _SIGNED_TABLE), 0.02)
    x = _pool(net, "MAX_POOL_2D", net.unary("RELU", x), (3, 2), (1, 2))
    x = _pool(net, "AVERAGE_POOL_2D", net.add_op("RELU6", (x,), net.at(x).shape, like=x), (2, 2))
    x = net.unary("QUANTIZE", net.conv(x, 0, (2, 2), multiplier=2))
    return net.file(net.softmax(net.dense(x, 7)))


def movement() -> bytes:
    """What moves integers, and the two operators that compare them."""
    net = Net((1, 6, 5, 4))
    a, b = _split(net, net.conv("x", 6, activation=0), 2)
    b = _numbered(
        net, "STRIDED_SLICE", b, (1, 6, 5, 3), [[0, 5, 0, 0], [1, -7, 5, 3], [1, -1, 1, 1]]
    )
    shape = (1, 2, 6, 5, 3)
    x = net.add_op("PACK", (a, b), shape, "PackOptions", a, axis=1, valuesCount=2)
    x = _numbered(net, "TRANSPOSE", x, (1, 6, 5, 3, 2), [[0, 2, 3, 4, 1]])
    x = net.shaped(x, (1, 6, 5, 6))
    turned = _numbered(
        net, "STRIDED_SLICE", x, (1, 6, 5, 6), [[0, 0, 4, 0], [1, 6, -6, 6], [1, 1, -1, 1]]
    )
    x = net.add_op("MAXIMUM", (x, turned), net.at(x).shape, like=x)
    x = net.add_op("MINIMUM", (x, turned), net.at(x).shape, like=x)
    x = _numbered(net, "PAD", x, (1, 7, 7, 6), [[[0, 0], [1, 0], [0, 2], [0, 0]]])
    x = _numbered(net, "RESIZE_NEAREST_NEIGHBOR", x, (1, 9, 4, 6), [[9, 4]])
    x = _numbered(net, "SLICE", x, (1, 6, 4, 4), [[0, 2, 0, 1], [1, 6, 4, 4]])
    x = net.add_op("CONCATENATION", (x, x), (1, 6, 4, 8), "ConcatenationOptions", x, axis=3)
    return net.file(net.conv(x, 3, (1, 1), activation=0))


def transposed() -> bytes:
    """An autoencoder that grows by transposed convolutions, and one dilated by batches."""
    net = Net((1, 8, 8, 2))
    x = net.conv(net.conv("x", 6, (3, 3), (2, 2)), 8, (3, 3), (2, 2))
    for outputs in (6, 4):
        shape = (1, 2 * net.at(x).shape[1], 2 * net.at(x).shape[2], outputs)
        w, b, scale = net.weighted(x, (outputs, 3, 3, net.at(x).shape[3]), 0, 18)
        net.tensors.append(size := integers(f"{w}/size", shape))
        fields: dict[str, Any] = {"strideH": 2, "strideW": 2, "padding": 0}
        operands = (size.name, w, x, b)
        x = net.add_op(
            "TRANSPOSE_CONV", operands, shape, "TransposeConvOptions", facts=(scale, None), **fields
        )
    return net.file(net.conv(x, 2, activation=0))


def _leaky(net: Net, x: str) -> tuple[str, tuple[str], tuple[int, ...], str]:
    return "LEAKY_RELU", (x,), net.at(x).shape, "LeakyReluOptions"


def _pool(
    net: Net, code: str, x: str, kernel: tuple[int, int], stride: tuple[int, int] = (2, 1)
) -> str:
    _, height, width, channels = net.at(x).shape
    fields: dict[str, Any] = {"filterHeight": kernel[0], "filterWidth": kernel[1]}
    fields |= {"strideH": stride[0], "strideW": stride[1], "padding": 0}
    shape = (1, -(-height // stride[0]), -(-width // stride[1]), channels)
    return net.add_op(code, (x,), shape, "Pool2DOptions", x, **fields)


def _split(net: Net, x: str, parts: int) -> list[str]:
    """Along the channels."""
    tensor, name = net.at(x), net.fresh()
    shape = (*tensor.shape[:-1], tensor.shape[-1] // parts)
    names = [f"{name}/{k}" for k in range(parts)]
    net.tensors += [activation(n, shape, tensor.scale[0], tensor.zero_point) for n in names]
    net.tensors.append(axis := integers(f"{name}/axis", 3))
    net.operators.append(
        operator("SPLIT", (axis.name, x), tuple(names), "SplitOptions", numSplits=parts)
    )
    return names


def _numbered(net: Net, code: str, x: str, shape: tuple[int, ...], numbers: list[Any]) -> str:
    """An operator whose other inputs are constants."""
    name = net.fresh()
    constants = [integers(f"{name}/{k}", value) for k, value in enumerate(numbers)]
    net.tensors += constants
    options = {
        "RESIZE_NEAREST_NEIGHBOR": "ResizeNearestNeighborOptions",
        "STRIDED_SLICE": "StridedSliceOptions",
    }
    inputs = (x, *(tensor.name for tensor in constants))
    return net.add_op(code, inputs, shape, options.get(code, ""), x)


EVERY_OPERATOR = {"arithmetic": arithmetic, "movement": movement, "transposed": transposed}
