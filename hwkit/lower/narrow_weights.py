"""Weights cut to fewer bits without training: a stand-in with the cost of a network trained so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from hwkit.errors import ConfigError
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Conv2d, Dense, DepthwiseConv2d, Op, Rescale
from hwkit.ir.types import Array, IntType
from hwkit.ir.verify import verify
from hwkit.lower.fuse_requantize import fuse_requantize


def narrow_weights(graph: Graph, bits: Mapping[str, int]) -> Graph:
    """The fused graph with the weights of the named layers rounded to ``bits``.

    A weight of ``n`` bits becomes ``round(w / 2**(n - bits))`` and its rescale grows by the same
    power of two, so that outputs keep their scale. Moves integers: meant for measuring cost, which
    depends on widths and shapes only. A layer that has no more than ``bits`` already is kept.
    Raises ``ConfigError`` for a name that is no layer with weights.

    Example: 8-bit weight 100 at 4 bits is round(100 / 16) = 6, its shift 4 smaller.
    """
    graph = fuse_requantize(graph)
    tensors, constants = dict(graph.tensors), dict(graph.constants)
    nodes: list[Op] = []
    left = dict(bits)
    for op in graph.nodes:
        width = left.pop(op.name, None)
        if width is None or not isinstance(op, Conv2d | DepthwiseConv2d | Dense):
            nodes.append(op)
            continue
        before = tensors[op.weight]
        by = before.dtype.bits - width
        if by <= 0:
            nodes.append(op)
            continue
        dtype = IntType(width, True)
        constants[op.weight] = _divided(constants[op.weight], by, dtype)
        tensors[op.weight] = replace(before, dtype=dtype, quantization=None)
        if op.bias is not None:
            constants[op.bias] = _divided(constants[op.bias], by, tensors[op.bias].dtype)
        nodes.append(replace(op, rescale=_grown(op.rescale, by)))
    if left:
        raise ConfigError(f"{graph.name}: no layer {min(left)!r} with weights to narrow")
    return verify(graph.with_nodes(tuple(nodes), tensors, constants))


def _divided(value: Array, by: int, dtype: IntType) -> Array:
    rounded = np.rint(value.astype(np.float64) / (1 << by))
    return np.clip(rounded, dtype.low, dtype.high).astype(dtype.container)


def _grown(r: Rescale | None, by: int) -> Rescale | None:
    """``r`` times ``2**by``: smaller shifts, or larger multipliers where the shift is used up."""
    if r is None:
        return None
    pairs = [
        (m << max(by - s, 0), max(s - by, 0)) for m, s in zip(r.multiplier, r.shift, strict=True)
    ]
    multiplier, shift = zip(*pairs, strict=True)
    return replace(r, multiplier=multiplier, shift=shift)
