"""A stage run as a board would: buffers of a few rows, halos moved up, every read inside them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.ops import activations
from hwkit.ir.types import Array
from hwkit.lower.patch.spans import Span
from hwkit.lower.patch.turns import Stage, part_of


def run_stage(graph: Graph, stage: Stage, feeds: Mapping[str, Array]) -> dict[str, Array]:
    """The results of ``stage`` for its sources, first axis the batch."""
    whole = {name: feeds[name] for name in stage.sources if name not in stage.streamed}
    batch = len(next(iter(feeds.values())))
    for name in stage.results:
        whole[name] = _empty(graph, name, batch, graph.tensors[name].shape[0])
    buffers = {name: _empty(graph, name, batch, stage.rows(name)) for name in stage.buffers}
    before: dict[str, Span] = {}
    for turn in stage.turns:
        for name, buffer in buffers.items():
            held, kept = turn.held[name], turn.kept[name]
            if kept:
                at = held.start - before[name].start
                buffer[:, :kept] = buffer[:, at : at + kept].copy()
            buffer[:, kept:] = _unset(graph, name)
            before[name] = held
        for name in stage.streamed:
            held, kept = turn.held[name], turn.kept[name]
            new = feeds[name][:, held.start + kept : held.stop]
            buffers[name][:, kept : kept + new.shape[1]] = new
        for op, part in zip(stage.nodes, turn.parts, strict=True):
            if part is None:
                continue
            read = {}
            for name, span in zip(activations(op), part.reads, strict=True):
                first = span.rows.start - (turn.held[name].start if name in buffers else 0)
                assert first >= 0
                source = buffers.get(name, whole.get(name))
                assert source is not None
                read[name] = source[:, first : first + len(span.rows)]
            computed = run(part_of(graph, op, part), read)[op.output]
            if op.output in buffers:
                first = part.rows.start - turn.held[op.output].start
                assert first >= 0
                buffers[op.output][:, first : first + len(part.rows)] = computed
            else:
                whole[op.output][:, part.rows.start : part.rows.stop] = computed
    return {name: whole[name] for name in stage.results}


def _empty(graph: Graph, name: str, batch: int, rows: int) -> Array:
    tensor = graph.tensors[name]
    shape = (batch, rows, *tensor.shape[1:])
    return np.full(shape, _unset(graph, name), tensor.dtype.container)


def _unset(graph: Graph, name: str) -> int:
    """What no row holds that was not written: another number for each tensor."""
    return graph.tensors[name].dtype.low + sum(name.encode()) % 7
