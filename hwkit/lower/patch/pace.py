"""How far each layer of a network is after each turn, and what its tensors hold meanwhile.

The same as ``by_input`` (even) and ``by_output`` say span by span, in plain numbers, so that a
search over thousands of stages is quick; a test holds one against the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from hwkit.ir.graph import Graph
from hwkit.ir.ops import Op, activations
from hwkit.lower.patch.spans import Reach
from hwkit.lower.patch.turns import Share, lead_of

Spans: TypeAlias = list[tuple[int, int]]
"""Rows from, up to but without, for each turn; none where both are equal."""


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


def pace(
    graph: Graph,
    nodes: Sequence[Op],
    reach: Mapping[str, Reach],
    rows: int,
    pairs_from: int | None = None,
) -> Pace:
    """``nodes`` with ``rows`` more rows of their largest source a turn; what a layer makes does
    not depend on those behind it, so a prefix of ``nodes`` has a prefix of this."""
    outputs = {op.output for op in nodes}
    sources = {name for op in nodes for name in activations(op)} - outputs
    height = {name: graph.tensors[name].shape[0] for name in (*outputs, *sources)}
    most = max(height[name] for name in sources)
    share = {
        op.output: Share.of(height[op.output], rows, most, place, pairs_from)
        for place, op in enumerate(nodes)
    }
    there = dict.fromkeys(height, 0)
    stops: dict[str, list[int]] = {name: [] for name in height}
    turn = 0
    lead = lead_of(graph, nodes, sorted(sources), rows)
    while there != height:
        turn += 1
        given = min(rows * turn + lead, most)
        for name in sources:
            there[name] = -(-height[name] * given // most)
        for op in nodes:
            name = op.output
            if there[name] < height[name]:
                least = min(there[source] for source in activations(op))
                there[name] = share[name].stop(there[name], reach[op.name].count(least))
        for name, stop in there.items():
            stops[name].append(stop)
    return Pace(stops)


def pace_by_result(
    graph: Graph, nodes: Sequence[Op], reach: Mapping[str, Reach], rows: int
) -> Pace:
    """``nodes`` with ``rows`` rows of the last one's output a turn, all others what that needs.

    Of maps that nobody reads to the end, or that are outputs too, the rest counts as made in the
    last turn.
    """
    result = nodes[-1].output
    height = {
        name: graph.tensors[name].shape[0] for op in nodes for name in (op.output, *activations(op))
    }
    own = height[result]
    ends = [*range(rows, own, rows), own]
    stops = {name: [0] * len(ends) for name in height}
    stops[result] = ends
    for op in reversed(nodes):
        made = stops[op.output]
        if op.output != result and made[-1] < height[op.output]:
            made[-1] = height[op.output]
        for turn, stop in enumerate(made):
            needed_stop = reach[op.name].read(stop - 1, stop)[1] if stop else 0
            for name in activations(op):
                stops[name][turn] = max(stops[name][turn], needed_stop)
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
