"""The arithmetic of published patch-based inference, to compare plans with: a square grid, nothing
kept.

MCUNetV2 (Lin et al. 2021) computes the first layers in n by n patches of their result, each by
itself from its part of the image, and depthwise convolutions in place: these need a channel's map
beside, which is not counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

from hwkit.ir.counts import macs
from hwkit.ir.graph import Graph
from hwkit.ir.ops import DepthwiseConv2d, Op, activations
from hwkit.lower.patch.peak import Strips, plan
from hwkit.lower.patch.spans import Span, reads
from hwkit.lower.patch.turns import EMPTY
from hwkit.lower.schedule import Overlaps


@dataclass(frozen=True, slots=True)
class Grid:
    """``arena_bytes`` of a network without its input, ``macs`` with those that are made again."""

    arena_bytes: int
    macs: int


def in_place_depthwise(graph: Graph) -> Overlaps:
    """Outputs of depthwise convolutions that take the place of their inputs."""
    found = (op for op in graph.nodes if isinstance(op, DepthwiseConv2d))
    return {op.name: {op.input: 0} for op in found}


def in_grid(graph: Graph, layers: int, count: int) -> Grid:
    """The first ``layers`` of ``graph``, the last of them their only result, in ``count`` by
    ``count`` patches, the others whole; with ``layers`` 0 all whole.

    Example: MobileNetV2 1.0 at 224 without its residuals takes 1,404,928 bytes whole, and 175,616
    with the layers up to the first map of 28 by 28 in 4 by 4 patches.
    """
    nodes = graph.nodes[:layers]
    total = sum(macs(graph, op) for op in graph.nodes[layers:])
    inner = 0
    for patch in _patches(graph, nodes, count):
        sizes = {
            name: len(rows) * len(columns) * graph.tensors[name].shape[2]
            for name, (rows, columns) in patch.items()
        }
        inner = max(inner, _peak(graph, nodes, sizes))
        for op in nodes:
            total += macs(graph, op) * sizes[op.output] // prod(graph.tensors[op.output].shape)
    strips = [Strips(nodes, inner)] if nodes else []
    memory = plan(graph, [], strips, None, in_place_depthwise(graph), graph.inputs)
    return Grid(memory.arena_bytes, total)


def _patches(
    graph: Graph, nodes: Sequence[Op], count: int
) -> Iterator[Mapping[str, tuple[Span, Span]]]:
    """Rows and columns of every tensor that each patch reads or makes."""
    if not nodes:
        return
    result = nodes[-1].output
    height, width, _ = graph.tensors[result].shape
    for y, x in product(range(count), repeat=2):
        need = {result: (_part(height, y, count), _part(width, x, count))}
        for op in reversed(nodes):
            asked = need[op.output]
            for name in activations(op):
                before = need.get(name, (EMPTY, EMPTY))
                read = (reads(graph, op, span, axis).rows for axis, span in enumerate(asked))
                rows, columns = (old | new for old, new in zip(before, read, strict=True))
                need[name] = rows, columns
        yield need


def _part(size: int, k: int, count: int) -> Span:
    return Span(size * k // count, size * (k + 1) // count)


def _peak(graph: Graph, nodes: Sequence[Op], sizes: Mapping[str, int]) -> int:
    """The most bytes at once of what lies between the image and the result."""
    last = {name: k for k, op in enumerate(nodes) for name in activations(op)}
    made = {op.output: k for k, op in enumerate(nodes)}
    inside = [name for name in made if name in last]
    most = 0
    for k, op in enumerate(nodes):
        alive = sum(sizes[name] for name in inside if made[name] <= k <= last[name])
        taken = [name for name in activations(op) if name in inside and last[name] == k]
        if isinstance(op, DepthwiseConv2d) and taken and op.output in inside:
            alive -= min(sizes[taken[0]], sizes[op.output])
        most = max(most, alive)
    return most
