"""Random networks as QDQ files, of every operator that the ONNX door takes.

Each operator reads dequantized activations and is quantized behind, with a scale that its values
call for: what a static quantizer writes. ``Network(seed)`` says the same for one seed always.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Floats = NDArray[np.floating[Any]]
_TYPES = {"int8": (-128, 127), "uint8": (0, 255), "int16": (-32768, 32767), "uint16": (0, 65535)}


class Network:
    """A chain of random operators with the branches that they bring."""

    def __init__(self, seed: int, opset: int = 0, wide: bool = False, length: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.opset = opset or int(self.rng.choice([13, 15, 17, 19, 21]))
        self.activations = "int16" if wide else str(self.rng.choice(["int8", "uint8"]))
        self.domain = "com.microsoft" if wide and self.opset < 21 else ""
        self.symmetric = bool(self.rng.integers(2))
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.count = 0
        self.kinds: list[str] = []
        flat = self.rng.random() < 0.15
        self.shape: tuple[int, ...] = (1, int(self.rng.integers(2, 7)))
        if not flat:
            self.shape += (int(self.rng.integers(5, 9)), int(self.rng.integers(5, 9)))
        self.input_shape = self.shape
        self.samples = self.rng.normal(0, 1, (8, *self.shape[1:])).astype(np.float32)
        self.held = self.quantized("x")
        for _ in range(length or int(self.rng.integers(2, 6))):
            maps = len(self.shape) == 4
            steps = _MAPS if maps else _VECTORS if len(self.shape) == 2 else _ROWS
            step = steps[int(self.rng.integers(len(steps)))]
            self.kinds.append(step.__name__)
            result = step(self)
            if result:
                self.held = self.quantized(result)

    # --- building ------------------------------------------------------------------------------

    def name(self, prefix: str) -> str:
        self.count += 1
        return f"{prefix}{self.count}"

    def constant(self, value: Any) -> str:
        name = self.name("k")
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, kind: str, inputs: list[str], outputs: int = 1, domain: str = "",
             **attributes: Any) -> str:  # fmt: skip
        names = [self.name(f"{kind}_") for _ in range(outputs)]
        self.nodes.append(helper.make_node(kind, inputs, names, domain=domain, **attributes))
        return names[0]

    def values(self, name: str) -> Floats:
        """What ``name`` holds for the samples, by ONNX Runtime."""
        found: Floats = run(self.model(name), {"x": self.samples}, name)
        return found

    def quantized(self, name: str) -> str:
        """``name`` behind a quantizer of its range, and that range's dequantizer."""
        values = self.values(name) if name != "x" else self.samples
        self.shape = (1, *values.shape[1:])
        low, high = _TYPES[self.activations]
        least, most = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
        if self.symmetric:
            most = max(most, -least) or 1.0
            scale, zero = 2 * most / (high - low), (low + high + 1) // 2
        else:
            scale = (most - least) / (high - low) or 1.0
            zero = int(np.rint(low - least / scale))
        shape: Any = () if self.rng.integers(2) else (1,)
        step = np.full(shape, max(scale, 1e-6), np.float32)
        point = np.full(shape, np.clip(zero, low, high), self.activations)
        parts = [self.constant(step), self.constant(point)]
        q = self.node("QuantizeLinear", [name, *parts], domain=self.domain)
        return self.node("DequantizeLinear", [q, *parts], domain=self.domain)

    def weight(self, shape: tuple[int, ...], axis: int) -> str:
        """Integers behind a dequantizer: by channel or not, with a zero point or not."""
        kind = str(self.rng.choice(["int8", "uint8"]))
        low, high = _TYPES[kind]
        integers = self.rng.integers(low, high + 1, shape).astype(kind)
        per_channel = bool(self.rng.integers(2))
        sizes: Any = (shape[axis],) if per_channel else ()
        scale = self.rng.uniform(0.002, 0.02, sizes).astype(np.float32)
        zero = np.zeros(sizes, np.int64) + (128 if kind == "uint8" else 0)
        if self.rng.random() < 0.3:
            zero = zero + self.rng.integers(-20, 21, sizes)
        parts = [self.constant(v) for v in (integers, scale, zero.astype(kind))]
        extra: dict[str, Any] = {"axis": axis} if per_channel else {}
        return self.node("DequantizeLinear", parts, **extra)

    def bias(self, size: int) -> str:
        if self.rng.integers(2):
            return self.constant(self.rng.normal(0, 0.3, size).astype(np.float32))
        integers = self.rng.integers(-200, 200, size).astype(np.int32)
        scale = self.rng.uniform(0.0005, 0.002, size).astype(np.float32)
        zero = np.zeros(size, np.int32)
        return self.node(
            "DequantizeLinear", [self.constant(v) for v in (integers, scale, zero)], axis=0
        )

    def model(self, output: str) -> bytes:
        graph = helper.make_graph(
            self.nodes, "net",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", *self.input_shape[1:]])],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
            initializer=self.constants,
        )  # fmt: skip
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid("com.microsoft", 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
        data: bytes = model.SerializeToString()
        return data

    def save(self, path: Path) -> Path:
        path.write_bytes(self.model(self.held))
        return path

    def as_qonnx(self) -> bytes:
        """The same network with ``Quant`` nodes instead of pairs, of the same scales."""
        model = onnx.load_from_string(self.model(self.held))
        graph, domain = model.graph, "qonnx.custom_op.general"
        held = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
        made = {node.output[0]: node for node in graph.node}
        nodes = []
        for node in graph.node:
            if node.op_type == "QuantizeLinear":
                continue
            if node.op_type != "DequantizeLinear":
                nodes.append(node)
                continue
            source, scale, zero = node.input
            kind = held[zero].dtype
            integers = held.get(source)
            steps, point = held[scale], held[zero].astype(np.int64)
            if integers is not None:
                axis = next((a.i for a in node.attribute if a.name == "axis"), 0)
                along = [1] * integers.ndim
                if steps.size > 1:
                    along[axis] = -1
                    steps, point = steps.reshape(along), point.reshape(along)
                value = ((integers.astype(np.int64) - point) * steps).astype(np.float32)
                if kind == np.int32:
                    graph.initializer.append(numpy_helper.from_array(value, node.output[0]))
                    continue
                source = f"{node.output[0]}.float"
                graph.initializer.append(numpy_helper.from_array(value, source))
            else:
                source = made[source].input[0]
            names = [f"{node.output[0]}.{key}" for key in ("scale", "zero", "bits")]
            parts = (steps, point, np.float32(8 * kind.itemsize))
            for name, number in zip(names, parts, strict=True):
                array = np.asarray(number, np.float32)
                graph.initializer.append(numpy_helper.from_array(array, name))
            nodes.append(
                helper.make_node(
                    "Quant", [source, *names], [node.output[0]], domain=domain, narrow=0,
                    signed=int(kind.kind == "i"), rounding_mode="ROUND",
                )
            )  # fmt: skip
        del graph.node[:]
        graph.node.extend(nodes)
        graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
        model.opset_import.append(helper.make_opsetid(domain, 2))
        data: bytes = model.SerializeToString()
        return data

    def pick(self, *choices: Any) -> Any:
        return choices[int(self.rng.integers(len(choices)))]


def run(model: bytes, feeds: dict[str, Floats], name: str, optimized: bool = False) -> Any:
    """One output by ONNX Runtime, as written, or as its optimizer has it."""
    options = onnxruntime.SessionOptions()
    levels = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = (
        levels.ORT_ENABLE_ALL if optimized else levels.ORT_DISABLE_ALL
    )
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return session.run([name], feeds)[0]


def conv(n: Network) -> str:
    channels = n.shape[1]
    groups = n.pick(1, 1, channels, 2 if channels % 2 == 0 else 1)
    outputs = groups * int(n.rng.integers(1, 4))
    kernel = [n.pick(1, 2, 3), n.pick(1, 3)]
    dilation = n.pick(1, 1, 2)
    if any((k - 1) * dilation >= s for k, s in zip(kernel, n.shape[2:], strict=True)):
        kernel, dilation = [1, 1], 1
    weight = n.weight((outputs, channels // groups, *kernel), 0)
    pads = [n.pick(0, 1) * (k > 1) for k in (*kernel, *kernel)]
    extra = [n.bias(outputs)] if n.rng.integers(2) else []
    return n.node("Conv", [n.held, weight, *extra], strides=[n.pick(1, 2), n.pick(1, 2)],
                  pads=pads, group=groups, dilations=[dilation] * 2)  # fmt: skip


def conv_relu(n: Network) -> str:
    return n.node("Relu", [conv(n)])


def conv_leaky(n: Network) -> str:
    return n.node("LeakyRelu", [conv(n)], alpha=0.1)


def conv_curve(n: Network) -> str:
    kind = n.pick("Sigmoid", "Tanh", "HardSigmoid", "Elu", "Softplus")
    return n.node(kind, [conv(n)])


def conv_silu(n: Network) -> str:
    sums = conv(n)
    return n.node("Mul", [sums, n.node(n.pick("Sigmoid", "HardSigmoid"), [sums])])


def conv_prelu(n: Network) -> str:
    sums = conv(n)
    outputs = n.values(sums).shape[1]
    slope = n.rng.uniform(-0.2, 0.8, (outputs, 1, 1)).astype(np.float32)
    return n.node("PRelu", [sums, n.constant(slope)])


def conv_transpose(n: Network) -> str:
    channels, stride = n.shape[1], n.pick(1, 2, 3)
    groups = n.pick(1, 1, channels)
    kernel = [n.pick(2, 3, 4), n.pick(1, 3)]
    weight = n.weight((channels, n.pick(1, 2), *kernel), 1 if groups == 1 else 0)
    pads = [n.pick(0, 1) * (k > 2) for k in (*kernel, *kernel)]
    more = [n.pick(0, 1) * (stride > 1), 0]
    return n.node("ConvTranspose", [n.held, weight], strides=[stride, stride], pads=pads,
                  group=groups, output_padding=more)  # fmt: skip


def pool(n: Network) -> str:
    kernel = [min(n.pick(2, 3), n.shape[2]), min(n.pick(1, 2, 3), n.shape[3])]
    pads = [n.pick(0, 1) * (k > 2) for k in (*kernel, *kernel)]
    attributes: dict[str, Any] = {
        "kernel_shape": kernel,
        "strides": [n.pick(1, 2)] * 2,
        "pads": pads,
    }
    if n.rng.integers(2):
        return n.node("MaxPool", [n.held], **attributes)
    return n.node("AveragePool", [n.held], count_include_pad=n.pick(0, 1), **attributes)


def global_pool(n: Network) -> str:
    kind = n.pick("GlobalAveragePool", "GlobalMaxPool", "ReduceMean")
    if kind != "ReduceMean":
        return n.node(kind, [n.held])
    axes = n.pick([2, 3], [-1, -2], [2], [3], [1])
    if n.opset >= 18:
        return n.node(kind, [n.held, n.constant(np.array(axes))], keepdims=n.pick(0, 1))
    return n.node(kind, [n.held], axes=axes, keepdims=n.pick(0, 1))


def function(n: Network) -> str:
    kind = n.pick("Sigmoid", "Tanh", "HardSigmoid", "Relu", "LeakyRelu", "Elu", "Clip", "Softplus")
    if kind == "Clip":
        bounds = [n.constant(np.float32(v)) for v in (-0.5, 1.5)]
        return n.node("Clip", [n.held, *bounds])
    return n.node(kind, [n.held])


def gelu(n: Network) -> str:
    half = n.node("Erf", [n.node("Mul", [n.held, n.constant(np.float32(2**-0.5))])])
    more = n.node("Add", [half, n.constant(np.float32(1))])
    return n.node("Mul", [n.node("Mul", [n.held, more]), n.constant(np.float32(0.5))])


def residual(n: Network) -> str:
    shape, held = n.shape, n.held
    bias = n.rng.normal(0, 0.5, (1, shape[1], *[1] * (len(shape) - 2))).astype(np.float32)
    other = n.quantized(n.node("Add", [held, n.constant(bias)]))
    return n.node(n.pick("Add", "Sub", "Mul", "Add"), [held, other])


def excited(n: Network) -> str:
    held, channels = n.held, n.shape[1]
    small = n.quantized(n.node("GlobalAveragePool", [held]))
    summed = n.quantized(n.node("Conv", [small, n.weight((channels, channels, 1, 1), 0)]))
    gate = n.quantized(n.node("Sigmoid", [summed]))
    return n.node("Mul", [held, gate] if n.rng.integers(2) else [gate, held])


def joined(n: Network) -> str:
    held, shape = n.held, n.shape
    other = n.quantized(n.node("Tanh", [held]))
    n.shape = shape
    return n.node("Concat", [held, other], axis=n.pick(1, -1, *range(2, len(shape))))


def part(n: Network) -> str:
    axis = int(n.rng.integers(1, len(n.shape)))
    size = n.shape[axis]
    end = n.pick(size, size - 1 or 1, -1 if size > 1 else size)
    start = n.pick(0, 0, 1 if size > 2 else 0)
    operands = [np.array([v]) for v in (start, end, axis, n.pick(1, 1, 2))]
    return n.node("Slice", [n.held, *(n.constant(v) for v in operands)])


def halves(n: Network) -> str:
    axis = int(n.rng.integers(1, len(n.shape)))
    size = n.shape[axis]
    if size < 2:
        return n.node("Relu", [n.held])
    sizes = n.constant(np.array([size // 2, size - size // 2]))
    first = n.node("Split", [n.held, sizes], 2, axis=axis)
    return first


def gathered(n: Network) -> str:
    axis = int(n.rng.integers(1, len(n.shape)))
    size = n.shape[axis]
    places = n.rng.permutation(size)[: max(1, size - 1)]
    return n.node("Gather", [n.held, n.constant(places)], axis=axis)


def transposed(n: Network) -> str:
    rest = list(n.rng.permutation(np.arange(1, len(n.shape))))
    return n.node("Transpose", [n.held], perm=[0, *(int(a) for a in rest)])


def resized(n: Network) -> str:
    scales = np.array([1, 1, n.pick(1, 2, 3), n.pick(1, 2, 1.5)], np.float32)
    if n.rng.random() < 0.3:
        where = n.pick("half_pixel", "asymmetric")
        return n.node(
            "Resize", [n.held, "", n.constant(scales)], mode="linear",
            coordinate_transformation_mode=where,
        )  # fmt: skip
    return n.node(
        "Resize", [n.held, "", n.constant(scales)], mode="nearest",
        coordinate_transformation_mode=n.pick("half_pixel", "asymmetric", "align_corners"),
        nearest_mode=n.pick("floor", "ceil", "round_prefer_floor", "round_prefer_ceil"),
    )  # fmt: skip


def padded(n: Network) -> str:
    pads = np.array([0, 0, n.pick(0, 1), n.pick(0, 2), 0, 0, n.pick(0, 1), 1])
    return n.node("Pad", [n.held, n.constant(pads)])


def flattened(n: Network) -> str:
    if n.rng.integers(2):
        return n.node("Flatten", [n.held])
    return n.node("Reshape", [n.held, n.constant(np.array([0, -1]))])


def rows(n: Network) -> str:
    """Maps as a sequence of their places."""
    flat = n.node("Reshape", [n.held, n.constant(np.array([0, n.shape[1], -1]))])
    return n.node("Transpose", [flat], perm=[0, 2, 1])


def reshaped(n: Network) -> str:
    size = n.shape[2] * n.shape[3]
    return n.node("Reshape", [n.held, n.constant(np.array([0, size, -1, 1]))])


def dense(n: Network) -> str:
    inputs, outputs = n.shape[-1], int(n.rng.integers(2, 8))
    if len(n.shape) == 2 and n.rng.integers(2):
        turned = n.pick(0, 1)
        shape = (outputs, inputs) if turned else (inputs, outputs)
        weight = n.weight(shape, 1 - turned)
        return n.node("Gemm", [n.held, weight, n.bias(outputs)], transB=turned)
    sums = n.node("MatMul", [n.held, n.weight((inputs, outputs), 1)])
    return n.node("Add", [n.bias(outputs), sums]) if n.rng.integers(2) else sums


def normed(n: Network) -> str:
    size = n.shape[1]
    values = [n.rng.uniform(0.5, 1.5, size) * n.pick(1, 1, -1), n.rng.normal(0, 0.3, size)]
    values += [n.rng.normal(0, 0.3, size), n.rng.uniform(0.5, 1.5, size)]
    names = [n.constant(v.astype(np.float32)) for v in values]
    return n.node("BatchNormalization", [n.held, *names])


Step = Callable[[Network], str]
_MAPS: list[Step] = [
    conv, conv, conv_relu, conv_relu, conv_leaky, conv_curve, conv_silu, conv_prelu, conv_transpose,
    pool, pool, global_pool, function, gelu, residual, excited, joined, part, halves, gathered,
    transposed, resized, padded, flattened, rows, reshaped, normed,
]  # fmt: skip
_VECTORS: list[Step] = [
    dense,
    dense,
    function,
    gelu,
    residual,
    joined,
    part,
    halves,
    gathered,
    normed,
]
_ROWS: list[Step] = [dense, dense, function, residual, joined, part, halves, transposed, flattened]
