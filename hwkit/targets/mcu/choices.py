"""What was measured of each layer's alternatives, and what was taken."""

from __future__ import annotations

from dataclasses import dataclass

from hwkit.targets.mcu.call import Pick


@dataclass(frozen=True, slots=True)
class Figure:
    """One way to compute a layer: exact instructions and modelled cycles (None where the core
    has no model) of one inference. ``flash_bytes`` are the layer's own function, descriptor and
    tables; a copy of a kernel that it shares is not in them."""

    pick: Pick
    cycles: int | None
    instructions: int | None
    flash_bytes: int

    @property
    def time(self) -> int:
        """Cycles, or instructions where these are all there is."""
        counts = (self.cycles, self.instructions, 0)
        return next(count for count in counts if count is not None)


@dataclass(frozen=True, slots=True)
class Total:
    """A whole build: the sums over its layers, its image, its arena."""

    cycles: int | None
    instructions: int | None
    flash_bytes: int
    arena_bytes: int

    @property
    def time(self) -> int:
        """Cycles, or instructions where these are all there is."""
        counts = (self.cycles, self.instructions, 0)
        return next(count for count in counts if count is not None)


@dataclass(frozen=True, slots=True)
class Growth:
    """``layer`` makes the arena ``arena_bytes`` larger than a kernel with less scratch would, for
    ``time`` fewer cycles (instructions where the core has no model) of one inference."""

    layer: int
    arena_bytes: int
    time: int


@dataclass(frozen=True, slots=True)
class Choice:
    """``picks`` by layer, and why: what ``board`` measured of the alternatives of each layer
    (``figures``), of the build by the rule and of the chosen one, and what was ``bought`` where
    the arena is larger than by the rule. ``board`` is "" where nothing
    was measured, for the reason in ``note``."""

    board: str
    note: str
    picks: tuple[Pick, ...]
    figures: tuple[tuple[Figure, ...], ...] = ()
    by_rule: Total | None = None
    chosen: Total | None = None
    bought: tuple[Growth, ...] = ()
