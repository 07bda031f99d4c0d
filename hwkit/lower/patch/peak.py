"""The memory of a plan without a target: every kernel reads all of a part before it writes any.

Stages of whole rows are as ``schedule.staged`` has them. Layers in strips of columns are one step,
beside their sources and their result whole in memory, with what a strip needs as scratch.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

from hwkit.ir.graph import Graph
from hwkit.ir.ops import Op, activations
from hwkit.ir.traits import InPlace
from hwkit.lower.memory import MemoryPlan, aligned, plan_memory
from hwkit.lower.patch.schedule import staged
from hwkit.lower.patch.strips import in_strips
from hwkit.lower.patch.turns import Stage, boundary, by_input
from hwkit.lower.schedule import Overlaps, Schedule, Step


def row_bytes(graph: Graph, name: str) -> int:
    """Bytes of a row of a map (H, W, C) in whole bytes an integer, of any other tensor all.

    Example: a map (96, 96, 3) of s8 has rows of 288 bytes.
    """
    tensor = graph.tensors[name]
    shape = tensor.shape[1:] if len(tensor.shape) == 3 else tensor.shape
    return prod(shape) * tensor.dtype.container.itemsize


def whole_bytes(graph: Graph, name: str) -> int:
    """Bytes of a whole tensor."""
    shape = graph.tensors[name].shape
    return row_bytes(graph, name) * (shape[0] if len(shape) == 3 else 1)


@dataclass(frozen=True, slots=True)
class Strips:
    """Consecutive ``nodes`` as one step that needs ``inner_bytes`` beside sources and result."""

    nodes: tuple[Op, ...]
    inner_bytes: int


def in_columns(
    graph: Graph,
    nodes: Sequence[Op],
    columns: int,
    scratch_bytes: Mapping[str, int] | None = None,
) -> Strips:
    """``nodes`` in strips of ``columns`` columns of their result (see ``in_strips``), each by
    input, a row a turn; a strip's rows of the result are copied into the whole."""
    strips = in_strips(graph, nodes, columns)
    scratch = {part: (scratch_bytes or {}).get(whole, 0) for part, whole in strips.part_of.items()}
    inner = 0
    for strip in strips.nodes:
        stage = by_input(strips.graph, strip, 1, even=True)
        (result,) = stage.results
        made = max(len(part.rows) for turn in stage.turns if (part := turn.parts[-1]) is not None)
        row = aligned(made * row_bytes(strips.graph, result))
        inner = max(inner, _inner_bytes(strips.graph, stage, scratch) + row)
    return Strips(tuple(nodes), inner)


def _inner_bytes(graph: Graph, stage: Stage, scratch_bytes: Mapping[str, int]) -> int:
    """What a stage needs beside its sources and results."""
    alone = replace(graph, inputs=stage.sources, outputs=stage.results, states=())
    alone = alone.with_nodes(stage.nodes, graph.tensors)
    apart = (*stage.sources, *stage.results)
    return plan(alone, [stage], (), scratch_bytes, uncounted=apart).arena_bytes


def plan(
    graph: Graph,
    stages: Sequence[Stage],
    strips: Sequence[Strips] = (),
    scratch_bytes: Mapping[str, int] | None = None,
    overlaps: Overlaps | None = None,
    uncounted: Collection[str] = (),
) -> MemoryPlan:
    """Where everything lies.

    ``scratch_bytes`` has the scratch of the nodes that need any, ``overlaps`` how far each layer
    outside of stages reads ahead of what it writes, ``uncounted`` names tensors that lie
    elsewhere, such as an input in a camera's memory.
    """
    ops = {op.name: op for op in graph.nodes}

    def ahead(name: str, turn: int) -> Mapping[str, int]:
        op = ops[name]
        return dict.fromkeys(activations(op), 0) if isinstance(op, InPlace) else {}

    names = (*graph.sources, *(op.output for op in graph.nodes))
    sizes = {name: 0 if name in uncounted else whole_bytes(graph, name) for name in names}
    near = {
        op.name: {k: v for k, v in found.items() if not {k, op.output} & {*uncounted}}
        for op in graph.nodes
        if (found := (overlaps or {}).get(op.name))
    }
    steps = staged(graph, stages, sizes, scratch_bytes or {}, near, ahead)
    return plan_memory(_with_strips(graph, steps, strips))


def _with_strips(graph: Graph, schedule: Schedule, strips: Sequence[Strips]) -> Schedule:
    """``schedule`` with one step for the nodes of each of ``strips``."""
    if not strips:
        return schedule
    whole = {run.nodes[0].name: run for run in strips}
    inside = {op.name for run in strips for op in run.nodes}
    steps: list[Step] = []
    for step in schedule.steps:
        if step.name in whole:
            run = whole[step.name]
            sources, results = boundary(graph, run.nodes)
            steps.append(Step(run.nodes[0].name, sources, results, run.inner_bytes))
        elif step.name not in inside:
            steps.append(step)
    return replace(schedule, steps=tuple(steps))
