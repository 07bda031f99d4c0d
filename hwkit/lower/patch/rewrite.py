"""A stage in turns as a plain graph: each part of a layer a node of its own, halos as slices.

So a runtime that knows nothing of stages computes them: it runs the nodes in their order, and
keeps no more of a map than a turn needs. The parts of a layer share its constants.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from hwkit.ir.graph import Graph
from hwkit.ir.ops import Add, Concat, Mul, Op, Slice, Sub, activations
from hwkit.ir.types import TensorType
from hwkit.lower.fresh import fresh
from hwkit.lower.patch.spans import Span
from hwkit.lower.patch.turns import Part, Stage, Turn, part_of


def unrolled(graph: Graph, stages: Sequence[Stage], most_joined: int | None = None) -> Graph:
    """``graph`` with the nodes of each stage (of this graph, none in two) in turns; exact.

    A halo that is kept is a ``Slice`` of what was there the turn before, and a ``Concat`` joins
    it with the rows that are new; the rows of a result are joined at the end, at most
    ``most_joined`` (2 or more) parts by one node. Streamed sources are read like others, from the
    whole map.

    Example: two convolutions 3 by 3 in two turns of four rows are four convolutions, with slices
    of the input before the first two, and a slice and a concat before the last.
    """
    starts = {stage.nodes[0].name: stage for stage in stages}
    staged = {op.name for stage in stages for op in stage.nodes}
    tensors = dict(graph.tensors)
    nodes: list[Op] = []
    for op in graph.nodes:
        if op.name in starts:
            nodes += _Unrolling(graph, starts[op.name], tensors, most_joined).nodes_of_all_turns()
        if op.name not in staged:
            nodes.append(op)
    return graph.with_nodes(tuple(nodes), tensors)


@dataclass(frozen=True, slots=True)
class _Rows:
    """A tensor that holds the rows ``span`` of a map."""

    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class _Piece:
    """Rows of a result that lie together: a part (level 0), or parts joined."""

    name: str
    level: int


@dataclass(slots=True)
class _Unrolling:
    graph: Graph
    stage: Stage
    tensors: dict[str, TensorType]
    most_joined: int | None
    nodes: list[Op] = field(default_factory=list)
    held: dict[str, _Rows] = field(default_factory=dict)
    """By map what is there of it; of a source all."""
    pieces: dict[str, list[_Piece]] = field(default_factory=dict)
    cut: dict[_Rows, str] = field(default_factory=dict)
    """Slices of this turn, by what they are cut from and the rows."""

    def nodes_of_all_turns(self) -> list[Op]:
        for name in self.stage.sources:
            self.held[name] = _Rows(name, Span(0, self.graph.tensors[name].shape[0]))
        for k, turn in enumerate(self.stage.turns):
            self.cut.clear()
            self.turn(k, turn)
        for name in self.stage.results:
            pieces = self.pieces[name]
            while self.most_joined is not None and len(pieces) > self.most_joined:
                self.join_last(name, pieces)
            self.join(f"{name}/joined", tuple(piece.name for piece in pieces), name)
        return self.nodes

    def turn(self, k: int, turn: Turn) -> None:
        for place, (op, part) in enumerate(zip(self.stage.nodes, turn.parts, strict=True)):
            if part is not None:
                self.part(k, op, part, turn.kept[op.output])
            for name in dict.fromkeys((*activations(op), op.output)):
                later = self.stage.nodes[place + 1 :]
                if name not in self.stage.sources and not any(
                    name in activations(o) for o in later
                ):
                    self.keep(k, name)

    def part(self, k: int, op: Op, part: Part, kept: int) -> None:
        """The part of ``op``, and behind ``kept`` rows of its output what it makes."""
        alone = part_of(self.graph, op, part)
        spans = zip(activations(op), (read.rows for read in part.reads), strict=True)
        read = {name: self.rows(k, name, span) for name, span in spans}
        (node,) = alone.nodes
        output = self.fresh(f"{op.output}/turn{k}", op.output, len(part.rows))
        self.nodes.append(reading(replace(node, name=output, output=output), read))
        if op.output in self.stage.results:
            self.piece(op.output, _Piece(output, 0))
        made = _Rows(output, part.rows)
        if kept:
            before = self.held[op.output]
            span = Span(part.rows.start - kept, part.rows.stop)
            head = self.rows(k, op.output, Span(span.start, part.rows.start))
            joined = self.fresh(f"{op.output}/rows{k}", op.output, len(span))
            assert before.span.stop == part.rows.start
            self.join(joined, (head, output), joined)
            made = _Rows(joined, span)
        self.held[op.output] = made

    def keep(self, k: int, name: str) -> None:
        """Of what is there of a map the rows that the next turn still wants, and no more."""
        if name not in self.held or k + 1 == len(self.stage.turns):
            return
        later, there = self.stage.turns[k + 1], self.held[name]
        start = later.held[name].start if later.kept[name] else there.span.stop
        if there.span.start < start < there.span.stop:
            span = Span(start, there.span.stop)
            self.held[name] = _Rows(self.rows(k, name, span), span)

    def rows(self, k: int, name: str, span: Span) -> str:
        """A tensor with the rows ``span`` of a map, cut from what is there of it."""
        there = self.held[name]
        if span == there.span:
            return there.name
        key = _Rows(there.name, span)
        if key not in self.cut:
            shape = self.tensors[there.name].shape
            part = self.fresh(f"{name}/from{span.start}_turn{k}", name, len(span))
            begin = (span.start - there.span.start, *(0 for _ in shape[1:]))
            size, stride = (len(span), *shape[1:]), (1,) * len(shape)
            self.nodes.append(Slice(part, there.name, part, begin, size, stride))
            self.cut[key] = part
        return self.cut[key]

    def piece(self, result: str, piece: _Piece) -> None:
        """One more part of a result; as many as can be joined of one level are one of the next."""
        pieces = self.pieces.setdefault(result, [])
        pieces.append(piece)
        most = self.most_joined
        while most and len(pieces) >= most and len({p.level for p in pieces[-most:]}) == 1:
            self.join_last(result, pieces)

    def join_last(self, result: str, pieces: list[_Piece]) -> None:
        assert self.most_joined is not None
        last = pieces[-self.most_joined :]
        rows = sum(self.tensors[piece.name].shape[0] for piece in last)
        joined = self.fresh(f"{result}/group", result, rows)
        self.join(joined, tuple(piece.name for piece in last), joined)
        pieces[-self.most_joined :] = [_Piece(joined, last[0].level + 1)]

    def join(self, node: str, names: tuple[str, ...], output: str) -> None:
        if len(names) > 1:
            self.nodes.append(Concat(node, names, output, 0))
            return
        # The only part of a result takes its name.
        self.nodes = [replace(op, output=output) if op.output == names[0] else
                      reading(op, {names[0]: output}) for op in self.nodes]  # fmt: skip

    def fresh(self, name: str, like: str, rows: int) -> str:
        """A new tensor of so many rows of the map ``like``."""
        name = fresh(name, self.tensors)
        whole = self.tensors[like]
        self.tensors[name] = replace(whole, shape=(rows, *whole.shape[1:]))
        return name


def reading(op: Op, names: dict[str, str]) -> Op:
    """``op`` with other inputs, by the present ones."""
    if isinstance(op, Concat):
        return replace(op, inputs=tuple(names.get(name, name) for name in op.inputs))
    if isinstance(op, Add | Sub | Mul):
        first, second = (names.get(name, name) for name in op.inputs)
        return replace(op, inputs=(first, second))
    (only,) = activations(op)
    return replace(op, input=names.get(only, only))  # type: ignore[arg-type]
