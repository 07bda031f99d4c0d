"""How far each layer of a network is after each turn, and what its tensors hold meanwhile.

The same as ``by_input`` (even) says span by span, in plain numbers, so that a search over
thousands of stages is quick; a test holds one against the other.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from hwkit.ir.graph import Graph
from hwkit.ir.ops import Op, ResizeNearest, activations
from hwkit.ir.traits import Windowed
from hwkit.lower.patch.spans import Span, can_tile, reads

Spans: TypeAlias = list[tuple[int, int]]
"""Rows from, up to but without, for each turn; none where both are equal."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Rows of the input that rows of an op's output read: ``size`` rows in, ``made`` out; of a
    window ``stride``, ``before`` (padding above) and ``extent``; of a resize its ``rows``."""

    size: int
    made: int
    stride: int = 1
    before: int = 0
    extent: int = 1
    rows: tuple[int, ...] = ()

    def count(self, there: int) -> int:
        """Rows of output for the first ``there`` rows of input; see ``spans.made``."""
        if self.rows:
            return bisect_left(self.rows, there)
        if there >= self.size:
            return self.made
        possible = (there + self.before - self.extent) // self.stride + 1
        return min(max(possible, 0), self.made)

    def read(self, start: int, stop: int) -> tuple[int, int]:
        """The rows of input for the rows ``start`` up to ``stop`` of output, if there are any."""
        if start >= stop:
            return 0, 0
        if self.rows:
            return self.rows[start], self.rows[stop - 1] + 1
        first = start * self.stride - self.before
        return max(first, 0), min(first + (stop - 1 - start) * self.stride + self.extent, self.size)


def reach_of(graph: Graph, op: Op) -> Reach | None:
    """None for an op that cannot be computed in rows."""
    if not can_tile(graph, op):
        return None
    size = graph.tensors[activations(op)[0]].shape[0]
    output = graph.tensors[op.output].shape[0]
    if isinstance(op, ResizeNearest):
        return Reach(size, output, rows=op.rows)
    if not isinstance(op, Windowed):
        return Reach(size, output)
    inner = reads(graph, op, Span(0, 1))
    extent = inner.before + len(inner.rows) + inner.after
    return Reach(size, output, op.stride[0], inner.before, extent)


@dataclass(frozen=True, slots=True)
class Held:
    """The most ``rows`` that a tensor's buffer holds in a turn, the most it keeps for the next."""

    rows: int
    kept: int


@dataclass(frozen=True, slots=True)
class Pace:
    """Rows made (of sources: given) after each turn, by tensor."""

    stops: Mapping[str, Sequence[int]]

    def spans(self, tensor: str) -> Spans:
        """What is new in each turn."""
        stops = self.stops[tensor]
        return list(zip([0, *stops[:-1]], stops, strict=True))

    def turns(self, tensor: str) -> int:
        """Turns until all of ``tensor`` is made."""
        stops = self.stops[tensor]
        return stops.index(stops[-1]) + 1


def pace(graph: Graph, nodes: Sequence[Op], reach: Mapping[str, Reach], rows: int) -> Pace:
    """``nodes`` with ``rows`` more rows of their largest source a turn; what a layer makes does
    not depend on those behind it, so a prefix of ``nodes`` has a prefix of this."""
    outputs = {op.output for op in nodes}
    sources = {name for op in nodes for name in activations(op)} - outputs
    height = {name: graph.tensors[name].shape[0] for name in (*outputs, *sources)}
    most = max(height[name] for name in sources)
    share = {op.output: -(-height[op.output] * rows // most) for op in nodes}
    there = dict.fromkeys(height, 0)
    stops: dict[str, list[int]] = {name: [] for name in height}
    turn = 0
    while there != height:
        turn += 1
        given = min(rows * turn, most)
        for name in sources:
            there[name] = -(-height[name] * given // most)
        for op in nodes:
            name = op.output
            if there[name] < height[name]:
                least = min(there[source] for source in activations(op))
                there[name] = min(reach[op.name].count(least), there[name] + share[name])
        for name, stop in there.items():
            stops[name].append(stop)
    return Pace(stops)


def held(new: Spans, reads_by_reader: Iterable[Spans]) -> Held:
    """What a tensor holds of which ``new`` rows are made and these rows are read in each turn."""
    readers = list(reads_by_reader)
    rows = kept = 0
    earliest = new[-1][1]
    for turn in range(len(new) - 1, -1, -1):
        start, stop = new[turn]
        for spans in readers:
            first, last = spans[turn]
            if last > first:
                earliest = min(earliest, first)
        # What is made takes room, read by anybody or not.
        begin = min(earliest, start if stop > start else stop)
        rows = max(rows, stop - begin)
        kept = max(kept, start - begin)
    return Held(rows, kept)


def needed(reach: Reach, made_rows: Spans) -> Spans:
    """What a layer reads in each turn for what it makes."""
    return [reach.read(start, stop) for start, stop in made_rows]
