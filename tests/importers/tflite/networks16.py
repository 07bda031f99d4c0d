"""Whole networks with 16-bit activations as .tflite files, with random weights."""

from __future__ import annotations

from math import prod

import numpy as np

from hwkit.targets.edge.flatbuffer import FileTensor
from tests.importers.tflite.files import integers, operator, weights
from tests.importers.tflite.networks import Net

_RELU, _RELU6 = 1, 3
_GATES = ("LOGISTIC", "LOGISTIC", "TANH", "LOGISTIC")
_UNIT = 1 / 32768


class Net16(Net):
    """``Net`` with int16 activations and int64 biases."""

    def tensor(
        self, name: str, shape: tuple[int, ...], scale: float = 0.0, zero_point: int | None = None
    ) -> str:
        scale = scale or float(self.rng.uniform(0.0002, 0.0004))
        self.tensors.append(FileTensor(name, shape, "int16", (scale,), 0))
        return name

    def weighted(
        self, x: str, form: tuple[int, ...], axis: int, taps: int, activation: int = 0
    ) -> tuple[str, str, float]:
        channels, name = form[axis], self.fresh()
        source = self.at(x).scale[0]
        steps = self.rng.uniform(0.002, 0.01, channels)
        scale = source * float(steps.mean()) * 73 * float(np.sqrt(taps))
        if activation == _RELU6:
            steps *= 6 / 20000 / scale
            scale = 6 / 20000
        value = self.rng.integers(-127, 128, form).astype(np.int8)
        bias = self.rng.integers(-(1 << 19), 1 << 19, channels)
        self.tensors.append(weights(f"{name}/w", value, tuple(steps.tolist()), axis))
        step = tuple((source * steps).tolist())
        self.tensors.append(weights(f"{name}/b", bias, step, 0, "int64"))
        return f"{name}/w", f"{name}/b", scale

    def softmax(self, x: str) -> str:
        return self.add_op(
            "SOFTMAX",
            (x,),
            self.at(x).shape,
            "SoftmaxOptions",
            facts=(_UNIT, 0),
            beta=0.0003 / self.at(x).scale[0],
        )

    def part(self, x: str, first: int, count: int, axis: int = 1) -> str:
        """``count`` integers of ``x`` along ``axis``."""
        shape = self.at(x).shape
        begin = [first if k == axis else 0 for k in range(len(shape))]
        size = [count if k == axis else n for k, n in enumerate(shape)]
        name = self.fresh()
        self.tensors += [integers(f"{name}/begin", begin), integers(f"{name}/size", size)]
        return self.add_op(
            "SLICE", (x, f"{name}/begin", f"{name}/size"), tuple(size), "SliceOptions", x
        )

    def to_int8(self, x: str) -> str:
        """A QUANTIZE to int8."""
        name, scale = self.fresh(), self.at(x).scale[0] * 256
        self.tensors.append(FileTensor(name, self.at(x).shape, "int8", (scale,), -3))
        self.operators.append(operator("QUANTIZE", (x,), (name,)))
        return name


def signal() -> bytes:
    """1-D convolutions over 64 samples of a sensor of three axes."""
    net = Net16((1, 64, 1, 3))
    x = net.conv("x", 16, (9, 1), (2, 1))
    x = net.conv(net.depthwise(x, (5, 1)), 12, (1, 1))
    x = net.conv(x, 8, (3, 1), dilation=(2, 1), valid=True)
    x = net.average_pool(x, (7, 1))
    flat = net.shaped(x, (1, prod(net.at(x).shape)))
    return net.file(net.softmax(net.dense(flat, 5)))


def lstm(steps: int = 2, hidden: int = 6) -> bytes:
    """An LSTM over ``steps`` steps of four features, unrolled."""
    net = Net16((1, steps, 4))
    kernels: dict[str, tuple[str, str]] = {}
    state: tuple[str, str] | None = None

    def dense(of: str, x: str) -> str:
        """The same weights in every step."""
        if of not in kernels:
            w, b, _ = net.weighted(x, (4 * hidden, net.at(x).shape[1]), 0, 8)
            kernels[of] = w, b
        options = "FullyConnectedOptions"
        facts: tuple[float, int | None] = (1 / 4096, 0)
        return net.add_op(
            "FULLY_CONNECTED", (x, *kernels[of]), (1, 4 * hidden), options, facts=facts
        )

    for step in range(steps):
        sums = dense("x", net.shaped(net.part("x", step, 1), (1, 4)))
        if state is not None:
            sums = net.binary("ADD", sums, dense("h", state[1]), 1 / 4096)
        i, f, g, o = (
            net.unary(code, net.part(sums, k * hidden, hidden), (_UNIT, 0))
            for k, code in enumerate(_GATES)
        )
        cell = net.binary("MUL", i, g, 1 / 8192)
        if state is not None:
            cell = net.binary("ADD", cell, net.binary("MUL", f, state[0], 1 / 8192), 1 / 8192)
        state = cell, net.binary("MUL", o, net.unary("TANH", cell, (_UNIT, 0)), _UNIT)
    assert state is not None
    return net.file(state[1])


def mobilenet_block() -> bytes:
    """The first separable blocks of MobileNetV1, their mean, classes in int8."""
    net = Net16((1, 16, 16, 3))
    x = net.conv("x", 8, (3, 3), (2, 2), _RELU6)
    for outputs, stride in ((16, 1), (24, 2)):
        x = net.depthwise(x, (3, 3), (stride, stride), _RELU6)
        x = net.conv(x, outputs, (1, 1), activation=_RELU6)
    return net.file(net.to_int8(net.dense(net.mean(x), 5)))


NETWORKS16 = {"signal": signal, "lstm": lstm, "mobilenet_block": mobilenet_block}
