"""Moves each Requantize into the accumulating op before it, so that no 32-bit map is stored."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TypeGuard

from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    Clamp,
    LayerNorm,
    Op,
    Overflow,
    Requantize,
    Rescale,
    Softmax,
    SoftmaxKind,
    activations,
)
from hwkit.ir.traits import Accumulating
from hwkit.lower.reshape_last import reshape_last

_Rescaled = Accumulating | LayerNorm | Softmax


def fuse_requantize(graph: Graph) -> Graph:
    """``conv -> requantize`` becomes ``conv(rescale=...)``; a clamp behind a rescale narrows it.

    Only where the value in between has no other reader and is no result; a reshape in between
    moves behind. Exact.
    """
    graph = reshape_last(graph)
    nodes: list[Op] = []
    for op in graph.nodes:
        producer = nodes[-1] if nodes else None
        position = _producer(nodes, graph, op)
        if position is None:
            nodes.append(op)
            continue
        producer = nodes[position]
        fused = _fuse(producer, op)
        if fused is None:
            nodes.append(op)
        else:
            del nodes[position]
            nodes.append(fused)
    return graph.with_nodes(tuple(nodes))


def _producer(nodes: list[Op], graph: Graph, op: Op) -> int | None:
    """Position of the op that alone feeds ``op`` and feeds nothing else."""
    if not isinstance(op, Requantize | Clamp) or op.input in graph.results:
        return None
    readers = Counter(name for node in graph.nodes for name in activations(node))
    if readers[op.input] != 1:
        return None
    for position, node in enumerate(nodes):
        if node.output == op.input:
            return position
    return None


def _fuse(producer: Op, op: Op) -> Op | None:
    if isinstance(op, Requantize):
        if _is_raw(producer) and op.input_zero_point == 0:
            return replace(producer, rescale=op.rescale, output=op.output)
        return None
    if not isinstance(op, Clamp) or not isinstance(producer, _Rescaled | Requantize):
        return None
    r = producer.rescale
    if not _clamps(r):
        return None
    return replace(producer, rescale=narrowed(r, op.low, op.high), output=op.output)


def _is_raw(op: Op) -> TypeGuard[_Rescaled]:
    """Whether ``op`` gives its sums, or a real number in fixed point, and could rescale them."""
    if isinstance(op, Softmax) and op.kind is not SoftmaxKind.TABLE:
        return False
    return isinstance(op, _Rescaled) and op.rescale is None


def _clamps(r: Rescale | None) -> TypeGuard[Rescale]:
    """A clamp narrows a range that saturates; behind one that wraps it stays a clamp."""
    return r is not None and r.overflow is Overflow.SATURATE


def narrowed(r: Rescale, low: int, high: int) -> Rescale:
    """``r`` with its range cut to ``low..high``: what a clamp right behind it gives.

    Example: -128..127 cut to 0..300 is 0..127.
    """
    return replace(
        r,
        low=min(max(r.low, low), high),
        high=max(min(r.high, high), low),
    )
