"""ONNX Runtime beside the graph: the execution of QDQ and QOperator files.

The file is cut at its quantizers: what each gives is an output, and what the nodes behind it read
is a new input, so that one call runs every layer on the graph's integers (``proof.FileRunner``).
Nothing is optimized: ONNX Runtime's fused kernels are other programs, which its optimizer may or
may not choose (docs/onnx.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from hwkit.errors import FormatError, ToolMissing
from hwkit.importers.qonnx.source import Imported, Meaning, QonnxRunner, in_file
from hwkit.ir.types import Array

FLOAT32_SHARE = 2.0**-18
"""Of a quantizer's range: what sums of float32, of 24 bits each, may be off. A real as close to a
tie as that may fall on either side."""

_WIDEST = 2.0**-4
"""In steps, what float32 may be off at most: of 16 bits the share would be a quarter of a step, and
one of 2**-24 is the largest that was seen (docs/onnx.md)."""

_GIVEN = "~given"


def is_installed() -> bool:
    """Whether the package onnxruntime is there."""
    try:
        import onnxruntime  # noqa: F401
    except ImportError:
        return False
    return True


class OnnxRuntimeRunner(QonnxRunner):
    """``proof.FileRunner`` of a file that ONNX Runtime executes: its integers, and from the float64
    execution how far each real is from a tie, less what float32 cannot tell."""

    def __init__(self, imported: Imported, path: Path) -> None:
        super().__init__(imported)
        self._path = path
        self._cut = sorted(self._integral & (self._compared.keys() | self._fed.keys()))

    @cached_property
    def _session(self) -> Any:
        try:
            import onnxruntime
        except ImportError as error:
            raise ToolMissing("onnxruntime", "pip install 'onnxruntime>=1.20'") from error
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        model = cut_at(self._path, self._cut, self._imported.model.outputs)
        try:
            return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises classes of its own for each status
            raise _refusal(self._path, error) from error

    def _sample(self, known: Mapping[str, Array]) -> dict[str, tuple[Array, Array]]:
        told = super()._sample(known)
        theirs = self._theirs(known)
        seen = {}
        for name, meaning in self._compared.items():
            if name not in theirs:
                continue
            _, distance = told[meaning.tensor]
            y = meaning.first(theirs[name])
            if name in self._integral:
                integers = self._in_graph(meaning, y).astype(np.int64)
                bits = self._imported.graph.tensors[meaning.tensor].dtype.bits
                off = min(FLOAT32_SHARE * 2.0**bits, _WIDEST)
                distance = np.maximum(distance - off, 0)
                seen[meaning.tensor] = integers, distance
            else:
                seen[meaning.tensor] = self._reals_seen(meaning, y, known)
        return {**told, **seen}

    def _reals_seen(
        self, meaning: Meaning, y: Array, known: Mapping[str, Array]
    ) -> tuple[Array, Array]:
        """An output of reals in the graph's steps: what is nearer to the graph's integer than half
        a step and float32's error is a tie at most."""
        scale, zero_point = self._facts(meaning)
        steps = self._in_graph(meaning, y.astype(np.float64)) / scale + zero_point
        error = FLOAT32_SHARE * max(float(np.abs(steps).max(initial=0)), 1.0)
        near = np.abs(steps - known[meaning.tensor]) <= 0.5 + error
        return np.rint(steps).astype(np.int64), np.where(near, 0.0, 1.0)

    def _theirs(self, known: Mapping[str, Array]) -> dict[str, Array]:
        """Every cut tensor and every output, by the file's names."""
        types = {i.name: np.dtype(_NUMPY[i.type]) for i in self._session.get_inputs()}
        shapes = self._imported.model.inputs
        feeds: dict[str, Array] = {
            name: x.astype(types[name]) for name, x in self._feeds(known).items() if name in types
        }
        batch = next(iter(shapes.values()))[0]
        for name in self._cut:
            meaning = self._fed.get(name) or self._compared[name]
            x = in_file(meaning, known[meaning.tensor].astype(np.int64))
            if name + _GIVEN in types:
                given = meaning.batched(x, batch)
                feeds[name + _GIVEN] = given.astype(types[name + _GIVEN])
        wanted = [o.name for o in self._session.get_outputs()]
        try:
            results = self._session.run(wanted, feeds)
        except Exception as error:  # as above
            raise _refusal(self._path, error) from error
        return dict(zip(wanted, results, strict=True))


_NUMPY = {
    "tensor(float)": "float32", "tensor(double)": "float64", "tensor(float16)": "float16",
    "tensor(int8)": "int8", "tensor(uint8)": "uint8", "tensor(int16)": "int16",
    "tensor(uint16)": "uint16", "tensor(int32)": "int32", "tensor(int64)": "int64",
}  # fmt: skip


def _refusal(path: Path, error: Exception) -> FormatError:
    said = " ".join(str(error).split()) or repr(error)
    return FormatError(f"{path}: ONNX Runtime does not execute it ({said:.200}); export it again")


def cut_at(path: Path, names: list[str], ends: Sequence[str]) -> bytes:
    """The file with ``names`` as outputs, and what reads them reading inputs ``name~given``.
    ``ends`` are the outputs that are wanted of the file: its own, or reals before."""
    import onnx

    model = onnx.load(str(path))
    graph, cut = model.graph, set(names)
    for name in set(ends) - {o.name for o in graph.output}:
        reals = onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
        graph.output.append(reals)
    outputs = {o.name for o in graph.output}
    types = _types(model, cut)
    for node in graph.node:
        for position, name in enumerate(node.input):
            if name in cut:
                node.input[position] = name + _GIVEN
    for name in names:
        graph.input.append(onnx.helper.make_tensor_value_info(name + _GIVEN, types[name], None))
        if name not in outputs:
            graph.output.append(onnx.helper.make_tensor_value_info(name, types[name], None))
    del graph.value_info[:]
    data: bytes = model.SerializeToString()
    return data


def _types(model: Any, names: set[str]) -> dict[str, int]:
    """ONNX's number of each integer tensor's type: that of the zero point that made it."""
    from onnx import TensorProto, helper

    known = {t.name: t.data_type for t in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant":
            values = [a.t.data_type for a in node.attribute if a.name == "value"]
            known.update(dict.fromkeys(node.output, values[0] if values else TensorProto.FLOAT))
    for node in model.graph.node:
        if node.op_type == "Cast":
            known[node.output[0]] = helper.get_attribute_value(node.attribute[0])
            continue
        position = _ZERO_POINTS.get(node.op_type)
        if node.op_type in ("Clip", "Identity", "Reshape", "Squeeze", "Unsqueeze"):
            position = 0
        if position is None:
            continue
        given = node.input[position] if position < len(node.input) else ""
        default = next(
            (helper.get_attribute_value(a) for a in node.attribute if a.name == "output_dtype"),
            TensorProto.UINT8,
        )
        known[node.output[0]] = known.get(given, default)
    return {name: known[name] for name in names}


_ZERO_POINTS = {
    "QuantizeLinear": 2, "QLinearConv": 7, "QLinearMatMul": 7, "QLinearAdd": 7, "QLinearMul": 7,
    "QGemm": 8, "QLinearConcat": 1,
    **dict.fromkeys(
        ("QLinearSigmoid", "QLinearLeakyRelu", "QLinearSoftmax", "QLinearAveragePool",
         "QLinearGlobalAveragePool", "QLinearReduceMean"), 4),
}  # fmt: skip
"""Which operand tells the type of an operator's result."""
