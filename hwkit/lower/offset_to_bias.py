"""Offsets of rescales and the biases in front of them: whole steps exactly, the rest by rounding.

A bias counts in steps of the sum, an offset in ``multiplier`` parts of one. So a bias of 1 and an
offset of ``multiplier`` are the same, and a runtime whose rescale has no offset gets its bias
rounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, floor
from typing import TypeGuard

import numpy as np

from hwkit.errors import UnsupportedOp
from hwkit.ir.arith import rescale
from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    NO_OFFSET,
    DepthwiseConv2d,
    LayerNorm,
    Op,
    Rescale,
    Rounding,
    rescales,
)
from hwkit.ir.sums import farthest, largest_sums, rows_of
from hwkit.ir.traits import Weighted
from hwkit.ir.types import S32, Array, IntType, TensorType
from hwkit.lower.fresh import fresh

_SINGLE = (Rounding.HALF_UP, Rounding.HALF_EVEN, Rounding.FLOOR)
_CONSTANT = (1 << 14, 30)
"""Multiplier and shift of an output that does not depend on its inputs."""
_HALF = Fraction(1, 2)


def whole_steps_to_bias(graph: Graph) -> Graph:
    """Every offset of a layer with a bias brought into ``0..multiplier - 1``; exact.

    A layer without a bias gets one. Example: bias 3, multiplier 4, offset 10 becomes bias 5,
    offset 2. Left as they are: offsets behind a ``left_shift``, and those whose steps could take a
    sum out of 32 bits or its accumulator.
    """
    nodes: list[Op] = []
    tensors, constants = dict(graph.tensors), dict(graph.constants)
    for op in graph.nodes:
        if isinstance(op, Weighted) and has_place(op.rescale) and any(op.rescale.offset):
            op = _with_whole_steps(op, op.rescale, tensors, constants)
        nodes.append(op)
    return graph.with_nodes(tuple(nodes), tensors, constants)


def rounded_to_bias(graph: Graph, target: str) -> tuple[Graph, tuple[str, ...]]:
    """No offsets: those of layers rounded into their biases. The names of the nodes that moved
    integers may have. ``UnsupportedOp`` for an offset of an op that has no bias; a layer norm's
    is its bias, and stays.

    A channel whose bias would leave 32 bits hardly depends on its inputs, and becomes constant. A
    layer that rounds half up without an offset gets one where that makes all of its ties vanish.

    Example: bias 3, multiplier 5, offset 8 becomes bias 5 (4.6 rounded).
    """
    nodes: list[Op] = []
    moved: list[str] = []
    tensors, constants = dict(graph.tensors), dict(graph.constants)
    for op in graph.nodes:
        if isinstance(op, Weighted) and has_place(op.rescale):
            rounded = _Rounded(op, op.rescale, tensors, constants)
            if any(op.rescale.offset) or rounded.has_no_ties():
                if not rounded.is_exact():
                    moved.append(op.name)
                op = rounded.layer()
        if not isinstance(op, LayerNorm) and any(any(r.offset) for r in rescales(op)):
            remedy = "its rescale has an offset that no bias can take; quantize its bias"
            raise UnsupportedOp(op.name, target, remedy)
        nodes.append(op)
    return graph.with_nodes(tuple(nodes), tensors, constants), tuple(moved)


def has_place(r: Rescale | None) -> TypeGuard[Rescale]:
    """Whether ``r`` rounds once, and in steps of the sum: only there has an offset a place."""
    return r is not None and r.rounding in _SINGLE and not r.left_shift


@dataclass(frozen=True)
class _Channel:
    """One output: multiplier, shift, offset and bias; the largest magnitude of its sums of
    products and their greatest common divisor."""

    m: int
    s: int
    offset: int
    bias: int
    products: int
    divisor: int
    rounds_half_up: bool

    @property
    def room(self) -> int:
        """By how much the smallest of all offsets that give the same can grow; 0 for none."""
        if not self.rounds_half_up:
            return 0
        step = self.m * self.divisor
        return min(step & -step, 1 << self.s) if step else 1 << self.s

    @property
    def wanted(self) -> Fraction:
        """Bias and offset together, in steps of the sum; of a room its middle."""
        together, room = Fraction(self.bias * self.m + self.offset), self.room
        if room == 1 << self.s:  # Every product is whole: nothing else is rounded.
            together = Fraction(floor(together / room + _HALF) * room)
        elif room:
            together = floor(together / room) * room + Fraction(room, 2)
        return together / max(self.m, 1)

    @property
    def bias_with_offset(self) -> int:
        """The bias nearest to what is wanted, of two the lower one, which is inside the room."""
        return ceil(self.wanted - _HALF)

    @property
    def is_constant(self) -> bool:
        """Whether it has no multiplier, or a bias that its sum has no place for."""
        return self.m == 0 or abs(self.bias_with_offset) + self.products > S32.high

    @property
    def is_exact(self) -> bool:
        """Whether the rounded bias changes no integer, on a device that rounds as stated."""
        error = (self.bias_with_offset - self.wanted) * self.m
        return not error or -self.room <= 2 * error < self.room

    @property
    def has_no_ties(self) -> bool:
        """The same on a device that rounds ties otherwise."""
        error = abs(self.bias_with_offset - self.wanted) * self.m
        return 2 * error < self.room


class _Rounded:
    """One layer whose offset goes into its bias.

    Bias and offset together have room: up to the next integer that a sum of products, times the
    multiplier, can give, no result changes where halves are rounded up. The middle of the room is
    aimed at, which is no tie: a runtime that rounds ties in another way then has none to round.
    """

    def __init__(
        self,
        op: Weighted,
        r: Rescale,
        tensors: dict[str, TensorType],
        constants: dict[str, Array],
    ) -> None:
        self.op, self.r, self.tensors, self.constants = op, r, tensors, constants
        outputs = tensors[op.output].shape[-1]
        bias = np.zeros(1) if op.bias is None else constants[op.bias]
        weight = rows_of(op, constants[op.weight])
        columns = (
            *(r.multiplier, r.shift, r.offset, bias),
            *(largest_product_sums(op, tensors, constants), np.gcd.reduce(weight, axis=1)),
        )
        rows = zip(
            *(np.broadcast_to(np.array(c, np.int64), outputs).tolist() for c in columns),
            strict=True,
        )
        half_up = r.rounding is Rounding.HALF_UP
        self.channels = [
            _Channel(m, s, o, b, products, divisor, half_up)
            for m, s, o, b, products, divisor in rows
        ]

    def is_exact(self) -> bool:
        """Whether no integer changes, on a device that rounds as stated."""
        return all(c.is_exact and not c.is_constant for c in self.channels)

    def has_no_ties(self) -> bool:
        """Whether no integer changes on a device that rounds ties otherwise."""
        return all(c.has_no_ties and not c.is_constant for c in self.channels)

    def layer(self) -> Op:
        """The layer without an offset; its new constants are added."""
        op, r = self.op, self.r
        constant = [c.is_constant for c in self.channels]
        if any(constant):
            weight = _silenced(op, self.constants[op.weight], np.array(constant))
            dtype = self.tensors[op.weight].dtype
            name = added(f"{op.name}.weight", weight, dtype, self.tensors, self.constants)
            pairs = [_CONSTANT if c.is_constant else (c.m, c.s) for c in self.channels]
            multiplier, shift = zip(*pairs, strict=True)
            op, r = replace(op, weight=name), replace(r, multiplier=multiplier, shift=shift)
        values = [
            self.constant_bias(c) if c.is_constant else c.bias_with_offset for c in self.channels
        ]
        bias = added(f"{op.name}.bias", np.array(values), S32, self.tensors, self.constants)
        bits = max(op.accumulator_bits, S32.bits)
        return replace(op, bias=bias, accumulator_bits=bits, rescale=replace(r, offset=NO_OFFSET))

    def constant_bias(self, c: _Channel) -> int:
        """The bias that with ``_CONSTANT`` gives what the channel gives for weights of 0."""
        one = replace(self.r, multiplier=(c.m,), shift=(c.s,), offset=(c.offset,))
        fixed = int(rescale(np.array([c.bias]), one, self.op.name)[0]) - self.r.zero_point
        return (fixed << _CONSTANT[1]) // _CONSTANT[0]


def _silenced(op: Weighted, weight: Array, outputs: Array) -> Array:
    """``weight`` with zeros for the marked outputs."""
    if isinstance(op, DepthwiseConv2d):
        return np.where(outputs, 0, weight)
    return np.where(outputs.reshape(-1, *[1] * (weight.ndim - 1)), 0, weight)


def _with_whole_steps(
    op: Weighted, r: Rescale, tensors: dict[str, TensorType], constants: dict[str, Array]
) -> Op:
    """``op`` with the whole steps of its offset in a new bias, where that has a place."""
    outputs = tensors[op.output].shape[-1]
    multiplier = np.broadcast_to(np.array(r.multiplier, np.int64), outputs)
    offset = np.broadcast_to(np.array(r.offset, np.int64), outputs)
    steps = np.where(multiplier > 0, offset // np.maximum(multiplier, 1), 0)
    bias = steps + (0 if op.bias is None else constants[op.bias].astype(np.int64))
    most = IntType(min(op.accumulator_bits, S32.bits), True).high
    if np.abs(bias).max() + largest_product_sums(op, tensors, constants).max() > most:
        return op
    name = added(f"{op.name}.bias", bias, S32, tensors, constants)
    rest = offset - steps * multiplier
    return replace(op, bias=name, rescale=replace(r, offset=_offset(rest)))


def largest_product_sums(
    op: Weighted, tensors: Mapping[str, TensorType], constants: Mapping[str, Array]
) -> Array:
    """For each output the largest magnitude that a sum of its products can have."""
    most = farthest(tensors[op.input].dtype, op.input_zero_point)
    return largest_sums(rows_of(op, constants[op.weight]), most)


def added(
    wish: str,
    value: Array,
    dtype: IntType,
    tensors: dict[str, TensorType],
    constants: dict[str, Array],
) -> str:
    """Adds a constant under a name as wished, or a new one of that kind; returns the name."""
    name = fresh(wish, tensors)
    tensors[name] = TensorType(value.shape, dtype)
    constants[name] = value.astype(dtype.container)
    return name


def _offset(rest: Array) -> tuple[int, ...]:
    values = tuple(int(v) for v in rest)
    return values[:1] if len(set(values)) == 1 else values
