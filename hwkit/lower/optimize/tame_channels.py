"""Channels that hold one integer but have to stay: made cheap to compute.

Where a reader pads, a constant channel is not constant at the border, so ``remove_channels`` leaves
it. Such channels often carry a bias of many millions, or a multiplier of almost nothing, and one of
them sends its whole layer to 64-bit arithmetic. Weights of 0, a small bias and a neighbour's
multiplier give the same integer.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hwkit.ir.arith import rescale
from hwkit.ir.graph import Graph
from hwkit.ir.ops import DepthwiseConv2d, Op, Overflow, Rescale
from hwkit.ir.traits import Weighted
from hwkit.ir.types import Array, IntType, TensorType
from hwkit.lower.fresh import fresh
from hwkit.lower.optimize.intervals import Interval, arguments, intervals


def tame_channels(graph: Graph) -> Graph:
    """Constant channels of weighted layers with weights 0, and the smallest bias that gives their
    integer under the multiplier of the layer's most ordinary channel; exact.

    Example: a channel of weights 5, bias 10**8 that always clamps to 127 gets weights 0 and, with
    the other channels' multiplier of 1/2**8, bias 127 * 2**8.
    """
    found = intervals(graph)
    tensors, constants = dict(graph.tensors), dict(graph.constants)
    nodes = [_tamed(op, found[op.output], tensors, constants) for op in graph.nodes]
    return graph.with_nodes(tuple(nodes), tensors, constants)


def tamed_channels(before: Graph, after: Graph) -> int:
    """How many channels have other biases or weights than before."""
    pairs = zip(before.nodes, after.nodes, strict=True)
    return sum(
        int(intervals(after)[new.output].constant().sum()) for old, new in pairs if old != new
    )


def _tamed(
    op: Op, out: Interval, tensors: dict[str, TensorType], constants: dict[str, Array]
) -> Op:
    if not isinstance(op, Weighted) or op.rescale is None or op.bias is None:
        return op
    r = op.rescale
    still = out.constant()
    if r.overflow is Overflow.WRAP or not still.any() or still.all():
        return op
    like = _ordinary(r, ~still)
    wanted = out.low[still]
    bias = _bias_for(like, wanted, _biases(op, like, tensors[op.bias].dtype))
    if bias is None:
        return op
    weight = constants[op.weight].copy()
    weight[(..., still) if isinstance(op, DepthwiseConv2d) else still] = 0
    biases = constants[op.bias].astype(np.int64)
    biases[still] = bias
    kept = tensors[op.weight], tensors[op.bias]
    names = (fresh(f"{op.name}/weight", tensors), fresh(f"{op.name}/bias", tensors))
    for name, value, old in zip(names, (weight, biases), kept, strict=True):
        tensors[name] = old
        constants[name] = value.astype(old.dtype.container)
    return replace(op, weight=names[0], bias=names[1], rescale=_with(r, like, still))


def _ordinary(r: Rescale, among: Array) -> Rescale:
    """The rescale of the channel with the median ratio ``among`` those given."""
    if len(r.multiplier) == 1:
        return replace(r, offset=(0,))
    ratios = np.array(r.multiplier, np.float64) * 0.5 ** np.array(r.shift)
    order = np.flatnonzero(among)[np.argsort(ratios[among], kind="stable")]
    k = int(order[len(order) // 2])
    return replace(r, multiplier=(r.multiplier[k],), shift=(r.shift[k],), offset=(0,))


def _biases(op: Weighted, r: Rescale, dtype: IntType) -> tuple[int, int]:
    """The biases, and sums, that the bias's type, the accumulator and ``r`` can hold."""
    taken, sums = arguments(r), IntType(min(op.accumulator_bits, 31), True)
    low = max(dtype.low, sums.low, int(taken.low.max()))
    return low, min(dtype.high, sums.high, int(taken.high.min()))


def _bias_for(r: Rescale, wanted: Array, between: tuple[int, int]) -> Array | None:
    """The smallest biases in magnitude that ``r`` takes to ``wanted``; None where none of those
    ``between`` does. ``r`` grows with its argument, so bisection finds the first that reaches a
    value."""
    least, most = between
    zero = rescale(np.zeros_like(wanted), r, "")
    up = wanted > zero  # else the largest that is not above
    low = np.where(up, 0, least)
    high = np.where(up, most, 0)
    while (high - low > 1).any():
        middle = (low + high) >> 1
        reached = rescale(middle, r, "") >= np.where(up, wanted, wanted + 1)
        low, high = np.where(reached, low, middle), np.where(reached, middle, high)
    bias = np.where(wanted == zero, 0, np.where(up, high, low))
    return bias if np.array_equal(rescale(bias, r, ""), wanted) else None


def _with(r: Rescale, like: Rescale, still: Array) -> Rescale:
    def entries(old: tuple[int, ...], new: int) -> tuple[int, ...]:
        if len(old) == 1:
            return old
        return tuple(new if s else k for k, s in zip(old, still, strict=True))

    offset = r.offset
    if len(offset) == 1 and offset[0]:
        offset = tuple(0 if s else offset[0] for s in still)
    return replace(
        r,
        multiplier=entries(r.multiplier, like.multiplier[0]),
        shift=entries(r.shift, like.shift[0]),
        offset=entries(offset, 0),
    )
