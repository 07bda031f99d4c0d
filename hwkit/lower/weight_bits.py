"""A graph as it would be at another width of its weights, for measuring what widths cost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hwkit.ir.graph import Graph
from hwkit.ir.ops import Op, Rescale
from hwkit.ir.traits import Weighted
from hwkit.ir.types import Array, IntType
from hwkit.ir.verify import verify
from hwkit.lower.fuse_requantize import fuse_requantize


def weighted_layers(graph: Graph) -> tuple[str, ...]:
    """Names of the layers that have weights, in order."""
    return tuple(op.name for op in graph.nodes if isinstance(op, Weighted))


def with_weight_bits(graph: Graph, bits: int) -> Graph:
    """The fused ``graph`` with all weights in ``bits`` signed bits: wider ones are shifted down
    and their rescale grows by as much, narrower ones keep their integers. The same work for a
    device as a network trained so (kernels choose their arithmetic by the size of the scale),
    but not the same network.

    Example: s8 weights -128, 127 in 4 bits are -8, 7, and a shift of 38 becomes 34.
    """
    graph = fuse_requantize(graph)
    tensors, constants = dict(graph.tensors), dict(graph.constants)
    nodes: list[Op] = []
    for op in graph.nodes:
        if isinstance(op, Weighted):
            before, dtype = graph.tensors[op.weight].dtype, IntType(bits, True)
            constants[op.weight] = _narrowed(graph.constants[op.weight], before, dtype)
            tensors[op.weight] = replace(graph.tensors[op.weight], dtype=dtype)
            op = replace(op, rescale=_grown(op.rescale, max(before.bits - bits, 0)))
        nodes.append(op)
    return verify(graph.with_nodes(tuple(nodes), tensors, constants))


def _grown(r: Rescale | None, by: int) -> Rescale | None:
    """``r`` times ``2**by``: smaller shifts, as far as there is shift left."""
    if r is None:
        return None
    return replace(r, shift=tuple(max(shift - by, 0) for shift in r.shift))


def _narrowed(values: Array, old: IntType, new: IntType) -> Array:
    shift = max(old.high.bit_length() - new.high.bit_length(), 0)
    narrowed: Array = (values.astype(np.int64) >> shift).astype(new.container)
    return narrowed
