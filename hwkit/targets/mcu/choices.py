"""What was measured of each layer's alternatives, and what was taken."""

from __future__ import annotations

from dataclasses import dataclass

from hwkit.targets.mcu.call import Pick


def _first(*counts: int | None) -> int:
    return next((count for count in counts if count is not None), 0)


@dataclass(frozen=True, slots=True)
class Figure:
    """One way to compute a layer: exact instructions and modelled cycles (None where the core
    has no model) of one inference. ``flash_bytes`` are the layer's own function, descriptor and
    tables; a copy of a kernel that it shares is not in them. ``uncertain``: the core's model does
    not decide (``cost_models``)."""

    pick: Pick
    cycles: int | None
    instructions: int | None
    flash_bytes: int
    uncertain: bool = False

    @property
    def time(self) -> int:
        """What decides: cycles, or instructions where these are all that is certain."""
        return _first(None if self.uncertain else self.cycles, self.instructions)

    @property
    def cost(self) -> int:
        """What is told: cycles, or instructions where these are all there is."""
        return _first(self.cycles, self.instructions)


@dataclass(frozen=True, slots=True)
class Total:
    """A whole build: the sums over its layers, its image, its arena."""

    cycles: int | None
    instructions: int | None
    flash_bytes: int
    arena_bytes: int
    uncertain: bool = False

    @property
    def time(self) -> int:
        """What decides: cycles, or instructions where these are all that is certain."""
        return _first(None if self.uncertain else self.cycles, self.instructions)

    @property
    def cost(self) -> int:
        """What is told: cycles, or instructions where these are all there is."""
        return _first(self.cycles, self.instructions)


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
