"""Float networks and what ONNX Runtime's static quantization makes of them, and QDQ by hand."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

MICROSOFT = "com.microsoft"
ZERO = np.int8(3)


class File:
    """An ONNX file, node by node; ``x`` is its input."""

    def __init__(self, shape: Sequence[int], opset: int = 17, kind: int = TensorProto.FLOAT):
        self.shape, self.opset, self.kind = list(shape), opset, kind
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.rng = np.random.default_rng(0)

    def constant(self, value: Any, name: str = "") -> str:
        name = name or f"k{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, kind: str, inputs: Sequence[str], output: str = "", **attributes: Any) -> str:
        output = output or f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], name=f"/{output}", **attributes))
        return output

    def quantized(
        self, source: str, scale: Any = 0.05, zero: Any = ZERO, output: str = "", **kinds: Any
    ) -> str:
        """A quantizer, its dequantizer behind it."""
        parts = [self.constant(np.asarray(scale, np.float32)), self.constant(zero)]
        q = self.node("QuantizeLinear", [source, *parts], **kinds)
        return self.node("DequantizeLinear", [q, *parts], output, **kinds)

    def weight(self, shape: Sequence[int], scale: Any = 0.01, zero: Any = None,
               kind: str = "int8", **attributes: Any) -> str:  # fmt: skip
        low, high = np.iinfo(kind).min, np.iinfo(kind).max
        integers = self.rng.integers(low, high + 1, shape).astype(kind)
        given = [self.constant(integers), self.constant(np.asarray(scale, np.float32))]
        given += [self.constant(zero)] if zero is not None else []
        return self.node("DequantizeLinear", given, **attributes)

    def floats(self, *shape: int) -> str:
        spread = 1 / np.sqrt(np.prod(shape[1:]) or 1)
        return self.constant(self.rng.normal(0, spread, shape).astype(np.float32))

    def proto(self, output: str) -> onnx.ModelProto:
        graph = helper.make_graph(
            self.nodes, "net", [helper.make_tensor_value_info("x", self.kind, self.shape)],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
            initializer=self.constants,
        )  # fmt: skip
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid(MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10)

    def save(self, path: Path, output: str) -> Path:
        path.write_bytes(self.proto(output).SerializeToString())
        return path


def residual() -> tuple[File, str]:
    f = File((1, 3, 12, 12))
    x = f.node("Relu", [f.node("Conv", ["x", f.floats(8, 3, 3, 3), f.floats(8)], strides=[2, 2],
                               pads=[1, 1, 1, 1])])  # fmt: skip
    y = f.node("Relu", [f.node("Conv", [x, f.floats(8, 8, 3, 3), f.floats(8)], pads=[1] * 4)])
    y = f.node("Conv", [y, f.floats(8, 8, 3, 3), f.floats(8)], pads=[1] * 4)
    x = f.node("Relu", [f.node("Add", [x, y])])
    x = f.node("Flatten", [f.node("GlobalAveragePool", [x])])
    return f, f.node("Gemm", [x, f.floats(5, 8), f.floats(5)], transB=1)


def mobile() -> tuple[File, str]:
    f = File((1, 3, 12, 12))
    bounds = [f.constant(np.float32(0)), f.constant(np.float32(6))]
    x = f.node("Clip", [f.node("Conv", ["x", f.floats(8, 3, 3, 3), f.floats(8)]), *bounds])
    x = f.node("Conv", [x, f.floats(8, 1, 3, 3), f.floats(8)], group=8, pads=[1] * 4)
    x = f.node("HardSwish", [f.node("Conv", [x, f.floats(12, 8, 1, 1), f.floats(12)])])
    x = f.node("MaxPool", [x], kernel_shape=[2, 2], strides=[2, 2])
    x = f.node("AveragePool", [x], kernel_shape=[2, 2], strides=[1, 1], pads=[1, 1, 0, 0])
    x = f.node("Reshape", [x, f.constant(np.array([1, -1]))])
    return f, f.node("Gemm", [x, f.floats(4, 12 * 25)], transB=1)


def joined() -> tuple[File, str]:
    f = File((1, 3, 8, 8))
    a = f.node("Relu", [f.node("Conv", ["x", f.floats(4, 3, 3, 3)], pads=[1] * 4)])
    b = f.node("Sigmoid", [f.node("Conv", ["x", f.floats(4, 3, 1, 1)])])
    x = f.node("Concat", [a, b], axis=1)
    x = f.node("LeakyRelu", [f.node("Conv", [x, f.floats(6, 8, 3, 3), f.floats(6)])], alpha=0.1)
    gate = f.node("Conv", [f.node("GlobalAveragePool", [x]), f.floats(6, 6, 1, 1)])
    x = f.node("Mul", [x, f.node("Sigmoid", [gate])])
    scales = f.constant(np.array([1, 1, 2, 2], np.float32))
    x = f.node("Resize", [x, "", scales], mode="nearest", nearest_mode="floor",
               coordinate_transformation_mode="asymmetric")  # fmt: skip
    return f, f.node("Conv", [x, f.floats(2, 6, 1, 1), f.floats(2)])


def perceptron() -> tuple[File, str]:
    f = File((1, 24))
    x = f.node("Relu", [f.node("Gemm", ["x", f.floats(16, 24), f.floats(16)], transB=1)])
    x = f.node("Tanh", [f.node("Add", [f.node("MatMul", [x, f.floats(16, 16)]), f.floats(16)])])
    x = f.node("Gemm", [x, f.floats(4, 16), f.floats(4)], transB=1)
    return f, f.node("Softmax", [x], axis=-1)


NETWORKS = {f.__name__: f for f in (residual, mobile, joined, perceptron)}


def quantized_by_runtime(name: str, folder: Path, **options: Any) -> Path:
    """The network ``name`` by ``quantize_static`` on eight random samples."""
    from onnxruntime.quantization import CalibrationDataReader, quantize_static

    class Samples(CalibrationDataReader):
        def __init__(self, shape: Sequence[int]) -> None:
            rng = np.random.default_rng(1)
            self.left = [rng.normal(size=shape).astype(np.float32) for _ in range(8)]

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            return {"x": self.left.pop()} if self.left else None

    file, output = NETWORKS[name]()
    path, before = folder / f"{name}.onnx", logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        quantize_static(
            str(file.save(folder / f"{name}_float.onnx", output)), str(path), Samples(file.shape),
            **options,
        )  # fmt: skip
    finally:
        logging.disable(before)
    return path
