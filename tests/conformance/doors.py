"""Random QONNX graphs, node by node, for the conformance test of the doors and its benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

DOMAIN = "qonnx.custom_op.general"
MODES = ("ROUND", "FLOOR", "CEIL", "UP", "DOWN", "HALF_UP", "HALF_DOWN")
_QONNX = ("Quant", "IntQuant", "BipolarQuant", "Trunc")


class Network:
    """A QONNX graph of up to ``layers`` layers, drawn from ``seed``.

    ``shape`` is that of the running tensor in ONNX's layout, without the batch; ``narrow`` says
    that it is quantized, as layers want it.
    """

    def __init__(self, seed: int, layers: int = 4) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.count = 0
        self.dyadic = bool(self.rng.random() < 0.4)
        size, flat = int(self.rng.integers(4, 8)), self.rng.random() < 0.15
        self.shape: tuple[int, ...] = (
            (int(self.rng.integers(2, 7)),)
            if flat
            else (int(self.rng.integers(1, 5)), size, size + int(self.rng.integers(0, 3)))
        )
        self.input_shape = self.shape
        self.now = self.quant("x", self.scale(0.02, 0.2), bits=int(self.rng.integers(2, 9)))
        self.signed, self.narrow = True, True
        self.kept: list[tuple[str, tuple[int, ...]]] = []
        for _ in range(int(self.rng.integers(1, layers + 1))):
            self.layer()
        if self.rng.random() < 0.3 and len(self.shape) > 1:
            self.now, self.shape = self.node("Flatten", [self.now], axis=1), (_size(self.shape),)

    # --- parts ---------------------------------------------------------------------------------

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def pick(self, *options: Any) -> Any:
        return options[int(self.rng.integers(len(options)))]

    def scale(self, low: float, high: float) -> np.float32:
        value = np.exp(self.rng.uniform(np.log(low), np.log(high)))
        return np.float32(2.0 ** np.rint(np.log2(value)) if self.dyadic else value)

    def real(self, size: int, spread: float) -> Any:
        values = self.rng.normal(0, spread, size)
        return np.float32(np.rint(values * 32) / 32 if self.chance(0.2) else values)

    def constant(self, value: Any) -> str:
        self.count += 1
        self.constants.append(numpy_helper.from_array(np.asarray(value), f"k{self.count}"))
        return f"k{self.count}"

    def node(self, kind: str, inputs: list[str], **attributes: Any) -> str:
        self.count += 1
        domain = DOMAIN if kind in _QONNX else ""
        name = f"{kind}_{self.count}"
        self.nodes.append(
            helper.make_node(kind, inputs, [f"{name}_out"], name=name, domain=domain, **attributes)
        )
        return f"{name}_out"

    def quant(
        self, source: str, scale: Any, bits: int = 8, signed: bool = True, zero_point: int = 0,
        narrow: bool = False, mode: str = "ROUND",
    ) -> str:  # fmt: skip
        names = [self.constant(np.float32(v)) for v in (scale, zero_point, bits)]
        return self.node(
            "Quant", [source, *names], signed=int(signed), narrow=int(narrow), rounding_mode=mode
        )

    def along(self, values: Any) -> Any:
        """One number a channel, as it broadcasts."""
        return values.reshape(1, -1, *(1 for _ in self.shape[1:]))

    def requantize(self, spread: float) -> None:
        """A quantizer of any kind for reals of about ``spread``."""
        signed = self.chance(0.6)
        bits = int(self.rng.integers(2, 9)) if signed or self.chance(0.8) else 1
        steps = 2.0 ** (bits - signed)
        scale: Any = self.scale(0.6 * spread / steps, 3 * spread / steps)
        zero_point = int(self.rng.integers(1, int(steps))) if not signed and self.chance(0.3) else 0
        mode = "ROUND" if self.chance(0.6) else self.pick(*MODES)
        if self.chance(0.08):
            self.now = self.node("BipolarQuant", [self.now, self.constant(np.float32(spread))])
            self.narrow = True
            return
        per_channel = self.chance(0.1) and zero_point == 0
        if per_channel:
            scale = self.along(np.stack([self.scale(scale, 2 * scale)] * self.shape[0]))
        narrow = signed and self.chance(0.2)
        self.now = self.quant(self.now, scale, bits, signed, zero_point, narrow, mode)
        self.narrow = not per_channel

    def weight(self, shape: tuple[int, ...], axis: int) -> tuple[str, float]:
        """A quantized weight, and about how large a sum of its row is."""
        bits = int(self.rng.integers(1, 9))
        values = np.float32(self.rng.normal(0, 0.5, shape))
        sizes = [1] * len(shape)
        sizes[axis] = shape[axis] if self.chance(0.5) else 1
        low = 1.5 / 2 ** max(bits - 1, 1)
        scale = np.reshape([self.scale(low, 1.5 * low) for _ in range(sizes[axis])], sizes)
        source = self.constant(values)
        terms = float(np.sqrt(np.prod(shape) / shape[axis]))
        if bits == 1:
            return self.node(
                "BipolarQuant", [source, self.constant(np.float32(scale))]
            ), terms * low
        return self.quant(source, scale, bits, narrow=True), 0.5 * terms

    # --- layers --------------------------------------------------------------------------------

    def layer(self) -> None:
        before, shape = self.now, self.shape
        if not self.narrow:
            self.requantize(1.0)
        kind = self.pick("weights", "weights", "weights", "pool", "mean", "function", "constants")
        if kind == "weights":
            spread = self.dense() if len(shape) == 1 else self.convolution()
            self.arithmetic(spread)
        elif kind == "function":
            self.now = self.node(self.pick("Sigmoid", "Tanh", "LeakyRelu"), [self.now])
            self.requantize(1.0)
        elif kind == "constants":
            self.arithmetic(1.0)
        elif len(shape) == 1:
            self.arithmetic(self.dense())
        elif kind == "pool":
            self.pool()
        else:
            self.mean()
        self.kept.append((before, shape))
        same = [name for name, kept in self.kept if kept == self.shape and name != self.now]
        if same and self.chance(0.5):
            self.now = self.node("Add", [self.now, self.pick(*same)])
            if self.chance(0.4):
                self.now = self.node("Relu", [self.now])
            self.requantize(1.5)

    def convolution(self) -> float:
        channels, rows, columns = self.shape
        kernel = (self.pick(1, 2, 3), self.pick(1, 3))
        depthwise = channels > 1 and self.chance(0.3)
        outputs = channels * self.pick(1, 2) if depthwise else int(self.rng.integers(1, 6))
        weight, spread = self.weight((outputs, 1 if depthwise else channels, *kernel), 0)
        stride = [self.pick(1, 1, 2), self.pick(1, 1, 2)]
        pads = [int(self.rng.integers(0, k)) for k in (*kernel, *kernel)]
        sizes = [
            (n + pads[i] + pads[i + 2] - kernel[i]) // stride[i] + 1
            for i, n in enumerate((rows, columns))
        ]
        if min(sizes) < 1 or rows + pads[0] + pads[2] < kernel[0]:
            return self.convolution()
        inputs = [self.now, weight, *self.bias(outputs, spread)]
        self.now = self.node("Conv", inputs, kernel_shape=list(kernel), strides=stride, pads=pads,
                             group=channels if depthwise else 1)  # fmt: skip
        self.shape = (outputs, *sizes)
        return spread

    def dense(self) -> float:
        outputs, last = int(self.rng.integers(1, 9)), self.shape[0]
        if self.chance(0.5):
            weight, spread = self.weight((outputs, last), 0)
            inputs = [self.now, weight, *self.bias(outputs, spread)]
            self.now = self.node("Gemm", inputs, transB=1)
        else:
            weight, spread = self.weight((last, outputs), 1)
            self.now = self.node("MatMul", [self.now, weight])
        self.shape = (outputs,)
        return spread

    def bias(self, outputs: int, spread: float) -> list[str]:
        if self.chance(0.3):
            return []
        values = self.constant(self.real(outputs, 0.5 * spread))
        if self.chance(0.3):
            return [self.quant(values, self.scale(1e-4, 1e-2), 16)]
        return [values]

    def arithmetic(self, spread: float) -> None:
        """What stands between a layer and its quantizer."""
        channels = self.shape[0]
        if self.chance(0.4):
            gamma = self.real(channels, 0.7)
            if self.chance(0.3):
                gamma[0] = 0.0
            beta, mean = self.real(channels, 0.3), self.real(channels, 0.5 * spread)
            variance = np.float32(self.rng.uniform(0.3, 2, channels) * spread**2)
            names = [self.constant(v) for v in (gamma, beta, mean, variance)]
            self.now = self.node("BatchNormalization", [self.now, *names], epsilon=1e-5)
            spread = 1.0
        if self.chance(0.3):
            kind, values = self.pick("Add", "Sub", "Mul"), self.real(channels, 0.5)
            constant = self.along(values) if self.chance(0.5) else values[:1]
            self.now = self.node(kind, [self.now, self.constant(constant)])
        if self.chance(0.3) and len(self.shape) == 3 and min(self.shape[1:]) >= 2:
            self.pool("MaxPool")
        if self.chance(0.5):
            self.now = self.node("Relu", [self.now])
        elif self.chance(0.2):
            bounds = [self.constant(np.float32(v)) for v in (-0.3 * spread, 0.8 * spread)]
            self.now = self.node("Clip", [self.now, *bounds])
        if self.chance(0.1) and len(self.shape) == 3:
            self.mean(quantized=False)
        if self.chance(0.9):
            self.requantize(spread)
        else:
            self.narrow = False

    def pool(self, kind: str = "") -> None:
        kind = kind or self.pick("MaxPool", "AveragePool")
        rows, columns = self.shape[1:]
        kernel = [min(rows, self.pick(1, 2, 3)), min(columns, self.pick(2, 3))]
        stride = [self.pick(1, 2), self.pick(1, 2)]
        self.now = self.node(kind, [self.now], kernel_shape=kernel, strides=stride)
        sizes = [(n - k) // s + 1 for n, k, s in zip((rows, columns), kernel, stride, strict=True)]
        self.shape = (self.shape[0], *sizes)
        if kind == "AveragePool":
            self.requantize(1.0)

    def mean(self, quantized: bool = True) -> None:
        if self.chance(0.5):
            self.now = self.node("GlobalAveragePool", [self.now])
            self.shape = (self.shape[0], 1, 1)
        else:
            self.now = self.node("ReduceMean", [self.now], axes=[2, 3], keepdims=0)
            self.shape = self.shape[:1]
        if quantized:
            self.requantize(0.5)

    # --- the file ------------------------------------------------------------------------------

    def save(self, path: Path) -> Path:
        graph = helper.make_graph(
            self.nodes, "net",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, *self.input_shape])],
            [helper.make_tensor_value_info(self.now, TensorProto.FLOAT, [1, *self.shape])],
            initializer=self.constants,
        )  # fmt: skip
        opsets = [helper.make_opsetid("", 13), helper.make_opsetid(DOMAIN, 2)]
        path.write_bytes(helper.make_model(graph, opset_imports=opsets).SerializeToString())
        return path


def _size(shape: tuple[int, ...]) -> int:
    return int(np.prod(shape))
