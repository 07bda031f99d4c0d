"""What each width costs: plain rows, measured on a board, and how sensitive each layer is.

Cost tables are measured and never derived from operation counts: latency is not monotone in
bits (OHQ, arXiv 2309.01945, asks the chip itself; so does HAWQ-V3, arXiv 2011.10680).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from hwkit.errors import ConfigError
from hwkit.target import Evidence

MAX_BITS = 8


@dataclass(frozen=True, slots=True)
class CostRow:
    """One layer at one weight width on one board, and at one width of the map that it reads
    (``activation_bits``; None: at any).

    ``weight_bytes`` of the packed weights and tables (flash); ``cycles`` or ``us`` of one
    inference through the layer; ``sram_bytes`` in use while the layer runs; ``lut`` its logic;
    ``energy_nj`` of one inference, however it was found; ``interval`` that the median of ``us``
    lies in, where that was sampled. None: not known.

    Example: ``CostRow("conv1", 4, 72, cycles=61000)``.
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
    activation_bits: int | None = None
    energy_nj: int | None = None
    interval: tuple[float, float] | None = None

    @property
    def where(self) -> str:
        """Example: ``conv1 at 4 bits on 8``."""
        read = "" if self.activation_bits is None else f" on {self.activation_bits}"
        return f"{self.layer} at {self.bits} bits{read}"


@dataclass(frozen=True, slots=True)
class MapRow:
    """One feature map at one width: what it costs beside the layers of ``CostTable.rows``, in
    layers without weights and in code. ``sram_bytes`` are the map's own, counted in each
    ``Moment`` in which it is alive. Example: ``MapRow("conv1_relu", 4, sram_bytes=256)``."""

    map: str
    bits: int
    cycles: int = 0
    us: float = 0.0
    flash_bytes: int = 0
    sram_bytes: int = 0
    lut: int = 0
    energy_nj: int = 0


@dataclass(frozen=True, slots=True)
class Moment:
    """What is in the arena while a step of the schedule runs: ``maps`` that are alive, what the row
    of ``layer`` asks for ("" none), what ``scratch`` says (bits, bytes) for the width of map
    ``of``, and ``sram_bytes`` of the rest (below 0 where maps overlap)."""

    maps: tuple[str, ...]
    layer: str = ""
    sram_bytes: int = 0
    of: str = ""
    scratch: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class FixedCost:
    """What no width changes: code, start-up, layers without weights. Added to every plan's sums
    (``sram_bytes`` too: what is in use beside the layer's own)."""

    flash_bytes: int = 0
    cycles: int = 0
    us: float = 0.0
    sram_bytes: int = 0
    lut: int = 0
    energy_nj: int = 0


@dataclass(frozen=True, slots=True)
class SharedCost:
    """What is in the image once as soon as any layer (or, ``of`` maps, any map) has one of
    ``widths``: the kernel that those widths run in. Example: ``SharedCost((8, 6), 900)``: 900 B of
    code for 8-bit storage."""

    widths: tuple[int, ...]
    flash_bytes: int
    of: Literal["weights", "maps"] = "weights"


@dataclass(frozen=True, slots=True)
class CostTable:
    """Rows of one board and one kind of evidence, one for each layer and width on offer;
    ``shared`` costs name each width of weights at most once.

    Where activation widths are chosen too, ``reads`` says which map each layer reads: all of them
    read it at one width, that of its ``MapRow`` where ``maps`` has any. With ``moments`` the peak
    of SRAM is their largest, else that of the rows.

    Raises ``ConfigError`` when empty, when a pair of layer and width stands twice, when a figure
    is negative, when boards or kinds of evidence are mixed, or a map is not there.
    """

    board: str
    rows: tuple[CostRow, ...]
    fixed: FixedCost = field(default_factory=FixedCost)
    clock_hz: int | None = None
    shared: tuple[SharedCost, ...] = ()
    maps: tuple[MapRow, ...] = ()
    reads: Mapping[str, str] = field(default_factory=dict)
    moments: tuple[Moment, ...] = ()

    def __post_init__(self) -> None:
        if not self.rows:
            raise ConfigError(f"cost table of {self.board}: it has no rows; measure the layers")
        if self.clock_hz is not None and self.clock_hz <= 0:
            raise ConfigError(f"cost table of {self.board}: clock_hz {self.clock_hz} is below 1")
        _check_widths("cost table", self.rows)
        for row in self.rows:
            where = f"cost table: {row.where}"
            for name in ("weight_bytes", "cycles", "us", "sram_bytes", "lut", "energy_nj"):
                _check_amount(f"{where}: {name}", getattr(row, name))
            if row.board not in ("", self.board):
                raise ConfigError(f"{where}: measured on {row.board}, the table is {self.board}'s")
            if row.evidence != self.evidence:
                raise ConfigError(
                    f"{where}: {row.evidence}, but {self.rows[0].layer} is {self.evidence}; "
                    "one table holds one kind of evidence"
                )
        for name in ("flash_bytes", "cycles", "us", "sram_bytes", "lut", "energy_nj"):
            _check_amount(f"cost table: fixed {name}", getattr(self.fixed, name))
        named = [width for part in self.shared if part.of == "weights" for width in part.widths]
        if len(set(named)) != len(named):
            raise ConfigError(f"cost table of {self.board}: shared costs name {named}; once each")
        for part in self.shared:
            _check_amount("cost table: shared flash_bytes", part.flash_bytes)
        self._check_maps()

    def _check_maps(self) -> None:
        _check_widths("cost table", (CostRow(row.map, row.bits, 0) for row in self.maps))
        for row in self.maps:
            for name in ("cycles", "us", "flash_bytes", "sram_bytes", "lut", "energy_nj"):
                where = f"cost table: map {row.map} at {row.bits} bits: {name}"
                _check_amount(where, getattr(row, name))
        layers, maps = {row.layer for row in self.rows}, {row.map for row in self.maps}
        if unknown := sorted(set(self.reads) - layers):
            raise ConfigError(f"cost table: reads names {unknown[0]!r}, which has no row")
        for moment in self.moments:
            named = [*moment.maps, *([moment.of] if moment.of else [])]
            if lost := [name for name in named if name not in maps]:
                raise ConfigError(f"cost table: a moment names map {lost[0]!r}, which has no row")
            if moment.layer and moment.layer not in layers:
                raise ConfigError(f"cost table: a moment names {moment.layer!r}, which has no row")

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
    activation_bits: int | None = None

    @property
    def where(self) -> str:
        """As ``CostRow.where``."""
        return CostRow(self.layer, self.bits, 0, activation_bits=self.activation_bits).where


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """Rows of one method; the values of layers are summed, as in HAWQ-V3's objective, and those of
    ``maps`` (``layer`` is the map's name) with them. A row with ``activation_bits`` is for a layer
    that reads a map at that width, one without for all that have no row of their own.

    Raises ``ConfigError`` for a value that is negative or not finite, or a pair that stands twice.
    """

    rows: tuple[SensitivityRow, ...]
    method: str = ""
    maps: tuple[SensitivityRow, ...] = ()

    def __post_init__(self) -> None:
        for rows in (self.rows, self.maps):
            _check_widths("sensitivity", rows)
            for row in rows:
                _check_amount(f"sensitivity: {row.where}", row.value)

    def by_width(self) -> dict[tuple[str, int], float]:
        """Values by (layer, bits), of rows for any width of activations."""
        return {(r.layer, r.bits): r.value for r in self.rows if r.activation_bits is None}

    def of(self, row: CostRow) -> float | None:
        """What a layer as in ``row`` harms; None where that was not measured."""
        return self._found(self.rows, row.layer, row.bits, row.activation_bits)

    def of_map(self, row: MapRow) -> float | None:
        """What a map as in ``row`` harms; None where that was not measured."""
        return self._found(self.maps, row.map, row.bits, None)

    @staticmethod
    def _found(
        rows: Iterable[SensitivityRow], layer: str, bits: int, activation_bits: int | None
    ) -> float | None:
        found = {r.activation_bits: r.value for r in rows if (r.layer, r.bits) == (layer, bits)}
        return found.get(activation_bits, found.get(None))


def _check_widths(where: str, rows: Iterable[CostRow | SensitivityRow]) -> None:
    seen = set()
    for row in rows:
        for bits in (row.bits, 8 if row.activation_bits is None else row.activation_bits):
            if not 1 <= bits <= MAX_BITS:
                raise ConfigError(f"{where}: {row.layer}: {bits} bits is outside 1..{MAX_BITS}")
        key = row.layer, row.bits, row.activation_bits
        if key in seen:
            raise ConfigError(f"{where}: {row.where} stands twice; keep one row")
        seen.add(key)


def _check_amount(where: str, value: float | None) -> None:
    if value is not None and not (0 <= value < 1e15 and math.isfinite(value)):
        raise ConfigError(f"{where}: {value!r} is not a number of 0 or more; measure it again")
