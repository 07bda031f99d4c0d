"""The protocol that every target implements, and the plain data that passes through it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from hwkit.boards import Board
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Op, Rounding
from hwkit.ir.types import Array

Evidence = Literal["measured", "simulated", "estimated"]
"""What a figure is worth; the three never stand in one column."""

Kind = Literal["hardware", "emulator", "simulator", "model"]
"""What answers: a chip or a host's CPU; a program that runs the chip's instructions; one that
runs the circuit cycle by cycle; or an analytic model that runs nothing for its figures."""

_EVIDENCE: Mapping[Kind, Evidence] = {
    "hardware": "measured",
    "emulator": "simulated",
    "simulator": "simulated",
    "model": "estimated",
}


@dataclass(frozen=True, slots=True)
class Identity:
    """What the thing that answers says about itself: never what a board file says about it.

    ``name`` of the chip, emulator, simulator, runtime or model with its version; ``clock_hz`` that
    it runs at, None without one; ``model`` the SHA-256 of the graph and ``build`` of the build
    that it runs, in hex, "" where it cannot tell; ``serial`` number of a board, ``host`` name and
    CPU where a host computes; ``cost_model`` which model its cycles come from, "" where they are
    counted.

    Example: ``Identity("emulator", "unicorn 2.1.4", 80_000_000).evidence`` is ``"simulated"``.
    """

    kind: Kind
    name: str
    clock_hz: int | None = None
    model: str = ""
    build: str = ""
    serial: str = ""
    host: str = ""
    cost_model: str = ""

    @property
    def evidence(self) -> Evidence:
        """What figures taken there are worth."""
        return _EVIDENCE[self.kind]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a target can compute exactly.

    ``ops`` the op classes; ``roundings`` per op class (first one is what others are retargeted
    to); ``weight_bits`` and ``activation_bits`` the widths stored natively (narrower ones are
    stored in the next wider); ``signed_activations`` that unsigned tensors must be shifted to
    signed first.
    """

    name: str
    ops: frozenset[type[Op]]
    roundings: Mapping[type[Op], tuple[Rounding, ...]]
    weight_bits: tuple[int, ...]
    activation_bits: tuple[int, ...]
    signed_activations: bool


@dataclass(frozen=True, slots=True)
class Lowered:
    """A graph in the form that a target emits, and the plans that belong to it.

    ``graph`` is what the target must equal, integer by integer. ``moved`` counts the roundings
    that lowering changed on purpose (0: the lowered graph equals the original everywhere).
    ``plan`` holds the target's own plan (memory map, folding, ...), ``optimized`` what the exact
    passes of ``lower.optimize`` found.
    """

    graph: Graph
    board: Board
    retargeted: tuple[str, ...] = ()
    plan: Any = None
    optimized: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BuildPlan:
    """Files and commands as data: emitting is pure, building runs it.

    ``files`` relative path to content; ``commands`` argument lists run in order in the build
    folder, where ``{python}`` stands for the running interpreter.
    """

    files: Mapping[str, bytes]
    commands: tuple[tuple[str, ...], ...] = ()

    def digest(self) -> str:
        """SHA-256 over names, contents and commands: the key of the build cache."""
        state = hashlib.sha256()
        for name in sorted(self.files):
            state.update(f"{name}\0{len(self.files[name])}\0".encode())
            state.update(self.files[name])
        for command in self.commands:
            state.update(("\0".join(command) + "\n").encode())
        return state.hexdigest()


@dataclass(frozen=True, slots=True)
class Artifact:
    """What a build left: the folder, the file that runs, and the facts for ``deploy.json``."""

    folder: Path
    path: Path
    board: Board
    lowered: Lowered
    facts: Mapping[str, Any] = field(default_factory=dict)


WHOLE_MODEL = -1
"""Index of a row that times a whole inference by itself, where the layers' sum is not that."""


@dataclass(frozen=True, slots=True)
class LayerTiming:
    """One inference's cost of one layer; None is a figure that the board can't give.

    ``index`` counts the lowered graph's nodes; ``WHOLE_MODEL`` marks a row of all of them.
    """

    index: int
    name: str
    op: str
    macs: int
    instructions: int | None = None
    cycles: int | None = None
    us: float | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """First integer at which an artifact leaves the interpreter; ``index`` starts with the
    position in the batch."""

    layer: str
    index: tuple[int, ...]
    expected: int
    got: int


class Target(Protocol):
    """How hwkit lowers to, builds for and runs on one family of boards.

    Implemented by a module ``hwkit.targets.<name>`` with these functions, found through
    ``hwkit.targets.get``.
    """

    def lower(self, graph: Graph, board: Board) -> Lowered:
        """The graph in the target's form; ``UnsupportedOp`` when it has none."""

    def emit(self, lowered: Lowered) -> BuildPlan:
        """Files and commands; runs nothing."""

    def build(self, plan: BuildPlan, lowered: Lowered, out: Path) -> Artifact:
        """Writes the files to ``out`` and runs the commands; ``ToolFailed``, ``ToolMissing``."""

    def open_artifact(self, out: Path, lowered: Lowered) -> Artifact:
        """The artifact that an earlier build left in ``out``; ``ConfigError`` if none is."""

    def run(self, artifact: Artifact, x: Array, port: str | None = None) -> Array:
        """Outputs for ``x`` (batch first), computed by the artifact; ``port`` is the URL of a
        device that already runs it."""

    def layer_outputs(
        self, artifact: Artifact, x: Array, port: str | None = None
    ) -> dict[str, Array]:
        """Output of every layer that can be observed, by the lowered graph's tensor name, for
        locating a difference; may be slow."""

    def profile(
        self, artifact: Artifact, x: Array, repeats: int, port: str | None = None
    ) -> list[list[LayerTiming]]:
        """``repeats`` runs of one sample after a warm-up; the layers of each run."""

    def tools(self, board: Board) -> dict[str, str]:
        """Version of every external tool that shaped the artifact."""
