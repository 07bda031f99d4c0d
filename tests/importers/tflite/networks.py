"""Whole networks as .tflite files, with random weights: the shapes that others' files have."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from hwkit.targets.edge.flatbuffer import FileOperator, FileTensor
from tests.importers.tflite.files import activation, file_bytes, integers, operator, weights

_RELU, _RELU6 = 1, 3


class Net:
    """Appends operators to one file; each method takes and gives names of activations."""

    def __init__(self, shape: tuple[int, ...], seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.tensors: list[FileTensor] = []
        self.operators: list[FileOperator] = []
        self.inputs = [self.tensor("x", shape, 0.02, -1)]

    def tensor(
        self, name: str, shape: tuple[int, ...], scale: float = 0.0, zero_point: int | None = None
    ) -> str:
        scale = scale or float(self.rng.uniform(0.02, 0.06))
        point = int(self.rng.integers(-128, 100)) if zero_point is None else zero_point
        self.tensors.append(activation(name, shape, scale, point))
        return name

    def at(self, name: str) -> FileTensor:
        return next(tensor for tensor in self.tensors if tensor.name == name)

    def fresh(self) -> str:
        return f"t{len(self.operators)}"

    def add_op(
        self,
        code: str,
        inputs: tuple[str | None, ...],
        shape: tuple[int, ...],
        options: str = "",
        like: str | None = None,
        facts: tuple[float, int | None] = (0.0, None),
        **fields: object,
    ) -> str:
        name = self.fresh()
        if like is not None:
            facts = (self.at(like).scale[0], self.at(like).zero_point)
        self.tensor(name, shape, *facts)
        self.operators.append(operator(code, inputs, (name,), options, **fields))
        return name

    def weighted(
        self, x: str, form: tuple[int, ...], axis: int, taps: int, activation: int = 0
    ) -> tuple[str, str, float]:
        """Weights and bias; the scale at which sums fill eight bits, by small enough weights that
        of 0..6 in front of a ReLU6."""
        channels, name = form[axis], self.fresh()
        steps = self.rng.uniform(0.002, 0.01, channels)
        source = self.at(x).scale[0]
        spread = source * float(steps.mean()) * 73 * 60 * float(np.sqrt(taps))
        scale = 6 / 255 if activation == _RELU6 else spread / 50
        steps *= scale / (spread / 50)
        value = self.rng.integers(-127, 128, form).astype(np.int8)
        bias = self.rng.integers(-4000, 4000, channels).astype(np.int32)
        self.tensors.append(weights(f"{name}/w", value, tuple(steps.tolist()), axis))
        step = tuple((source * steps).tolist())
        self.tensors.append(weights(f"{name}/b", bias, step, 0, "int32"))
        return f"{name}/w", f"{name}/b", scale

    def conv(
        self,
        x: str,
        outputs: int,
        kernel: tuple[int, int] = (3, 3),
        stride: tuple[int, int] = (1, 1),
        activation: int = _RELU,
        dilation: tuple[int, int] = (1, 1),
        valid: bool = False,
        multiplier: int = 0,
    ) -> str:
        """A convolution, or with ``multiplier`` a depthwise one."""
        shape = self.at(x).shape
        channels = shape[3] * multiplier if multiplier else outputs
        form = (1, *kernel, channels) if multiplier else (outputs, *kernel, shape[3])
        taps = prod(kernel) * (1 if multiplier else shape[3])
        w, b, scale = self.weighted(x, form, 3 if multiplier else 0, taps, activation)
        spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
        sides = [
            (n - span) // s + 1 if valid else -(-n // s)
            for n, s, span in zip(shape[1:3], stride, spans, strict=True)
        ]
        fields: dict[str, Any] = {
            "padding": int(valid),
            "strideH": stride[0],
            "strideW": stride[1],
            "dilationHFactor": dilation[0],
            "dilationWFactor": dilation[1],
            "fusedActivationFunction": activation,
        }
        if multiplier:
            fields["depthMultiplier"] = multiplier
        return self.add_op(
            "DEPTHWISE_CONV_2D" if multiplier else "CONV_2D",
            (x, w, b),
            (1, *sides, channels),
            "DepthwiseConv2DOptions" if multiplier else "Conv2DOptions",
            facts=(scale, -128 if activation else None),
            **fields,
        )

    def depthwise(
        self,
        x: str,
        kernel: tuple[int, int] = (3, 3),
        stride: tuple[int, int] = (1, 1),
        activation: int = _RELU,
        **more: Any,
    ) -> str:
        return self.conv(x, 0, kernel, stride, activation, multiplier=1, **more)

    def dense(self, x: str, outputs: int, activation: int = 0) -> str:
        inputs = prod(self.at(x).shape)
        w, b, scale = self.weighted(x, (outputs, inputs), 0, inputs, activation)
        return self.add_op(
            "FULLY_CONNECTED",
            (x, w, b),
            (1, outputs),
            "FullyConnectedOptions",
            facts=(scale, -128 if activation else None),
            fusedActivationFunction=activation,
        )

    def binary(self, code: str, x: str, y: str, scale: float = 0.0) -> str:
        return self.add_op(
            code, (x, y), self.at(x).shape, f"{code.title()}Options", facts=(scale, None)
        )

    def average_pool(self, x: str, kernel: tuple[int, int]) -> str:
        shape = self.at(x).shape
        fields: dict[str, Any] = {"filterHeight": kernel[0], "filterWidth": kernel[1], "padding": 1}
        fields |= {"strideH": kernel[0], "strideW": kernel[1]}
        sides = (shape[1] // kernel[0], shape[2] // kernel[1])
        return self.add_op(
            "AVERAGE_POOL_2D", (x,), (1, *sides, shape[3]), "Pool2DOptions", x, **fields
        )

    def mean(self, x: str, keep: bool = False) -> str:
        shape = self.at(x).shape
        axes = integers(f"{self.fresh()}/axes", (1, 2))
        self.tensors.append(axes)
        output = (1, 1, 1, shape[3]) if keep else (1, shape[3])
        return self.add_op("MEAN", (x, axes.name), output, "ReducerOptions", keepDims=keep)

    def shaped(self, x: str, shape: tuple[int, ...]) -> str:
        return self.add_op("RESHAPE", (x,), shape, "", x)

    def unary(self, code: str, x: str, facts: tuple[float, int | None] = (0.0, None)) -> str:
        return self.add_op(code, (x,), self.at(x).shape, facts=facts)

    def softmax(self, x: str) -> str:
        return self.add_op(
            "SOFTMAX",
            (x,),
            self.at(x).shape,
            "SoftmaxOptions",
            facts=(1 / 256, -128),
            beta=0.05 / self.at(x).scale[0],
        )

    def file(self, *outputs: str) -> bytes:
        return file_bytes(self.tensors, self.operators, tuple(self.inputs), outputs)


def ds_cnn() -> bytes:
    """Keyword spotting of MLPerf Tiny: 49x10 features, four separable blocks."""
    net = Net((1, 49, 10, 1))
    x = net.conv("x", 64, (10, 4), (2, 2))
    for _ in range(4):
        x = net.conv(net.depthwise(x), 64, (1, 1))
    x = net.average_pool(x, (25, 5))
    return net.file(net.softmax(net.dense(net.shaped(x, (1, 64)), 12)))


def mobilenet_v1(side: int = 96) -> bytes:
    """Person detection of MLPerf Tiny: MobileNetV1, width 0.25."""
    net = Net((1, side, side, 3))
    x = net.conv("x", 8, (3, 3), (2, 2), _RELU6)
    blocks = [(16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2), *[(128, 1)] * 5]
    for outputs, stride in (*blocks, (256, 2), (256, 1)):
        x = net.depthwise(x, (3, 3), (stride, stride), _RELU6)
        x = net.conv(x, outputs, (1, 1), activation=_RELU6)
    last = net.at(x).shape
    x = net.average_pool(x, (last[1], last[2]))
    return net.file(net.softmax(net.dense(net.shaped(x, (1, 256)), 2)))


def resnet8() -> bytes:
    """Image classification of MLPerf Tiny: three residual stacks."""
    net = Net((1, 32, 32, 3))
    x = net.conv("x", 16)
    for outputs, stride in ((16, 1), (32, 2), (64, 2)):
        y = net.conv(net.conv(x, outputs, (3, 3), (stride, stride)), outputs, activation=0)
        if stride > 1:
            x = net.conv(x, outputs, (1, 1), (stride, stride), 0)
        x = net.add_op(
            "ADD",
            (x, y),
            net.at(y).shape,
            "AddOptions",
            facts=(net.at(y).scale[0] * 1.3, -128),
            fusedActivationFunction=_RELU,
        )
    x = net.average_pool(x, (8, 8))
    return net.file(net.softmax(net.dense(net.shaped(x, (1, 64)), 10)))


def autoencoder() -> bytes:
    """Anomaly detection of MLPerf Tiny: dense layers down to 8 and back."""
    net = Net((1, 640))
    x = "x"
    for width in (128, 128, 128, 128, 8, 128, 128, 128, 128):
        x = net.dense(x, width, _RELU)
    return net.file(net.dense(x, 640))


def mobilenet_v2() -> bytes:
    """Inverted residuals with linear bottlenecks, then a global mean."""
    net = Net((1, 24, 24, 3))
    x = net.conv("x", 8, (3, 3), (2, 2), _RELU6)
    for outputs, stride, expand in ((8, 1, 4), (16, 2, 6), (16, 1, 6)):
        channels = net.at(x).shape[3]
        y = net.conv(x, channels * expand, (1, 1), activation=_RELU6)
        y = net.depthwise(y, (3, 3), (stride, stride), _RELU6)
        y = net.conv(y, outputs, (1, 1), activation=0)
        same = stride == 1 and outputs == channels
        x = net.binary("ADD", x, y, net.at(y).scale[0] * 1.4) if same else y
    return net.file(net.dense(net.mean(x), 5))


def mobilenet_v3() -> bytes:
    """Hard swish, and squeeze and excitation: a product with one number a channel."""
    net = Net((1, 16, 16, 3))
    x = net.unary("HARD_SWISH", net.conv("x", 8, (3, 3), (2, 2), 0))
    y = net.unary("HARD_SWISH", net.depthwise(x, activation=0))
    gate = net.conv(net.mean(y, keep=True), 4, (1, 1))
    gate = net.unary("LOGISTIC", net.conv(gate, 8, (1, 1), activation=0), (1 / 256, -128))
    y = net.binary("MUL", y, gate, net.at(y).scale[0] * 0.7)
    x = net.binary("ADD", x, net.conv(y, 8, (1, 1), activation=0), 0.1)
    x = net.unary("LEAKY_RELU", x, (0.09, None))
    return net.file(net.dense(net.mean(x), 5))


def streaming() -> bytes:
    """1-D convolutions over time as maps of height 1: dilated, causal by VALID, gated, sliced."""
    net = Net((1, 40, 8))
    net.tensors.append(integers("height", 1))
    x = net.add_op("EXPAND_DIMS", ("x", "height"), (1, 1, 40, 8), "ExpandDimsOptions", "x")
    for dilation in (1, 2, 4):
        y = net.conv(x, 16, (1, 3), dilation=(1, dilation), valid=True, activation=0)
        a, b = net.fresh() + "/a", net.fresh() + "/b"
        shape = (*net.at(y).shape[:3], 8)
        facts = (net.at(y).scale[0], net.at(y).zero_point)
        net.tensors += [activation(a, shape, *facts), activation(b, shape, *facts)]
        net.tensors.append(axis := integers(f"{a}/axis", 3))
        net.operators.append(operator("SPLIT", (axis.name, y), (a, b), "SplitOptions", numSplits=2))
        gate = net.unary("LOGISTIC", b, (1 / 256, -128))
        y = net.binary("MUL", net.unary("TANH", a, (1 / 128, 0)), gate, 1 / 100)
        begin = net.at(x).shape[2] - shape[2]
        net.tensors += [
            integers(f"{y}/begin", (0, 0, begin, 0)),
            integers(f"{y}/size", (-1, -1, -1, -1)),
        ]
        skip = net.add_op("SLICE", (x, f"{y}/begin", f"{y}/size"), shape, "", x)
        x = net.binary("ADD", skip, y, net.at(x).scale[0] * 1.2)
    flat = net.at(x).shape[:1] + net.at(x).shape[2:]
    x = net.add_op("SQUEEZE", (x,), flat, "SqueezeOptions", x, squeezeDims=[1])
    return net.file(net.softmax(net.dense(x, 6)))


def decoder() -> bytes:
    """An autoencoder of maps: strided down, nearest neighbours up, joined with a skip."""
    net = Net((1, 12, 12, 2))
    small = net.conv(net.conv("x", 6, (3, 3), (2, 2)), 8, (3, 3), (2, 2))
    net.tensors.append(integers("size", (6, 6)))
    large = net.add_op(
        "RESIZE_NEAREST_NEIGHBOR",
        (small, "size"),
        (1, 6, 6, 8),
        "ResizeNearestNeighborOptions",
        small,
    )
    joined = net.add_op(
        "CONCATENATION", (large, large), (1, 6, 6, 16), "ConcatenationOptions", small, axis=3
    )
    net.tensors.append(integers("axes", (0, 3, 1, 2)))
    turned = net.add_op("TRANSPOSE", (joined, "axes"), (1, 16, 6, 6), "TransposeOptions", joined)
    return net.file(net.conv(turned, 2, activation=0), small)


def sixteen_bits() -> bytes:
    """A convolution, an average pool and a sum with 16-bit activations."""
    rng = np.random.default_rng(0)
    step = (0.01, 0.02, 0.015, 0.01)
    maps = {"x": 0.001, "c": 0.004, "p": 0.004, "y": 0.006}
    tensors = [FileTensor(name, (1, 6, 6, 4), "int16", (scale,), 0) for name, scale in maps.items()]
    bias = rng.integers(-(10**7), 10**7, 4)
    tensors += [
        weights("w", rng.integers(-127, 128, (4, 3, 3, 4)), step),
        weights("b", bias, tuple(0.001 * s for s in step), 0, "int64"),
    ]
    pool: dict[str, object] = {"filterHeight": 3, "filterWidth": 3, "strideH": 1, "strideW": 1}
    operators = [
        operator("CONV_2D", ("x", "w", "b"), ("c",), "Conv2DOptions", strideH=1, strideW=1),
        operator("AVERAGE_POOL_2D", ("c",), ("p",), "Pool2DOptions", **pool),
        operator("ADD", ("c", "p"), ("y",), "AddOptions", fusedActivationFunction=_RELU),
    ]
    return file_bytes(tensors, operators)


NETWORKS = {
    "ds_cnn": ds_cnn,
    "mobilenet_v1": mobilenet_v1,
    "resnet8": resnet8,
    "autoencoder": autoencoder,
    "mobilenet_v2": mobilenet_v2,
    "mobilenet_v3": mobilenet_v3,
    "streaming": streaming,
    "decoder": decoder,
    "sixteen_bits": sixteen_bits,
}
