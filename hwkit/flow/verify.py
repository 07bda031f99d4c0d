"""Board against interpreter, integer by integer."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hwkit.errors import BitExactnessError
from hwkit.flow import boundary
from hwkit.flow.build import artifact_for
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.types import Array
from hwkit.target import Artifact, Difference, Target


@dataclass(frozen=True, slots=True)
class Verification:
    """``integers`` outputs of ``inputs`` samples compared, ``differing`` of them unequal.

    ``moved`` integers differ between the graph as given and as lowered for the board (another
    rounding); they are no fault of the board and are counted apart. ``argmax_moved`` counts the
    samples whose largest output moved with them. ``first`` is the first difference, or None.
    """

    board: str
    inputs: int
    integers: int
    differing: int
    moved: int
    argmax_moved: int
    first: Difference | None

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
    """Uniform integers over the whole range of the graph's input, (samples, *shape)."""
    tensor = graph.tensors[graph.inputs[0]]
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
    """Integers in, integers out, first axis the batch: by the interpreter, or really built and
    run on ``board``. ``port`` is a device that already runs the artifact."""
    if board is None:
        result = graph.predict(x)
        assert isinstance(result, np.ndarray)
        return result
    target, artifact = artifact_for(graph, board, artifact_folder)
    lowered = artifact.lowered.graph
    y = target.run(artifact, boundary.enter(graph, lowered, x), port)
    return boundary.leave(graph, lowered, y)


def verify(
    graph: Graph,
    board: str,
    x: Array | None = None,
    *,
    samples: int = 16,
    seed: int = 0,
    port: str | None = None,
    artifact_folder: str | Path | None = None,
) -> Verification:
    """Runs ``x`` (or ``samples`` random inputs) on ``board`` and in the interpreter.

    The interpreter runs the graph as lowered for that board. Nothing raises for a difference:
    see ``Verification.check``.
    """
    if x is None:
        x = random_inputs(graph, samples, seed)
    target, artifact = artifact_for(graph, board, artifact_folder)
    lowered = artifact.lowered.graph
    entered = boundary.enter(graph, lowered, x)
    expected = run(lowered, {lowered.inputs[0]: entered})[lowered.outputs[0]]
    got = target.run(artifact, entered, port)
    original = graph.predict(x)
    as_given = boundary.leave(graph, lowered, expected)
    wrong = np.argwhere(expected.astype(np.int64) != got.astype(np.int64))
    first = None
    if len(wrong):
        first = _locate(target, artifact, entered, expected, got, tuple(wrong[0]), port)
    return Verification(
        board=board,
        inputs=len(x),
        integers=int(expected.size),
        differing=len(wrong),
        moved=int(np.count_nonzero(as_given != original)),
        argmax_moved=_argmax_moved(as_given, np.asarray(original)),
        first=first,
    )


def _argmax_moved(before: Array, after: Array) -> int:
    if not before.size:
        return 0
    flat = (before.reshape(len(before), -1), after.reshape(len(after), -1))
    return int(np.count_nonzero(flat[0].argmax(axis=1) != flat[1].argmax(axis=1)))


def _locate(
    target: Target,
    artifact: Artifact,
    x: Array,
    expected: Array,
    got: Array,
    index: tuple[int, ...],
    port: str | None,
) -> Difference:
    """The first layer, in the graph's order, whose output differs for the first bad sample."""
    graph, sample = artifact.lowered.graph, int(index[0])
    one = x[sample : sample + 1]
    seen = target.layer_outputs(artifact, one, port)
    wanted = run(graph, {graph.inputs[0]: one}, keep=[name for name in seen])
    for op in graph.nodes:
        if op.output not in seen:
            continue
        a, b = wanted[op.output].astype(np.int64), seen[op.output].astype(np.int64)
        wrong = np.argwhere(a != b)
        if len(wrong):
            where = tuple(int(i) for i in wrong[0])
            return Difference(op.name, (sample, *where[1:]), int(a[where]), int(b[where]))
    # The layers agree when run one by one: the fault shows only in the whole run.
    where = tuple(int(i) for i in index)
    last = next(op.name for op in graph.nodes if op.output == graph.outputs[0])
    return Difference(last, where, int(expected[where]), int(got[where]))
