"""A stage: some layers computed together, a few rows of each in every turn.

Between two turns a tensor of the stage keeps the rows that are still to be read (its *halo*), or
it keeps none and those rows are computed again. Which rows each layer computes in each turn
follows from one of two rules: every layer makes what the rows that are there allow (``by_input``:
nothing is computed twice, and a layer may pause), or the last layer makes so many rows a turn and
the others what that needs (``by_output``: each tensor may keep its halo or not).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from hwkit.ir.graph import Graph
from hwkit.ir.ops import Op, Pad, Padding, ResizeNearest, Slice, activations
from hwkit.ir.traits import Windowed
from hwkit.lower.patch.spans import Read, Span, made, reach_of, reads

EMPTY = Span(0, 0)


@dataclass(frozen=True, slots=True)
class Part:
    """What a layer computes in a turn: ``rows`` of its output from ``reads`` of its inputs, in
    their order (rows in the whole map's numbers)."""

    rows: Span
    reads: tuple[Read, ...]


@dataclass(frozen=True, slots=True)
class Turn:
    """``parts`` by layer of the stage, None where it pauses. ``held`` has for each tensor that is
    made or read the rows that its buffer holds while the turn runs, if it has one: at the start
    ``kept`` rows of the turn before, behind them what is new."""

    parts: tuple[Part | None, ...]
    held: Mapping[str, Span]
    kept: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Stage:
    """Consecutive ``nodes`` of a graph, computed in ``turns``.

    ``sources`` are the tensors from outside that it reads, ``results`` those that anybody outside
    reads (they are written whole, into a map of their own); what lies between is only ever there
    in part. A source in ``streamed`` has a buffer of a few rows as well, into which somebody puts
    the new rows of each turn; any other lies whole in memory.
    """

    nodes: tuple[Op, ...]
    sources: tuple[str, ...]
    results: tuple[str, ...]
    streamed: tuple[str, ...]
    turns: tuple[Turn, ...]

    @property
    def between(self) -> tuple[str, ...]:
        """Tensors that are only ever there in part, and made here."""
        return tuple(op.output for op in self.nodes if op.output not in self.results)

    @property
    def buffers(self) -> tuple[str, ...]:
        """Tensors that have a buffer of a few rows."""
        return (*self.streamed, *self.between)

    def rows(self, tensor: str) -> int:
        """Rows that the buffer of ``tensor`` has room for."""
        return max(len(turn.held[tensor]) for turn in self.turns)

    def kept(self, tensor: str) -> int:
        """The most rows that ``tensor`` keeps from one turn to the next."""
        return max(turn.kept[tensor] for turn in self.turns)


Boundary: TypeAlias = tuple[tuple[str, ...], tuple[str, ...]]


def boundary(graph: Graph, nodes: Sequence[Op]) -> Boundary:
    """What ``nodes`` read that they do not make, and what they make that others read, each in
    order of first appearance."""
    inside = {op.output for op in nodes}
    read = dict.fromkeys(name for op in nodes for name in activations(op))
    outside = {name for op in graph.nodes if op not in nodes for name in activations(op)}
    outside |= set(graph.results)
    sources = tuple(name for name in read if name not in inside)
    return sources, tuple(op.output for op in nodes if op.output in outside)


def by_input(
    graph: Graph,
    nodes: Sequence[Op],
    rows: int,
    streamed: Collection[str] = (),
    *,
    again: Collection[str] = (),
    even: bool = False,
    pairs_from: int | None = None,
) -> Stage:
    """The stage in which every turn gets ``rows`` more rows of the map it reads (the largest, if
    it reads several), and each layer then makes what it can. With ``even`` no layer makes more in
    a turn than its share of ``rows``, rounded up: the end takes more turns, and smaller buffers.
    The first turn may get more (``lead_of``). If even, the layer at place ``pairs_from`` of
    ``nodes`` waits until it can make two rows, and those from there on have twice the share:
    kernels that make two rows at once then need not make one for nothing.
    Tensors in ``again`` keep nothing: in each turn the rows are made that it reads.

    Example: of two convolutions 3 by 3 with padding 1 over 8 rows and one row a turn, the first
    turn computes nothing, the second a row of the first, the third a row of each. The eighth
    makes the last two rows of the first layer and three of the second; if even, one of each, and
    a ninth and a tenth turn the rest.
    """
    sources, results = boundary(graph, nodes)
    height = {
        name: graph.tensors[name].shape[0] for name in (*sources, *(op.output for op in nodes))
    }
    most = max(height[name] for name in sources)
    there = dict.fromkeys(height, 0)
    steps: list[dict[str, Span]] = []
    lead = lead_of(graph, nodes, sources, rows)
    while there != height:
        given = min(rows * (len(steps) + 1) + lead, most)
        new = {name: Span(there[name], -(-height[name] * given // most)) for name in sources}
        there |= {name: span.stop for name, span in new.items()}
        for place, op in enumerate(nodes):
            stop = made(graph, op, min(there[name] for name in activations(op)))
            if even:
                share = Share.of(height[op.output], rows, most, place, pairs_from)
                stop = share.stop(there[op.output], stop)
            new[op.output] = Span(there[op.output], stop)
            there[op.output] = stop
        steps.append(_made_again(graph, nodes, set(again) - set(results), new))
    return _stage(graph, tuple(nodes), streamed, set(again) - set(results), steps)


@dataclass(frozen=True, slots=True)
class Share:
    """Of a map of ``height`` rows at most ``rows`` a turn; ``waits``: two at once, if it may have
    two."""

    height: int
    rows: int
    waits: bool

    @classmethod
    def of(cls, height: int, rows: int, most: int, place: int, pairs_from: int | None) -> Share:
        """That of the layer at ``place``, where ``rows`` of ``most`` rows of the source come in a
        turn: twice as many from ``pairs_from`` on, which waits."""
        paired = pairs_from is not None and place >= pairs_from
        share = -(-height * rows * (2 if paired else 1) // most)
        return cls(height, share, place == pairs_from and share > 1)

    def stop(self, there: int, possible: int) -> int:
        """How many rows are made, of which so many were ``there`` and so many can be."""
        stop = min(possible, there + self.rows)
        return there if self.waits and stop == there + 1 < self.height else stop


def lead_of(graph: Graph, nodes: Sequence[Op], sources: Sequence[str], rows: int) -> int:
    """How many more rows of the only source the first turn gets (``Reach.lead``); 0 of several, or
    for several readers."""
    readers = [op for op in nodes if {*sources} & {*activations(op)}]
    if len(sources) != 1 or len(readers) != 1:
        return 0
    reach = reach_of(graph, readers[0])
    return 0 if reach is None else reach.lead(rows)


def _made_again(
    graph: Graph, nodes: Sequence[Op], again: Collection[str], new: dict[str, Span]
) -> dict[str, Span]:
    """The rows of a turn, where of tensors in ``again`` all is made that the turn reads."""
    if not again:
        return new
    need: dict[str, Span] = {}
    for op in reversed(nodes):
        if op.output in again:
            new[op.output] = need.get(op.output, EMPTY)
        if len(new[op.output]):
            for name in activations(op):
                read = reads(graph, op, new[op.output]).rows
                need[name] = need.get(name, EMPTY) | read
    return new


def by_output(
    graph: Graph,
    nodes: Sequence[Op],
    rows: int,
    again: Collection[str] = (),
    streamed: Collection[str] = (),
) -> Stage:
    """The stage whose last layer makes ``rows`` rows of its output a turn, and the others what
    that needs and is not there yet. Tensors in ``again`` keep nothing.

    Example: of two convolutions 3 by 3 with padding 1 and two rows a turn, the first layer makes
    rows 0 to 2, then 3 and 4, ...; with its output in ``again``: 0 to 2, then 1 to 4, ...
    """
    sources, results = boundary(graph, nodes)
    last = nodes[-1].output
    again = set(again) - set(results)
    height = graph.tensors[last].shape[0]
    ends = [*range(rows, height, rows), height]
    asked = {name: [EMPTY] * len(ends) for name in (*sources, *(op.output for op in nodes))}
    asked[last] = [Span(max(stop - rows, 0), stop) for stop in ends[:-1]] + [EMPTY]
    for name in results:  # others read it whole, in the end
        asked[name][-1] = Span(0, graph.tensors[name].shape[0])
    new: dict[str, list[Span]] = {}
    for op in reversed(nodes):
        wanted = asked[op.output]
        new[op.output] = wanted if op.output in again else _not_there(wanted)
        for k, made_rows in enumerate(new[op.output]):
            if len(made_rows):
                read = reads(graph, op, made_rows).rows
                for name in activations(op):
                    asked[name][k] |= read
    new |= {name: _not_there(asked[name]) for name in sources}
    steps = [{name: spans[k] for name, spans in new.items()} for k in range(len(ends))]
    return _stage(graph, tuple(nodes), streamed, again, steps)


def part_of(graph: Graph, op: Op, part: Part) -> Graph:
    """``op`` alone over the rows of ``part``: its inputs have only the rows that it reads.

    Example: the middle part of a convolution 3 by 3 with padding 1 on every side has a padding of
    1 left and right alone, and for two rows of output four rows of input.
    """
    tensors = dict(graph.tensors)
    for name, read in zip(activations(op), part.reads, strict=True):
        tensors[name] = replace(tensors[name], shape=(len(read.rows), *tensors[name].shape[1:]))
    own = graph.tensors[op.output]
    tensors[op.output] = replace(own, shape=(len(part.rows), *own.shape[1:]))
    first = part.reads[0]
    cut: Op = op
    if isinstance(op, Windowed | Pad):
        padding = Padding(first.before, first.after, op.padding.left, op.padding.right)
        cut = replace(op, padding=padding)
    elif isinstance(op, ResizeNearest):
        rows = op.rows[part.rows.start : part.rows.stop]
        cut = replace(op, rows=tuple(row - first.rows.start for row in rows))
    elif isinstance(op, Slice):
        cut = replace(op, size=(len(part.rows), *op.size[1:]))
    alone = replace(graph, inputs=tuple(dict.fromkeys(activations(op))), outputs=(op.output,))
    return replace(alone, states=()).with_nodes((cut,), tensors)


def _not_there(asked: Sequence[Span]) -> list[Span]:
    """What is new in each turn of rows that are kept, of those ``asked`` in it. Rows are left out
    only before the first that this turn or a later one reads.

    Example: rows 0, 3 and 6 are new by themselves if those are read in three turns, and 0, 1 to
    3, 4 to 6 if a fourth reads them all.
    """
    first, earliest = max(span.stop for span in asked), []
    for span in reversed(asked):
        if len(span):
            first = min(first, span.start)
        earliest.append(first)
    new, there = [], 0
    for span, first in zip(asked, reversed(earliest), strict=True):
        start = max(there, first) if len(span) else there
        there = max(start, span.stop)
        new.append(Span(start, there))
    return new


def _stage(
    graph: Graph,
    nodes: tuple[Op, ...],
    streamed: Collection[str],
    again: Collection[str],
    steps: Sequence[Mapping[str, Span]],
) -> Stage:
    """From the new rows of every tensor in each turn to parts and to what the buffers hold."""
    parts = [tuple(_part(graph, op, new[op.output]) for op in nodes) for new in steps]
    turns: list[Turn] = []
    for k, new in enumerate(steps):
        held, kept = {}, {}
        for name, fresh in new.items():
            later = parts[k : k + 1] if name in again else parts[k:]
            starts = [span.start for turn in later for span in _reads_of(nodes, turn, name)]
            # What is made or given takes room, read by anybody or not.
            first = fresh.start if len(fresh) else fresh.stop
            held[name] = Span(min([first, *starts]), fresh.stop)
            kept[name] = max(fresh.start - held[name].start, 0)
        turns.append(Turn(parts[k], held, kept))
    sources, results = boundary(graph, nodes)
    return Stage(nodes, sources, results, tuple(n for n in sources if n in streamed), tuple(turns))


def _part(graph: Graph, op: Op, rows: Span) -> Part | None:
    if not len(rows):
        return None
    read = reads(graph, op, rows)
    return Part(rows, tuple(read for _ in activations(op)))


def _reads_of(nodes: Sequence[Op], turn: Sequence[Part | None], tensor: str) -> list[Span]:
    return [
        read.rows
        for op, part in zip(nodes, turn, strict=True)
        if part is not None
        for name, read in zip(activations(op), part.reads, strict=True)
        if name == tensor
    ]
