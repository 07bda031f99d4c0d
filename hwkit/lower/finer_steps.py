"""Sums in finer steps: narrow weights times a power of two, the multiplier divided by it.

A bias then holds an offset more finely, and roundings of the sum itself, such as the first one of
``double``, lose less.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hwkit.ir.arith import MAX_OFFSET
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Op, Rescale
from hwkit.ir.traits import Weighted
from hwkit.ir.types import S8, S32, Array, IntType, TensorType
from hwkit.lower.offset_to_bias import added, has_place, largest_product_sums

_FLOAT32_BITS = 24


def finer_steps(graph: Graph, largest_weight: int) -> Graph:
    """Layers that round once, their weights grown by a power of two up to ``largest_weight``; bias
    and offset grow as much, and the shift by its exponent. Exact.

    Example: weights of -2..1 and shift 9 become weights of -64..32 and shift 14 for 127.
    """
    nodes: list[Op] = []
    tensors, constants = dict(graph.tensors), dict(graph.constants)
    for op in graph.nodes:
        narrow = isinstance(op, Weighted) and op.accumulator_bits <= S32.bits
        if isinstance(op, Weighted) and narrow and has_place(op.rescale):
            op = _grown(op, op.rescale, tensors, constants, largest_weight)
        nodes.append(op)
    return graph.with_nodes(tuple(nodes), tensors, constants)


def _grown(
    op: Weighted,
    r: Rescale,
    tensors: dict[str, TensorType],
    constants: dict[str, Array],
    largest_weight: int,
) -> Op:
    weight = constants[op.weight].astype(np.int64)
    bias = 0 if op.bias is None else constants[op.bias].astype(np.int64)
    sums = int((largest_product_sums(op, tensors, constants) + np.abs(bias)).max())
    room = min(
        _bits(largest_weight, int(np.abs(weight).max())),
        _bits(S32.high, sums),
        _bits(MAX_OFFSET, max(map(abs, r.offset))),
        # Multipliers have 31 bits, so this keeps shifts far below their limit as well.
        _FLOAT32_BITS - S8.bits - 1 - _reach(r),
    )
    if room <= 0:
        return op
    old = tensors[op.weight]
    dtype = IntType(min(old.dtype.bits + room, S8.bits), old.dtype.signed)
    name = added(f"{op.name}.weight", weight << room, dtype, tensors, constants)
    biased = op.bias
    if biased is not None:
        grown = constants[biased].astype(np.int64) << room
        biased = added(f"{op.name}.bias", grown, S32, tensors, constants)
    rescale = replace(
        r,
        shift=tuple(s + room for s in r.shift),
        offset=tuple(o << room for o in r.offset),
    )
    return replace(op, weight=name, bias=biased, accumulator_bits=S32.bits, rescale=rescale)


def _bits(limit: int, value: int) -> int:
    """By how many bits ``value`` can grow without leaving ``limit``; 127 and 3 give 5."""
    return (limit // max(value, 1)).bit_length() - 1


def _reach(r: Rescale) -> int:
    """Bits of a sum that makes one step of the output: what some runtimes rescale in float32, and
    is not clamped, must stay exact there."""
    pairs = zip(*np.broadcast_arrays(r.multiplier, r.shift), strict=True)
    return max(int(s) - int(m).bit_length() for m, s in pairs)
