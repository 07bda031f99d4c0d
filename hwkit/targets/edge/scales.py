"""Gives every tensor the scale and zero point that a .tflite needs.

In the graph a multiplier is a field; in a .tflite it is a ratio of scales. So scales are chosen
that give the graph's multipliers back:

- convolutions and dense layers leave both activation scales free, as their weight scale
  ``multiplier * s_out / s_in`` takes up the rest;
- an add, and all else that rescales without weights, ties its inputs to its output:
  ``s_in = ratio * s_out``; a product ties all three: ``s_0 * s_1 = ratio * s_out``;
- pooling, padding, clamping, joining and reshaping keep scale and zero point;
- softmax fixes its input's scale and its output's (1/256, -128).

What the tensors state themselves is kept where these rules allow. Where they contradict each
other, a Reshape to the same shape in between lets one integer carry two meanings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import prod

import numpy as np

from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    Add,
    AvgPool2d,
    Clamp,
    Concat,
    Constant,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    LayerNorm,
    MatMul,
    MaxPool2d,
    Mul,
    Op,
    Pad,
    Prelu,
    Requantize,
    Rescale,
    Reshape,
    ResizeNearest,
    Slice,
    Softmax,
    Sub,
    SumPool2d,
    Transpose,
    activations,
)
from hwkit.ir.traits import Binary, Weighted
from hwkit.ir.types import S8, S16, S32, S48, Array, Quantization, TensorType

_RESCALING = (
    Add,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    LayerNorm,
    MatMul,
    Mul,
    Requantize,
    Sub,
    SumPool2d,
)
_SAME = (
    *(AvgPool2d, Clamp, Concat, MaxPool2d, Pad),
    *(Reshape, ResizeNearest, Slice, Transpose),
)
_TOLERANCE = 2.0**-20
"""Relative error of a ratio that is taken as it is: below the 21 bits of XNNPACK's add."""
_SAME_SCALE = 2.0**-22
"""Relative difference of a weight's scale to the one stated up to which they are one and the same,
rounded in another way."""
_SAME_SCALE_16 = 2.0**-15
"""The same where 64-bit sums are rescaled, by multipliers of 15 bits."""
_SANE = (2.0**-40, 2.0**40)
"""Scales outside are not believed, so that products of three stay float32 numbers."""
_DEAD_BELOW = 2.0**-32
"""Multipliers below bring every 32-bit sum to less than a half."""
_DEAD_RATIO = 2.0**-16
"""What stands in the file for a multiplier of (nearly) 0, which no runtime takes."""
_SOFTMAX_OUTPUT = {S8: Quantization((1 / 256,), -128), S16: Quantization((1 / 32768,), 0)}
"""What the runtimes' softmax gives."""


def ratio(r: Rescale | None, channel: int = 0) -> float:
    """The real factor of a rescale: multiplier 3, shift 2 is 0.75; None is 1."""
    if r is None:
        return 1.0
    k = channel if len(r.multiplier) > 1 else 0
    return float(Fraction(r.multiplier[k] << r.left_shift, 1 << r.shift[k]))


def tied_ratios(op: Op) -> tuple[float, ...] | None:
    """``s_in / s_out`` of each input of an op that has these scales alone to rescale by, else
    None. Example: a sum pool over 4, which divides by 8, has 1/2: it is a mean with half the step.
    """
    if isinstance(op, Add | Sub) and op.rescale is not None:
        first, second = op.input_rescales
        return ratio(first) * ratio(op.rescale), ratio(second) * ratio(op.rescale)
    if isinstance(op, Requantize):
        return (ratio(op.rescale),)
    if isinstance(op, SumPool2d):
        return (ratio(op.rescale) * prod(op.kernel),)
    return (ratio(op.positive),) if isinstance(op, Prelu) else None


def assign_scales(graph: Graph) -> Graph:
    """The graph with facts on every s8 and s16 activation and every weight, all scales float32.

    Integers stay the same, except that weights and bias of a channel whose multiplier is below
    2**-32 become 0: its outputs are its zero point either way.
    """
    assignment = _Assignment(graph)
    assignment.solve()
    return _with_weight_scales(_relabelled(graph, assignment))


@dataclass
class _Assignment:
    """Union-find over activations of one meaning, with a scale and a zero point for each."""

    graph: Graph
    parent: dict[str, str] = field(default_factory=dict)
    scale: dict[str, float] = field(default_factory=dict)
    stated: dict[str, float] = field(default_factory=dict)
    zero_point: dict[str, int] = field(default_factory=dict)

    def find(self, name: str) -> str:
        while (up := self.parent.setdefault(name, name)) != name:
            name = up
        return name

    def meaning(self, name: str) -> Quantization:
        root = self.find(name)
        return Quantization((self.scale[root],), self.zero_point[root])

    def solve(self) -> None:
        for op in self.graph.nodes:
            if isinstance(op, _SAME):
                for name in activations(op):
                    self.parent[self.find(name)] = self.find(op.output)
        for state in self.graph.states:
            self.parent[self.find(state.tensor)] = self.find(state.update)
        for name, zero_point in _zero_point_claims(self.graph):
            self.zero_point.setdefault(self.find(name), zero_point)
        for name in _quantized(self.graph):
            stated = _stated_scale(self.graph.tensors[name])
            if stated is not None:
                self.stated.setdefault(self.find(name), stated)
        for op in self.graph.nodes:
            if isinstance(op, Softmax):
                source = self.find(op.input)
                self.scale.setdefault(source, self.stated.get(source, _float32(op.input_scale)))
                fixed = _SOFTMAX_OUTPUT[self.graph.tensors[op.output].dtype]
                self.scale.setdefault(self.find(op.output), fixed.scale[0])
        self.spread()
        for name in _quantized(self.graph):
            root = self.find(name)
            if root not in self.scale:
                self.scale[root] = self.stated.get(root, 1.0)
                self.spread()

    def spread(self) -> None:
        """Carries known scales over ties until nothing new is known."""
        changed = True
        while changed:
            changed = False
            for op in self.graph.nodes:
                if is_wide(self.graph, op):
                    continue
                if isinstance(op, Mul | MatMul):
                    changed |= self._spread_over_product(op)
                elif (ratios := tied_ratios(op)) is not None:
                    changed |= self._spread_over(op, ratios)

    def _spread_over(self, op: Op, ratios: tuple[float, ...]) -> bool:
        out = self.find(op.output)
        changed = False
        for name, factor in zip(activations(op), ratios, strict=True):
            source = self.find(name)
            if out in self.scale and source not in self.scale:
                changed |= self._settle(source, self.scale[out] * factor)
            elif source in self.scale and out not in self.scale:
                changed |= self._settle(out, self.scale[source] / max(factor, _DEAD_BELOW))
        return changed

    def _spread_over_product(self, op: Mul | MatMul) -> bool:
        first, second, out = (self.find(name) for name in (*op.inputs, op.output))
        unknown = {root for root in (first, second, out) if root not in self.scale}
        factor = max(ratio(op.rescale), _DEAD_BELOW)
        if unknown == {out}:
            return self._settle(out, self.scale[first] * self.scale[second] / factor)
        if len(unknown) != 1 or first == second:
            return False
        (root,) = unknown
        other = second if root == first else first
        return self._settle(root, factor * self.scale[out] / self.scale[other])

    def _settle(self, root: str, value: float) -> bool:
        """Takes ``value``, or what is stated, should that be as good."""
        value, stated = _float32(value), self.stated.get(root)
        near = stated is not None and abs(stated - value) <= _TOLERANCE * value
        self.scale[root] = stated if near and stated is not None else value
        return True


def _float32(value: float) -> float:
    return float(np.float32(min(max(value, _SANE[0]), _SANE[1])))


def _stated_scale(tensor: TensorType) -> float | None:
    facts = tensor.quantization
    if facts is None or len(facts.scale) != 1 or not _SANE[0] <= facts.scale[0] <= _SANE[1]:
        return None
    return float(np.float32(facts.scale[0]))


def _quantized(graph: Graph) -> Iterator[str]:
    for name in (*graph.sources, *(op.output for op in graph.nodes)):
        if graph.tensors[name].dtype in (S8, S16):
            yield name


def _zero_point_claims(graph: Graph) -> Iterator[tuple[str, int]]:
    """Zero points that arithmetic needs, producers first, then readers, then stated facts."""
    for op in graph.nodes:
        if isinstance(op, Softmax):
            yield op.output, _SOFTMAX_OUTPUT[graph.tensors[op.output].dtype].zero_point
        elif (produced := _produced(op)) is not None:
            yield op.output, produced
    for op in graph.nodes:
        for name, read in zip(activations(op), _read(op), strict=True):
            if read is not None:
                yield name, read
    for name in _quantized(graph):
        facts = graph.tensors[name].quantization
        yield name, facts.zero_point if facts and S8.low <= facts.zero_point <= S8.high else 0


def _produced(op: Op) -> int | None:
    """The zero point that ``op`` adds to its output, or None."""
    if isinstance(op, Prelu):
        return op.positive.zero_point
    if isinstance(op, _RESCALING) and op.rescale is not None:
        return op.rescale.zero_point
    return None


def _read(op: Op) -> tuple[int | None, ...]:
    """The zero points that ``op`` subtracts from its inputs, or None."""
    if isinstance(op, Conv2d | DepthwiseConv2d | Dense | Requantize | SumPool2d | Prelu):
        return (op.input_zero_point,)
    if isinstance(op, Binary):
        return op.input_zero_points
    return (None,) * len(activations(op))


def _relabelled(graph: Graph, assignment: _Assignment) -> Graph:
    """States the meanings; puts a Reshape where an op needs another than its tensor has."""
    tensors = dict(graph.tensors)
    for name in _quantized(graph):
        tensors[name] = replace(tensors[name], quantization=assignment.meaning(name))
    nodes: list[Op] = []
    for op in graph.nodes:
        names = []
        for k, (name, needed) in enumerate(
            zip(activations(op), _needed(op, assignment), strict=True)
        ):
            if not _close(needed, tensors[name].quantization):
                relabelled = f"{op.name}/input{k}"
                tensors[relabelled] = replace(tensors[name], quantization=needed)
                nodes.append(Reshape(f"{op.name}/relabel{k}", name, relabelled))
                name = relabelled
            names.append(name)
        op = _reading(op, tuple(names))
        made = _made(op, assignment)
        if _close(made, tensors[op.output].quantization):
            nodes.append(op)
            continue
        raw = f"{op.name}/raw"
        tensors[raw] = replace(tensors[op.output], quantization=made)
        nodes.append(replace(op, output=raw))
        nodes.append(Reshape(f"{op.name}/relabel", raw, op.output))
    return graph.with_nodes(tuple(nodes), tensors)


def is_wide(graph: Graph, op: Op) -> bool:
    """Whether ``op`` takes or gives 32-bit integers: scales do not matter to it."""
    return S32 in [graph.tensors[name].dtype for name in (*activations(op), op.output)]


def _needed(op: Op, assignment: _Assignment) -> list[Quantization | None]:
    """What ``op`` takes each of its inputs to mean; None: it does not matter."""
    if isinstance(op, Softmax):
        stated = assignment.meaning(op.input)
        return [replace(stated, scale=(float(np.float32(op.input_scale)),))]
    wide = is_wide(assignment.graph, op)
    scales = [None] * len(activations(op)) if wide else _wanted(op, assignment)
    result: list[Quantization | None] = []
    for name, zero_point, wanted in zip(activations(op), _read(op), scales, strict=True):
        if zero_point is None or assignment.graph.tensors[name].dtype == S32:
            result.append(None)
            continue
        scale = assignment.meaning(name).scale[0]
        if wanted is not None and abs(scale - wanted) > _TOLERANCE * wanted:
            scale = wanted
        result.append(Quantization((scale,), zero_point))
    return result


def _wanted(op: Op, assignment: _Assignment) -> list[float | None]:
    """The scale of each input that gives the op's ratios, or None where any does."""
    ratios = tied_ratios(op)
    if ratios is None and not isinstance(op, Mul | MatMul):
        return [None] * len(activations(op))
    output = assignment.meaning(op.output).scale[0]
    if isinstance(op, Mul | MatMul):
        second = assignment.meaning(op.inputs[1]).scale[0]
        return [_float32(ratio(op.rescale) * output / second), None]
    return [_float32(factor * output) for factor in ratios or ()]


def _made(op: Op, assignment: _Assignment) -> Quantization | None:
    if isinstance(op, Softmax):
        return _SOFTMAX_OUTPUT[assignment.graph.tensors[op.output].dtype]
    zero_point = _produced(op)
    if zero_point is None or assignment.graph.tensors[op.output].dtype == S32:
        return None
    return Quantization(assignment.meaning(op.output).scale, zero_point)


def _close(needed: Quantization | None, stated: Quantization | None) -> bool:
    return needed is None or needed == stated


def _reading(op: Op, names: tuple[str, ...]) -> Op:
    if names == activations(op):
        return op
    if isinstance(op, Binary):
        return replace(op, inputs=(names[0], names[1]))
    if isinstance(op, Concat):
        return replace(op, inputs=names)
    assert not isinstance(op, Constant)  # It reads nothing.
    return replace(op, input=names[0])


def _with_weight_scales(graph: Graph) -> Graph:
    tensors, constants = dict(graph.tensors), dict(graph.constants)
    nodes: list[Op] = []
    for op in graph.nodes:
        if isinstance(op, Weighted):
            op = _weighted(op, tensors, constants)
        elif isinstance(op, Prelu):
            scale = max(ratio(op.negative), _DEAD_BELOW) / max(ratio(op.positive), _DEAD_BELOW)
            facts = _as_stated([scale], graph.tensors[op.slope].quantization)
            slope = Quantization(facts, op.slope_zero_point)
            tensors[op.slope] = replace(tensors[op.slope], quantization=slope)
        nodes.append(op)
    return graph.with_nodes(tuple(nodes), tensors, constants)


def _weighted(
    op: Weighted,
    tensors: dict[str, TensorType],
    constants: dict[str, Array],
) -> Weighted:
    """``op`` with weight and bias tensors of its own, whose scales give its multipliers.

    A bias is always there: some kernels want one.
    """
    weight, bias = f"{op.name}/weight", f"{op.name}/bias"
    value = constants[op.weight].astype(np.int8)
    outputs = tensors[op.output].shape[-1]
    facts = Quantization((1.0,))
    # A 16-bit layer without a bias takes the form that all of them have, 64-bit sums.
    wide = tensors[op.input].dtype == S16 and (op.bias is None or op.accumulator_bits > S32.bits)
    added = S48 if wide or _wants_48(op, tensors) else S32
    addend = np.zeros(outputs, added.container)
    if op.bias is not None:
        addend = constants[op.bias].astype(added.container)
    if op.rescale is not None:
        r = op.rescale
        source, output = tensors[op.input].quantization, tensors[op.output].quantization
        assert source is not None and output is not None
        step = output.scale[0] / source.scale[0]
        factors = [ratio(r, k) for k in range(len(r.multiplier))]
        dead = np.array([factor < _DEAD_BELOW for factor in factors])
        scales = [step * (_DEAD_RATIO if f < _DEAD_BELOW else f) for f in factors]
        near = _SAME_SCALE_16 if op.accumulator_bits > S32.bits else _SAME_SCALE
        facts = Quantization(_as_stated(scales, tensors[op.weight].quantization, near))
        if dead.any():
            value = value.copy()
            _silence(value, dead, depthwise=isinstance(op, DepthwiseConv2d))
            addend = np.where(dead, 0, addend).astype(added.container)
    constants[weight], constants[bias] = value, addend
    tensors[weight] = TensorType(value.shape, S8, facts)
    tensors[bias] = TensorType((outputs,), added)
    return replace(op, weight=weight, bias=bias)


def _wants_48(op: Op, tensors: Mapping[str, TensorType]) -> bool:
    """Depthwise convolutions of 16-bit integers have no form with a 32-bit bias."""
    return isinstance(op, DepthwiseConv2d) and tensors[op.input].dtype == S16


def _as_stated(
    scales: list[float], stated: Quantization | None, near: float = _SAME_SCALE
) -> tuple[float, ...]:
    """``scales`` in float32, or those ``stated`` if they are the same but for a last bit: what a
    runtime derives from them is then what the graph was made of."""
    if stated is not None and len(stated.scale) == len(scales):
        pairs = zip(stated.scale, scales, strict=True)
        if all(abs(known - scale) <= near * scale for known, scale in pairs):
            return stated.scale
    return tuple(float(np.float32(scale)) for scale in scales)


def _silence(weight: Array, dead: Array, *, depthwise: bool) -> None:
    """Zeroes the output channels marked in ``dead`` (one entry: all of them)."""
    if depthwise:
        weight[..., np.broadcast_to(dead, weight.shape[-1:])] = 0
    else:
        weight[np.broadcast_to(dead, weight.shape[:1])] = 0
