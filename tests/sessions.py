"""Artifacts of one input and one output, run as functions of arrays."""

from __future__ import annotations

from typing import Any

from hwkit import targets
from hwkit.flow import boundary
from hwkit.ir.feeds import random_feeds
from hwkit.ir.graph import Graph
from hwkit.ir.types import Array
from hwkit.target import Artifact, LayerTiming


def run(artifact: Artifact[Any], x: Array, port: str | None = None) -> Array:
    """The output for ``x``, in the lowered graph's types."""
    graph = artifact.lowered.graph
    with targets.get(artifact.board).open(artifact, port) as session:
        return session.infer({graph.inputs[0]: x})[graph.outputs[0]]


def layer_outputs(artifact: Artifact[Any], x: Array, port: str | None = None) -> dict[str, Array]:
    """What every layer gives that can be observed."""
    graph = artifact.lowered.graph
    names = [op.output for op in graph.nodes]
    with targets.get(artifact.board).open(artifact, port) as session:
        return session.infer({graph.inputs[0]: x}, names)


def profile(
    artifact: Artifact[Any], x: Array, repeats: int, port: str | None = None
) -> list[list[LayerTiming]]:
    """Timings of the one sample ``x``, after one warm-up."""
    graph = artifact.lowered.graph
    with targets.get(artifact.board).open(artifact, port) as session:
        return session.timed({graph.inputs[0]: x}, repeats, 1)


def random_inputs(graph: Graph, samples: int, seed: int) -> Array:
    """Random integers for the only input, (samples, *shape)."""
    return random_feeds(graph, samples, seed)[graph.inputs[0]]


def entered(graph: Graph, lowered: Graph, x: Array) -> Array:
    """``x`` for the only input of ``graph`` as the lowered graph takes it."""
    return boundary.enter(graph, lowered, x)[lowered.inputs[0]]


def left(graph: Graph, lowered: Graph, y: Array) -> Array:
    """The lowered graph's only output ``y`` as ``graph`` gives it."""
    return boundary.leave(graph, lowered, {lowered.outputs[0]: y})[graph.outputs[0]]
