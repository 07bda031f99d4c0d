"""The memory of a graph whose stages run in turns: every buffer, and when it is in use.

The model. A stage is one step. It reads its sources, which lie whole in memory, and writes its
results, which do as well; the result of a stage may lie where rows of the source have been read
for the last time. The rest is the step's scratch, planned by itself: what a tensor keeps of a turn
has bytes of its own all the time (its halo); the rows that a turn works on, those kept and those
new, have a buffer from the layer that makes them to the last that reads them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from hwkit.ir.graph import Graph
from hwkit.ir.ops import Op, Reshape, activations
from hwkit.ir.traits import InPlace
from hwkit.lower.memory import ALIGNMENT_BYTES, MemoryPlan, plan_memory
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


def plan_stage(
    graph: Graph, stage: Stage, scratch_bytes: Mapping[str, int] | None = None
) -> MemoryPlan:
    """Where the halos and buffers of ``stage`` lie in its part of the arena; ``scratch_bytes`` has
    the scratch of the layers (by name) that need any, for as many rows as they ever make."""
    halos = {f"{n}/halo": stage.kept(n) * row_bytes(graph, n) for n in stage.buffers}
    halos = {name: size for name, size in halos.items() if size}
    sizes = {n: stage.rows(n) * row_bytes(graph, n) for n in stage.buffers}
    steps = [Step("begin", (), (*halos, *stage.streamed))]
    for op in stage.nodes:
        inside = tuple(name for name in activations(op) if name in sizes)
        own = (op.output,) if op.output in sizes else ()
        in_place = inside if own and isinstance(op, InPlace) else ()
        steps.append(Step(op.name, inside, own, (scratch_bytes or {}).get(op.name, 0), in_place))
    steps.append(Step("end", tuple(halos), ()))
    return plan_memory(Schedule(tuple(steps), sizes | halos, (), ()))


@dataclass(frozen=True, slots=True)
class Tiled:
    """Consecutive ``nodes`` as one step of a schedule: ``sources`` that lie whole in memory,
    ``streamed`` ones that do not, ``inner_bytes`` beside the ``results`` while it runs, and by
    source how many bytes before it the result may start."""

    nodes: tuple[Op, ...]
    sources: tuple[str, ...]
    streamed: tuple[str, ...]
    results: tuple[str, ...]
    inner_bytes: int
    overlaps: Mapping[str, int]


def in_rows(graph: Graph, stage: Stage, scratch_bytes: Mapping[str, int] | None = None) -> Tiled:
    """``stage`` as a step; ``scratch_bytes`` as for ``plan_stage``."""
    whole = tuple(name for name in stage.sources if name not in stage.streamed)
    ahead = {}
    if len(stage.results) == 1:
        ahead = {name: reads_ahead(graph, stage, name) for name in whole}
    inner = plan_stage(graph, stage, scratch_bytes).arena_bytes
    return Tiled(stage.nodes, whole, stage.streamed, stage.results, inner, ahead)


def in_columns(
    graph: Graph,
    nodes: Sequence[Op],
    columns: int,
    scratch_bytes: Mapping[str, int] | None = None,
) -> Tiled:
    """``nodes`` in strips of ``columns`` columns of their result (see ``in_strips``), each by
    input, a row a turn; a strip's rows of the result are copied into the whole."""
    strips = in_strips(graph, nodes, columns)
    scratch = {part: (scratch_bytes or {}).get(whole, 0) for part, whole in strips.part_of.items()}
    inner = 0
    for strip in strips.nodes:
        stage = by_input(strips.graph, strip, 1, even=True)
        (result,) = stage.results
        made = max(len(part.rows) for turn in stage.turns if (part := turn.parts[-1]) is not None)
        row = made * row_bytes(strips.graph, result)
        row = -(-row // ALIGNMENT_BYTES) * ALIGNMENT_BYTES
        inner = max(inner, plan_stage(strips.graph, stage, scratch).arena_bytes + row)
    sources, results = boundary(graph, nodes)
    return Tiled(tuple(nodes), sources, (), results, inner, {})


def schedule(
    graph: Graph,
    tiled: Sequence[Tiled] = (),
    scratch_bytes: Mapping[str, int] | None = None,
    overlaps: Overlaps | None = None,
    uncounted: Collection[str] = (),
) -> Schedule:
    """Every stage a step, every other layer too.

    ``scratch_bytes`` has the scratch of the nodes that need any, ``overlaps`` how far each layer
    outside reads ahead of what it writes, ``uncounted`` names tensors that lie elsewhere, such as
    an input in a camera's memory.
    """
    starts = {run.nodes[0].name: run for run in tiled}
    staged = {op.name for run in tiled for op in run.nodes}
    streamed = {name for run in tiled for name in run.streamed}
    steps: list[Step] = []
    for op in graph.nodes:
        if op.name in starts:
            run = starts[op.name]
            near = {k: v for k, v in run.overlaps.items() if not {k, *run.results} & {*uncounted}}
            name = f"{op.name}..{run.nodes[-1].name}"
            steps.append(Step(name, run.sources, run.results, run.inner_bytes, overlaps=near))
        elif op.name not in staged:
            steps.append(_layer(op, scratch_bytes or {}, overlaps or {}))
    states = tuple(state.tensor for state in graph.states)
    inputs = tuple(name for name in graph.inputs if name not in streamed)
    names = (*inputs, *states, *(name for step in steps for name in step.writes))
    sizes = {name: 0 if name in uncounted else whole_bytes(graph, name) for name in names}
    return Schedule(tuple(steps), sizes, inputs, graph.results, states)


def reads_ahead(graph: Graph, stage: Stage, source: str) -> int:
    """How many bytes before ``source`` the only result must start, so that no row of the source
    is written over that is still to be read.

    Example: two layers that make a row of 6 bytes of each row of 8, a row a turn: 0; of each row
    of 8 two of 6 bytes: 4 for each row of the source, the result being so much longer.
    """
    (result,) = stage.results
    writer = next(k for k, op in enumerate(stage.nodes) if op.output == result)
    readers = [k for k, op in enumerate(stage.nodes) if source in activations(op)]
    before = max(readers) < writer  # In every turn all is read before any is written.
    last = graph.tensors[source].shape[0]
    ahead, stop = 0, graph.tensors[result].shape[0]
    for turn in reversed(stage.turns):
        read = [
            span.rows.start
            for op, part in zip(stage.nodes, turn.parts, strict=True)
            if part is not None
            for name, span in zip(activations(op), part.reads, strict=True)
            if name == source
        ]
        still = last if before else min([last, *read])
        ahead = max(ahead, stop * row_bytes(graph, result) - still * row_bytes(graph, source))
        last = min([last, *read])
        part = turn.parts[writer]
        stop = stop if part is None else part.rows.start
    return ahead


def _layer(op: Op, scratch: Mapping[str, int], overlaps: Overlaps) -> Step:
    in_place = activations(op) if isinstance(op, InPlace) else ()
    return Step(
        op.name,
        activations(op),
        (op.output,),
        scratch.get(op.name, 0),
        in_place,
        isinstance(op, Reshape),
        overlaps.get(op.name, {}),
    )
