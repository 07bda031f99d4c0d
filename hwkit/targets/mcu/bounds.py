"""How large the integers inside a kernel can be, which decides what arithmetic it needs."""

from __future__ import annotations

from math import prod

import numpy as np

from hwkit.ir.graph import Graph
from hwkit.ir.ops import Add, Conv2d, Dense, DepthwiseConv2d, MatMul, Mul, Rescale, Sub, SumPool2d
from hwkit.ir.shapes import matrices
from hwkit.ir.sums import bias_of, farthest, largest_sums, rows_of
from hwkit.ir.traits import Accumulating, Binary


def largest_sum(graph: Graph, op: Accumulating) -> int:
    """Largest magnitude of a sum of ``op`` over all inputs, at most what its accumulator holds.

    Example: a dense row of weights 1, -2 over s8 integers around 0, bias 5: 389.
    """
    return min(_largest(graph, op), 1 << (op.accumulator_bits - 1))


def _largest(graph: Graph, op: Accumulating) -> int:
    match op:
        case Conv2d() | DepthwiseConv2d() | Dense():
            rows = rows_of(op, graph.constants[op.weight])
            most = farthest(graph.tensors[op.input].dtype, op.input_zero_point)
            return int(largest_sums(rows, most, bias_of(op, graph.constants)).max())
        case SumPool2d():
            one = farthest(graph.tensors[op.input].dtype, op.input_zero_point)
            return prod(op.kernel) * one
        case Mul():
            return prod(operand_bounds(graph, op))
        case MatMul():
            shapes = (graph.tensors[name].shape for name in op.inputs)
            return matrices(op, *shapes)[2] * prod(operand_bounds(graph, op))
        case Add() | Sub():
            return sum(map(range_after, op.input_rescales, operand_bounds(graph, op)))


def operand_bounds(graph: Graph, op: Binary) -> list[int]:
    """Largest ``|x - zero_point|`` of each operand."""
    types = [graph.tensors[name].dtype for name in op.inputs]
    return [farthest(t, z) for t, z in zip(types, op.input_zero_points, strict=True)]


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
