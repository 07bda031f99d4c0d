"""What the report shows of a graph, taken from the graph itself."""

from __future__ import annotations

from hwkit.ir.counts import macs, weight_bits, weight_bytes
from hwkit.ir.graph import Graph
from hwkit.ir.ops import activations
from hwkit.report.summary import Layer


def model_layers(graph: Graph) -> tuple[Layer, ...]:
    """One ``Layer`` for each node, in order; edges by the names of the nodes.

    Example: conv -> clamp -> dense gives three layers, ``inputs`` (), ("conv",), ("clamp",).
    """
    producer = {op.output: op.name for op in graph.nodes}
    return tuple(
        Layer(
            name=op.name,
            op=type(op).__name__,
            output_shape=graph.tensors[op.output].shape,
            weight_bits=weight_bits(graph, op),
            macs=macs(graph, op),
            weight_bytes=weight_bytes(graph, op),
            inputs=tuple(producer[x] for x in activations(op) if x in producer),
            output_bits=str(graph.tensors[op.output].dtype),
        )
        for op in graph.nodes
    )
