"""Proof of an import: the file's own execution beside the interpreter's, integer by integer.

A file is compared layer by layer: what a quantizer of the file gives is compared with the graph's
integers, and then the graph's integers are what the file goes on with. So a tie that falls the
other way in one layer is counted there, once, and does not spoil what follows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from hwkit.errors import BitExactnessError
from hwkit.ir.counts import macs
from hwkit.ir.feeds import random_feeds
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import Interpreter
from hwkit.ir.types import Array

TIE = 1e-5
"""In steps of a quantizer: a real value so close to where it rounds the other way is a tie. Float32
executions differ there among themselves."""

SAMPLES = 64
_WORK = 1 << 28
"""Multiply-accumulates that a proof with the default number of inputs takes at most."""

_SEED = 20


@dataclass(frozen=True, slots=True)
class Observed:
    """What the file gives for one tensor of the graph: ``integers`` (samples, *shape) in the
    graph's layout, and, where it can tell, in ``distance`` how far each real value lies from the
    nearest tie, in steps."""

    integers: Array
    distance: Array | None = None


class FileRunner(Protocol):
    """A file's own execution, whatever its format."""

    @property
    def tensors(self) -> tuple[str, ...]:
        """The graph's tensors that the file tells the integers of, in the order of execution."""

    def run(self, known: Mapping[str, Array]) -> Mapping[str, Observed]:
        """Executes the file on graph inputs ``known`` (samples, *shape).

        ``known`` also has the graph's integers of ``tensors``. A runner that can goes on with
        them instead of its own, once it has noted its own; one that can't ignores them.

        Where the graph has states, samples are successive steps: the first of all from the initial
        ones, that of another call from what the last call left.
        """


@runtime_checkable
class Titled(Protocol):
    """A runner that says what executes the file."""

    @property
    def title(self) -> str:
        """Example: ``TFLM 0.1``."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The first integer that no tie explains; ``index`` starts with the sample, ``expected`` is
    the file's."""

    layer: str
    index: tuple[int, ...]
    expected: int
    got: int


@dataclass(frozen=True, slots=True)
class Proof:
    """``integers`` compared on ``inputs`` samples: ``differing`` are unequal, besides ``ties``,
    which are unequal where the file's real value lies on a tie of float32; ``largest`` is the
    largest difference among both, ``by`` what executed the file ("" where it does not say)."""

    inputs: int
    integers: int
    differing: int
    ties: int
    first: Mismatch | None = None
    largest: int = 0
    by: str = ""

    @property
    def exact(self) -> bool:
        """Whether every integer is equal or a tie."""
        return self.differing == 0

    def check(self) -> Proof:
        """Itself, or ``BitExactnessError`` naming tensor, index, expected and got."""
        if self.first is not None:
            first = self.first
            raise BitExactnessError(first.layer, first.index, first.expected, first.got)
        return self

    def line(self) -> str:
        """What commands print."""
        return counts_line({**self.counts(), "by": self.by})

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return asdict(self)

    def counts(self) -> dict[str, int]:
        """The figures alone, as ``train.json`` and a graph's metadata have them."""
        return {
            "inputs": self.inputs,
            "integers": self.integers,
            "differing": self.differing,
            "ties": self.ties,
            "largest": self.largest,
        }


def counts_line(counts: Mapping[str, int | str]) -> str:
    """``Proof.counts`` as a line for people."""
    by = counts.get("by") or "the file's own execution"
    line = (
        f"{counts['inputs']} inputs in {by}: {counts['integers']} integers, "
        f"{counts['differing']} differing, {counts['ties']} ties"
    )
    largest = int(counts.get("largest", 0))
    return f"{line} of float32, by {largest} at most" if largest else line


def counted(graph: Graph) -> str:
    """The line for what a graph's metadata keeps of its import; "" if it keeps nothing."""
    return counts_line(graph.metadata) if "ties" in graph.metadata else ""


def prove(graph: Graph, runner: FileRunner, feeds: Mapping[str, Array]) -> Proof:
    """Compares ``runner``, which has not run yet, with the interpreter of ``graph`` on ``feeds``
    (samples, *shape): successive steps, where the graph has states."""
    interpreter = Interpreter(graph)
    samples = len(next(iter(feeds.values())))
    inputs, integers, differing, ties, largest, first = 0, 0, 0, 0, 0, None
    # A few at a time: every tensor is held in int64 and float64 at once.
    for start in range(0, samples, _CHUNK):
        part = {name: x[start : start + _CHUNK] for name, x in feeds.items()}
        known = {**part, **interpreter.tensors(part, runner.tensors)}
        seen = runner.run(known)
        inputs += len(next(iter(part.values())))
        for name in runner.tensors:
            observed, got = seen[name], known[name].astype(np.int64)
            unequal = observed.integers != got
            integers += got.size
            if not unequal.any():
                continue
            tied = np.zeros_like(unequal)
            if observed.distance is not None:
                tied = unequal & (observed.distance < TIE)
            ties += int(tied.sum())
            largest = max(largest, int(np.abs(observed.integers - got).max()))
            wrong = np.argwhere(unequal & ~tied)
            differing += len(wrong)
            if len(wrong) and first is None:
                at = tuple(int(i) for i in wrong[0])
                index = (start + at[0], *at[1:])
                first = Mismatch(name, index, int(observed.integers[at]), int(got[at]))
    by = runner.title if isinstance(runner, Titled) else ""
    return Proof(inputs, integers, differing, ties, first, largest, by)


_CHUNK = 16


def proof_feeds(graph: Graph, samples: int | None = None, seed: int = _SEED) -> dict[str, Array]:
    """Random integers for every input; without ``samples`` 64, fewer for large networks."""
    if samples is None:
        work = sum(macs(graph, op) for op in graph.nodes)
        samples = min(SAMPLES, max(_WORK // max(work, 1), 1))
    return random_feeds(graph, samples, seed)
