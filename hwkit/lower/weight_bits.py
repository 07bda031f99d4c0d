"""A graph as it would be at another width of its weights, for measuring what widths cost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hwkit.ir.graph import Graph
from hwkit.ir.ops import Op, Rescale
from hwkit.ir.traits import Weighted
from hwkit.ir.types import Array, IntType, TensorType
from hwkit.ir.verify import verify
from hwkit.lower.fuse_requantize import fuse_requantize
from hwkit.lower.offset_to_bias import added


def weighted_layers(graph: Graph) -> tuple[str, ...]:
    """Names of the layers that have weights, in order."""
    return tuple(op.name for op in graph.nodes if isinstance(op, Weighted))


def with_weight_bits(graph: Graph, bits: int, widen: bool = True) -> Graph:
    """The fused ``graph`` with all weights in ``bits`` signed bits: wider ones and their biases
    are divided and rounded and their rescale grows by as much, narrower ones keep their integers,
    and unless ``widen`` their type.
    About the same work for a device as a network trained so, but not the same network: kernels
    choose their arithmetic by the size of the scale, and a channel that its bias or weights
    rounded down keep below zero would be no work at all.

    Example: s8 weights -128, 127 in 4 bits are -8, 7, and a shift of 38 becomes 34.
    """
    graph = fuse_requantize(graph)
    tensors, constants = dict(graph.tensors), dict(graph.constants)
    nodes: list[Op] = []
    for op in graph.nodes:
        if isinstance(op, Weighted) and (widen or graph.tensors[op.weight].dtype.bits > bits):
            before, dtype = graph.tensors[op.weight].dtype, IntType(bits, True)
            constants[op.weight] = _narrowed(graph.constants[op.weight], before, dtype)
            tensors[op.weight] = replace(graph.tensors[op.weight], dtype=dtype)
            by = max(before.bits - bits, 0)
            op = replace(
                op, rescale=_grown(op.rescale, by), bias=_coarse(op.bias, by, tensors, constants)
            )
        nodes.append(op)
    return verify(graph.with_nodes(tuple(nodes), tensors, constants))


def _grown(r: Rescale | None, by: int) -> Rescale | None:
    """``r`` times ``2**by``: smaller shifts, as far as there is shift left. What is added behind
    the multiplier counts as much as before."""
    if r is None or not by:
        return r
    shift = tuple(max(shift - by, 0) for shift in r.shift)
    columns = np.broadcast_arrays(r.offset, r.shift, shift)
    offset = tuple(int(o) >> int(old - new) for o, old, new in zip(*columns, strict=True))
    return replace(r, shift=shift, offset=offset if any(r.offset) else r.offset)


def _coarse(
    bias: str | None, by: int, tensors: dict[str, TensorType], constants: dict[str, Array]
) -> str | None:
    """A bias for sums that are ``2**by`` times smaller; added as a tensor of its own."""
    if bias is None or not by:
        return bias
    values = (constants[bias].astype(np.int64) + (1 << by >> 1)) >> by
    return added(f"{bias}.coarse", values, tensors[bias].dtype, tensors, constants)


def _narrowed(values: Array, old: IntType, new: IntType) -> Array:
    shift = max(old.high.bit_length() - new.high.bit_length(), 0)
    nearest = (values.astype(np.int64) + (1 << shift >> 1)) >> shift
    narrowed: Array = np.clip(nearest, new.low, new.high).astype(new.container)
    return narrowed
