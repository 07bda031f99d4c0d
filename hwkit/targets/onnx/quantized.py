"""A graph as ONNX tools write quantized networks: QDQ (float operators between QuantizeLinear and
DequantizeLinear) or QOp (QLinearConv and its kind).

These operators round a float32 product, half to even, whatever the graph's rounding is: integers
may differ, and ``flow.export`` counts them. What has no such form stays in integer operators, which
are exact. Inputs and outputs of 8 bits are real numbers, as tools expect.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import numpy as np
from onnx import NodeProto

from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    Add,
    AvgPool2d,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Lookup,
    Mul,
    Op,
    Requantize,
    Rescale,
    Rounding,
    Softmax,
    SoftmaxKind,
    Sub,
    SumPool2d,
    activations,
)
from hwkit.ir.traits import Weighted
from hwkit.ir.types import S8, Quantization
from hwkit.targets.onnx.draft import MICROSOFT, Draft, Meaning, axis_of
from hwkit.targets.onnx.emit import OnnxFile, integer_op
from hwkit.targets.onnx.functions import function_of
from hwkit.targets.onnx.rounding import float_scale
from hwkit.targets.onnx.scales import (
    WeightForm,
    factors,
    has_form,
    is_coarse,
    is_near,
    is_plain,
    step_of,
    sum_form,
    weight_form,
)
from hwkit.targets.onnx.sums import onnx_weight, pads_of, window_attributes

_SOFTMAX = Quantization((1 / 256,), -128)


class Form(StrEnum):
    """How an ONNX file has a graph's arithmetic."""

    INTEGER = "integer"
    QDQ = "qdq"
    QOP = "qop"


def quantized_file(graph: Graph, form: Form) -> tuple[OnnxFile, tuple[str, ...]]:
    """``graph`` in ``form``, and the names of the nodes that round in float32 there but not in the
    graph: only behind these may an integer differ."""
    draft = _Quantized(graph, form)
    for op in graph.nodes:
        draft.name = op.name
        if not draft.quantized(op):
            integer_op(draft, op)
    return draft.finished(), tuple(draft.rounded)


class _Quantized(Draft):
    """Ops in real scales where they have a form; the graph's tensors stay integers in between."""

    def __init__(self, graph: Graph, form: Form) -> None:
        super().__init__(graph)
        self.form = form
        self.rounded: list[str] = []
        self.sums: dict[str, Meaning] = {}
        """Outputs that are reals without a quantizer."""

    def quantized(self, op: Op) -> bool:
        """Writes ``op`` in real scales, or says that it has no such form."""
        match op:
            case Conv2d() | DepthwiseConv2d() | Dense():
                return self.weighted(op)
            case Add() | Mul() | Sub():
                return self.pairwise(op)
            case Requantize():
                return self.requantized(op)
            case SumPool2d() | AvgPool2d():
                return self.pooled(op)
            case Softmax() if self.form is Form.QDQ:
                return self.softmax(op)
            case Lookup() if self.form is Form.QDQ:
                return self.function(op)
        return False

    def scale(self, name: str) -> str:
        """The step of a tensor as a constant."""
        return self.constant(np.array(step_of(self.graph, name), np.float32))

    def zero(self, name: str, zero_point: int) -> str:
        """A zero point in the type of ``name``."""
        return self.constant(np.array(zero_point, self.graph.tensors[name].dtype.container))

    def real(self, name: str, zero_point: int) -> str:
        """What the integers of ``name`` stand for."""
        facts = [name, self.scale(name), self.zero(name, zero_point)]
        return self.node("DequantizeLinear", facts)

    def back(self, op: Op, real: str, zero_point: int, low: int, high: int) -> None:
        """``op.output`` of reals, in ``low..high``."""
        facts = [real, self.scale(op.output), self.zero(op.output, zero_point)]
        self.clipped(op, low, high, lambda output: self.node("QuantizeLinear", facts, output))

    def clipped(self, op: Op, low: int, high: int, write: Any) -> None:
        """What ``write`` gives as ``op.output``, clipped where its type holds more."""
        container = self.graph.tensors[op.output].dtype.container
        limits = np.iinfo(container)
        if (low, high) == (limits.min, limits.max):
            write(op.output)
            return
        ends = [self.constant(np.array(v, container)) for v in (low, high)]
        self.node("Clip", [write(None), *ends], op.output)

    def noted(self, op: Op, exact: bool) -> None:
        """Remembers an op whose integers another rounding may move."""
        if not exact:
            self.rounded.append(op.name)

    # Layers -------------------------------------------------------------------------------------

    def weighted(self, op: Weighted) -> bool:
        """A convolution or dense layer."""
        if op.rescale is None:
            return self.raw(op)
        found = weight_form(self.graph, op)
        if found is None or (self.form is Form.QOP and not self.is_linear(op)):
            return False
        r = op.rescale
        assert r is not None
        if self.form is Form.QDQ:
            self.back(op, self.float_layer(op, found), r.zero_point, r.low, r.high)
        else:
            self.clipped(op, r.low, r.high, lambda output: self.q_layer(op, found, r, output))
        self.noted(op, self.is_exact(op, r, found))
        return True

    def raw(self, op: Weighted) -> bool:
        """A last layer's sums as reals, as a network's logits are, in QDQ."""
        graph = self.graph
        if self.form is not Form.QDQ or graph.outputs.count(op.output) != 1:
            return False
        read = any(op.output in activations(other) for other in graph.nodes)
        states = any(state.update == op.output for state in graph.states)
        found = sum_form(graph, op)
        if read or states or found is None:
            return False
        self.node("Identity", [self.float_layer(op, found)], op.output)
        unit = found.scale.astype(np.float64) * step_of(graph, op.input)
        self.sums[op.output] = Meaning(unit, 0)
        self.noted(op, False)
        return True

    def is_exact(self, op: Weighted, r: Rescale, found: WeightForm) -> bool:
        """Whether the runtime's product of scales, in float32, is the graph's own multiplier."""
        if r.rounding is not Rounding.FLOAT32 or not (found.exact_bias and self.is_linear(op)):
            return False
        source, out = (np.float32(step_of(self.graph, name)) for name in (op.input, op.output))
        return bool((source * found.scale / out == float_scale(r)).all())

    def is_linear(self, op: Weighted) -> bool:
        """Whether QLinearConv or QGemm takes ``op``: of one type throughout, and no matrix."""
        matrix = isinstance(op, Dense) and self.rank(op.input) == 2
        return self.is_one_type(op.input, op.output) and not matrix

    def is_one_type(self, *names: str) -> bool:
        """Whether all are stored alike; the runtime has no operators from one type to another."""
        return len({self.graph.tensors[name].dtype.container for name in names}) == 1

    def is_flat(self, op: Weighted) -> bool:
        """Whether ``op`` is a matrix product there; over a map it is a 1 x 1 convolution."""
        return isinstance(op, Dense) and self.rank(op.input) != 3

    def window(self, op: Weighted) -> dict[str, Any]:
        window = {} if isinstance(op, Dense) else window_attributes(op)
        if isinstance(op, DepthwiseConv2d):
            window["group"] = self.graph.tensors[op.input].shape[2]
        return window

    def float_layer(self, op: Weighted, found: WeightForm) -> str:
        """The layer in reals: weights and bias are integers of the file, dequantized."""
        weight = self.graph.constants[op.weight].astype(np.int8)
        flat = self.is_flat(op)
        stored = weight if flat else onnx_weight(op, weight)
        scale = found.scale if found.scale.size > 1 else found.scale.reshape(())
        sums = np.float32(step_of(self.graph, op.input)) * scale
        bias = self.node(
            "DequantizeLinear", [self.constant(found.bias), self.constant(sums)], axis=0
        )
        x = self.real(op.input, op.input_zero_point)
        if flat and self.rank(op.input) > 1:
            columns = [self.constant(stored.T, op.weight), self.constant(scale)]
            matrix = self.node("DequantizeLinear", columns, axis=1)
            return self.node("Add", [self.node("MatMul", [x, matrix]), bias])
        kernel = [self.constant(stored, op.weight), self.constant(scale)]
        weights = self.node("DequantizeLinear", kernel, axis=0)
        if flat:
            return self.node("Gemm", [x, weights, bias], transB=1)
        return self.node("Conv", [x, weights, bias], **self.window(op))

    def q_layer(self, op: Weighted, found: WeightForm, r: Rescale, output: str | None) -> str:
        """QLinearConv, or ONNX Runtime's QGemm."""
        weight = self.graph.constants[op.weight].astype(np.int8)
        scale = found.scale if found.scale.size > 1 else found.scale.reshape(())
        x = [op.input, self.scale(op.input), self.zero(op.input, op.input_zero_point)]
        zeros = self.constant(np.zeros(scale.shape, np.int8))
        y = [self.scale(op.output), self.zero(op.output, r.zero_point)]
        if self.is_flat(op):
            w = [self.constant(weight, op.weight), self.constant(scale), zeros]
            inputs = [*x, *w, self.constant(found.bias), *y]
            return self.node("QGemm", inputs, output, MICROSOFT, transB=1)
        w = [self.constant(onnx_weight(op, weight), op.weight), self.constant(scale), zeros]
        inputs = [*x, *w, *y, self.constant(found.bias)]
        return self.node("QLinearConv", inputs, output, **self.window(op))

    # Ops without weights ------------------------------------------------------------------------

    def pairwise(self, op: Add | Sub | Mul) -> bool:
        """A sum, difference or product whose rescales are what its tensors' scales say."""
        r, graph = op.rescale, self.graph
        names = (*op.inputs, op.output)
        if r is None or not is_plain(r):
            return False
        zeros = (*op.input_zero_points, r.zero_point)
        if not all(has_form(graph, n, z) for n, z in zip(names, zeros, strict=True)):
            return False
        first, second, out = (step_of(graph, name) for name in names)
        if isinstance(op, Mul):
            agree = is_near(first * second / out, float(factors(r)[0]))
        else:
            inner = [(s, q) for s, q in zip((first, second), op.input_rescales, strict=True)]
            agree = all(
                is_plain(q)
                and not is_coarse(q)
                and is_near(s / out, float(factors(q)[0] * factors(r)[0]))
                for s, q in inner
            )
        linear = self.is_one_type(*names) and not isinstance(op, Sub)
        if not agree or (self.form is Form.QOP and not linear):
            return False
        kind = type(op).__name__
        if self.form is Form.QOP:
            inputs: list[str] = []
            for name, zero in zip(names[:2], zeros[:2], strict=True):
                inputs += [name, self.scale(name), self.zero(name, zero)]
            inputs += [self.scale(op.output), self.zero(op.output, r.zero_point)]
            self.clipped(op, r.low, r.high, lambda output: self.node(
                f"QLinear{kind}", inputs, output, MICROSOFT))  # fmt: skip
        else:
            reals = [self.real(n, z) for n, z in zip(names[:2], zeros[:2], strict=True)]
            self.back(op, self.node(kind, reals), r.zero_point, r.low, r.high)
        self.noted(op, False)
        return True

    def requantized(self, op: Requantize) -> bool:
        """DequantizeLinear and QuantizeLinear, in either form."""
        r, graph = op.rescale, self.graph
        fits = is_plain(r) and has_form(graph, op.input, op.input_zero_point)
        if not (fits and has_form(graph, op.output, r.zero_point)):
            return False
        if not is_near(step_of(graph, op.input) / step_of(graph, op.output), float(factors(r)[0])):
            return False
        self.back(op, self.real(op.input, op.input_zero_point), r.zero_point, r.low, r.high)
        self.noted(op, False)
        return True

    def pooled(self, op: SumPool2d | AvgPool2d) -> bool:
        """An average; of window sums, where the rescale divides by the window."""
        graph = self.graph
        if graph.tensors[op.input].dtype.bits > 8:
            return False
        source, out = (step_of(graph, name) for name in (op.input, op.output))
        facts = graph.tensors[op.input].quantization
        if isinstance(op, AvgPool2d):
            zero = facts.zero_point if facts is not None else 0
            ends, target, wanted = (op.low, op.high), zero, 1.0
        else:
            r = op.rescale
            if r is None or not is_plain(r):
                return False
            zero, ends, target = op.input_zero_point, (r.low, r.high), r.zero_point
            wanted = float(factors(r)[0]) * op.kernel[0] * op.kernel[1]
        fits = has_form(graph, op.input, zero) and has_form(graph, op.output, target)
        if not (fits and is_near(source / out, wanted)):
            return False
        window: dict[str, Any] = {
            "kernel_shape": list(op.kernel),
            "strides": list(op.stride),
            "pads": pads_of(op.padding),
            "count_include_pad": int(isinstance(op, SumPool2d)),
        }
        mean = self.node("AveragePool", [self.real(op.input, zero)], **window)
        self.back(op, mean, target, *ends)
        self.noted(op, False)
        return True

    def function(self, op: Lookup) -> bool:
        """A float function, where the table is one's to the last integer."""
        graph = self.graph
        ends = [(name, self.stated_zero(name)) for name in (op.input, op.output)]
        stated = all(graph.tensors[name].quantization is not None for name, _ in ends)
        if not stated or not all(has_form(graph, name, zero) for name, zero in ends):
            return False
        source, output = (Meaning(np.array([step_of(graph, n)]), z) for n, z in ends)
        dtype, table = graph.tensors[op.output].dtype, graph.constants[op.table].astype(np.int64)
        limits = (dtype.low, dtype.high)
        found = function_of(table, graph.tensors[op.input].dtype, source, output, limits)
        if found is None or found[1]:
            return False
        y = self.node(found[0].kind, [self.real(*ends[0])], **found[0].attributes)
        self.back(op, y, output.zero_point, *limits)
        self.noted(op, False)
        return True

    def softmax(self, op: Softmax) -> bool:
        """A float softmax between 8-bit integers."""
        source, output = (self.graph.tensors[name] for name in (op.input, op.output))
        facts = source.quantization
        if source.dtype != S8 or output.quantization != _SOFTMAX or facts is None:
            return False
        if op.kind is SoftmaxKind.TABLE and not (
            is_plain(op.rescale) and is_near(float(factors(op.rescale)[0]), 2.0**-22)
        ):
            return False
        if not is_near(facts.scale[0], op.input_scale) or not has_form(self.graph, op.input, 0):
            return False
        rank = self.rank(op.input)
        real = self.real(op.input, facts.zero_point)
        y = self.node("Softmax", [real], axis=axis_of(rank - 1, rank))
        self.back(op, y, -128, S8.low, S8.high)
        self.noted(op, False)
        return True

    # Borders ------------------------------------------------------------------------------------

    def is_real(self, name: str) -> bool:
        """Whether a border of the file is in reals: 8 bits, and what they stand for is known."""
        facts = self.graph.tensors[name].quantization
        return facts is not None and has_form(self.graph, name, facts.zero_point)

    def finished(self) -> OnnxFile:
        """The file: inputs and outputs that can be are reals under their names, others and states
        integers."""
        graph = self.graph
        computed = {op.output for op in graph.nodes}
        entering = [name for name in graph.inputs if self.is_real(name)]
        leaving = [name for name in graph.outputs if name in computed and self.is_real(name)]
        inner = {n: self.fresh(f"{n}_quantized") for n in dict.fromkeys((*entering, *leaving))}
        body, self.nodes = [_renamed(node, inner) for node in self.nodes], []
        for name in entering:
            self.quantize_input(name, inner[name])
        self.nodes += body
        taken, outputs = {*graph.sources, *(inner[n] for n in entering)}, []
        for place, name in enumerate(graph.results):
            inside = self.name = inner.get(name, name)
            if place < len(graph.outputs) and name in leaving and name not in taken:
                facts = [inside, self.scale(name), self.zero(name, self.stated_zero(name))]
                outputs.append(self.node("DequantizeLinear", facts, name))
            else:
                outputs.append(self.node("Identity", [inside]) if inside in taken else inside)
            taken.add(outputs[-1])
        real = {*leaving, *self.sums}
        types: list[Any] = [
            np.float32 if n in real and n == made else None
            for n, made in zip(graph.results, outputs, strict=True)
        ]
        made = self.bytes(
            [self.value(n, n, np.float32 if n in entering else None) for n in graph.sources],
            [self.value(name, like, dtype)
             for name, like, dtype in zip(outputs, graph.results, types, strict=True)],
            {},
        )  # fmt: skip
        reals = {
            name: Meaning(np.array([step_of(graph, name)]), self.stated_zero(name))
            for name in (*entering, *leaving)
        } | self.sums
        return OnnxFile(made, graph.sources, tuple(outputs), reals)

    def stated_zero(self, name: str) -> int:
        """The zero point that a tensor states."""
        facts = self.graph.tensors[name].quantization
        return 0 if facts is None else facts.zero_point

    def quantize_input(self, name: str, inner: str) -> None:
        """``inner`` of the reals ``name``, clipped where the graph's type is narrower."""
        self.name = name
        dtype = self.graph.tensors[name].dtype
        limits = np.iinfo(dtype.container)
        whole = (dtype.low, dtype.high) == (limits.min, limits.max)
        facts = [name, self.scale(name), self.zero(name, self.stated_zero(name))]
        made = self.node("QuantizeLinear", facts, inner if whole else None)
        if not whole:
            ends = (np.array(v, dtype.container) for v in (dtype.low, dtype.high))
            self.node("Clip", [made, *map(self.constant, ends)], inner)


def _renamed(node: NodeProto, names: dict[str, str]) -> NodeProto:
    """``node`` with other tensors."""
    node.input[:] = [names.get(name, name) for name in node.input]
    node.output[:] = [names.get(name, name) for name in node.output]
    return node
