"""What every target satisfies, and the plain data that passes through it.

A target is an object in the registry (``hwkit.targets``). What it must be able to do is
``Target``; what it may do besides (choose kernels by measuring, price widths, pack the model for
another build, run a file as it is) are protocols of their own, asked by ``isinstance``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Literal, Protocol, TypeVar, runtime_checkable

from hwkit.boards import Board
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Op, Rounding, SoftmaxKind
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
    CPU where a host computes (the URL of the port where that is all that is known), the
    ``threads`` that it uses and the ``cpus`` that they are kept to (as "0,1"; "" for all), and the
    ``delegate`` whose kernels run some of the model there; ``cost_model`` which model its cycles
    come from, "" where they are counted.

    Example: ``Identity("emulator", "unicorn 2.1.4", 80_000_000).evidence`` is ``"simulated"``.
    """

    kind: Kind
    name: str
    clock_hz: int | None = None
    model: str = ""
    build: str = ""
    serial: str = ""
    host: str = ""
    threads: int = 1
    cpus: str = ""
    delegate: str = ""
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
    most_inputs: int | None = 1
    most_outputs: int | None = 1
    states: bool = False
    power_of_two_scales: bool = False
    softmax: tuple[SoftmaxKind, ...] = ()


P_co = TypeVar("P_co", covariant=True)
P_contra = TypeVar("P_contra", contravariant=True)
P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class Lowered(Generic[P_co]):
    """A graph in the form that a target emits, and the plans that belong to it.

    ``graph`` is what the target must equal, integer by integer. ``moved`` counts the roundings
    that lowering changed on purpose (0: the lowered graph equals the original everywhere).
    ``plan`` holds the target's own plan (memory map, folding, ...), ``optimized`` what the exact
    passes of ``lower.optimize`` found. Tensors in ``partial`` are never there as a whole: their
    layers are computed a few rows at a time.
    """

    graph: Graph
    board: Board
    plan: P_co
    retargeted: tuple[str, ...] = ()
    optimized: Mapping[str, int] = field(default_factory=dict)
    partial: frozenset[str] = frozenset()


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
class Artifact(Generic[P_co]):
    """What a build left: the folder, the file that runs, and the facts for ``deploy.json``."""

    folder: Path
    path: Path
    board: Board
    lowered: Lowered[P_co]
    facts: Mapping[str, Any] = field(default_factory=dict)


WHOLE_MODEL = -1
"""Index of a row that times a whole inference by itself, where the layers' sum is not that."""

CALL = -2
"""Index of a row that times a call of the runtime that computes next to nothing: in every inference
once, and in no layer's row."""

CALL_NAME = "(call)"
"""Of that row, beside those of layers."""


@dataclass(frozen=True, slots=True)
class LayerTiming:
    """One inference's cost of one layer; None is a figure that the board can't give.

    ``index`` counts the lowered graph's nodes; ``WHOLE_MODEL`` marks a row of all of them, ``CALL``
    one of what an inference takes beside them.
    """

    index: int
    name: str
    op: str
    macs: int
    instructions: int | None = None
    cycles: int | None = None
    us: float | None = None


@dataclass(frozen=True, slots=True)
class CostKey:
    """All that decides what a layer takes, as plain JSON: what it is (``ir.layer_kind``), and what
    runs it: board, tools, kernel. Layers of one key need measuring once, in whatever network."""

    layer: Mapping[str, Any]
    build: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """SHA-256, in hex."""
        text = json.dumps([self.layer, self.build], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Difference:
    """First integer at which an artifact leaves the interpreter; ``index`` starts with the
    position in the batch."""

    layer: str
    index: tuple[int, ...]
    expected: int
    got: int


@runtime_checkable
class Session(Protocol):
    """An artifact that is open where it runs; a context manager, closed by its end.

    Feeds and results are by the lowered graph's names and in its types, first axis the batch. The
    samples of a batch are computed one after the other; where the graph has states they are
    successive steps, the first from the initial state or the one that the last call left.
    """

    @property
    def identity(self) -> Identity:
        """Of the thing that answers."""

    def infer(self, feeds: Mapping[str, Array], keep: Sequence[str] = ()) -> dict[str, Array]:
        """Every output, and those tensors of ``keep`` that can be observed (which may be slow)."""

    def timed(
        self, feeds: Mapping[str, Array], repeats: int, warm_up: int
    ) -> list[list[LayerTiming]]:
        """The layers of each of ``repeats`` inferences of the one sample in ``feeds``, after
        ``warm_up`` that do not count."""

    def reset(self) -> None:
        """Brings every state to its initial value."""

    def close(self) -> None:
        """Ends it; closing twice is as once."""

    def __enter__(self) -> Session: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


@runtime_checkable
class Target(Protocol[P]):
    """How hwkit lowers to, builds for and runs on one family of boards."""

    @property
    def name(self) -> str:
        """As board files call it (``target = "mcu"``)."""

    def capabilities(self, board: Board) -> Capabilities:
        """What it computes exactly there; ``lower.legal`` refuses the rest."""

    def lower(self, graph: Graph, board: Board) -> Lowered[P]:
        """The graph in the target's form; ``UnsupportedOp`` when it has none."""

    def emit(self, lowered: Lowered[P]) -> BuildPlan:
        """Files and commands; runs nothing."""

    def build(self, plan: BuildPlan, lowered: Lowered[P], out: Path) -> Artifact[P]:
        """Writes the files to ``out`` and runs the commands; ``ToolFailed``, ``ToolMissing``."""

    def artifact(self, out: Path, lowered: Lowered[P]) -> Artifact[P]:
        """The artifact that an earlier build left in ``out``; ``ConfigError`` if none is."""

    def open(self, artifact: Artifact[P], port: str | None = None) -> Session:
        """The artifact where it runs: ``port`` is the URL of a device that already runs it.

        ``DeviceError`` when what answers there runs another model or build.
        """

    def tools(self, board: Board) -> dict[str, str]:
        """Version of every external tool that shapes an artifact."""


@runtime_checkable
class ChoosesKernels(Protocol[P]):
    """A target that makes choices by measuring."""

    def choose(self, lowered: Lowered[P], measure: bool) -> Lowered[P]:
        """``lowered`` with the choices as remembered or, with ``measure``, made now."""


@runtime_checkable
class KeysCosts(Protocol[P_contra]):
    """A target whose layers take the same time in every network that has them."""

    def cost_keys(self, lowered: Lowered[P_contra]) -> Mapping[str, CostKey]:
        """Of the layers that take any time, by name, once choices were made; a layer whose time
        depends on its neighbours has none."""


@runtime_checkable
class PredictsCycles(Protocol[P_contra]):
    """A target that knows how long its designs take before they run."""

    def predicted_cycles(self, lowered: Lowered[P_contra]) -> int:
        """Of one inference."""


@runtime_checkable
class Packages(Protocol[P_contra]):
    """A target whose models become something that another build takes."""

    def check_package(self, board: Board, kind: str) -> None:
        """``ConfigError`` for a kind of package that ``board`` has not."""

    def package(self, lowered: Lowered[P_contra], kind: str) -> dict[str, bytes]:
        """Files by relative path."""


@dataclass(frozen=True, slots=True)
class Change:
    """What would make a layer faster, or a layer like it: ``saves`` so much of its time. ``reason``
    is one of "memory", "exact path", "width", "alignment", "tail", "few channels", "stride",
    "small map" and "layout"."""

    reason: str
    text: str
    saves: int


@dataclass(frozen=True, slots=True)
class Account:
    """What a layer costs, in the unit of its ``Explanation``, and ``best_per_mac``, what a
    multiply-accumulate of an ideal layer of its window does, or of one of the changes to it with
    weights as wide (None for a layer without them, or where none could be built). ``changes`` come
    with the one that saves most first; they don't add up. ``flash_wait`` are the cycles that
    waiting for the board's flash adds, estimated and in no other figure; None where that is not
    known or there is none to wait for."""

    index: int
    name: str
    op: str
    kernel: str
    macs: int
    time: int
    best_per_mac: float | None
    changes: tuple[Change, ...]
    flash_wait: int | None = None

    @property
    def per_mac(self) -> float | None:
        """None without multiply-accumulates."""
        return self.time / self.macs if self.macs else None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Accounts of all layers, taken on ``board``; ``unit`` of time is "cycles" or
    "instructions"."""

    board: str
    unit: str
    layers: tuple[Account, ...]


@runtime_checkable
class Explains(Protocol[P_contra]):
    """A target that tells where a layer's time goes."""

    def explain(self, lowered: Lowered[P_contra]) -> Explanation:
        """Of a graph whose choices were made; ``ConfigError`` where nothing can be measured."""


@runtime_checkable
class Estimates(Protocol[P_contra]):
    """A target whose real boards have a virtual one of their core."""

    def estimates(self, lowered: Lowered[P_contra]) -> tuple[Artifact[Any], Artifact[Any]]:
        """The build of a graph whose choices were made, on the virtual board as it is and on one
        that waits for memory as the real board does; ``ConfigError`` where there is none."""


@dataclass(frozen=True, slots=True)
class Size:
    """What a network takes of a board, before anything is built: ``figures`` by the keys of
    ``deploy.json``, those of ``exact`` as they will be and the others estimated; ``cycles`` from
    one inference to the next at ``clock_hz``, estimated, None where nothing is known."""

    figures: Mapping[str, int]
    exact: tuple[str, ...] = ()
    cycles: int | None = None
    clock_hz: int | None = None


@runtime_checkable
class Sizes(Protocol):
    """A target that says in seconds what a network would take."""

    def size(self, graph: Graph, board: Board) -> Size:
        """Of ``graph``, whose border was checked; refuses what ``lower`` or the build would."""
        ...


@runtime_checkable
class RunsFiles(Protocol):
    """A target that runs the very file that a graph was imported from."""

    def open_original(self, graph: Graph, board: Board, path: Path) -> Artifact[Any]:
        """``path`` as an artifact that must equal ``graph`` unlowered."""


@runtime_checkable
class NeedsTools(Protocol):
    """A target whose boards want something installed, by the names that ``hwkit doctor`` has."""

    def needs(self, board: Board) -> tuple[str, ...]:
        """All of it. Example: ``("yosys", "nextpnr-ice40")``."""


@runtime_checkable
class BringsUp(Protocol):
    """A target whose boards answer on a serial line, and that a new one can be tried with."""

    def look_at(self, board: Board) -> Mapping[str, str]:
        """What to check when a step fails, by step: link, info, memory, golden, clock."""


@dataclass(frozen=True, slots=True)
class ArenaNeeds:
    """What a plan of the memory for activations asks: ``scratch_bytes`` of the nodes that need
    any, ``overlaps`` as ``lower.schedule`` has them, ``other_bytes`` of SRAM that variables take,
    ``room_bytes`` for activations once these and the stack are there, or the build's limit;
    ``rows_at_once`` of the nodes whose kernels make more than one row of a map at once;
    ``tensor_bytes`` of activations that do not take a byte, or as many as their type has, for each
    integer; nodes in ``over_start`` may write from the start of their input on, and parts of two
    rows of those in ``parts_over_start`` from that of the rows that they read."""

    scratch_bytes: Mapping[str, int]
    overlaps: Mapping[str, Mapping[str, int]]
    other_bytes: int
    room_bytes: int
    rows_at_once: Mapping[str, int] = field(default_factory=dict)
    tensor_bytes: Mapping[str, int] = field(default_factory=dict)
    over_start: Collection[str] = ()
    parts_over_start: Collection[str] = ()


@runtime_checkable
class PlansArena(Protocol[P_contra]):
    """A target whose activations lie in memory that hwkit plans."""

    def arena_needs(self, lowered: Lowered[P_contra]) -> ArenaNeeds:
        """Of the lowered graph, by the names of its nodes."""
