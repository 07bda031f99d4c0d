"""How large the integers inside a kernel can be, which decides what arithmetic it needs."""

from __future__ import annotations

from math import prod

import numpy as np

from hwkit.ir.exact import bound
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Add, Conv2d, Dense, DepthwiseConv2d, Mul, Rescale, Sub, SumPool2d
from hwkit.ir.types import IntType
from hwkit.ir.verify import Accumulating


def x_bound(dtype: IntType, zero_point: int) -> int:
    """Largest ``|x - zero_point|``. Example: s8 around -128 reaches 255."""
    return max(dtype.high - zero_point, zero_point - dtype.low)


def largest_sum(graph: Graph, op: Accumulating) -> int:
    """Largest magnitude of a sum of ``op`` over all inputs, at most what its accumulator holds.

    Example: a dense row of weights 1, -2 over s8 integers around 0, bias 5: 389.
    """
    return min(_largest(graph, op), 1 << (op.accumulator_bits - 1))


def _largest(graph: Graph, op: Accumulating) -> int:
    match op:
        case Conv2d() | DepthwiseConv2d() | Dense():
            weight = graph.constants[op.weight]
            by_output = np.moveaxis(weight, 3, 0) if isinstance(op, DepthwiseConv2d) else weight
            largest = bound(by_output, x_bound(graph.tensors[op.input].dtype, op.input_zero_point))
            if op.bias is not None:
                largest = largest + np.abs(graph.constants[op.bias].astype(np.int64))
            return int(largest.max())
        case SumPool2d():
            one = x_bound(graph.tensors[op.input].dtype, op.input_zero_point)
            return prod(op.kernel) * one
        case Mul():
            return prod(operand_bounds(graph, op))
        case Add() | Sub():
            return sum(map(range_after, op.input_rescales, operand_bounds(graph, op)))


def operand_bounds(graph: Graph, op: Add | Sub | Mul) -> list[int]:
    """Largest ``|x - zero_point|`` of each operand."""
    types = [graph.tensors[name].dtype for name in op.inputs]
    return [x_bound(t, z) for t, z in zip(types, op.input_zero_points, strict=True)]


def range_after(r: Rescale | None, most: int) -> int:
    """Largest magnitude of an add's input of at most ``most``, rescaled: rounding twice moves a
    quotient by at most 1."""
    if r is None:
        return most
    scaled = max(
        ((most << r.left_shift) * int(m) + abs(int(o)) >> int(s)) + 2
        for m, s, o in zip(*np.broadcast_arrays(r.multiplier, r.shift, r.offset), strict=True)
    )
    ends = (r.zero_point - scaled, r.zero_point + scaled)
    return max(abs(min(max(end, r.low), r.high)) for end in ends)
