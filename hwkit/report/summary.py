"""The typed form of ``RUN/summary.json``: everything that the report shows, and nothing else.

Whoever runs the stages builds a ``Summary`` and saves it; ``page.py`` turns it into HTML. Units
stand in the names. None (JSON null) is a figure that a board can't give, never a zero. A complete
example is ``tests/report/example.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from hwkit.allocate.cost import CostRow, SensitivityRow
from hwkit.boards import Board
from hwkit.errors import FormatError
from hwkit.files import read_json, write_json
from hwkit.formats import stamped, unstamped
from hwkit.lower.memory import Placement
from hwkit.profile.measurement import Measurement, plain
from hwkit.record import from_json, to_json
from hwkit.target import Evidence

VERSION = 2
"""1 had profiles without an identity."""

Number = float  # the field ``Accuracy.float`` hides the builtin from its annotations


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Share of test images classified correctly, 0..1, by the float network, by training's
    fake-quantized one and by the integer graph. Example: ``Accuracy(0.978, 0.975, 0.975)``."""

    float: Number | None
    fake_quantized: Number | None
    integer: Number | None


@dataclass(frozen=True, slots=True)
class Layer:
    """One op of the frozen graph, in its order.

    ``inputs`` names of the layers it reads, empty where it reads the graph's input: the edges of
    the picture. ``weight_bits`` and ``weight_bytes`` are None and 0 for an op without weights;
    ``output_bits`` e.g. ``s8``.
    """

    name: str
    op: str
    output_shape: tuple[int, ...]
    weight_bits: int | None
    macs: int
    weight_bytes: int
    inputs: tuple[str, ...] = ()
    output_bits: str = ""


@dataclass(frozen=True, slots=True)
class Model:
    """One trained network as frozen.

    ``name`` is the key that the other sections use (``mnist_w8``); ``bits`` a short text for
    people (``w8 a8``); ``integers_at_freeze`` how many integers were compared between the
    fake-quantized network and the graph, ``moved_at_freeze`` how many of them differ; ``digest``
    SHA-256 of the ``.hwk`` file. ``confusion[k][j]`` counts the test images of class k that the
    integer graph takes for j; empty where nobody counted.
    """

    name: str
    recipe: str
    bits: str
    accuracy: Accuracy
    test_images: int
    moved_at_freeze: int | None
    layers: tuple[Layer, ...]
    integers_at_freeze: int | None = None
    dataset: str = ""
    digest: str = ""
    confusion: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Exactness:
    """One model on one board against the interpreter: ``inputs`` samples, ``integers`` compared,
    ``differing`` of them; ``moved`` integers that lowering to that board changed on purpose."""

    model: str
    board: str
    inputs: int
    integers: int
    differing: int
    moved: int


@dataclass(frozen=True, slots=True)
class Lifetime:
    """One tensor in the arena, or the ``scratch`` of one layer: ``size_bytes`` from
    ``offset_bytes`` (several memories count as one, each upon the last), alive from step
    ``first_step`` to ``last_step``, both included; step i is the i-th layer of the lowered
    graph."""

    name: str
    offset_bytes: int
    size_bytes: int
    first_step: int
    last_step: int
    kind: str = "activation"


@dataclass(frozen=True, slots=True)
class MemoryMap:
    """The arena's plan and what the board has; limits are None where there is none."""

    tensors: tuple[Lifetime, ...]
    arena_bytes: int
    flash_limit_bytes: int | None = None
    ram_limit_bytes: int | None = None

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any], board: Board) -> MemoryMap:
        """From ``memory_map`` (rows as ``lower.memory.Placement``) and ``arena_bytes`` of a
        ``deploy.json``, and the regions of the board it was built for."""
        where = f"deploy.json of {board.name}: memory_map"
        placed = [
            from_json(Placement, row, f"{where}[{i}]") for i, row in enumerate(facts["memory_map"])
        ]
        # Each region's arena upon the one before.
        base, bases = 0, {}
        for name in dict.fromkeys(p.region for p in placed):
            bases[name] = base
            base += max(p.end for p in placed if p.region == name)
        tensors = tuple(
            Lifetime(
                p.tensor,
                bases[p.region] + p.offset,
                p.size_bytes,
                p.first_layer,
                p.last_layer,
                p.kind,
            )
            for p in placed
        )
        regions = board.mcu.memory if board.mcu else ()
        room = {
            kind: sum(r.size_bytes for r in regions if r.kind == kind) or None
            for kind in ("flash", "sram")
        }
        return cls(tensors, facts["arena_bytes"], room["flash"], room["sram"])


@dataclass(frozen=True, slots=True)
class Deploy:
    """One model built for one board: the keys of ``deploy.json`` (None: does not apply), the
    model's name and, for a microcontroller, the memory map. Build it with ``from_facts``."""

    model: str
    board: str
    artifact: str = ""
    weight_bytes: int | None = None
    code_bytes: int | None = None
    flash_bytes: int | None = None
    arena_bytes: int | None = None
    stack_bytes: int | None = None
    ram_bytes: int | None = None
    lut: int | None = None
    ff: int | None = None
    bram: int | None = None
    dsp: int | None = None
    estimated: Mapping[str, int] = field(default_factory=dict)
    fmax_hz: float | None = None
    cycles_per_inference: int | float | None = None
    tools: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""
    memory: MemoryMap | None = None

    @classmethod
    def from_facts(cls, model: str, facts: Mapping[str, Any], board: Board | None = None) -> Deploy:
        """From the content of a ``deploy.json``; keys that the report doesn't show are left out.
        With the board and a ``memory_map`` among the facts, the memory map as well."""
        known = {f.name for f in fields(cls)} - {"model", "memory"}
        shown = {key: value for key, value in facts.items() if key in known}
        has_map = board is not None and facts.get("memory_map")
        memory = MemoryMap.from_facts(facts, board) if board is not None and has_map else None
        return cls(model=model, memory=memory, **shown)


@dataclass(frozen=True, slots=True)
class LoopState:
    """The network at one plan. ``evidence`` is what its latency is worth; bytes are counted in
    the built image, or predicted where evidence is ``estimated``."""

    weight_bits: Mapping[str, int]
    accuracy: float | None
    cycles: int | float | None
    us: float | None
    flash_bytes: int | None
    evidence: Evidence
    sram_bytes: int | None = None
    lut: int | None = None
    activation_bits: Mapping[str, int] = field(default_factory=dict)

    def figures(self) -> dict[str, float]:
        """What is known, by the keys of ``allocate.budget.Budget``."""
        found = {
            "latency_cycles": self.cycles,
            "latency_us": self.us,
            "flash_bytes": self.flash_bytes,
            "sram_bytes": self.sram_bytes,
            "lut": self.lut,
        }
        return {key: value for key, value in found.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Loop:
    """allocate -> retrain -> measure, once round, of ``model`` on ``board``.

    ``budget`` is the text that the user gave (``latency=2.5ms,flash=24kB``); ``before`` the
    network that was trained first, ``predicted`` what the cost table promises for the plan
    (``accuracy`` None, evidence ``estimated``), ``after`` the retrained network measured again.
    """

    model: str
    board: str
    budget: str
    before: LoopState
    predicted: LoopState
    after: LoopState
    sensitivity: tuple[SensitivityRow, ...] = ()
    cost_table: tuple[CostRow, ...] = ()
    within_budget: bool | None = None


@dataclass(frozen=True, slots=True)
class Tried:
    """One network that ``hwkit tune`` made and measured on ``board``: one ``uniform`` width, to
    compare with, or a ``plan`` of the loop, with what was ``predicted`` of it (keys of ``Budget``).
    ``holds`` what was asked for or not, None where nothing was."""

    title: str
    kind: Literal["uniform", "plan"]
    board: str
    state: LoopState
    predicted: Mapping[str, float] = field(default_factory=dict)
    holds: bool | None = None

    def errors(self) -> dict[str, float]:
        """Predicted over measured, less 1, of each cost that has both. Example: ``{"flash_bytes":
        -0.004}`` where 0.4 % more was measured than promised."""
        got = self.state.figures()
        return {
            key: promised / got[key] - 1 for key, promised in self.predicted.items() if got.get(key)
        }


@dataclass(frozen=True, slots=True)
class Tuning:
    """What ``hwkit tune`` was asked for on each board, what it tried in that order, the ``chosen``
    one's title by board (none where nothing held), and the ``limits`` of each (keys of
    ``Budget``)."""

    network: str
    asked: Mapping[str, str]
    tried: tuple[Tried, ...]
    chosen: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Shape:
    """One network that ``hwkit search`` measured: its ``number`` in that order, the values that
    were ``chosen``, its costs (keys of ``Budget``) before training, whether they hold, and its
    accuracy after each of its trainings (0..1)."""

    number: int
    chosen: Mapping[str, str]
    figures: Mapping[str, float]
    holds: bool
    rungs: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Searched:
    """What ``hwkit search`` looked at; ``tried`` are those that were trained in full and what they
    are compared with, ``chosen`` the winner's title (None where none holds)."""

    network: str
    board: str
    asked: str
    looked_at: tuple[Shape, ...]
    tried: tuple[Tried, ...]
    chosen: str | None = None
    limits: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Summary:
    """One run. ``created_utc`` is ISO 8601 (``2026-01-31T12:00:00Z``); ``tools`` name to version;
    ``seconds`` stage to wall-clock time, in the order run."""

    created_utc: str
    commit: str
    models: tuple[Model, ...] = ()
    exactness: tuple[Exactness, ...] = ()
    profiles: tuple[Measurement, ...] = ()
    deploys: tuple[Deploy, ...] = ()
    loop: Loop | None = None
    tuning: Tuning | None = None
    search: Searched | None = None
    tools: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    version: int = VERSION

    def to_json(self) -> dict[str, Any]:
        """The JSON value, keys in the order of the fields."""
        value: dict[str, Any] = to_json(self)
        return {**value, "profiles": [profile.to_json() for profile in self.profiles]}

    def save(self, path: Path) -> None:
        """Writes the file beside and renames it; ``ConfigError`` when the disk refuses."""
        write_json(path, stamped("summary.json", self.to_json()))


def parse(value: Any, where: str = "summary.json") -> Summary:
    """``value`` as ``json.loads`` gives it; ``FormatError`` names the first key that is wrong."""
    if isinstance(value, dict) and value.get("version", VERSION) != VERSION:
        raise FormatError(
            f"{where}: version {value['version']!r} is not {VERSION}; run the stages again"
        )
    if isinstance(value, dict) and isinstance(profiles := value.get("profiles"), list):
        value = {**value, "profiles": [plain(each) for each in profiles]}
    return from_json(Summary, value, where)


def load(path: Path) -> Summary:
    """Reads a summary; ``FormatError`` for a file that is missing, cut short or not a summary."""
    return parse(unstamped("summary.json", read_json(path), str(path)), str(path))
