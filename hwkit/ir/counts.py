"""What a graph costs before anyone builds it: multiplications, weight bytes, live activations."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from types import MappingProxyType

from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    Constant,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    MatMul,
    Op,
    Prelu,
    activations,
    constants,
)
from hwkit.ir.shapes import matrices
from hwkit.ir.storage import WHOLE_BYTES, Storages
from hwkit.ir.traits import Weighted


def macs(graph: Graph, op: Op) -> int:
    """Multiply-accumulates of one inference, borders counted as if full.

    Example: conv (32, 32, 16) to 16 channels by 3x3 is 32*32*16 * 9*16 = 2,359,296.
    """
    outputs = graph.tensors[op.output].elements
    if isinstance(op, Conv2d | Dense):
        return outputs * prod(graph.tensors[op.weight].shape[1:])
    if isinstance(op, DepthwiseConv2d):
        _, rows, columns, _ = graph.tensors[op.weight].shape
        return outputs * rows * columns
    if isinstance(op, MatMul):
        return outputs * matrices(op, *(graph.tensors[name].shape for name in op.inputs))[2]
    return 0


def bitops(graph: Graph, narrower: Mapping[str, int] = MappingProxyType({})) -> int:
    """Multiplications of one bit by one bit: MACs times the widths of both factors.

    ``narrower`` has widths of activations by name, in place of their own. Example: 100 MACs of
    8-bit weights and 4-bit activations are 3,200.
    """
    total = 0
    for op in graph.nodes:
        if isinstance(op, Weighted | MatMul):
            factors = op.inputs if isinstance(op, MatMul) else (op.input, op.weight)
            widths = [narrower.get(name, graph.tensors[name].dtype.bits) for name in factors]
            total += macs(graph, op) * prod(widths)
    return total


def weight_bits(graph: Graph, op: Op) -> int | None:
    """Bit width of the op's weights, None for an op without."""
    if isinstance(op, Weighted):
        return graph.tensors[op.weight].dtype.bits
    return None


def weight_bytes(graph: Graph, op: Op) -> int:
    """Bytes of the op's weights with their bits packed, and of its bias, or of a constant
    operand; 0 for an op without."""
    if isinstance(op, Constant | Prelu):
        return graph.tensors[constants(op)[0]].packed_bytes
    if not isinstance(op, Weighted):
        return 0
    bias = 0 if op.bias is None else graph.tensors[op.bias].container_bytes
    return graph.tensors[op.weight].packed_bytes + bias


def state_bytes(graph: Graph, stored: Storages = WHOLE_BYTES) -> int:
    """Bytes of the graph's states, as ``stored``: they live as long as the network."""
    return sum(stored.bytes_of(graph.tensors[state.tensor]) for state in graph.states)


def peak_activation_bytes(graph: Graph, stored: Storages = WHOLE_BYTES) -> int:
    """Largest sum of live activations over the nodes in order, as ``stored``; an op's inputs and
    output are alive together, a state always, and its next value until the end."""
    kept = (*graph.results, *(state.tensor for state in graph.states))
    last = {name: k for k, op in enumerate(graph.nodes) for name in activations(op)}
    last |= dict.fromkeys(kept, len(graph.nodes))
    live = {name: stored.bytes_of(graph.tensors[name]) for name in graph.sources}
    peak = sum(live.values())
    for k, op in enumerate(graph.nodes):
        live[op.output] = stored.bytes_of(graph.tensors[op.output])
        peak = max(peak, sum(live.values()))
        live = {name: size for name, size in live.items() if last.get(name, -1) > k}
    return peak
