"""The cost table that networks, campaigns and allocations share, and the targets that fill it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from hwkit.allocate.cost import CostTable
from hwkit.boards import Board
from hwkit.ir.graph import Graph
from hwkit.profile.commit import source_commit
from hwkit.profile.measurement import Figures
from hwkit.profile.store import costs
from hwkit.profile.store.costs import LayerCost
from hwkit.profile.store.database import Place
from hwkit.target import CostKey, Evidence, LayerTiming


@dataclass(frozen=True, slots=True)
class CostBook:
    """Costs of layers in the store at ``place`` (None: the user's own).

    Example: ``CostBook().known([key])`` has the cost at ``key.digest`` once any network with that
    layer was measured.
    """

    place: Place = None

    def known(self, keys: Iterable[CostKey]) -> dict[str, LayerCost]:
        """What was measured of layers of these ``keys``, by their digest."""
        return costs.known([key.digest for key in keys], self.place)

    def keep(self, found: Iterable[LayerCost]) -> None:
        """For whoever asks next."""
        costs.keep(found, self.place)

    def all(self, board: str | None = None) -> list[LayerCost]:
        """All costs, or those measured on ``board``."""
        return costs.read(self.place, board)


@runtime_checkable
class HasCosts(Protocol):
    """A target that knows what weight widths cost on a board of its own."""

    def costs(
        self,
        graph: Graph,
        board: Board,
        widths: Sequence[int],
        maps: Sequence[int] = (),
        book: CostBook | None = None,
    ) -> CostTable:
        """A row for each layer with weights and each of ``widths`` (1..8 bits), and with ``maps``
        for each of these widths of the map that it reads, and one for each map. What ``book``
        knows is not measured again, and what is measured goes into it."""


def layer_costs(
    board: str,
    evidence: Evidence,
    model: str,
    rows: Iterable[LayerTiming | Figures],
    keys: Mapping[str, CostKey],
    repeats: int = 1,
    drift: float | None = None,
) -> list[LayerCost]:
    """What is to be kept of ``rows``, timed or medians, whose layers have ``keys``: of layers that
    are alike in one network the first."""
    commit, found = source_commit(), dict[str, LayerCost]()
    for row in rows:
        key = keys.get(row.name)
        if key is None or key.digest in found or row.cycles is row.us is None:
            continue
        found[key.digest] = LayerCost(
            board=board,
            evidence=evidence,
            layer=key.layer,
            build=key.build,
            macs=row.macs,
            instructions=row.instructions,
            cycles=row.cycles,
            us=row.us,
            spread=row.spread if isinstance(row, Figures) else {},
            repeats=repeats,
            drift=drift,
            model=model,
            source_commit=commit,
        )
    return list(found.values())
