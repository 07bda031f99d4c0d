"""Board against interpreter, integer by integer."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from hwkit import boards
from hwkit.device.session import check_reachable
from hwkit.errors import BitExactnessError, ConfigError
from hwkit.flow import boundary
from hwkit.flow.build import artifact_for
from hwkit.flow.shape import Shape, options_of
from hwkit.ir.feeds import random_feeds
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import Interpreter
from hwkit.ir.types import Array
from hwkit.target import Difference, Session

_OBSERVED_SAMPLES = 2
"""Samples for which every layer is compared, not the outputs alone."""


@dataclass(frozen=True, slots=True)
class Verification:
    """``integers`` compared, ``differing`` of them unequal, by ``largest`` at most: every output of
    ``inputs`` samples (successive steps, where the network has states), and what every layer gives
    for the first few.

    ``moved`` integers differ between the graph as given and as lowered for the board (another
    rounding); they are no fault of the board and are counted apart. ``argmax_moved`` counts the
    samples in which the largest integer of an output moved with them. ``ties`` are integers that
    differ from those of the file that the graph came from where the file's real value lies on a
    tie; only ``flow.source`` looks for them. ``first`` is the first difference, or None.
    ``options`` are those of the build that was compared (``Board.options``). ``deviation`` says how
    far the float outputs of a network with float parts are from its file's, where it was measured.
    """

    board: str
    inputs: int
    integers: int
    differing: int
    moved: int
    argmax_moved: int
    first: Difference | None
    ties: int = 0
    options: Mapping[str, str | int] = field(default_factory=dict)
    deviation: str = ""
    largest: int = 0

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


def verify(
    graph: Graph,
    board: str,
    x: boundary.Inputs | None = None,
    *,
    samples: int = 16,
    seed: int = 0,
    port: str | None = None,
    artifact_folder: str | Path | None = None,
    **shape: Unpack[Shape],
) -> Verification:
    """Runs ``x`` (or ``samples`` random inputs) on ``board`` and in the interpreter.

    The interpreter runs the graph as lowered for that board. The samples of a network with states
    are successive steps from the initial state. Nothing raises for a difference: see
    ``Verification.check``.
    """
    check_reachable(boards.load(board), port)
    feeds = boundary.named(graph, random_feeds(graph, samples, seed) if x is None else x)
    if not boundary.batch(feeds):
        raise ConfigError("no inputs: nothing would be compared; give at least one")
    target, artifact = artifact_for(graph, board, artifact_folder, **shape)
    lowered = artifact.lowered.graph
    entered = boundary.enter(graph, lowered, feeds)
    expected = Interpreter(lowered).infer(entered)
    original = Interpreter(graph).infer(feeds)
    as_given = boundary.leave(graph, lowered, expected)
    with target.open(artifact, port) as session:
        compared = _Compared(lowered, session, artifact.lowered.partial)
        compared.outputs(entered, expected)
        compared.layers(entered)
    return Verification(
        board=artifact.board.name,
        inputs=boundary.batch(feeds),
        integers=compared.integers,
        differing=compared.differing,
        moved=sum(int(np.count_nonzero(as_given[n] != original[n])) for n in graph.outputs),
        argmax_moved=_argmax_moved(as_given, original),
        first=compared.first,
        options=options_of(graph, artifact.lowered.board),
        largest=compared.largest,
    )


def _argmax_moved(before: Mapping[str, Array], after: Mapping[str, Array]) -> int:
    moved = [_largest(before[name]) != _largest(after[name]) for name in after if after[name].size]
    return int(np.count_nonzero(np.logical_or.reduce(moved))) if moved else 0


def _largest(y: Array) -> Array:
    place: Array = y.reshape(len(y), -1).argmax(axis=1)
    return place


class _Compared:
    """What a session gives beside the interpreter, and the count of it.

    A fault can hide from the outputs (behind a softmax, or a clamp): the layers of the first few
    samples show it. ``first`` is the first difference: in the first sample that shows one, of the
    layers in the graph's order.
    """

    def __init__(self, graph: Graph, session: Session, partial: Collection[str] = ()) -> None:
        self.graph, self.session = graph, session
        self.unseen = {*partial, *graph.outputs}
        self.integers = self.differing = self.largest = 0
        self.first: Difference | None = None
        self._wrong_output: Difference | None = None
        # An output may be an input or a state, which no layer gives.
        self._layer = {name: name for name in graph.tensors}
        self._layer |= {op.output: op.name for op in graph.nodes}

    def outputs(self, feeds: Mapping[str, Array], expected: Mapping[str, Array]) -> None:
        """Compares every output of every sample."""
        got = self.session.infer(feeds)
        found = [self._difference(self._layer[n], expected[n], got[n]) for n in expected]
        wrong = [each for each in found if each is not None]
        self._wrong_output = min(wrong, key=lambda each: each.index[0], default=None)

    def layers(self, feeds: Mapping[str, Array]) -> None:
        """Compares what the layers give in the first samples, and in the first wrong one."""
        self._layers(feeds, 0, _OBSERVED_SAMPLES)
        if self._wrong_output is not None and self.first is None:
            # The steps before it decide what a wrong sample starts from.
            sample = self._wrong_output.index[0]
            self._layers(feeds, 0 if self.graph.states else sample, sample + 1)
            # Layers that agree when observed one by one: the fault shows only in a whole run.
            self.first = self.first or self._wrong_output

    def _layers(self, feeds: Mapping[str, Array], start: int, stop: int) -> None:
        part = {name: value[start:stop] for name, value in feeds.items()}
        inner = dict.fromkeys(op.output for op in self.graph.nodes)
        names = [name for name in inner if name not in self.unseen]
        self.session.reset()
        seen = self.session.infer(part, names)
        kept = [name for name in names if name in seen]
        wanted = Interpreter(self.graph).infer(part, kept)
        found = [self._difference(self._layer[n], wanted[n], seen[n], start) for n in kept]
        wrong = [each for each in found if each is not None]
        self.first = self.first or min(wrong, key=lambda each: each.index[0], default=None)

    def _difference(
        self, layer: str, expected: Array, got: Array, start: int = 0
    ) -> Difference | None:
        """The first integer at which two arrays differ; all of them are counted."""
        a, b = expected.astype(np.int64), got.astype(np.int64)
        wrong = np.argwhere(a != b)
        self.integers += a.size
        self.differing += len(wrong)
        if not len(wrong):
            return None
        self.largest = max(self.largest, int(np.abs(a - b).max()))
        sample, *where = (int(i) for i in wrong[0])
        index = (start + sample, *where)
        return Difference(layer, index, int(a[tuple(wrong[0])]), int(b[tuple(wrong[0])]))
