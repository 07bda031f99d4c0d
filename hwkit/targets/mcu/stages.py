"""Layers that are computed in parts: one call with numbers that differ from part to part.

The parts of a layer are calls of one kernel whose descriptors differ in a few fields: rows of the
map, padding above it, elements. Parts that agree in all of them are of one *class*; a stage has
few, however many turns it takes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hwkit.errors import ConfigError, GraphError
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Op, ResizeNearest, activations
from hwkit.lower.patch.turns import Part, Stage, part_of
from hwkit.targets.mcu.call import Call
from hwkit.targets.mcu.layers import calls
from hwkit.targets.mcu.sharing import leaves
from hwkit.targets.mcu.structs import Enumerator, Table

Leaf = int | Enumerator | Table | None


@dataclass(frozen=True, slots=True, eq=False)
class Tiled:
    """A layer of stage ``stage``: ``classes`` has the calls of each class, ``of_turn`` the class
    in each turn, None where the layer pauses.

    ``varying`` has for each call, by path of a field, its value in every class, for the fields
    that differ; ``overlaps`` of each class are those of the kernel that was picked.
    """

    stage: int
    classes: tuple[tuple[Call, ...], ...]
    of_turn: tuple[int | None, ...]
    varying: tuple[Mapping[str, tuple[Leaf, ...]], ...]
    overlaps: tuple[Mapping[str, int], ...] = ()


def check_stages(graph: Graph, stages: Sequence[Stage]) -> None:
    """Refuses what the firmware can't run: ``ConfigError`` for a stage that reads or makes what a
    state holds, and for streamed tensors other than the only input, read from the first layer on.
    """
    held = {name for state in graph.states for name in (state.tensor, state.update)}
    for stage in stages:
        where = f"stage of {stage.nodes[0].name} to {stage.nodes[-1].name}"
        touched = {*stage.sources, *stage.results, *stage.between} & held
        if touched:
            raise ConfigError(f"{where}: {min(touched)} belongs to a state; leave it out")
        first = graph.nodes[0].name == stage.nodes[0].name
        if stage.streamed and not (first and stage.streamed == stage.sources == graph.inputs):
            raise ConfigError(
                f"{where}: only a network's single input can be streamed, into its first layers "
                "and no others; keep it whole"
            )
        for name in stage.streamed:
            _check_streamed(graph, stage, name, where)


def _check_streamed(graph: Graph, stage: Stage, name: str, where: str) -> None:
    if name in graph.results:
        raise ConfigError(f"{where}: {name} is an output too; keep it whole")
    inside = {op.name for op in stage.nodes}
    for op in graph.nodes:
        if name in activations(op) and op.name not in inside:
            raise ConfigError(f"{where}: {op.name} reads the whole {name} later; keep it whole")
    there = 0
    for turn in stage.turns:
        held, new = turn.held[name], len(turn.held[name]) - turn.kept[name]
        if new and held.stop - there != new:
            raise ConfigError(
                f"{where}: no layer reads row {there} of {name}; keep it whole, or take another "
                "step of rows"
            )
        there = held.stop if new else there


@dataclass(frozen=True, slots=True, eq=False)
class Staging:
    """The ``stages`` of a graph and by name of their layers what computes these; ``packed`` are
    the tensors of fewer than 8 bits that they read and make packed, where that can be."""

    stages: tuple[Stage, ...]
    layers: Mapping[str, Tiled]
    packed: frozenset[str] = frozenset()

    def ways_to_pack(self, graph: Graph) -> Iterator[Staging]:
        """The same with nothing packed, with all whole maps, and with all: unpacking a part takes
        a buffer too, which may be more than the rows that it saves."""
        yield replace(self, packed=frozenset())
        names = {
            name
            for stage in self.stages
            for name in (*stage.sources, *stage.results, *stage.between)
            if graph.tensors[name].dtype.bits < 8
        }
        buffers = {name for stage in self.stages for name in stage.buffers}
        for packed in dict.fromkeys((frozenset(names - buffers), frozenset(names))):
            if packed:
                yield replace(self, packed=packed)


UNSTAGED = Staging((), {})
"""Of a graph all of whose layers compute whole maps."""


def staging(graph: Graph, stages: Sequence[Stage]) -> Staging:
    """The calls of all layers in ``stages``. ``ConfigError`` for what the firmware can't run."""
    check_stages(graph, stages)
    layers = {
        op.name: _tiled(graph, op, number, [turn.parts[k] for turn in stage.turns])
        for number, stage in enumerate(stages)
        for k, op in enumerate(stage.nodes)
    }
    return Staging(tuple(stages), layers)


def _tiled(graph: Graph, op: Op, stage: int, parts: Sequence[Part | None]) -> Tiled:
    numbers: dict[object, int] = {}
    classes: list[tuple[Call, ...]] = []
    of_turn: list[int | None] = []
    for part in parts:
        if part is None:
            of_turn.append(None)
            continue
        kind = _kind(op, part)
        if kind not in numbers:
            numbers[kind] = len(classes)
            alone = part_of(graph, op, part)
            classes.append(calls(alone, alone.nodes[0]))
        of_turn.append(numbers[kind])
    if not classes:
        raise GraphError(op.name, "is in a stage none of whose turns computes it")
    return Tiled(stage, tuple(classes), tuple(of_turn), _varying(classes))


def _kind(op: Op, part: Part) -> object:
    """Equal for parts whose calls are."""
    first = part.reads[0].rows.start
    rows: tuple[int, ...] = ()
    if isinstance(op, ResizeNearest):
        rows = tuple(row - first for row in op.rows[part.rows.start : part.rows.stop])
    return len(part.rows), tuple((len(r.rows), r.before, r.after) for r in part.reads), rows


def _varying(classes: Sequence[tuple[Call, ...]]) -> tuple[Mapping[str, tuple[Leaf, ...]], ...]:
    found = []
    for same in zip(*classes, strict=True):
        fields: dict[str, tuple[Leaf, ...]] = {}
        for of in zip(*(leaves(call.descriptor) for call in same), strict=True):
            values = tuple(value for _, value in of)
            if any(_differ(values[0], value) for value in values[1:]):
                fields[of[0][0]] = values
        found.append(fields)
    return tuple(found)


def _differ(one: Leaf, other: Leaf) -> bool:
    if isinstance(one, Table) and isinstance(other, Table):
        return not np.array_equal(one.values, other.values)
    return one != other


def numbered(call: Call, varying: Mapping[str, tuple[Leaf, ...]]) -> Call:
    """``call`` as one of several classes: copies that layers share must not count on the numbers
    of its descriptor that differ."""
    ints = {
        path: tuple(value for value in values if isinstance(value, int))
        for path, values in varying.items()
    }
    both = {
        path: (*call.varying.get(path, ()), *ints.get(path, ()))
        for path in {**call.varying, **ints}
    }
    return replace(call, varying=both)
