"""A graph as QONNX: float operators between ``Quant`` nodes, as Brevitas exports them.

What each tensor's integers stand for is what the graph states. Reading the file back gives the
graph's integers: multipliers come back to ``2**-28`` or better, and every rounding has its
quantizers (``reals.py``). Tables have no form there.

QONNX: Pappalardo et al. 2022 (2206.07527).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, assert_never

import numpy as np

from hwkit.ir import layer_norm as layer_norms
from hwkit.ir import softmax_table
from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    NO_OFFSET,
    Add,
    ArgMax,
    AvgPool2d,
    Clamp,
    Concat,
    Constant,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    LayerNorm,
    Lookup,
    MatMul,
    MaxPool2d,
    Mul,
    Op,
    Overflow,
    Pad,
    Prelu,
    Requantize,
    Rescale,
    Reshape,
    ResizeBilinear,
    ResizeNearest,
    Slice,
    Softmax,
    SoftmaxKind,
    Sub,
    SumPool2d,
    Transpose,
    activations,
)
from hwkit.ir.sums import bias_of
from hwkit.ir.traits import Weighted
from hwkit.ir.types import Array, IntType
from hwkit.targets.onnx import movement
from hwkit.targets.onnx.draft import Meaning, axis_of, in_onnx
from hwkit.targets.onnx.emit import OnnxFile
from hwkit.targets.onnx.functions import function_of
from hwkit.targets.onnx.quantizers import AGREES, QUANTIZED_BITS, Reals
from hwkit.targets.onnx.reals import Step, factored, steps_of
from hwkit.targets.onnx.rows import operand, rows_back, rows_first
from hwkit.targets.onnx.scales import factors, is_coarse, step_of
from hwkit.targets.onnx.sums import onnx_weight, pads_of, window_attributes


def qonnx_file(graph: Graph) -> OnnxFile:
    """``graph`` as QONNX, its inputs and outputs reals; states are further inputs and outputs.

    ``UnsupportedOp`` for an op that no QONNX node computes: a table, a wrapping rescale, another
    value than 0 around a map.
    """
    draft = _Qonnx(graph)
    for name in graph.sources:
        draft.name = name
        draft.enter(name)
    for op in graph.nodes:
        draft.name = op.name
        draft.write(op)
    return draft.finished()


class _Qonnx(Reals):
    """Each op in float operators."""

    def write(self, op: Op) -> None:
        """Appends the nodes that compute ``op.output``."""
        match op:
            case Conv2d() | DepthwiseConv2d() | Dense():
                self.weighted(op)
            case Add() | Sub() | Mul():
                self.pairwise(op)
            case MatMul():
                self.product(op)
            case LayerNorm():
                self.layer_norm(op)
            case SumPool2d():
                self.summed(op)
            case Requantize():
                source = self.around(op, op.input, op.input_zero_point)
                self.rescaled(op, op.input, source.scale, op.rescale)
            case AvgPool2d():
                self.averaged(op)
            case MaxPool2d():
                self.node("MaxPool", [op.input], op.output, **self.window(op))
                self.passed(op)
            case Clamp():
                self.clamped(op)
            case Pad():
                self.padded(op)
            case Softmax():
                self.softmax(op)
            case ArgMax():
                rank = self.rank(op.input)
                self.node("ArgMax", [op.input], op.output, axis=axis_of(rank - 1, rank), keepdims=1)
                self.meaning[op.output] = Meaning(np.ones(1), 0)
            case Reshape():
                self.reshaped(op)
            case Concat():
                self.alike(op)
                movement.concat(self, op)
                self.passed(op)
            case Slice():
                movement.cut(self, op)
                self.passed(op)
            case Transpose():
                movement.transpose(self, op)
                self.passed(op)
            case ResizeBilinear():
                raise self.unsupported(op, "QONNX has no quantized bilinear resizing")
            case ResizeNearest():
                movement.resize(self, op)
                self.passed(op)
            case Constant():
                self.constant_operand(op)
            case Lookup():
                self.function(op)
            case Prelu():
                self.prelu(op)
            case _:
                assert_never(op)

    def alike(self, op: Concat) -> None:
        """Refuses to join what stands for different reals."""
        found = [self.meaning[name] for name in op.inputs]
        if any(m.zero_point != found[0].zero_point or (m.scale != found[0].scale).any()
               for m in found):  # fmt: skip
            raise self.unsupported(op, "its inputs stand for different reals")

    # Layers -------------------------------------------------------------------------------------

    def weighted(self, op: Weighted) -> None:
        """A layer: its weights get the scale that its multipliers leave them."""
        source = self.around(op, op.input, op.input_zero_point)
        if source.scale.size > 1:
            raise self.unsupported(op, "its input has a scale for each channel")
        unit, r, rank = float(source.scale[0]), op.rescale, self.rank(op.output)
        facts = self.graph.tensors[op.weight].quantization
        stated = None if facts is None else np.array(facts.scale)
        gain = np.ones(1, np.float32)
        scale: Array
        if r is None:
            scale = np.ones(1, np.float32) if stated is None else stated.astype(np.float32)
            self.meaning[op.output] = Meaning(scale.astype(np.float64) * unit, 0)
        else:
            wanted = factors(r) * step_of(self.graph, op.output) / unit
            dead = wanted <= 0
            scale, gain = factored(np.where(dead, 1.0, wanted), None if dead.any() else stated)
            gain = np.where(dead, 0.0, gain) if dead.any() else gain
        bias = bias_of(op, self.graph.constants)
        total = self.layer(op, scale, bias * (scale.astype(np.float64) * unit), bool(bias.any()))
        if (gain != 1).any():
            total = self.node("Mul", [total, self.floats(gain, rank)])
        if r is None:
            self.node("Identity", [total], op.output)
        else:
            self.quantized(op, total, r)

    def layer(self, op: Weighted, scale: Array, bias: Array, biased: bool) -> str:
        """The sums as reals; ``bias`` is one for each output, used if ``biased``."""
        weight = self.graph.constants[op.weight].astype(np.float64)
        flat = isinstance(op, Dense) and self.rank(op.input) != 3
        if op.input in self.order:
            weight = weight[:, self.order[op.input]]
        dtype = self.graph.tensors[op.weight].dtype
        stored = weight.T if flat else onnx_weight(op, weight)
        along = scale if flat or scale.size == 1 else scale.reshape(-1, 1, 1, 1)
        reals = (stored * along.astype(np.float64)).astype(np.float32)
        step = along.astype(np.float32) if scale.size > 1 else np.array(scale[0], np.float32)
        name = self.constant(reals, op.weight)
        kernel = self.quant(name, self.constant(step), 0, dtype, "ROUND")
        added = self.constant(bias.astype(np.float32)) if biased else ""
        if flat:
            total = self.node("MatMul", [op.input, kernel])
            return self.node("Add", [total, added]) if biased else total
        window = {} if isinstance(op, Dense) else window_attributes(op)
        if isinstance(op, DepthwiseConv2d):
            window["group"] = self.graph.tensors[op.input].shape[2]
        window["kernel_shape"] = list(stored.shape[2:])
        inputs = [op.input, kernel, added] if biased else [op.input, kernel]
        return self.node("Conv", inputs, **window)

    def pairwise(self, op: Add | Sub | Mul) -> None:
        """A sum, difference or product of reals, each brought to the rescale's units first."""
        sources = [self.around(op, n, z)
                   for n, z in zip(op.inputs, op.input_zero_points, strict=True)]  # fmt: skip
        r, rank = op.rescale, self.rank(op.output)
        names = list(op.inputs)
        if isinstance(op, Mul):
            product = self.node("Mul", names)
            unit = sources[0].scale * sources[1].scale
        else:
            inner = [factors(q) for q in op.input_rescales]
            unit = np.array([1.0]) if r is None else step_of(self.graph, op.output) * factors(r)
            if r is None:
                unit = sources[0].scale / inner[0]
            for k, (source, factor) in enumerate(zip(sources, inner, strict=True)):
                gain = unit * factor / source.scale
                if (np.abs(gain - 1) > AGREES).any():
                    names[k] = self.node("Mul", [names[k], self.floats(gain, rank)])
                names[k] = self.term(op, names[k], op.input_rescales[k], unit)
            product = self.node(type(op).__name__, names)
        if r is None:
            self.node("Identity", [product], op.output)
            self.meaning[op.output] = Meaning(unit, 0)
        else:
            self.rescaled(op, product, unit, r)

    def product(self, op: MatMul) -> None:
        """A matrix product of reals."""
        sources = [self.around(op, n, z)
                   for n, z in zip(op.inputs, op.input_zero_points, strict=True)]  # fmt: skip
        if any(source.scale.size > 1 for source in sources):
            raise self.unsupported(op, "an input has a scale for each channel")
        rank = self.rank(op.output)
        found = [operand(self, n, rank, t) for n, t in zip(op.inputs, op.transposed, strict=True)]
        y = rows_back(self, self.node("MatMul", found), rank)
        unit = sources[0].scale * sources[1].scale
        if op.rescale is not None:
            self.rescaled(op, y, unit, op.rescale)
            return
        self.node("Identity", [y], op.output)
        self.meaning[op.output] = Meaning(unit, 0)

    def layer_norm(self, op: LayerNorm) -> None:
        """ONNX's own, whose gain and bias are the rescale's."""
        shape, rank = self.graph.tensors[op.input].shape, self.rank(op.output)
        step = float(self.meaning[op.input].scale[0])
        eps = op.epsilon * step**2 / (256.0 * shape[-1] ** 2)
        r, unit = op.rescale, 2.0**-layer_norms.FRACTION_BITS
        gain, bias = np.ones(shape[-1]), np.zeros(shape[-1])
        if r is not None:
            out = step_of(self.graph, op.output)
            gain = gain * factors(r) / unit * out
            bias = bias + np.array(r.offset, np.float64) * 2.0 ** -np.array(r.shift, float) * out
        if op.signs is not None:
            gain = gain * self.graph.constants[op.signs]
        ends = [self.constant(end.astype(np.float32)) for end in (gain, bias)]
        x = rows_first(self, op.input, rank)
        y = self.node("LayerNormalization", [x, *ends], axis=-1, epsilon=eps)
        y = rows_back(self, y, rank)
        if r is not None:
            self.quantized(op, y, replace(r, offset=NO_OFFSET))
            return
        self.node("Identity", [y], op.output)
        self.meaning[op.output] = Meaning(np.array([unit]), 0)

    def term(self, op: Add | Sub, x: str, r: Rescale | None, unit: Array) -> str:
        """An operand in the sum's units, rounded and clamped where its rescale shows."""
        if r is None or not is_coarse(r):
            return x
        bits = max(-r.low, r.high + 1, 1).bit_length() + 1
        if bits > QUANTIZED_BITS or unit.size > 1 or r.overflow is not Overflow.SATURATE:
            raise self.unsupported(op, f"it rounds an operand to {bits} bits")
        parts = []
        for step in steps_of(r):
            ends = {1: (max(r.low, 0), max(r.high, 0)), -1: (min(r.low, 0), min(r.high, 0))}
            inside = ends.get(step.side, (r.low, r.high))
            meant = Meaning(unit, 0)
            parts.append(self.stepped(op, x, step, inside, 0, IntType(bits, True), None, meant))
        return parts[0] if len(parts) == 1 else self.node("Add", parts)

    # Pools and the rest -------------------------------------------------------------------------

    def window(self, op: SumPool2d | AvgPool2d | MaxPool2d) -> dict[str, Any]:
        """Attributes of a pool."""
        return {
            "kernel_shape": list(op.kernel), "strides": list(op.stride), "pads": pads_of(op.padding)
        }  # fmt: skip

    def summed(self, op: SumPool2d) -> None:
        """A mean over the whole window, borders included, of which the rescale knows the size."""
        source = self.around(op, op.input, op.input_zero_point)
        mean = self.node("AveragePool", [op.input], count_include_pad=1, **self.window(op))
        unit = source.scale / (op.kernel[0] * op.kernel[1])
        if op.rescale is None:
            self.node("Identity", [mean], op.output)
            self.meaning[op.output] = Meaning(unit, 0)
        else:
            self.rescaled(op, mean, unit, op.rescale)

    def function(self, op: Lookup) -> None:
        """A function of reals and a quantizer, where the table is one's."""
        tensors, table = self.graph.tensors, self.graph.constants[op.table].astype(np.int64)
        source, dtype = self.meaning[op.input], tensors[op.output].dtype
        meaning = self.stated(op.output, self.zero_point(op.output))
        found = None
        if source.scale.size == 1:
            ends = (dtype.low, dtype.high)
            found = function_of(table, tensors[op.input].dtype, source, meaning, ends)
        if found is None:
            raise self.unsupported(op, "its table is of no function that QONNX has")
        y = self.node(found[0].kind, [op.input], **found[0].attributes)
        step = Step("ROUND", np.zeros(1))
        self.stepped(op, y, step, (dtype.low, dtype.high), meaning.zero_point, dtype, op.output)

    def averaged(self, op: AvgPool2d) -> None:
        """Half away from zero, with the zero point in: QONNX's HALF_UP."""
        source = self.meaning[op.input]
        mean = self.node("AveragePool", [op.input], count_include_pad=0, **self.window(op))
        self.meaning[op.output] = source
        dtype = self.graph.tensors[op.output].dtype
        step = Step("HALF_UP", np.zeros(1))
        self.stepped(op, mean, step, (op.low, op.high), source.zero_point, dtype, op.output)

    def clamped(self, op: Clamp) -> None:
        """A clip, and a quantizer that changes nothing."""
        self.passed(op)
        source = self.meaning[op.input]
        dtype = self.graph.tensors[op.output].dtype
        step = Step("ROUND", np.zeros(1))
        self.stepped(op, op.input, step, (op.low, op.high), source.zero_point, dtype, op.output)

    def padded(self, op: Pad) -> None:
        """A border of what ``value`` stands for."""
        source = self.meaning[op.input]
        if op.value != source.zero_point:
            raise self.unsupported(op, f"its border is {op.value}, which stands for no 0")
        pads = pads_of(op.padding)
        widths = self.indices([0, 0, *pads[:2], 0, 0, *pads[2:]])
        self.node("Pad", [op.input, widths, self.constant(np.array(0, np.float32))], op.output)
        self.passed(op)

    def softmax(self, op: Softmax) -> None:
        """A float softmax of the reals that its own scale says."""
        source, rank = self.meaning[op.input], self.rank(op.input)
        x, gain = op.input, op.input_scale / source.scale
        if (np.abs(gain - 1) > AGREES).any():
            x = self.node("Mul", [x, self.floats(gain, rank)])
        y = self.node("Softmax", [x], axis=axis_of(rank - 1, rank))
        if op.kind is SoftmaxKind.TABLE:
            unit = np.array([2.0**-softmax_table.FRACTION_BITS])
            if op.rescale is not None:
                self.rescaled(op, y, unit, op.rescale)
                return
            self.node("Identity", [y], op.output)
            self.meaning[op.output] = Meaning(unit, 0)
            return
        dtype = self.graph.tensors[op.output].dtype
        sixteen = dtype.bits == 16
        self.meaning[op.output] = Meaning(np.array([2.0**-15 if sixteen else 2.0**-8]),
                                          0 if sixteen else -128)  # fmt: skip
        step = Step("ROUND", np.zeros(1))
        zero_point = self.meaning[op.output].zero_point
        ends = (dtype.low, dtype.high)
        self.stepped(op, y, step, ends, zero_point, dtype, op.output)

    def reshaped(self, op: Reshape) -> None:
        """A map that dense layers alone read is flattened as it lies there, channels first, and
        their weights follow; others are turned first."""
        source, target = (self.graph.tensors[n].shape for n in (op.input, op.output))
        readers = [o for o in self.graph.nodes if op.output in activations(o)]
        dense = all(isinstance(o, Dense) for o in readers) and op.output not in self.graph.results
        if len(source) == 3 and len(target) == 1 and dense:
            self.node("Flatten", [op.input], op.output, axis=1)
            places = np.arange(target[0]).reshape(1, *source)
            self.order[op.output] = in_onnx(places).reshape(-1)
        else:
            movement.reshape(self, op)
        self.passed(op)

    def constant_operand(self, op: Constant) -> None:
        """A quantized constant."""
        value, dtype = self.graph.constants[op.value], self.graph.tensors[op.output].dtype
        meaning = self.stated(op.output, self.zero_point(op.output))
        scale = float(meaning.scale[0])
        reals = in_onnx((value[None].astype(np.float64) - meaning.zero_point) * scale)
        name = self.constant(reals.astype(np.float32), op.value)
        step = self.constant(np.array(scale, np.float32))
        self.quant(name, step, meaning.zero_point, dtype, "ROUND", op.output)

    def prelu(self, op: Prelu) -> None:
        """A float PRelu: its slope takes up what the two sides' rescales differ by."""
        source = self.around(op, op.input, op.input_zero_point)
        above, below = op.positive, op.negative
        if (above.low, above.high, above.zero_point, above.rounding) != (
            below.low, below.high, below.zero_point, below.rounding,
        ) or any((*above.offset, *below.offset)) or not all(above.multiplier):  # fmt: skip
            raise self.unsupported(op, "its two sides have ranges or roundings of their own")
        slope = in_onnx(self.graph.constants[op.slope][None].astype(np.float64))
        relative = factors(below) / factors(above)
        if self.rank(op.output) == 3 and relative.size > 1:
            relative = relative.reshape(-1, 1, 1)
        reals = (slope[0] - op.slope_zero_point) * relative
        y = self.node("PRelu", [op.input, self.constant(reals.astype(np.float32))])
        self.rescaled(op, y, source.scale, above)
