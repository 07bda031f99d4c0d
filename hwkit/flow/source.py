"""The file that a graph came from, run beside it: at import, and against a board."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from hwkit.errors import ConfigError
from hwkit.flow import verify as boards
from hwkit.flow.verify import Verification, random_inputs
from hwkit.importers import load_proven, noted, open_model
from hwkit.importers.proof import FileRunner, Proof, prove
from hwkit.ir.graph import Graph
from hwkit.ir.types import Array
from hwkit.target import Difference


def import_file(
    path: Path, samples: int | None = None, x: Array | None = None, *, required: bool = False
) -> tuple[Graph, Proof | None]:
    """The graph of a model file, and how it compares with the file's own execution on ``samples``
    random inputs or on ``x``, integers (N, *shape) of its one input.

    ``ConfigError`` if there is no such execution although ``x`` is given or it is ``required``.
    """
    if x is not None:
        graph, runner = open_model(path)
        if runner is None:
            raise ConfigError(f"{path}: has no execution here to compare with; leave -i out")
        proof = prove(graph, runner, {_only_input(graph, path): _some(x)})
        return noted(graph, proof), proof
    graph, found = load_proven(path, samples)
    if found is None and required:
        raise ConfigError(
            f"{path}: not compared: it is no QONNX, or random inputs overflow its sums; "
            "give real ones with -i"
        )
    return graph, found


def verify(
    graph: Graph,
    board: str,
    source: Path | None = None,
    x: Array | None = None,
    *,
    samples: int = 16,
    seed: int = 0,
    **options: Any,
) -> Verification:
    """``flow.verify.verify``, and with ``source`` also that file's own execution against
    ``graph`` on the same inputs: file, graph, lowered graph and board, each against the next."""
    if source is None:
        return boards.verify(graph, board, x, samples=samples, seed=seed, **options)
    runner = _runner_for(graph, source)
    if x is None:
        x = random_inputs(graph, samples, seed)
    proof = prove(graph, runner, {_only_input(graph, source): _some(x)})
    result = boards.verify(graph, board, x, **options)
    first = proof.first and Difference(
        proof.first.layer, proof.first.index, proof.first.expected, proof.first.got
    )
    return replace(
        result,
        integers=result.integers + proof.integers,
        differing=result.differing + proof.differing,
        ties=proof.ties,
        first=first or result.first,
    )


def _runner_for(graph: Graph, source: Path) -> FileRunner:
    """The execution of ``source``, if ``graph`` has the tensors that it tells of."""
    imported, runner = open_model(source)
    if runner is None:
        raise ConfigError(f"{source}: has no execution here to compare with; leave --source out")
    for name in (*imported.inputs, *runner.tensors, *imported.outputs):
        mine, theirs = graph.tensors.get(name), imported.tensors[name]
        if mine is None or (mine.shape, mine.dtype) != (theirs.shape, theirs.dtype):
            raise ConfigError(
                f"{source}: its {name!r} is not in the graph {graph.name!r}; import the file again"
            )
    return runner


def _only_input(graph: Graph, path: Path) -> str:
    if len(graph.inputs) != 1:
        raise ConfigError(f"{path}: has {len(graph.inputs)} inputs; check it with random ones")
    return graph.inputs[0]


def _some(x: Array) -> Array:
    if not len(x):
        raise ConfigError("no inputs: nothing would be compared; give at least one")
    return x
