"""What each width costs: plain rows, measured on a board, and how sensitive each layer is.

Cost tables are measured and never derived from operation counts: latency is not monotone in
bits (OHQ, arXiv 2309.01945, asks the chip itself; so does HAWQ-V3, arXiv 2011.10680).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from hwkit.boards import Board
from hwkit.errors import ConfigError
from hwkit.ir.graph import Graph
from hwkit.target import Evidence

MAX_BITS = 8
MAX_SHARED = 4
"""Kinds of shared cost that a table may have: every set of them is tried."""


@dataclass(frozen=True, slots=True)
class CostRow:
    """One layer at one weight width on one board.

    ``weight_bytes`` of the packed weights and tables (flash); ``cycles`` or ``us`` of one
    inference through the layer; ``sram_bytes`` in use while the layer runs; ``lut`` its logic.
    None: not known. Example: ``CostRow("conv1", 4, 72, cycles=61000)``.
    """

    layer: str
    bits: int
    weight_bytes: int
    cycles: int | None = None
    us: float | None = None
    sram_bytes: int | None = None
    lut: int | None = None
    evidence: Evidence = "measured"
    board: str = ""


@dataclass(frozen=True, slots=True)
class FixedCost:
    """What no width changes: code, start-up, layers without weights. Added to every plan's sums
    (``sram_bytes`` too: what is in use beside the layer's own)."""

    flash_bytes: int = 0
    cycles: int = 0
    us: float = 0.0
    sram_bytes: int = 0
    lut: int = 0


@dataclass(frozen=True, slots=True)
class SharedCost:
    """What is in the image once as soon as any layer has one of ``widths``: the kernel that those
    widths run in. Example: ``SharedCost((8, 6), 900)``: 900 B of code for 8-bit storage."""

    widths: tuple[int, ...]
    flash_bytes: int


@dataclass(frozen=True, slots=True)
class CostTable:
    """Rows of one board and one kind of evidence, one for each layer and width on offer;
    ``shared`` costs name each width at most once.

    Raises ``ConfigError`` when empty, when a pair of layer and width stands twice, when a figure
    is negative, or when boards or kinds of evidence are mixed.
    """

    board: str
    rows: tuple[CostRow, ...]
    fixed: FixedCost = field(default_factory=FixedCost)
    clock_hz: int | None = None
    shared: tuple[SharedCost, ...] = ()

    def __post_init__(self) -> None:
        if not self.rows:
            raise ConfigError(f"cost table of {self.board}: it has no rows; measure the layers")
        if self.clock_hz is not None and self.clock_hz <= 0:
            raise ConfigError(f"cost table of {self.board}: clock_hz {self.clock_hz} is below 1")
        _check_widths("cost table", ((row.layer, row.bits) for row in self.rows))
        for row in self.rows:
            where = f"cost table: {row.layer} at {row.bits} bits"
            for name in ("weight_bytes", "cycles", "us", "sram_bytes", "lut"):
                _check_amount(f"{where}: {name}", getattr(row, name))
            if row.board not in ("", self.board):
                raise ConfigError(f"{where}: measured on {row.board}, the table is {self.board}'s")
            if row.evidence != self.evidence:
                raise ConfigError(
                    f"{where}: {row.evidence}, but {self.rows[0].layer} is {self.evidence}; "
                    "one table holds one kind of evidence"
                )
        for name in ("flash_bytes", "cycles", "us", "sram_bytes", "lut"):
            _check_amount(f"cost table: fixed {name}", getattr(self.fixed, name))
        named = [width for part in self.shared for width in part.widths]
        if len(set(named)) != len(named) or len(self.shared) > MAX_SHARED:
            raise ConfigError(f"cost table of {self.board}: shared costs name {named}; once each")
        for part in self.shared:
            _check_amount("cost table: shared flash_bytes", part.flash_bytes)

    @property
    def evidence(self) -> Evidence:
        """What every row is worth."""
        return self.rows[0].evidence


@dataclass(frozen=True, slots=True)
class SensitivityRow:
    """How much ``bits`` in ``layer`` harms the network: >= 0, in the unit of the method (the rise
    of the loss, a KL divergence, HAWQ's trace times squared error)."""

    layer: str
    bits: int
    value: float


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """Rows of one method; the values of layers are summed, as in HAWQ-V3's objective.

    Raises ``ConfigError`` for a value that is negative or not finite, or a pair that stands twice.
    """

    rows: tuple[SensitivityRow, ...]
    method: str = ""

    def __post_init__(self) -> None:
        _check_widths("sensitivity", ((row.layer, row.bits) for row in self.rows))
        for row in self.rows:
            _check_amount(f"sensitivity: {row.layer} at {row.bits} bits", row.value)

    def by_width(self) -> dict[tuple[str, int], float]:
        """Values by (layer, bits)."""
        return {(row.layer, row.bits): row.value for row in self.rows}


def _check_widths(where: str, pairs: Iterable[tuple[str, int]]) -> None:
    seen = set()
    for layer, bits in pairs:
        if not 1 <= bits <= MAX_BITS:
            raise ConfigError(f"{where}: {layer}: {bits} bits is outside 1..{MAX_BITS}")
        if (layer, bits) in seen:
            raise ConfigError(f"{where}: {layer} at {bits} bits stands twice; keep one row")
        seen.add((layer, bits))


def _check_amount(where: str, value: float | None) -> None:
    if value is not None and not (0 <= value < 1e15 and math.isfinite(value)):
        raise ConfigError(f"{where}: {value!r} is not a number of 0 or more; measure it again")


@runtime_checkable
class HasCosts(Protocol):
    """A target that knows what weight widths cost on a board of its own."""

    def costs(self, graph: Graph, board: Board, widths: Sequence[int]) -> CostTable:
        """A row for each layer with weights and each of ``widths`` (1..8 bits)."""
