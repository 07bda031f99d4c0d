"""Nodes that change nothing, or that two by two are one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    NO_PADDING,
    Add,
    Clamp,
    Concat,
    Constant,
    Lookup,
    MatMul,
    Mul,
    Op,
    Pad,
    Requantize,
    Reshape,
    Rounding,
    Slice,
    Sub,
    Transpose,
    activations,
)
from hwkit.ir.traits import Pairwise
from hwkit.ir.types import Array, TensorType
from hwkit.lower.fresh import fresh
from hwkit.lower.optimize.evaluated import evaluated
from hwkit.lower.optimize.intervals import Interval, intervals
from hwkit.lower.optimize.one_rescale import in_one_rescale

_TABLE_BITS = 8
"""Widest input of a table: 256 entries."""


def simplify(graph: Graph) -> Graph:
    """The graph without identities, with pairs joined and constants computed; exact.

    - gone: a clamp that the range implies (``intervals``), a requantization by 1, a reshape,
      transpose, slice, pad or concat that moves nothing, a slice that undoes a concat;
    - one: reshapes and transposes in a row; requantizations, clamps and tables in a row on at most
      8 bits, as one table; a sum or product of two activations of at most 8 bits and the
      requantization behind it;
    - a node that reads constants alone is its value.

    Inputs, outputs, states and their next values keep their names.
    """
    while True:
        step = _Step(graph, intervals(graph))
        smaller = step.simplified()
        if smaller.nodes == graph.nodes:
            return smaller
        graph = smaller


@dataclass(slots=True)
class _Step:
    """One walk over the graph: what each node becomes, given what those before it became."""

    graph: Graph
    found: Mapping[str, Interval]

    def simplified(self) -> Graph:
        graph = self.graph
        readers = Counter(name for op in graph.nodes for name in activations(op))
        readers.update(graph.results)
        tensors, constants = dict(graph.tensors), dict(graph.constants)
        producers: dict[str, Op] = {}
        same: dict[str, str] = {}
        for old in graph.nodes:
            op = _renamed(old, same)
            before = producers.get(activations(op)[0]) if activations(op) else None
            alone = before is not None and readers[before.output] == 1
            source = self._equal(op, producers)
            if source is None:
                op = self._joined(op, before, alone, tensors, constants)
                op = _computed(op, producers, tensors, constants)
                source = self._equal(op, producers)
            if source is not None and op.output not in graph.results:
                same[op.output] = source
                continue
            producers[op.output] = op
        nodes = _alive(tuple(producers.values()), graph.results)
        return graph.with_nodes(nodes, tensors, constants)

    def _equal(self, op: Op, producers: Mapping[str, Op]) -> str | None:
        """The tensor that ``op`` gives again, if there is one."""
        tensors = self.graph.tensors
        match op:
            case Clamp():
                x = self.found[op.input]
                return op.input if op.low <= x.low.min() and x.high.max() <= op.high else None
            case Requantize():
                return op.input if self._is_identity(op) else None
            case Reshape() | Slice():
                if isinstance(op, Slice) and (inside := _undone(op, producers, tensors)):
                    return inside
                whole = tensors[op.input].shape == tensors[op.output].shape
                forward = not isinstance(op, Slice) or min(op.stride) > 0
                return op.input if whole and forward else None
            case Transpose():
                return op.input if op.permutation == tuple(range(len(op.permutation))) else None
            case Pad():
                return op.input if op.padding == NO_PADDING else None
            case Concat():
                return op.inputs[0] if len(op.inputs) == 1 else None
        return None

    def _is_identity(self, op: Requantize) -> bool:
        r = op.rescale
        x = self.found[op.input]
        unit = all(m == 1 << s for m, s in zip(r.multiplier, r.shift, strict=True))
        alike = self.graph.tensors[op.input].dtype == self.graph.tensors[op.output].dtype
        inside = r.low <= x.low.min() and x.high.max() <= r.high
        plain = not any(r.offset) and r.left_shift == 0 and r.zero_point == op.input_zero_point
        return unit and alike and inside and plain and self._is_held(op)

    def _is_held(self, op: Requantize) -> bool:
        """Whether the arithmetic of the rounding holds every argument: a float32 rounds those
        above 2**24."""
        x = self.found[op.input].moved(-op.input_zero_point)
        largest = max(abs(int(x.low.min())), abs(int(x.high.max())))
        return op.rescale.rounding is not Rounding.FLOAT32 or largest <= 1 << 24

    def _joined(
        self,
        op: Op,
        before: Op | None,
        alone: bool,
        tensors: dict[str, TensorType],
        constants: dict[str, Array],
    ) -> Op:
        """``op`` reading what ``before`` reads, where it can do the work of both."""
        if isinstance(op, Reshape) and isinstance(before, Reshape):
            return replace(op, input=before.input)
        if isinstance(op, Transpose) and isinstance(before, Transpose):
            permutation = tuple(before.permutation[axis] for axis in op.permutation)
            return replace(op, input=before.input, permutation=permutation)
        if alone and before is not None and _is_table(op) and _is_table(before):
            return _one_table(before, op, tensors, constants)
        if alone and isinstance(before, Pairwise) and isinstance(op, Requantize):
            return in_one_rescale(before, op, tensors) or op
        return op


def _renamed(op: Op, same: Mapping[str, str]) -> Op:
    """``op`` reading the tensors that its inputs are the same as."""
    match op:
        case Constant():
            return op
        case Add() | Sub() | Mul() | MatMul():
            first, second = (same.get(name, name) for name in op.inputs)
            return replace(op, inputs=(first, second))
        case Concat():
            return replace(op, inputs=tuple(same.get(name, name) for name in op.inputs))
        case _:
            return replace(op, input=same.get(op.input, op.input))


def _undone(
    op: Slice, producers: Mapping[str, Op], tensors: Mapping[str, TensorType]
) -> str | None:
    """The operand of a concat that ``op`` cuts out of it again."""
    joined = producers.get(op.input)
    if not isinstance(joined, Concat) or any(stride != 1 for stride in op.stride):
        return None
    start = 0
    for name in joined.inputs:
        shape = tensors[name].shape
        begin = tuple(start if axis == joined.axis else 0 for axis in range(len(shape)))
        if op.begin == begin and op.size == shape:
            return name
        start += shape[joined.axis]
    return None


def _is_table(op: Op) -> bool:
    """Whether ``op`` is one function of each integer, the same in every channel."""
    return isinstance(op, Clamp | Lookup) or (
        isinstance(op, Requantize) and op.rescale.channels == 1
    )


def _one_table(
    first: Op, second: Op, tensors: dict[str, TensorType], constants: dict[str, Array]
) -> Op:
    """Both as a Lookup; ``second`` again where the input or output has too many bits for one."""
    assert isinstance(first, Clamp | Lookup | Requantize)
    assert isinstance(second, Clamp | Lookup | Requantize)
    source, result = tensors[first.input], tensors[second.output]
    if max(source.dtype.bits, tensors[first.output].dtype.bits, result.dtype.bits) > _TABLE_BITS:
        return second
    every = np.arange(source.dtype.low, source.dtype.high + 1, dtype=np.int64)
    types = dict(tensors) | {
        first.input: TensorType((len(every),), source.dtype),
        first.output: TensorType((len(every),), tensors[first.output].dtype),
        second.output: TensorType((len(every),), result.dtype),
    }
    table = evaluated((first, second), types, constants, {first.input: every})
    name = fresh(f"{second.name}/table", tensors)
    tensors[name] = TensorType((len(every),), result.dtype)
    constants[name] = table.astype(result.dtype.container)
    return Lookup(second.name, first.input, name, second.output)


def _computed(
    op: Op,
    producers: Mapping[str, Op],
    tensors: dict[str, TensorType],
    constants: dict[str, Array],
) -> Op:
    """A Constant instead of a node whose inputs are all Constants."""
    sources = [producers.get(name) for name in activations(op)]
    if isinstance(op, Constant) or not all(isinstance(s, Constant) for s in sources):
        return op
    feeds = {s.output: constants[s.value] for s in sources if isinstance(s, Constant)}
    value = evaluated((op,), tensors, constants, feeds)
    name = fresh(f"{op.name}/value", tensors)
    tensors[name] = TensorType(tensors[op.output].shape, tensors[op.output].dtype)
    constants[name] = value.astype(tensors[op.output].dtype.container)
    return Constant(op.name, name, op.output)


def _alive(nodes: tuple[Op, ...], results: tuple[str, ...]) -> tuple[Op, ...]:
    """The nodes that a result depends on, in their order."""
    read = set(results)
    kept: list[Op] = []
    for op in reversed(nodes):
        if op.output in read:
            kept.append(op)
            read.update(activations(op))
    return tuple(reversed(kept))
