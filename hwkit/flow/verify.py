"""Board against interpreter, integer by integer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hwkit import boards
from hwkit.boards import Optimize
from hwkit.device.session import check_reachable
from hwkit.errors import BitExactnessError, ConfigError
from hwkit.flow import boundary
from hwkit.flow.build import artifact_for
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.types import Array
from hwkit.ir.verify import MAX_ELEMENTS
from hwkit.target import Artifact, Difference, Target

_OBSERVED_SAMPLES = 2
"""Samples for which every layer is compared, not the outputs alone."""


@dataclass(frozen=True, slots=True)
class Verification:
    """``integers`` compared, ``differing`` of them unequal: every output of ``inputs`` samples, and
    what every layer gives for the first few of them.

    ``moved`` integers differ between the graph as given and as lowered for the board (another
    rounding); they are no fault of the board and are counted apart. ``argmax_moved`` counts the
    samples whose largest output moved with them. ``ties`` are integers that differ from those of
    the file that the graph came from where the file's real value lies on a tie; only
    ``flow.source`` looks for them. ``first`` is the first difference, or None.
    """

    board: str
    inputs: int
    integers: int
    differing: int
    moved: int
    argmax_moved: int
    first: Difference | None
    ties: int = 0

    @property
    def exact(self) -> bool:
        """Whether every integer is equal."""
        return self.differing == 0

    def to_json(self) -> dict[str, Any]:
        """As ``hwkit verify --json`` prints it."""
        return asdict(self)

    def check(self) -> Verification:
        """Itself, or ``BitExactnessError`` naming layer, index, expected and got."""
        if self.first is not None:
            first = self.first
            raise BitExactnessError(first.layer, first.index, first.expected, first.got)
        return self


def random_inputs(graph: Graph, samples: int, seed: int) -> Array:
    """Uniform integers over the whole range of the graph's input, (samples, *shape).

    ``ConfigError`` for more than ``MAX_ELEMENTS`` of them, in the inputs or the outputs."""
    tensor = graph.tensors[graph.inputs[0]]
    largest = max(tensor.elements, graph.tensors[graph.outputs[0]].elements)
    if samples * largest > MAX_ELEMENTS:
        raise ConfigError(
            f"{samples} inputs of {graph.name} do not fit in memory; "
            f"at most {MAX_ELEMENTS // largest} at once"
        )
    rng = np.random.default_rng(seed)
    x = rng.integers(tensor.dtype.low, tensor.dtype.high + 1, (samples, *tensor.shape))
    return x.astype(tensor.dtype.container)


def predict(
    graph: Graph,
    x: Array,
    board: str | None = None,
    port: str | None = None,
    artifact_folder: str | Path | None = None,
) -> Array:
    """``predict_named`` of a graph of one input and one output."""
    boundary.require_single(graph, board or "interpreter")
    feeds = {graph.inputs[0]: x}
    return predict_named(graph, feeds, board, port, artifact_folder)[graph.outputs[0]]


def predict_named(
    graph: Graph,
    feeds: Mapping[str, Array],
    board: str | None = None,
    port: str | None = None,
    artifact_folder: str | Path | None = None,
    optimize: Optimize | None = None,
) -> dict[str, Array]:
    """Integers in, integers out by name, first axis the batch: by the interpreter, or really built
    and run on ``board``. ``port`` is a device that already runs the artifact.

    Nothing is measured for it: where no choice of kernels is remembered, the rule's are built.
    """
    if board is None:
        if port is not None or artifact_folder is not None:
            raise ConfigError("a port or an artifact needs its board; give --board too")
        return run(graph, feeds)
    check_reachable(boards.load(board), port)
    checked = boundary.checked(graph, board, feeds)
    target, artifact = artifact_for(graph, board, artifact_folder, False, optimize)
    lowered = artifact.lowered.graph
    y = target.run(artifact, boundary.enter(graph, lowered, checked), port)
    return {graph.outputs[0]: boundary.leave(graph, lowered, y)}


def verify(
    graph: Graph,
    board: str,
    x: Array | Mapping[str, Array] | None = None,
    *,
    samples: int = 16,
    seed: int = 0,
    port: str | None = None,
    artifact_folder: str | Path | None = None,
    optimize: Optimize | None = None,
) -> Verification:
    """Runs ``x`` (or ``samples`` random inputs) on ``board`` and in the interpreter.

    The interpreter runs the graph as lowered for that board. Nothing raises for a difference:
    see ``Verification.check``.
    """
    check_reachable(boards.load(board), port)
    boundary.require_single(graph, board)
    if x is None:
        x = random_inputs(graph, samples, seed)
    x = boundary.checked(graph, board, x)
    if not len(x):
        raise ConfigError("no inputs: nothing would be compared; give at least one")
    target, artifact = artifact_for(graph, board, artifact_folder, optimize=optimize)
    lowered = artifact.lowered.graph
    entered = boundary.enter(graph, lowered, x)
    expected = run(lowered, {lowered.inputs[0]: entered})[lowered.outputs[0]]
    got = target.run(artifact, entered, port)
    original = graph.predict(x)
    as_given = boundary.leave(graph, lowered, expected)
    layers = _Layers(target, artifact, entered, port)
    for sample in range(min(_OBSERVED_SAMPLES, len(x))):
        layers.compare(sample)
    wrong = np.argwhere(expected.astype(np.int64) != got.astype(np.int64))
    if len(wrong) and layers.first is None:
        layers.compare(int(wrong[0][0]))
    first = layers.first
    if len(wrong) and first is None:
        # The layers agree when observed one by one: the fault shows only in a whole run.
        index = tuple(int(i) for i in wrong[0])
        last = next(op.name for op in lowered.nodes if op.output == lowered.outputs[0])
        first = Difference(last, index, int(expected[index]), int(got[index]))
    return Verification(
        board=board,
        inputs=len(x),
        integers=int(expected.size) + layers.integers,
        differing=len(wrong) + layers.differing,
        moved=int(np.count_nonzero(as_given != original)),
        argmax_moved=_argmax_moved(as_given, np.asarray(original)),
        first=first,
    )


def _argmax_moved(before: Array, after: Array) -> int:
    if not before.size:
        return 0
    flat = (before.reshape(len(before), -1), after.reshape(len(after), -1))
    return int(np.count_nonzero(flat[0].argmax(axis=1) != flat[1].argmax(axis=1)))


class _Layers:
    """Compares what every layer of an artifact gives for single samples, and keeps the count.

    A fault can hide from the outputs (behind a softmax, or a clamp): the layers show it.
    """

    def __init__(
        self, target: Target[Any], artifact: Artifact[Any], x: Array, port: str | None
    ) -> None:
        self.target, self.artifact, self.x, self.port = target, artifact, x, port
        self.integers = self.differing = 0
        self.first: Difference | None = None

    def compare(self, sample: int) -> None:
        """Adds one sample; ``first`` is the first layer, in the graph's order, that differs."""
        graph = self.artifact.lowered.graph
        one = self.x[sample : sample + 1]
        seen = self.target.layer_outputs(self.artifact, one, self.port)
        wanted = run(graph, {graph.inputs[0]: one}, keep=list(seen))
        for op in graph.nodes:
            if op.output not in seen or op.output == graph.outputs[0]:
                continue
            a, b = wanted[op.output].astype(np.int64), seen[op.output].astype(np.int64)
            wrong = np.argwhere(a != b)
            self.integers += a.size
            self.differing += len(wrong)
            if len(wrong) and self.first is None:
                where = tuple(int(i) for i in wrong[0])
                index = (sample, *where[1:])
                self.first = Difference(op.name, index, int(a[where]), int(b[where]))
