"""Stores every activation as s8: what a .tflite has; the values stay as they are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hwkit.errors import UnsupportedOp
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Lookup
from hwkit.ir.types import S8, IntType

_RAW = 32
"""Bits of an accumulator that leaves the graph."""


def widen_to_s8(graph: Graph, target: str) -> Graph:
    """The graph with its signed activations of at most 8 bits declared s8. Exact.

    Tables of narrower inputs grow to 256 entries, the new ones never read. Raises
    ``UnsupportedOp`` for an activation of 9 to 31 bits or a graph input of more than 8.

    Example: s4 values -8..7 with a table of 16 become s8 values -8..7 with a table of 256.
    """
    tensors, constants = dict(graph.tensors), dict(graph.constants)
    for name in (*graph.inputs, *(op.output for op in graph.nodes)):
        bits = tensors[name].dtype.bits
        if bits <= 8:
            tensors[name] = replace(tensors[name], dtype=S8)
        elif bits != _RAW or name in graph.inputs:
            raise UnsupportedOp(
                name, target, f"it has {bits}-bit integers; quantize it to at most 8 bits"
            )
    nodes = []
    for op in graph.nodes:
        if isinstance(op, Lookup):
            source = graph.tensors[op.input].dtype
            grown = f"{op.name}/table"
            constants[grown] = _grown(graph.constants[op.table], source)
            tensors[grown] = replace(tensors[op.table], dtype=S8, shape=(256,))
            op = replace(op, table=grown)
        nodes.append(op)
    return graph.with_nodes(tuple(nodes), tensors, constants)


def _grown(table: np.ndarray, source: IntType) -> np.ndarray:  # type: ignore[type-arg]
    grown = np.zeros(256, np.int8)
    grown[source.low + 128 : source.high + 129] = table
    return grown
