"""Removes channels that nothing needs, above all those that hold one integer for every input.

Training leaves channels behind whose batch norm has pushed them past the clamp: in person
detection (MobileNetV1 0.25) up to 234 of the 256 of a layer. Their integer goes into the next
layer's bias, and the layer is that much smaller. Every integer that is left stays what it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    Add,
    Constant,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Mul,
    Op,
    Prelu,
    Requantize,
    Rescale,
    Slice,
    Sub,
    SumPool2d,
)
from hwkit.ir.traits import Weighted
from hwkit.ir.types import S32, Array, IntType, TensorType
from hwkit.lower.fresh import fresh
from hwkit.lower.optimize.intervals import Interval, intervals
from hwkit.lower.optimize.needed import Channels, needed_channels


def remove_channels(graph: Graph) -> Graph:
    """The graph without the channels, and the nodes, that its outputs don't need; exact.

    A graph in which a bias would leave 32 bits (or its type, where that is wider) is returned as it
    is. Numbers of channels that are no multiple of two or four any more cost the kernels less than
    the channels would (measured on person detection, Cortex-M4: 10.36 M cycles, 10.48 M rounded up
    to two, 10.74 M to four).

    Example: conv -> 1x1 conv with two channels in between, the second always 127 and weighed by
    3: one channel is left, and the bias is 381 more.
    """
    found = intervals(graph)
    smaller = _Smaller(graph, found, needed_channels(graph, found))
    nodes = tuple(smaller.op(op) for op in graph.nodes if smaller.needed[op.output].any())
    if any(not _fits(value, smaller.bias_type(name)) for name, value in smaller.biases.items()):
        return graph
    constants = {**graph.constants, **smaller.constants, **smaller.biases}
    return graph.with_nodes(nodes, smaller.types(constants), constants)


def removed_channels(before: Graph, after: Graph) -> int:
    """How many channels are gone, those of removed nodes included."""

    def channels(graph: Graph) -> int:
        return sum((graph.tensors[op.output].shape or (1,))[-1] for op in graph.nodes)

    return channels(before) - channels(after)


def _fits(value: Array, dtype: IntType) -> bool:
    return bool(dtype.low <= value.min() and value.max() <= dtype.high)


@dataclass(slots=True)
class _Smaller:
    """Ops and constants of ``graph`` with the needed channels only."""

    graph: Graph
    found: Mapping[str, Interval]
    needed: Channels
    constants: dict[str, Array] = field(default_factory=dict)
    biases: dict[str, Array] = field(default_factory=dict)
    source: dict[str, str] = field(default_factory=dict)
    """Where the type of a new constant comes from."""

    def op(self, op: Op) -> Op:
        out = self.needed[op.output]
        match op:
            case Conv2d() | DepthwiseConv2d() | Dense():
                return self._layer(op, out)
            case Add() | Sub():
                first, second = (cut(r, out) for r in op.input_rescales)
                return replace(op, input_rescales=(first, second), rescale=cut(op.rescale, out))
            case Mul() | SumPool2d():
                return replace(op, rescale=cut(op.rescale, out))
            case Requantize():
                return replace(op, rescale=_cut(op.rescale, out))
            case Prelu():
                slope = self.graph.constants[op.slope]
                if slope.shape[-1] == len(out):
                    op = replace(op, slope=self._put(op.name, op.slope, slope[..., out]))
                return replace(op, positive=_cut(op.positive, out), negative=_cut(op.negative, out))
            case Constant():
                value = self.graph.constants[op.value][..., out]
                return replace(op, value=self._put(op.name, op.value, value))
            case Slice():
                before = int(self.needed[op.input][: op.begin[-1]].sum())
                begin = before if op.stride[-1] == 1 else op.begin[-1]
                return replace(
                    op, begin=(*op.begin[:-1], begin), size=(*op.size[:-1], int(out.sum()))
                )
            case _:
                return op

    def _layer(self, op: Weighted, out: Array) -> Op:
        weight = self.graph.constants[op.weight]
        bias = np.zeros(len(out), np.int64)
        if op.bias is not None:
            bias = self.graph.constants[op.bias].astype(np.int64)
        if isinstance(op, DepthwiseConv2d):
            kept = weight[..., out]
        else:
            keep = self.needed[op.input]
            bias = bias + self._folded(op, weight, ~keep)
            kept = weight[out][..., keep]
        name: str | None = op.bias
        if op.bias is not None or bias.any():
            name = self._put_bias(op, bias[out])
        return replace(
            op,
            weight=self._put(op.name, op.weight, kept),
            bias=name,
            rescale=cut(op.rescale, out),
        )

    def _folded(self, op: Conv2d | Dense, weight: Array, gone: Array) -> Array:
        """What the channels that are gone add to every sum, by output."""
        x = self.found[op.input]
        value = np.where(gone & x.constant(), x.low - op.input_zero_point, 0)
        taps = weight.reshape(len(weight), -1, len(value)).astype(np.int64).sum(axis=1)
        sums: Array = taps @ value
        return sums

    def _put(self, node: str, old: str, value: Array) -> str:
        if value.shape == self.graph.constants[old].shape:
            return old
        name = fresh(f"{node}/{old}", self._taken())
        self.constants[name], self.source[name] = np.ascontiguousarray(value), old
        return name

    def _put_bias(self, op: Weighted, value: Array) -> str:
        if op.bias is not None and np.array_equal(value, self.graph.constants[op.bias]):
            return op.bias
        name = fresh(f"{op.name}/bias", self._taken())
        self.biases[name] = value
        if op.bias is not None:
            self.source[name] = op.bias
        return name

    def _taken(self) -> set[str]:
        return {*self.graph.tensors, *self.constants, *self.biases}

    def bias_type(self, name: str) -> IntType:
        """Of a new bias: that of the old one where it still fits, else 32 bits."""
        old = self.source.get(name)
        if old is None or not _fits(self.biases[name], self.graph.tensors[old].dtype):
            return S32
        return self.graph.tensors[old].dtype

    def types(self, constants: dict[str, Array]) -> dict[str, TensorType]:
        """Types of all tensors; gives the new biases in ``constants`` their containers."""
        tensors = dict(self.graph.tensors)
        for name, keep in self.needed.items():
            if keep.any() and not keep.all():
                tensors[name] = _of_channels(tensors[name], keep)
        for name in (*self.constants, *self.biases):
            dtype = (
                tensors[self.source[name]].dtype if name in self.constants else self.bias_type(name)
            )
            tensors[name] = TensorType(constants[name].shape, dtype)
            constants[name] = constants[name].astype(dtype.container)
        return tensors


def _of_channels(tensor: TensorType, keep: Array) -> TensorType:
    facts = tensor.quantization
    if facts is not None and len(facts.scale) == len(keep):
        scales = tuple(s for s, k in zip(facts.scale, keep, strict=True) if k)
        facts = replace(facts, scale=scales)
    return replace(tensor, shape=(*tensor.shape[:-1], int(keep.sum())), quantization=facts)


def cut(r: Rescale | None, keep: Array) -> Rescale | None:
    """``r`` for the channels of ``keep`` (channels,)."""
    return None if r is None else _cut(r, keep)


def _cut(r: Rescale, keep: Array) -> Rescale:
    def entries(values: tuple[int, ...]) -> tuple[int, ...]:
        if len(values) != len(keep):
            return values
        return tuple(v for v, k in zip(values, keep, strict=True) if k)

    return replace(
        r,
        multiplier=entries(r.multiplier),
        shift=entries(r.shift),
        offset=entries(r.offset),
    )
