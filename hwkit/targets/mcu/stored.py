"""How many bits each integer of an activation takes in the arena: its type's own where it can.

A tensor of 4, 2 or 1 bits (and of 3, in 4) lies packed, as ``ir.storage`` has it, where the layer
that makes it and all that read it have a packed form. What the network shows outside, inputs,
outputs and states, has a byte for each integer, as has what a layer without a packed form touches.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from math import prod

from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    Add,
    AvgPool2d,
    Clamp,
    Concat,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Lookup,
    MaxPool2d,
    Op,
    Pad,
    Requantize,
    Reshape,
    Slice,
    SumPool2d,
    Transpose,
    activations,
)
from hwkit.ir.storage import Storage, Storages
from hwkit.targets.mcu.capabilities import STORED

PACKED = Storages((1, 2, 4, 8, 16, 32))
"""Inside a network; ``STORED`` is what kernels read and what crosses the link."""

_FORMS = (
    Conv2d
    | DepthwiseConv2d
    | Dense
    | SumPool2d
    | AvgPool2d
    | MaxPool2d
    | Requantize
    | Clamp
    | Lookup
    | Pad
    | Concat
    | Slice
    | Transpose
    | Reshape
)


def storages(
    graph: Graph, staged: Collection[str] = (), packed: Collection[str] = ()
) -> Mapping[str, Storage]:
    """Of every input, state and op output of a lowered graph, where the layers named in ``staged``
    are computed in parts: of what those read and write the tensors that are ``packed``, if their
    rows end with a byte, and no others.

    Example: a map of s4 between two convolutions has ``Storage(4)``, the network's s4 output
    ``Storage(8)``.
    """
    names = (*graph.sources, *(op.output for op in graph.nodes))
    whole = set(_whole(graph, staged, packed))
    # What a reshape reads and makes are the same bytes.
    pairs = [{op.input, op.output} for op in graph.nodes if isinstance(op, Reshape)]
    while any(pair & whole and not pair <= whole for pair in pairs):
        whole.update(*(pair for pair in pairs if pair & whole))
    return {
        name: (STORED if name in whole else PACKED).of(graph.tensors[name].dtype) for name in names
    }


def _whole(graph: Graph, staged: Collection[str], packed: Collection[str]) -> Iterator[str]:
    yield from graph.sources
    yield from graph.results
    for op in graph.nodes:
        names = (op.output, *activations(op))
        if not has_form(graph, op):
            yield from names
        elif op.name in staged:
            yield from (
                name
                for name in names
                if name not in packed or not _ends_rows_with_a_byte(graph, name)
            )


def _ends_rows_with_a_byte(graph: Graph, name: str) -> bool:
    tensor = graph.tensors[name]
    return prod(tensor.shape[1:]) * PACKED.of(tensor.dtype).bits % 8 == 0


def has_form(graph: Graph, op: Op) -> bool:
    """Whether ``op`` can read and make packed tensors."""
    if isinstance(op, Add):
        return len({graph.tensors[name].shape for name in op.inputs}) == 1
    return isinstance(op, _FORMS)
