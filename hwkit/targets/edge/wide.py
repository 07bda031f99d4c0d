"""32-bit integers between operators: kept below 2**24, where float32 has every one.

A .tflite has no operator that rescales 32-bit integers, but both runtimes compute in float32: a
product with a constant, rounded to an integer, half to even. So logits with a float bias and
averages of unquantized sums stay integers; a grid finer than 24 bits becomes coarser by a power of
two, and offsets become integers of the finer side of a rescale.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import prod

import numpy as np

from hwkit.errors import UnsupportedOp
from hwkit.ir.arith import float32_multiplier
from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    NO_OFFSET,
    Add,
    ArgMax,
    Constant,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    MaxPool2d,
    Op,
    Requantize,
    Rescale,
    Reshape,
    Rounding,
    SumPool2d,
    activations,
)
from hwkit.ir.types import S32, Array, IntType, TensorType
from hwkit.lower.fresh import fresh
from hwkit.lower.offset_to_bias import largest_product_sums
from hwkit.targets.edge.scales import ratio

EXACT_BITS = 24
_LIMIT = 1 << EXACT_BITS
_GRID_BITS = EXACT_BITS - 3
"""Of a grid that can be chosen; the rest is room for offsets."""
_WHOLE = Rescale((1,), (0,), Rounding.FLOAT32, S32.low, S32.high)
_ROOM = 1 << (_GRID_BITS - 2)
"""Integers so large are clamped to what can occur: in an input that is stored in 8 bits but has
fewer, other ones would make sums leave 32 bits."""
_NOT_IN_FLOAT32 = (Conv2d, DepthwiseConv2d, Dense, Add, Reshape, Constant, ArgMax)
"""Ops whose 32-bit integers are added and moved as integers, or whose sums others check."""
_SMALLEST = 2.0**-38
"""Factors below bring everything to 0."""


def float32_rescales(graph: Graph, target: str) -> tuple[Graph, tuple[str, ...]]:
    """Every ``Requantize`` of or to 32 bits rounds as float32 does and has no offset; the names
    of these nodes. ``UnsupportedOp`` where 24 bits do not hold sums that stand for themselves.

    ``graph`` comes from ``wide_apart``; what an earlier call has made stays as it is.
    """
    lane = _Lane(graph, target)
    return lane.result(), tuple(lane.changed)


class _Lane:
    def __init__(self, graph: Graph, target: str) -> None:
        self.graph, self.target = graph, target
        self.tensors, self.constants = dict(graph.tensors), dict(graph.constants)
        self.nodes: list[Op] = []
        self.changed: list[str] = []
        self.settled = {op.output for op in graph.nodes if self.is_settled(op)}
        """Where a rescale of an earlier pass has chosen the grid."""
        self.reach = {name: S32.high for name in graph.sources if self.is_wide(name)}
        for op in graph.nodes:
            if self.is_wide(op.output):
                self.reach[op.output] = self.largest(op)
        self.coarser = self.coarsened()

    def is_wide(self, name: str) -> bool:
        return self.graph.tensors[name].dtype == S32

    def is_settled(self, op: Op) -> bool:
        is_float = isinstance(op, Requantize) and op.rescale.rounding is Rounding.FLOAT32
        return is_float and self.is_wide(op.output)

    def largest(self, op: Op) -> int:
        """The largest magnitude of an op's 32-bit output, its partial sums included."""
        match op:
            case Conv2d() | DepthwiseConv2d() | Dense():
                products = largest_product_sums(op, self.tensors, self.constants)
                bias = 0 if op.bias is None else np.abs(self.constants[op.bias].astype(np.int64))
                return int((products + bias).max())
            case SumPool2d():
                return prod(op.kernel) * self.of(op.input, op.input_zero_point)
            case Add():
                pairs = zip(op.inputs, op.input_zero_points, strict=True)
                return sum(self.of(name, zero) for name, zero in pairs)
            case Requantize():
                most = self.of(op.input, op.input_zero_point)
                r = op.rescale
                of = max(most * f + abs(o) for f, o in zip(*_factors(r), strict=True))
                limit = max(abs(r.low), abs(r.high))
                return min(int(of) + abs(r.zero_point) + 1, limit)
            case MaxPool2d() | Reshape():
                return self.of(op.input, 0)
            case ArgMax():
                return self.graph.tensors[op.input].shape[-1] - 1
        return S32.high

    def of(self, name: str, zero_point: int) -> int:
        dtype = self.graph.tensors[name].dtype
        wide = self.reach.get(name)
        return _most(dtype, zero_point) if wide is None else wide + abs(zero_point)

    def coarsened(self) -> dict[str, int]:
        """By 32-bit tensor: how many bits its integers lose. All that are added, pooled or moved
        together share a grid; a grid that a layer or an output has stays as it is."""
        group = {name: {name} for name in self.reach}
        fixed = {name for name in (*self.graph.sources, *self.graph.results) if name in group}
        for op in self.graph.nodes:
            wide = [n for n in (*activations(op), op.output) if n in group]
            if isinstance(op, Requantize) or not wide:
                continue
            if not any(map(self.is_wide, activations(op))):
                fixed.add(op.output)
            joined = set().union(*(group[name] for name in wide))
            for name in joined:
                group[name] = joined
        coarser = {}
        for name, members in group.items():
            reach = max(self.reach[n] for n in members)
            if members & self.settled:
                self.settled |= members
            coarser[name] = (
                0 if members & (fixed | self.settled) else max(reach.bit_length() - _GRID_BITS, 0)
            )
        return coarser

    def result(self) -> Graph:
        for op in self.graph.nodes:
            wide = [n for n in (*activations(op), op.output) if self.is_wide(n)]
            if isinstance(op, Requantize) and wide and op.rescale.rounding is not Rounding.FLOAT32:
                self.changed.append(op.name)
                self.nodes += self.rescaled(op)
            else:
                self.nodes.append(op)
            for name in () if isinstance(op, _NOT_IN_FLOAT32) else wide:
                if name in self.settled or name not in self.reach:
                    continue
                if self.reach[name] >> self.coarser[name] >= _LIMIT:
                    remedy = f"its integers reach {self.reach[name]}, float32 has those below "
                    remedy += f"{_LIMIT}; quantize its output to 8 bits"
                    raise UnsupportedOp(op.name, self.target, remedy)
        return self.graph.with_nodes(tuple(self.nodes), self.tensors, self.constants)

    def rescaled(self, op: Requantize) -> Iterator[Op]:
        """``op`` in float32; an offset is added to integers behind it if they have 32 bits, else
        to those before it, on a grid as fine as there is room for."""
        r, source, zero_point = op.rescale, op.input, op.input_zero_point
        factors, offsets = _factors(r)
        if r.rounding is Rounding.FLOOR:
            offsets = offsets - 0.5
        factors = factors * 2.0 ** self.coarser.get(source, 0)
        if self.is_wide(op.output):
            by = 2.0 ** -self.coarser[op.output]
            offsets = offsets * by + r.zero_point * by
            low, high = (round(b * by) if abs(b) < S32.high else b for b in (r.low, r.high))
            most = self.reach[op.output] >> self.coarser[op.output]
            if most >= _ROOM:
                low, high = max(low, -most - 1), min(high, most + 1)
            scaled = self.added(f"{op.name}.scaled", op.output)
            product = self.multiplied(op, _WHOLE, factors * by)
            if np.rint(offsets).any():
                yield Requantize(f"{op.name}.scaled", source, scaled, product, zero_point)
                yield from self.plus(op.name, scaled, np.rint(offsets), op.output, (low, high))
                return
            product = replace(product, low=low, high=high)
            yield Requantize(op.name, source, op.output, product, zero_point)
            return
        terms = self.terms(op, factors, offsets)
        if terms is not None:
            grown, addends, factors = terms
            product = self.multiplied(op, _WHOLE, grown)
            total = self.added(f"{op.name}.grown", op.input)
            yield Requantize(f"{op.name}.grown", source, total, product, zero_point)
            source, zero_point = self.added(f"{op.name}.offset", op.input), 0
            yield from self.plus(op.name, total, addends, source, (S32.low, S32.high))
        product = self.multiplied(op, replace(r, rounding=Rounding.FLOAT32), factors)
        yield Requantize(op.name, source, op.output, product, zero_point)

    def terms(
        self, op: Requantize, factors: Array, offsets: Array
    ) -> tuple[Array, Array, Array] | None:
        """What the input is multiplied by, what is added then, and the factor that is left; None
        where there is nothing to add. ``UnsupportedOp`` where there is no room for it.

        Exact where 24 bits hold ``input * multiplier + offset``, so that ties stay ties.
        """
        r = op.rescale
        # A tie that goes up becomes a little more than one.
        upwards = r.rounding in (Rounding.FLOOR, Rounding.HALF_UP)
        if not (offsets.any() or upwards):
            return None
        bits = self.coarser.get(op.input, 0)
        most = self.of(op.input, op.input_zero_point) >> bits
        shifts = np.broadcast_to(r.shift, factors.shape)
        grown, addends = np.ldexp(factors, shifts), np.ldexp(offsets, shifts)
        common = min(_whole_bits(np.concatenate([grown, addends])), int(shifts.min()))
        scale = np.ldexp(1.0, upwards - common)
        grown, addends = grown * scale, addends * scale + upwards
        if (most * grown + np.abs(addends) < _LIMIT).all():
            return grown, addends, np.ldexp(1.0, common - upwards - shifts)
        steps = offsets / np.maximum(factors, _SMALLEST)
        reach = int(np.abs(steps).max() + most)
        room = EXACT_BITS - 1 - reach.bit_length()
        if room < 0:
            remedy = f"its sums and their offset reach {reach}, float32 holds those below "
            remedy += f"{_LIMIT >> 1}; quantize its bias, or its output to 8 bits"
            raise UnsupportedOp(op.name, self.target, remedy)
        finer = 2.0**room
        return np.array([finer]), np.rint(steps * finer) + (upwards and room > 0), factors / finer

    def plus(
        self, name: str, source: str, values: Array, output: str, ends: tuple[int, int]
    ) -> Iterator[Op]:
        """``source`` and a constant for each channel, clamped to ``ends``."""
        shape = (*(1 for _ in self.tensors[source].shape[1:]), len(values))
        if np.abs(values).max() > S32.high >> 1:
            remedy = f"its offset is {np.abs(values).max():.3g} steps; use other scales"
            raise UnsupportedOp(name, self.target, remedy)
        constant = self.added(f"{name}.addend", source)
        value = fresh(f"{constant}.value", self.tensors)
        self.tensors[constant] = self.tensors[value] = TensorType(shape, S32)
        self.constants[value] = values.reshape(shape).astype(np.int32)
        yield Constant(constant, value, constant)
        if ends == (S32.low, S32.high):
            yield Add(f"{name}.plus", (source, constant), output)
            return
        total = self.added(f"{name}.total", source)
        yield Add(f"{name}.plus", (source, constant), total)
        same = replace(_WHOLE, low=ends[0], high=ends[1])
        yield Requantize(name, total, output, same)

    def multiplied(self, op: Requantize, r: Rescale, factors: Array) -> Rescale:
        try:
            pairs = [float32_multiplier(float(f)) if f > _SMALLEST else (0, 0) for f in factors]
        except ValueError as error:
            raise UnsupportedOp(op.name, self.target, f"{error}; use other scales") from error
        multiplier, shift = zip(*pairs, strict=True)
        return replace(r, multiplier=multiplier, shift=shift, left_shift=0, offset=NO_OFFSET)

    def added(self, wish: str, like: str) -> str:
        name = fresh(wish, self.tensors)
        self.tensors[name] = TensorType(self.tensors[like].shape, S32)
        return name


def _factors(r: Rescale) -> tuple[Array, Array]:
    """Each channel's real factor, and its offset in steps of the output."""
    entries = range(r.channels)
    factors = np.array([ratio(r, k) for k in entries])
    offsets = [
        r.offset[min(k, len(r.offset) - 1)] / 2.0 ** r.shift[min(k, len(r.shift) - 1)]
        for k in entries
    ]
    return factors, np.array(offsets)


def _whole_bits(values: Array) -> int:
    """The most bits that all of ``values`` can be shifted right by and stay whole; 0 if not so."""
    if (values != np.rint(values)).any() or np.abs(values).max() >= 2.0**62:
        return 0
    together = int(np.bitwise_or.reduce(np.abs(values).astype(np.int64)))
    return max((together & -together).bit_length() - 1, 0)


def _most(dtype: IntType, zero_point: int) -> int:
    return max(dtype.high - zero_point, zero_point - dtype.low)
