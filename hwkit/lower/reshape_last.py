"""Moves each Reshape behind the Requantize or Clamp that reads it.

``x.mean([2, 3])`` followed by a quantizer exports as sum, reshape, requantize: only when the
reshape is out of the way can the requantization join the sum (``fuse_requantize``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from hwkit.ir.graph import Graph
from hwkit.ir.ops import Clamp, Op, Requantize, Reshape, activations
from hwkit.ir.types import TensorType


def reshape_last(graph: Graph) -> Graph:
    """``reshape -> requantize`` becomes ``requantize -> reshape``, likewise for a clamp; exact.

    Only where nothing else reads the value in between, it is no result, and a rescale with one
    entry for each channel still meets the same channels.
    """
    readers = Counter(name for node in graph.nodes for name in activations(node))
    nodes, tensors = list(graph.nodes), dict(graph.tensors)
    for position, op in enumerate(nodes):
        if not isinstance(op, Requantize | Clamp) or op.input in graph.results:
            continue
        before = _reshape(nodes, op.input)
        if before is None or readers[op.input] != 1 or not _same_channels(tensors, before, op):
            continue
        at = nodes.index(before)
        middle, after = tensors[before.input], tensors[op.output]
        tensors[op.input] = replace(after, shape=middle.shape)
        nodes[position] = replace(before, input=op.input, output=op.output)
        nodes[at] = replace(op, input=before.input, output=op.input)
    return graph.with_nodes(tuple(nodes), tensors)


def _reshape(nodes: list[Op], name: str) -> Reshape | None:
    """The reshape that makes tensor ``name``."""
    return next((n for n in nodes if n.output == name and isinstance(n, Reshape)), None)


def _same_channels(
    tensors: Mapping[str, TensorType], before: Reshape, op: Requantize | Clamp
) -> bool:
    if isinstance(op, Clamp) or op.rescale.channels == 1:
        return True
    shapes = tensors[before.input].shape, tensors[before.output].shape
    return shapes[0][-1:] == shapes[1][-1:]
