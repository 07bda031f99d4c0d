"""Which bytes a graph with stages needs when: a step for each node, as without stages.

All turns of a stage look alike to a memory plan. A tensor that is only ever there in part has a
buffer for the rows of one turn, which lives from the layer that makes them to the last one that
reads them, in every turn anew. The rows that it keeps lie meanwhile in its *halo*, bytes of their
own: they are copied to the buffer's start before new rows come behind them, and what is kept of
all is copied back when the last layer has read it. In between the halo's bytes are free, for the
buffer itself as for any other. Results are written from the first turn on, and whole sources read
up to the last one. Rows that arrive go to their buffer between the turns.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from hwkit.errors import GraphError
from hwkit.ir.graph import Graph
from hwkit.ir.ops import activations
from hwkit.lower.patch.turns import Stage
from hwkit.lower.schedule import Overlaps, Schedule, Step, step_per_node

Ahead: TypeAlias = Callable[[str, int], Mapping[str, int]]
"""``Overlaps`` of a node's part in a turn: by input, how many bytes before the first one that it
reads the first one that it writes may lie, or more. Inputs that it does not name lie apart."""


@dataclass(frozen=True, slots=True)
class Move:
    """In one turn: ``fill`` rows from the halo to the buffer's start, before the layer that makes
    the new ones, and behind the last layer that reads them ``keep`` rows from row ``at`` on back
    to the halo; of rows that arrive as soon as they are there."""

    fill: int = 0
    at: int = 0
    keep: int = 0


def halo(tensor: str) -> str:
    """The name of the rows that ``tensor`` keeps between turns; no tensor has it."""
    return f"{tensor}/halo"


def moves(stage: Stage, tensor: str) -> tuple[Move, ...]:
    """What is moved of a tensor with a buffer in each turn; nothing where no layer makes or reads
    it.

    Example: of two convolutions 3 by 3 and two rows a turn the map between keeps two rows: none
    is filled in the first turn, two in the others, none is kept in the last.
    """
    touched = [k for k in range(len(stage.turns)) if _touches(stage, k, tensor)]
    found = [Move()] * len(stage.turns)
    for k, after in zip(touched, [*touched[1:], None], strict=True):
        turn = stage.turns[k]
        at = keep = 0
        if after is not None and (keep := stage.turns[after].kept[tensor]):
            at = stage.turns[after].held[tensor].start - turn.held[tensor].start
        found[k] = Move(turn.kept[tensor], at, keep)
    return tuple(found)


def last_reader(stage: Stage, tensor: str) -> int:
    """The place in the stage of the last layer that reads a tensor; of the one that makes it
    where none does."""
    names = [(op.output, *activations(op)) for op in stage.nodes]
    return max(k for k, of in enumerate(names) if tensor in of)


def new_rows(stage: Stage) -> list[int]:
    """Rows of the streamed tensor that arrive before each turn."""
    (name,) = stage.streamed
    return [len(turn.held[name]) - turn.kept[name] for turn in stage.turns]


def staged(
    graph: Graph,
    stages: Sequence[Stage],
    tensor_bytes: Mapping[str, int],
    scratch_bytes: Mapping[str, int],
    overlaps: Overlaps,
    ahead: Ahead,
    over_start: Collection[str] = (),
) -> Schedule:
    """The nodes of ``graph`` in order, each a step of its name, those of ``stages`` in parts.

    ``tensor_bytes`` has the size of each whole tensor, ``scratch_bytes`` what the largest part of
    a node needs, ``overlaps`` is of nodes outside the stages. Nodes in ``over_start`` may write
    from the start of their input on, or in a stage every part from that of the rows that it reads.
    ``GraphError`` for a stage whose
    nodes don't follow each other in ``graph``, or are in another one too.

    Example: two convolutions of a map of 8 rows, two rows a turn: the map between them has a
    buffer of four rows alive in both steps, and a halo of two rows.
    """
    sizes = dict(tensor_bytes)
    steps = list(step_per_node(graph, sizes, scratch_bytes, overlaps, over_start).steps)
    closer: dict[str, dict[str, int]] = {}
    gaps: dict[str, tuple[int, int]] = {}
    taken: set[str] = set()
    for stage in stages:
        first = first_of(graph, stage)
        if taken & {op.name for op in stage.nodes}:
            raise GraphError(stage.nodes[0].name, "its stage shares layers with another stage")
        taken |= {op.name for op in stage.nodes}
        for name in stage.buffers:
            row = _row_bytes(graph, tensor_bytes, name)
            sizes[name] = stage.rows(name) * row
            if stage.kept(name):
                sizes[halo(name)] = stage.kept(name) * row
        over = _over_start(graph, stage, tensor_bytes, over_start)
        steps[first : first + len(stage.nodes)] = _steps(stage, scratch_bytes, over)
        free = _gaps(stage, first)
        gaps |= free
        # Between two turns halos are there with what the stage reads, and with each other.
        there = (*stage.sources, *(halo(name) for name in stage.streamed if stage.kept(name)))
        closer |= {name: dict.fromkeys(there, sizes[name]) for name in free}
        for name, near in _closer(graph, stage, tensor_bytes, ahead).items():
            closer[name] = near
    plain = step_per_node(graph, sizes, scratch_bytes)
    return replace(plain, steps=tuple(steps), tensor_bytes=sizes, closer=closer, gaps=gaps)


def _touches(stage: Stage, turn: int, tensor: str) -> bool:
    if (
        tensor in stage.streamed
        and len(stage.turns[turn].held[tensor]) > (stage.turns[turn].kept[tensor])
    ):
        return True
    return any(
        part is not None and tensor in (op.output, *activations(op))
        for op, part in zip(stage.nodes, stage.turns[turn].parts, strict=True)
    )


def first_of(graph: Graph, stage: Stage) -> int:
    """The index in ``graph`` of the stage's first node; ``GraphError`` where its nodes don't follow
    each other there."""
    names = [op.name for op in graph.nodes]
    own = [op.name for op in stage.nodes]
    first = names.index(own[0]) if own[0] in names else -1
    if first < 0 or names[first : first + len(own)] != own:
        raise GraphError(own[0], f"the {len(own)} layers of its stage don't follow each other")
    return first


def _row_bytes(graph: Graph, tensor_bytes: Mapping[str, int], tensor: str) -> int:
    return tensor_bytes[tensor] // graph.tensors[tensor].shape[0]


def _over_start(
    graph: Graph, stage: Stage, tensor_bytes: Mapping[str, int], over_start: Collection[str]
) -> set[str]:
    """Of the nodes ``over_start`` those of a stage whose buffer may begin where that of their input
    does: both are only ever there in part, nothing is kept of the output, of the input nothing
    that has been written over, and no later node reads it."""
    found: set[str] = set()
    for k, op in enumerate(stage.nodes[1:], 1):
        if op.name not in over_start or len(activations(op)) != 1:
            continue
        (name,) = activations(op)
        if {name, op.output} <= {*stage.between} and last_reader(stage, name) == k:
            row = _row_bytes(graph, tensor_bytes, op.output)
            source = _row_bytes(graph, tensor_bytes, name)
            kept = moves(stage, name)
            parts = [(n, turn.parts[k]) for n, turn in enumerate(stage.turns)]
            if all(
                part.rows == stage.turns[n].held[op.output]
                and part.reads[0].rows.start == stage.turns[n].held[name].start
                and (not kept[n].keep or len(part.rows) * row <= kept[n].at * source)
                for n, part in parts
                if part is not None
            ):
                found.add(op.name)
    return found


def _steps(
    stage: Stage, scratch_bytes: Mapping[str, int], over_start: Collection[str]
) -> list[Step]:
    """The first step brings what lives as long as the stage, the last one needs it still."""
    halos = tuple(halo(name) for name in stage.buffers if stage.kept(name))
    whole = tuple(name for name in stage.sources if name not in stage.streamed)
    steps = [
        Step(
            op.name,
            activations(op),
            (op.output,) if op.output in stage.between else (),
            scratch_bytes.get(op.name, 0),
            starts_with=activations(op) if op.name in over_start else (),
        )
        for op in stage.nodes
    ]
    begun = (*steps[0].writes, *stage.results, *halos)
    steps[0] = replace(steps[0], writes=begun)
    ended = [name for name in (*stage.results, *halos) if name not in steps[-1].writes]
    steps[-1] = replace(steps[-1], reads=(*steps[-1].reads, *whole, *ended))
    return steps


def _gaps(stage: Stage, first: int) -> dict[str, tuple[int, int]]:
    """The steps in which the bytes of a halo are free: those between which its rows are in the
    buffer."""
    made = {op.output: k for k, op in enumerate(stage.nodes)}
    return {
        halo(name): (first + made[name], first + last_reader(stage, name))
        for name in stage.between
        if stage.kept(name)
    }


def _closer(
    graph: Graph, stage: Stage, tensor_bytes: Mapping[str, int], ahead: Ahead
) -> dict[str, dict[str, int]]:
    """By what a node makes: the tensors that it may run into, and how far before them it starts.
    These are buffers that no later node of a turn reads, sources that nobody needs behind the
    stage, and under a result what has had its last turn before the result is all there."""
    found: dict[str, dict[str, int]] = {}
    for k, op in enumerate(stage.nodes):
        if op.output in stage.results:
            near = {
                name: _before_source(graph, stage, tensor_bytes, k, name)
                for name in stage.sources
                if name not in stage.streamed and _ends_here(graph, stage, name)
            }
            near |= _before_what_ends(graph, stage, tensor_bytes, k)
        else:
            later = {name for other in stage.nodes[k + 1 :] for name in activations(other)}
            near = {}
            for name in activations(op):
                free = name in stage.between or (
                    name in stage.streamed and _ends_here(graph, stage, name)
                )
                if free and name not in later:
                    distance = _before_buffer(graph, stage, tensor_bytes, k, name, ahead)
                    if distance is not None:
                        near[name] = distance
        if near:
            found[op.output] = near
    return found


def _before_what_ends(
    graph: Graph, stage: Stage, tensor_bytes: Mapping[str, int], k: int
) -> dict[str, int]:
    """By buffer and halo how many bytes before it the whole result of node ``k`` starts: those that
    it has of rows when something is in it for the last time. In that turn no row of the result is
    there yet, unless node ``k`` itself, or one behind it, is the last that has to do with it.

    Example: of a result of 12 rows 10 are there when the last row of the input has been read;
    where its buffer was may come the two others.
    """
    row = _row_bytes(graph, tensor_bytes, stage.nodes[k].output)
    there, stops = 0, [0]
    for turn in stage.turns:
        part = turn.parts[k]
        there = there if part is None else part.rows.stop
        stops.append(there * row)
    made = {op.output: place for place, op in enumerate(stage.nodes)}
    found: dict[str, int] = {}
    for name in stage.buffers:
        if name in stage.streamed and not _ends_here(graph, stage, name):
            continue
        touched = [n for n in range(len(stage.turns)) if _touches(stage, n, name)]
        found[name] = stops[touched[-1] + (last_reader(stage, name) >= k)]
        if filled := [n for n, move in enumerate(moves(stage, name)) if move.fill]:
            found[halo(name)] = stops[filled[-1] + (made.get(name, -1) >= k)]
    return {name: distance for name, distance in found.items() if distance < stops[-1]}


def _ends_here(graph: Graph, stage: Stage, name: str) -> bool:
    inside = {op.name for op in stage.nodes}
    readers = [op for op in graph.nodes if name in activations(op)]
    return name not in graph.results and all(op.name in inside for op in readers)


def _before_buffer(
    graph: Graph,
    stage: Stage,
    tensor_bytes: Mapping[str, int],
    k: int,
    name: str,
    ahead: Ahead,
) -> int | None:
    """How many bytes before the buffer of ``name`` that of node ``k``'s output starts; None where
    they must lie apart. The rows in front of those that a part writes, and of those that it reads,
    shift what the kernel asks; and rows that are kept must still be there behind it."""
    op = stage.nodes[k]
    distance = 0
    late = moves(stage, name) if name in stage.between else ()
    for number, turn in enumerate(stage.turns):
        if late and late[number].keep:
            there = len(turn.held[op.output]) * _row_bytes(graph, tensor_bytes, op.output)
            kept = late[number].at * _row_bytes(graph, tensor_bytes, name)
            distance = max(distance, there - kept)
        part = turn.parts[k]
        if part is None:
            continue
        asked = ahead(op.name, number)
        if name not in asked:
            return None
        first = part.rows.start - turn.held[op.output].start
        written = first * _row_bytes(graph, tensor_bytes, op.output)
        for of, read in zip(activations(op), part.reads, strict=True):
            if of == name:
                skipped = read.rows.start - turn.held[name].start
                start = skipped * _row_bytes(graph, tensor_bytes, name)
                distance = max(distance, asked[name] + written - start)
    return distance


def _before_source(
    graph: Graph, stage: Stage, tensor_bytes: Mapping[str, int], k: int, name: str
) -> int:
    """How many bytes before the whole source ``name`` the whole result of node ``k`` starts: at
    the end of each of its parts all lies before the rows that are read then or later."""
    op = stage.nodes[k]
    row = _row_bytes(graph, tensor_bytes, op.output)
    source = _row_bytes(graph, tensor_bytes, name)
    needed = graph.tensors[name].shape[0]
    distance = 0
    for turn in reversed(stage.turns):
        for index in range(len(stage.nodes) - 1, -1, -1):
            part = turn.parts[index]
            if part is None:
                continue
            for of, read in zip(activations(stage.nodes[index]), part.reads, strict=True):
                if of == name:
                    needed = min(needed, read.rows.start)
            if index == k:
                distance = max(distance, part.rows.stop * row - needed * source)
    return distance
