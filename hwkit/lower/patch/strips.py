"""A stage in strips of columns: narrower maps, and columns at the seams computed again.

Each strip is a small network of its own, from columns of the sources to columns of the result; it
can then run in turns of a few rows like any other, with halos as much smaller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hwkit.errors import GraphError
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Concat, Op, Pad, Padding, ResizeNearest, Slice, activations
from hwkit.ir.traits import Windowed
from hwkit.ir.types import TensorType
from hwkit.lower.fresh import fresh
from hwkit.lower.patch.rewrite import reading
from hwkit.lower.patch.spans import Read, Span, can_tile, reads
from hwkit.lower.patch.turns import EMPTY, boundary


@dataclass(frozen=True, slots=True)
class Strips:
    """``graph`` with some nodes in strips; ``nodes`` has those of each strip, in order, and
    ``part_of`` by the name of a strip's node the node that it is a part of; cuts are of none."""

    graph: Graph
    nodes: tuple[tuple[Op, ...], ...]
    part_of: Mapping[str, str]


def strip_columns(width: int, columns: int) -> tuple[Span, ...]:
    """``width`` columns in strips of ``columns``, the last as wide as what is left.

    Example: 12 in strips of 5 are 0 to 4, 5 to 9, 10 and 11.
    """
    return tuple(Span(k, min(k + columns, width)) for k in range(0, width, columns))


def columns_of(graph: Graph, nodes: Sequence[Op], columns: Span) -> dict[str, Span]:
    """Which columns of every tensor that ``nodes`` read or make the columns ``columns`` of the
    last one's output need."""
    need = {nodes[-1].output: columns}
    for op in reversed(nodes):
        asked = need.get(op.output, EMPTY)
        for name in activations(op) if len(asked) else ():
            need[name] = need.get(name, EMPTY) | reads(graph, op, asked, axis=1).rows
    return need


def in_strips(graph: Graph, nodes: Sequence[Op], columns: int) -> Strips:
    """``graph`` with consecutive ``nodes``, one result among them and that the last, in strips of
    ``columns`` columns of it; exact. The sources are cut and the results joined.

    Raises ``GraphError`` for nodes of another kind. Example: a convolution 3 by 3 with padding 1
    over 8 columns in strips of 4 is two, of columns 0 to 4 (padded left) and 3 to 7 (right).
    """
    sources, results = boundary(graph, nodes)
    if results != (nodes[-1].output,) or not all(can_tile(graph, op, 1) for op in nodes):
        raise GraphError(nodes[0].name, "these layers have no single result in strips of columns")
    tensors = dict(graph.tensors)
    part_of: dict[str, str] = {}
    strips = [
        _Strip(graph, tensors, f"strip{k}", columns_of(graph, nodes, span), part_of).nodes(
            nodes, sources
        )
        for k, span in enumerate(strip_columns(graph.tensors[results[0]].shape[1], columns))
    ]
    joined = Concat(
        fresh(f"{results[0]}/strips", {op.name for op in graph.nodes}),
        tuple(strip[-1].output for strip in strips),
        results[0],
        1,
    )
    first = graph.nodes.index(nodes[0])
    flat = tuple(op for strip in strips for op in strip)
    changed = (*graph.nodes[:first], *flat, joined, *graph.nodes[first + len(nodes) :])
    return Strips(graph.with_nodes(changed, tensors), tuple(strips), part_of)


@dataclass(slots=True)
class _Strip:
    graph: Graph
    tensors: dict[str, TensorType]
    label: str
    columns: Mapping[str, Span]
    """Of every map those that the strip has."""
    part_of: dict[str, str]

    def nodes(self, nodes: Sequence[Op], sources: Sequence[str]) -> tuple[Op, ...]:
        made: list[Op] = []
        here = {name: self.cut(made, name, name, Span(0, self.width(name)), self.columns[name])
                for name in sources}  # fmt: skip
        for op in nodes:
            if op.output not in self.columns:
                continue
            read = reads(self.graph, op, self.columns[op.output], axis=1)
            names = {
                name: self.cut(made, here[name], name, self.columns[name], read.rows)
                for name in activations(op)
            }
            output = self.fresh(op.output, self.columns[op.output])
            narrow = _narrow(op, read, self.columns[op.output])
            made.append(reading(replace(narrow, name=output, output=output), names))
            here[op.output] = output
            self.part_of[output] = op.name
        return tuple(made)

    def width(self, name: str) -> int:
        return self.graph.tensors[name].shape[1]

    def cut(self, made: list[Op], name: str, whole: str, there: Span, want: Span) -> str:
        """The columns ``want`` of a map of which tensor ``name`` has ``there``."""
        if there == want:
            return name
        output = self.fresh(whole, want)
        rows, _, channels = self.tensors[output].shape
        begin = (0, want.start - there.start, 0)
        made.append(Slice(output, name, output, begin, (rows, len(want), channels), (1, 1, 1)))
        return output

    def fresh(self, name: str, columns: Span) -> str:
        whole = self.graph.tensors[name]
        own = fresh(f"{name}/{self.label}", self.tensors)
        shape = (whole.shape[0], len(columns), whole.shape[2])
        self.tensors[own] = replace(whole, shape=shape)
        return own


def _narrow(op: Op, read: Read, columns: Span) -> Op:
    """``op`` for some columns of its output."""
    if isinstance(op, Windowed | Pad):
        pad = op.padding
        return replace(op, padding=Padding(pad.top, pad.bottom, read.before, read.after))
    if isinstance(op, ResizeNearest):
        found = op.columns[columns.start : columns.stop]
        return replace(op, columns=tuple(column - read.rows.start for column in found))
    return op
