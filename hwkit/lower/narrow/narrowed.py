"""The graph with maps on coarser grids. Integers move, as few as the grids allow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np

from hwkit.ir.arith import MAX_OFFSET, float32_multiplier, quantize_multiplier
from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    Add,
    AvgPool2d,
    Clamp,
    Lookup,
    MatMul,
    Mul,
    Op,
    Pad,
    Requantize,
    Rescale,
    ResizeBilinear,
    Rounding,
    Sub,
    SumPool2d,
)
from hwkit.ir.traits import Weighted
from hwkit.ir.types import S32, Array, TensorType
from hwkit.ir.verify import verify
from hwkit.lower.fresh import fresh
from hwkit.lower.narrow.grids import Grid
from hwkit.lower.narrow.sites import Site
from hwkit.lower.offset_to_bias import added, has_place, whole_steps_to_bias


def narrowed(graph: Graph, grids: Mapping[Site, Grid]) -> Graph:
    """``graph`` with the tensors of each site on its grid; inputs and outputs as they are.

    Multipliers take over the ratio of the steps, to 31 bits (24 where the rounding is float32's).
    Biases go on counting in steps of the sum: where the rescale rounds once, exactly, by its
    offset; else rounded to the coarser step. Tables are read at the new grid's integers.

    Example: a map of 0..240 in steps of 16, read by a layer with multiplier m / 2**s: its 4-bit
    integers are read with 16 * m / 2**s.
    """
    rewriting = _Rewriting(
        graph, {name: (site, g) for site, g in grids.items() for name in site.tensors}
    )
    nodes = tuple(rewriting.rewritten(op) for op in graph.nodes)
    changed = graph.with_nodes(nodes, rewriting.tensors, rewriting.constants)
    return verify(whole_steps_to_bias(changed))


@dataclass
class _Rewriting:
    graph: Graph
    grids: Mapping[str, tuple[Site, Grid]]
    tensors: dict[str, TensorType] = field(init=False)
    constants: dict[str, Array] = field(init=False)

    def __post_init__(self) -> None:
        self.tensors = dict(self.graph.tensors)
        self.constants = dict(self.graph.constants)
        for name, (_, grid) in self.grids.items():
            self.tensors[name] = _on_grid(self.graph.tensors[name], grid)

    def rewritten(self, op: Op) -> Op:
        match op:
            case Add() | Sub():
                return self._sum(op)
            case Mul() | MatMul():
                first, second = op.inputs
                zeros = (
                    self._zero(first, op.input_zero_points[0]),
                    self._zero(second, op.input_zero_points[1]),
                )
                ratio = self._step(first) * self._step(second)
                return replace(
                    op, input_zero_points=zeros, rescale=self._ended(op.rescale, ratio, op.output)
                )
            case SumPool2d() | ResizeBilinear() | Requantize():
                ended = self._ended(op.rescale, self._step(op.input), op.output)
                zero = self._zero(op.input, op.input_zero_point)
                return replace(op, input_zero_point=zero, rescale=ended)  # type: ignore[arg-type]
            case Clamp() | AvgPool2d():
                low, high = self._bounds(op.output, op.low, op.high)
                return replace(op, low=low, high=high)
            case Pad():
                return replace(op, value=self._bounds(op.output, op.value, op.value)[0])
            case Lookup():
                return self._table(op)
            case _ if isinstance(op, Weighted):
                return self._layer(op)
            case _:
                return op

    def _step(self, name: str) -> float:
        """The size of a tensor's new step, in steps of the old one."""
        return self.grids[name][1].step if name in self.grids else 1.0

    def _zero(self, name: str, zero_point: int) -> int:
        return self.grids[name][1].zero_point if name in self.grids else zero_point

    def _bounds(self, name: str, *values: int) -> list[int]:
        """Integers of a tensor as it was, on its new grid."""
        if name not in self.grids:
            return list(values)
        site, grid = self.grids[name]
        return [int(v) for v in grid.nearest(np.array(values) - site.zero_point)]

    def _ended(self, r: Rescale | None, ratio: float, output: str) -> Rescale | None:
        """The rescale of an op whose sums now count in ``ratio`` old steps."""
        if r is None:
            return None
        changed = scaled(r, ratio, self._step(output))
        low, high = self._bounds(output, r.low, r.high)
        return replace(changed, zero_point=self._zero(output, r.zero_point), low=low, high=high)

    def _sum(self, op: Add | Sub) -> Op:
        """Operands are brought to the scale that they were added in before."""
        (first, second), (r, other) = op.inputs, op.input_rescales
        zero, other_zero = op.input_zero_points
        return replace(
            op,
            input_zero_points=(self._zero(first, zero), self._zero(second, other_zero)),
            input_rescales=(self._brought(first, r), self._brought(second, other)),
            rescale=self._ended(op.rescale, 1.0, op.output),
        )

    def _brought(self, name: str, r: Rescale | None) -> Rescale | None:
        """What brings an operand to the steps that it was added in."""
        if name not in self.grids:
            return r
        if r is not None:
            return scaled(r, self._step(name), 1.0)
        multiplier, shift = quantize_multiplier(self._step(name))
        return Rescale((multiplier,), (shift,), Rounding.HALF_UP, S32.low, S32.high)

    def _layer(self, op: Weighted) -> Op:
        step = self._step(op.input)
        if op.bias is not None and step != 1.0:
            op = self._with_coarse_bias(op, step)
        zero = self._zero(op.input, op.input_zero_point)
        return replace(op, input_zero_point=zero, rescale=self._ended(op.rescale, step, op.output))

    def _with_coarse_bias(self, op: Weighted, step: float) -> Weighted:
        """The bias for sums that count in ``step`` old ones: in the rescale's offset, which is as
        fine as before, or rounded where that has no place for one."""
        assert op.bias is not None
        bias = self.constants[op.bias].astype(np.int64)
        if has_place(op.rescale):
            columns = np.broadcast_arrays(bias, op.rescale.multiplier, op.rescale.offset)
            offset = tuple(int(b) * int(m) + int(o) for b, m, o in zip(*columns, strict=True))
            if max(map(abs, offset)) <= MAX_OFFSET // 2:
                return replace(op, bias=None, rescale=replace(op.rescale, offset=offset))
        coarse = np.floor(bias / step + 0.5).astype(np.int64)
        dtype = self.tensors[op.bias].dtype
        name = added(f"{op.name}.bias", coarse, dtype, self.tensors, self.constants)
        return replace(op, bias=name)

    def _table(self, op: Lookup) -> Op:
        table = self.constants[op.table].astype(np.int64)
        old = self.graph.tensors[op.input].dtype
        if op.input in self.grids:
            site, grid = self.grids[op.input]
            new = np.arange(grid.dtype.low, grid.dtype.high + 1)
            read = np.floor(grid.steps(new) + 0.5).astype(np.int64) + site.zero_point
            table = table[np.clip(read, old.low, old.high) - old.low]
        if op.output in self.grids:
            site, grid = self.grids[op.output]
            table = grid.nearest(table - site.zero_point)
        name = fresh(f"{op.name}.table", self.tensors)
        dtype = self.tensors[op.output].dtype
        self.tensors[name] = TensorType(table.shape, dtype)
        self.constants[name] = table.astype(dtype.container)
        return replace(op, table=name)


def scaled(r: Rescale, ratio: float, step: float) -> Rescale:
    """``r`` for sums that count in ``ratio`` of its steps, to results that count in ``step``.

    Multipliers are brought to 31 bits (24 where rounding is float32's); bounds and zero point
    are left. Example: multiplier 3, shift 2 with ratio 1 and step 2: 3 * 2**29, shift 32.
    """
    if ratio == step == 1.0:
        return r
    form = float32_multiplier if r.rounding is Rounding.FLOAT32 else quantize_multiplier
    real = [m / 2.0**s * ratio / step for m, s in zip(r.multiplier, r.shift, strict=True)]
    multiplier, shift = zip(*map(form, real), strict=True)
    changed = replace(r, multiplier=multiplier, shift=shift)
    if not any(r.offset):
        return changed
    columns = np.broadcast_arrays(r.offset, r.shift, shift)
    # The offset is added behind the multiplier: only the results' step matters to it.
    offset = tuple(
        round(int(o) * Fraction(2) ** int(new - old) / Fraction(step))
        for o, old, new in zip(*columns, strict=True)
    )
    return replace(changed, offset=offset)


def _on_grid(tensor: TensorType, grid: Grid) -> TensorType:
    facts = tensor.quantization
    if facts is not None:
        scale = tuple(value * grid.step for value in facts.scale)
        facts = replace(facts, scale=scale, zero_point=grid.zero_point)
    return replace(tensor, dtype=grid.dtype, quantization=facts)
