"""The file that a graph came from, run beside it: at import, and against a board."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hwkit.errors import ConfigError, DeviceError, FormatError
from hwkit.flow import deviation
from hwkit.flow import verify as boards
from hwkit.flow.arrays import NUMBERS, load_inputs
from hwkit.flow.models import is_foreign, load
from hwkit.flow.predict import predict
from hwkit.flow.tflite_source import TfliteRunner
from hwkit.flow.verify import Verification
from hwkit.flow.whole import Whole, whole_of
from hwkit.importers import load_proven, noted, open_model
from hwkit.importers import proof as proofs
from hwkit.importers.proof import FileRunner, Proof, prove
from hwkit.ir.feeds import random_feeds
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import Interpreter
from hwkit.ir.types import Array
from hwkit.target import Difference

Inputs = Array | Mapping[str, Array]
"""Integers (N, *shape) of the only input, or of each by name."""


def import_file(
    path: Path, samples: int | None = None, inputs: Sequence[str] = (), *, required: bool = False
) -> tuple[Graph, Proof | None]:
    """The graph of a model file, and how it compares with the file's own execution on ``samples``
    random inputs or on those of the files ``inputs`` (``arrays.load_inputs``).

    ``ConfigError`` if there is no such execution although ``inputs`` are given or it is
    ``required``.
    """
    foreign = is_foreign(path) and path.is_file()
    if foreign and (whole := whole_of(load(path))) is not None:
        return _import_parts(whole, path, samples, inputs)
    if foreign and (inputs or (required and path.suffix.lower() == ".tflite")):
        graph, runner = _opened(path)
        given = load_inputs(graph, inputs) if inputs else proofs.proof_feeds(graph, samples)
        proof = prove(graph, runner, _feeds(graph, path, given))
        return noted(graph, proof), proof
    graph, found = load_proven(path, samples) if foreign else (load(path), None)
    if found is None and required:
        raise ConfigError(
            f"{path}: not compared: it is no model file, or random inputs overflow its sums; "
            "give real ones with -i"
        )
    return graph, found


def _import_parts(
    whole: Whole, path: Path, samples: int | None, inputs: Sequence[str]
) -> tuple[Graph, Proof | None]:
    """The same of a network with float parts: its integers are compared, its reals measured."""
    graph, runner = _opened(path)
    count = len(proofs.proof_feeds(graph, samples)[graph.inputs[0]])
    x = load_inputs(whole, inputs, NUMBERS) if inputs else deviation.random_inputs(whole, count)
    proof = prove(graph, runner, whole.enter(x)[1])
    try:
        found = deviation.measure(whole, path, x, Interpreter(graph).infer)
    except DeviceError as error:  # No device is at fault here: it is what the file says.
        raise FormatError(f"{path}: {error}; export it again") from error
    return deviation.noted(noted(graph, proof), found), proof


def verify(
    graph: Graph,
    board: str,
    source: Path | None = None,
    x: Inputs | None = None,
    *,
    samples: int = 16,
    seed: int = 0,
    **options: Any,
) -> Verification:
    """``flow.verify.verify``, and with ``source`` also that file's own execution against
    ``graph`` on the same inputs: file, graph, lowered graph and board, each against the next."""
    whole = whole_of(graph)
    reals: Mapping[str, Array] | None = None
    if whole is not None and isinstance(x, Mapping) and set(x) == set(whole.inputs):
        reals = x
    elif whole is not None and source is not None and x is None:
        reals = deviation.random_inputs(whole, samples, seed)
    if whole is not None and reals is not None:
        x = whole.enter(reals)[1]
    if source is None:
        return boards.verify(graph, board, x, samples=samples, seed=seed, **options)
    runner = _runner_for(graph, source)
    feeds = _feeds(graph, source, random_feeds(graph, samples, seed) if x is None else x)
    proof = prove(graph, runner, feeds)
    result = boards.verify(graph, board, feeds, **options)
    first = proof.first and Difference(
        proof.first.layer, proof.first.index, proof.first.expected, proof.first.got
    )
    told = ""
    if whole is not None and reals is not None:
        told = deviation.measure(
            whole, source, reals, lambda given: predict(graph, given, board, **options)
        ).line()
    return replace(
        result,
        integers=result.integers + proof.integers,
        differing=result.differing + proof.differing,
        ties=proof.ties,
        first=first or result.first,
        deviation=told,
    )


def given_inputs(graph: Graph, sources: Sequence[str]) -> dict[str, Array] | None:
    """The arrays of the files ``sources``: the graph's inputs, or those of the whole network where
    it has float parts and they are called so; None without any."""
    if not sources:
        return None
    whole = whole_of(graph)
    if whole is None or set(whole.inputs) == set(graph.inputs):
        return load_inputs(graph, sources)
    return load_inputs(whole, sources, NUMBERS)


def _opened(path: Path) -> tuple[Graph, FileRunner]:
    graph, runner = open_model(path)
    return graph, runner or TfliteRunner(path, graph)


def _runner_for(graph: Graph, source: Path) -> FileRunner:
    """The execution of ``source``, if ``graph`` has the tensors that it tells of."""
    imported, runner = _opened(source)
    for name in (*imported.inputs, *runner.tensors, *imported.outputs):
        mine, theirs = graph.tensors.get(name), imported.tensors[name]
        if mine is None or (mine.shape, mine.dtype) != (theirs.shape, theirs.dtype):
            raise ConfigError(
                f"{source}: its {name!r} is not in the graph {graph.name!r}; import the file again"
            )
    return runner


def _feeds(graph: Graph, who: object, x: Inputs) -> dict[str, Array]:
    if not isinstance(x, Mapping):
        if len(graph.inputs) != 1:
            raise ConfigError(f"{who}: {graph.name} has {len(graph.inputs)} inputs; name each")
        x = {graph.inputs[0]: x}
    if x.keys() != set(graph.inputs):
        raise ConfigError(f"{who}: inputs {sorted(x)}; give {', '.join(graph.inputs)}")
    if not all(len(values) for values in x.values()):
        raise ConfigError("no inputs: nothing would be compared; give at least one")
    return dict(x)
