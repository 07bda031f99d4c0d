"""A graph's only output."""

from __future__ import annotations

from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.types import Array


def predicted(graph: Graph, x: Array) -> Array:
    """What a graph of one input and one output computes: integers in, integers out, first axis the
    batch."""
    (source,), (output,) = graph.inputs, graph.outputs
    return run(graph, {source: x})[output]
