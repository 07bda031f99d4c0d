"""Recurrent operators with variable tensors, and whole networks of them, with random weights."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from hwkit.targets.edge.flatbuffer import FileOperator, FileTensor
from tests.importers.tflite.files import activation, file_bytes, integers, operator, weights

_GATES = 4
_TANH = 4


@dataclass(frozen=True)
class Lstm:
    """An LSTM's form; ``wide``: 16-bit activations; ``point`` of inputs and hidden state."""

    steps: int = 3
    inputs: int = 5
    units: int = 4
    wide: bool = False
    time_major: bool = False
    cell_scale: float = 2.0**-11
    clip: float = 0.0
    point: int = -7


class Recurrent:
    """Appends operators to one file of a batch of 1."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.tensors: list[FileTensor] = []
        self.operators: list[FileOperator] = []

    def input(self, shape: tuple[int, ...], scale: float = 0.03, point: int = -7) -> str:
        self.tensors.append(activation("x", shape, scale, point))
        return "x"

    def at(self, name: str) -> FileTensor:
        return next(tensor for tensor in self.tensors if tensor.name == name)

    def fresh(self, what: str) -> str:
        return f"{what}{len(self.tensors)}"

    def constant(self, what: str, shape: tuple[int, ...], scale: float, dtype: str = "int8") -> str:
        most = {"int8": 127, "int16": 9000, "int32": 4000, "int64": 4000}[dtype]
        name, data = self.fresh(what), self.rng.integers(-most, most + 1, shape)
        self.tensors.append(weights(name, data, scale, 0, dtype))
        return name

    def variable(self, shape: tuple[int, ...], dtype: str, scale: float, point: int = 0) -> str:
        name = self.fresh("state")
        tensor = FileTensor(name, shape, dtype, (scale,), point)
        self.tensors.append(replace(tensor, is_variable=True))
        return name

    def output(self, shape: tuple[int, ...], dtype: str, scale: float, point: int) -> str:
        name = self.fresh("y")
        self.tensors.append(FileTensor(name, shape, dtype, (scale,), point))
        return name

    def svdf(self, x: str, units: int, rank: int = 1, memory: int = 4, wide: bool = True) -> str:
        """A state of int16 (``wide``) or int8."""
        width, filters = self.at(x).shape[1], units * rank
        state_type = "int16" if wide else "int8"
        step = 0.002 if wide else 0.4
        in_time = (1.0 / 32768) if wide else 1.0 / 128
        spread = self.at(x).scale[0] * 0.01 * 73 * 60 * np.sqrt(width)
        feature = self.constant("feature", (filters, width), 0.01)
        time = self.constant("time", (filters, memory), in_time, state_type)
        bias = self.constant("bias", (units,), step * in_time, "int32")
        state = self.variable((1, memory * filters), state_type, step)
        scale = float(spread * np.sqrt(memory * rank) / 250)
        y = self.output((1, units), "int8", scale, int(self.rng.integers(-40, 40)))
        operands = (x, feature, time, bias, state)
        fields = {"rank": rank, "fusedActivationFunction": 0}
        self.operators.append(operator("SVDF", operands, (y,), "SVDFOptions", **fields))
        return y

    def lstm(self, x: str, form: Lstm) -> str:
        source, units = self.at(x), form.units
        kind = "int16" if form.wide else "int8"
        point = 0 if form.wide else form.point
        input_weights = [self.constant("w", (units, form.inputs), 0.006) for _ in range(_GATES)]
        hidden_weights = [self.constant("r", (units, units), 0.008) for _ in range(_GATES)]
        bias_type = "int64" if form.wide else "int32"
        biases = [
            self.constant("b", (units,), source.scale[0] * 0.006, bias_type) for _ in range(_GATES)
        ]
        hidden_scale = 1 / 32768 if form.wide else 1 / 128
        hidden = self.variable((1, units), kind, hidden_scale, point)
        cell = self.variable((1, units), "int16", form.cell_scale)
        steps = (form.steps, 1) if form.time_major else (1, form.steps)
        y = self.output((*steps, units), kind, hidden_scale, point)
        operands = (
            *(x, *input_weights, *hidden_weights, None, None, None, *biases, None, None),
            *(hidden, cell, None, None, None, None),
        )
        fields = {"fusedActivationFunction": _TANH, "timeMajor": form.time_major}
        options = "UnidirectionalSequenceLSTMOptions"
        op = operator(
            "UNIDIRECTIONAL_SEQUENCE_LSTM", operands, (y,), options, cellClip=form.clip, **fields
        )
        self.operators.append(op)
        return y

    def dense(self, x: str, outputs: int) -> str:
        width = int(np.prod(self.at(x).shape))
        source = self.at(x).scale[0]
        w, b = (
            self.constant("w", (outputs, width), 0.01),
            self.constant("b", (outputs,), source * 0.01, "int32"),
        )
        y = self.output((1, outputs), "int8", float(source * 0.01 * 70 * np.sqrt(width)), 5)
        self.operators.append(operator("FULLY_CONNECTED", (x, w, b), (y,), "FullyConnectedOptions"))
        return y

    def shaped(self, x: str, shape: tuple[int, ...]) -> str:
        tensor, name = self.at(x), self.fresh("shape")
        self.tensors.append(integers(name, shape))
        y = self.output(shape, tensor.dtype, tensor.scale[0], tensor.zero_point)
        self.operators.append(operator("RESHAPE", (x, name), (y,), "ReshapeOptions"))
        return y

    def file(self, y: str) -> bytes:
        return file_bytes(self.tensors, self.operators, ("x",), (y,))


def svdf_keyword() -> bytes:
    """A keyword network in the manner of the micro speech example's larger sibling."""
    net = Recurrent(3)
    x = net.svdf(net.input((1, 40)), 24, rank=2, memory=8)
    x = net.svdf(net.dense(x, 16), 12, rank=1, memory=10)
    return net.file(net.dense(x, 4))


def dtln() -> bytes:
    """Two LSTM of one step each, as noise suppression has them: one frame an inference."""
    net = Recurrent(4)
    x = net.shaped(net.input((1, 24)), (1, 1, 24))
    x = net.lstm(x, Lstm(1, 24, 16))
    x = net.lstm(x, Lstm(1, 16, 16))
    return net.file(net.dense(x, 24))


def lstm_alone(form: Lstm, seed: int = 0) -> bytes:
    net = Recurrent(seed)
    steps = (form.steps, 1) if form.time_major else (1, form.steps)
    shape = (*steps, form.inputs)
    if form.wide:
        net.tensors.append(FileTensor("x", shape, "int16", (0.0004,), 0))
    else:
        net.input(shape, point=form.point)
    return net.file(net.lstm("x", form))
