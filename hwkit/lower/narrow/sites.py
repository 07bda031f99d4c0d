"""Feature maps whose width can be chosen: tensors that share one grid of integers are one site."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    AvgPool2d,
    Clamp,
    Concat,
    Lookup,
    MaxPool2d,
    Op,
    Overflow,
    Pad,
    Requantize,
    Rescale,
    Reshape,
    ResizeNearest,
    Slice,
    Transpose,
    activations,
)
from hwkit.ir.traits import Accumulating, Binary
from hwkit.ir.types import IntType

Passing = MaxPool2d | AvgPool2d | Clamp | Pad | Concat | Reshape | Slice | Transpose | ResizeNearest
"""Ops whose output has the grid of their inputs."""

WIDEST = 8
NARROWEST = 2


@dataclass(frozen=True, slots=True)
class Site:
    """Tensors of one integer type, each integer of which means ``v - zero_point`` steps of one
    size, in the order of the graph. A site is called after its first tensor."""

    tensors: tuple[str, ...]
    dtype: IntType
    zero_point: int

    @property
    def name(self) -> str:
        return self.tensors[0]


def sites(graph: Graph) -> tuple[Site, ...]:
    """The sites whose width can change with nobody outside the graph noticing.

    Not among them: what goes in or out of the graph or is a state, sums that are not rescaled,
    tensors of more than 8 or at most 2 bits, and those whose readers and writers don't agree on a
    zero point. Example: conv -> max pool -> conv -> output is one site, the first convolution's
    output and the pool's.
    """
    found = []
    for tensors in _joined(graph):
        dtypes = {graph.tensors[name].dtype for name in tensors}
        zero_points = _zero_points(graph, tensors)
        if zero_points is None or len(zero_points) != 1 or len(dtypes) != 1:
            continue
        dtype = dtypes.pop()
        if NARROWEST < dtype.bits <= WIDEST:
            found.append(Site(tensors, dtype, zero_points.pop()))
    return tuple(found)


def _joined(graph: Graph) -> list[tuple[str, ...]]:
    """Tensors that passing ops make equal in type, as classes; those that are fixed are left
    out."""
    owner: dict[str, str] = {}

    def root(name: str) -> str:
        while owner.setdefault(name, name) != name:
            name = owner[name]
        return name

    for op in graph.nodes:
        root(op.output)
        if isinstance(op, Passing):
            for name in activations(op):
                owner[root(op.output)] = root(name)
    fixed = {root(name) for name in (*graph.sources, *graph.results)}
    classes: dict[str, list[str]] = {}
    for op in graph.nodes:
        if root(op.output) not in fixed:
            classes.setdefault(root(op.output), []).append(op.output)
    return [tuple(names) for names in classes.values()]


def _zero_points(graph: Graph, tensors: Iterable[str]) -> set[int] | None:
    """What writers and readers take for zero; None where one of them is bound to the type."""
    names, found = set(tensors), set[int]()
    for op in graph.nodes:
        if op.output in names and not isinstance(op, Passing | Lookup):
            r = _rescale(op)
            if r is None or r.overflow is not Overflow.SATURATE:
                return None
            found.add(r.zero_point)
        for name in names.intersection(activations(op)):
            if isinstance(op, Passing | Lookup):
                continue
            if not isinstance(op, Accumulating | Requantize) or _rescale(op) is None:
                return None  # a sum that is seen counts in steps of the map
            found |= _read_as(op, name)
    return found


def _rescale(op: Op) -> Rescale | None:
    return op.rescale if isinstance(op, Accumulating | Requantize) else None


def _read_as(op: Accumulating | Requantize, name: str) -> set[int]:
    if isinstance(op, Binary):
        pairs = zip(op.inputs, op.input_zero_points, strict=True)
        return {zero_point for source, zero_point in pairs if source == name}
    return {op.input_zero_point}
