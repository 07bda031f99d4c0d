"""A graph with stages run in one arena, at the offsets of its memory plan: every integer takes 8
bytes, and what nobody needs any more is overwritten by whoever may."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.ops import Op, activations
from hwkit.ir.types import Array
from hwkit.lower.memory import MemoryPlan, plan_memory
from hwkit.lower.patch.schedule import halo, last_reader, moves, new_rows, staged
from hwkit.lower.patch.turns import Part, Stage, part_of
from hwkit.lower.schedule import Schedule, scratch_name

Compute: TypeAlias = Callable[[Graph, Op, Part | None, Mapping[str, Array]], Array]
"""For one sample of what it reads a node's output, or that of a part of it."""

BYTES = 8
SCRATCH_BYTES = 48


def schedule_of(
    graph: Graph, stages: Sequence[Stage], over_start: Collection[str] = ()
) -> Schedule:
    """With kernels that have read all of a part before they write any of it; those of
    ``over_start`` begin where their input does."""
    names = (*graph.inputs, *(op.output for op in graph.nodes))
    ops = {op.name: op for op in graph.nodes}
    return staged(
        graph,
        stages,
        {name: BYTES * graph.tensors[name].elements for name in names},
        dict.fromkeys(ops, SCRATCH_BYTES),
        {name: dict.fromkeys(activations(op)[:1], 0) for name, op in ops.items()},
        lambda name, turn: dict.fromkeys(activations(ops[name]), 0),
        over_start,
    )


def alone(graph: Graph, op: Op, part: Part | None) -> Graph:
    """The graph of a node, or of a part of it."""
    if part is not None:
        return part_of(graph, op, part)
    inputs = tuple(dict.fromkeys(activations(op)))
    return replace(graph, inputs=inputs, outputs=(op.output,)).with_nodes((op,), graph.tensors)


def interpreted(graph: Graph, op: Op, part: Part | None, values: Mapping[str, Array]) -> Array:
    """By the definition."""
    feeds = {name: x[None] for name, x in values.items()}
    made: Array = run(alone(graph, op, part), feeds)[op.output][0]
    return made


class Arena:
    """The memory of ``graph`` while one sample of ``feeds`` is computed, each node or part of one
    by ``compute``."""

    def __init__(
        self,
        graph: Graph,
        stages: Sequence[Stage],
        feeds: Mapping[str, Array],
        compute: Compute = interpreted,
        over_start: Collection[str] = (),
    ) -> None:
        self.graph, self.stages, self.feeds, self.compute = graph, stages, feeds, compute
        self.memory: MemoryPlan = plan_memory(schedule_of(graph, stages, over_start))
        self.words = np.full(self.memory.arena_bytes // BYTES, 99, np.int64)
        self.streamed = {name for stage in stages for name in stage.streamed}

    def results(self) -> dict[str, Array]:
        """Every result of the graph."""
        for name in self.graph.inputs:
            if name not in self.streamed:
                self._rows(name)[:] = self.feeds[name][0]
        first = {stage.nodes[0].name: stage for stage in self.stages}
        inside = {op.name for stage in self.stages for op in stage.nodes}
        for op in self.graph.nodes:
            if op.name in first:
                self._run_stage(first[op.name])
            elif op.name not in inside:
                read = {name: self._rows(name).copy() for name in activations(op)}
                self._rows(op.output)[:] = self._computed(op, None, read)
        return {name: self._rows(name).copy() for name in self.graph.results}

    def _run_stage(self, stage: Stage) -> None:
        moved = {name: moves(stage, name) for name in stage.buffers}
        there = 0
        for k, turn in enumerate(stage.turns):
            for name in stage.streamed:
                move, new = moved[name][k], new_rows(stage)[k]
                buffer = self._rows(name, stage)
                buffer[move.fill : move.fill + new] = self.feeds[name][0][there : there + new]
                there += new
                self._fill(stage, name, move.fill)
                self._keep(stage, name, move.at, move.keep)
            for op, part in zip(stage.nodes, turn.parts, strict=True):
                buffered = op.output in stage.buffers
                if buffered:
                    self._fill(stage, op.output, moved[op.output][k].fill)
                if part is not None:
                    read = {}
                    for name, of in zip(activations(op), part.reads, strict=True):
                        held = turn.held[name].start if name in stage.buffers else 0
                        start, stop = of.rows.start - held, of.rows.stop - held
                        read[name] = self._rows(name, stage)[start:stop].copy()
                    computed = self._computed(op, part, read)
                    first = part.rows.start - (turn.held[op.output].start if buffered else 0)
                    self._rows(op.output, stage)[first : first + len(part.rows)] = computed
                for name in stage.between:
                    if op == stage.nodes[last_reader(stage, name)]:
                        self._keep(stage, name, moved[name][k].at, moved[name][k].keep)

    def _computed(self, op: Op, part: Part | None, read: Mapping[str, Array]) -> Array:
        """What ``op`` or a part of it makes, its scratch spoilt meanwhile."""
        at = self.memory.offset(scratch_name(op)) // BYTES
        self.words[at : at + SCRATCH_BYTES // BYTES] = -77
        types = {name: self.graph.tensors[name].dtype.container for name in read}
        values = {name: x.astype(types[name]) for name, x in read.items()}
        return self.compute(self.graph, op, part, values)

    def _fill(self, stage: Stage, name: str, rows: int) -> None:
        if rows:
            self._rows(name, stage)[:rows] = self._halo(stage, name)[:rows].copy()

    def _keep(self, stage: Stage, name: str, at: int, rows: int) -> None:
        if rows:
            self._halo(stage, name)[:rows] = self._rows(name, stage)[at : at + rows].copy()

    def _rows(self, name: str, stage: Stage | None = None) -> Array:
        shape = self.graph.tensors[name].shape
        if stage is not None and name in stage.buffers:
            shape = (stage.rows(name), *shape[1:])
        return self._view(name, shape)

    def _halo(self, stage: Stage, name: str) -> Array:
        return self._view(halo(name), (stage.kept(name), *self.graph.tensors[name].shape[1:]))

    def _view(self, placed: str, shape: tuple[int, ...]) -> Array:
        at = self.memory.offset(placed) // BYTES
        return self.words[at : at + int(np.prod(shape))].reshape(shape)
