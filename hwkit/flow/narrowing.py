"""narrow: fewer bits for feature maps, under limits of work and memory, by calibration data."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from math import log10
from typing import Any

import numpy as np

from hwkit.errors import BudgetInfeasible, ConfigError
from hwkit.flow.planning import plan
from hwkit.ir.counts import bitops
from hwkit.ir.graph import Graph
from hwkit.ir.types import Array
from hwkit.lower.fuse_requantize import fuse_requantize
from hwkit.lower.narrow import vdqs
from hwkit.lower.narrow.grids import Grid, best_grid, coarser, entropy, squared_error
from hwkit.lower.narrow.histograms import histograms
from hwkit.lower.narrow.narrowed import narrowed
from hwkit.lower.narrow.sites import Site, sites


@dataclass(frozen=True, slots=True)
class Limits:
    """What the narrowed network has to hold: at most ``bitops`` of the BitOPs that it had (0 to
    1), and ``sram`` ("20kB", as for ``plan``) on ``board``, inputs ``streamed`` or not."""

    bitops: float | None = None
    board: str | None = None
    sram: str | None = None
    streamed: bool = False

    def __post_init__(self) -> None:
        if self.bitops is not None and not 0 < self.bitops <= 1:
            raise ConfigError(
                f"bitops {self.bitops:g}: is a share of the network's, above 0, at most 1"
            )
        if self.sram is not None and self.board is None:
            raise ConfigError(f"sram {self.sram}: on which board? give --board")


@dataclass(frozen=True, slots=True)
class Map:
    """A feature map whose width was looked at, the ``layer`` that makes it, its type ``before``
    and ``after``, the entropy of its integers, and the signal to noise in dB that its grid alone
    leaves (None: unchanged)."""

    name: str
    layer: str
    before: str
    after: str
    entropy: float
    entropy_after: float
    snr_db: float | None


@dataclass(frozen=True, slots=True)
class Narrowed:
    """The ``graph`` after, its ``maps``, and BitOPs before and after."""

    graph: Graph
    maps: tuple[Map, ...]
    bitops_before: int
    bitops: int

    def to_json(self) -> dict[str, Any]:
        """What ``narrow --json`` prints."""
        names = Map.__slots__
        return {
            "maps": [{name: getattr(m, name) for name in names} for m in self.maps],
            "bitops_before": self.bitops_before,
            "bitops": self.bitops,
        }


def narrow(
    graph: Graph,
    feeds: Mapping[str, Array],
    limits: Limits,
    lam: float = vdqs.LAMBDA,
    keep: Collection[str] = (),
    give_back: bool = True,
) -> Narrowed:
    """``graph`` with the widths of 4 and 2 bits that value-driven search finds for its maps, but
    for those that ``keep`` names. ``give_back`` as for ``vdqs.search``: a network that is trained
    again can do without.

    ``feeds``: real inputs by name, (N, *shape). ``BudgetInfeasible`` where not even all maps at 2
    bits hold ``limits``, ``ConfigError`` for ``lam`` outside 0..1 and for a network that has no
    map to narrow.
    """
    if not 0 <= lam <= 1:
        raise ConfigError(f"lambda {lam:g}: is a share, 0 to 1; the paper's is {vdqs.LAMBDA}")
    search = _search(graph, feeds, keep)
    widths = vdqs.search(search.offers(), search.holding(limits), lam, give_back)
    if widths is None:
        raise BudgetInfeasible(search.out_of_reach(limits))
    return search.result(widths)


def at_widths(graph: Graph, feeds: Mapping[str, Array], widths: Mapping[str, int]) -> Narrowed:
    """``graph`` with the maps that ``widths`` names at 4 or 2 bits, on the grids that ``feeds`` ask
    for, as ``narrow`` has them. ``ConfigError`` for a map that is not there or another width."""
    search = _search(graph, feeds)
    for name, bits in widths.items():
        if (name, bits) not in search.grids:
            there = ", ".join(f"{site} at {b}" for site, b in search.grids)
            raise ConfigError(f"{name} at {bits} bits: cannot be had; there are {there}")
    return search.result(widths)


def _search(graph: Graph, feeds: Mapping[str, Array], keep: Collection[str] = ()) -> _Search:
    graph = fuse_requantize(graph)  # sums that are seen count in steps of the map before them
    found = tuple(site for site in sites(graph) if not set(keep) & set(site.tensors))
    if not found:
        raise ConfigError(
            f"{graph.name}: no map between two rescales has 3 to 8 bits; there is none to narrow"
        )
    return _Search(graph, found, histograms(graph, found, feeds))


class _Search:
    def __init__(self, graph: Graph, found: tuple[Site, ...], counts: Mapping[str, Array]) -> None:
        self.graph, self.sites, self.counts = graph, found, counts
        self.whole = bitops(graph)
        self.grids = {
            (site.name, bits): best_grid(counts[site.name], site.dtype, site.zero_point, bits)
            for site in found
            for bits in vdqs.WIDTHS
            if bits < site.dtype.bits
        }

    def offers(self) -> list[vdqs.Offer]:
        """Every map at every width that it may get."""
        found = []
        for site in self.sites:
            before = entropy(self.counts[site.name])
            for bits in vdqs.WIDTHS:
                if (site.name, bits) in self.grids:
                    left = entropy(self._coarser(site, self.grids[site.name, bits]))
                    lost = (before - left) / before if before else 0.0
                    saved = 1 - bitops(self.graph, self._bits({site.name: bits})) / self.whole
                    found.append(vdqs.Offer(site.name, bits, max(lost, 0.0), saved))
        return found

    def holding(self, limits: Limits) -> Callable[[Mapping[str, int]], bool]:
        """Whether widths hold ``limits``."""

        def holds(widths: Mapping[str, int]) -> bool:
            most = limits.bitops
            if most is not None and bitops(self.graph, self._bits(widths)) > most * self.whole:
                return False
            return limits.sram is None or self._fits(widths, limits)

        return holds

    def _fits(self, widths: Mapping[str, int], limits: Limits) -> bool:
        assert limits.board is not None
        try:
            plan(self.rewritten(widths), limits.board, limits.sram, limits.streamed)
        except BudgetInfeasible:
            return False
        return True

    def out_of_reach(self, limits: Limits) -> str:
        """Why nothing holds ``limits``, and the best that is reached."""
        least = {site.name: min(b for n, b in self.grids if n == site.name) for site in self.sites}
        share = bitops(self.graph, self._bits(least)) / self.whole
        if limits.bitops is not None and share > limits.bitops:
            return (
                f"bitops {limits.bitops:g} cannot be met: all maps at {min(vdqs.WIDTHS)} bits "
                f"leave {share:.3f} of them; ask for more, or give weights fewer bits"
            )
        remedy = "" if limits.streamed else ", or try --input streamed"
        return (
            f"sram {limits.sram} cannot be met with all maps at {min(vdqs.WIDTHS)} bits; give "
            f"more{remedy}"
        )

    def rewritten(self, widths: Mapping[str, int]) -> Graph:
        """The graph with sites at ``widths``."""
        chosen = {s: self.grids[s.name, widths[s.name]] for s in self.sites if s.name in widths}
        return narrowed(self.graph, chosen)

    def result(self, widths: Mapping[str, int]) -> Narrowed:
        """All facts about the graph at ``widths``."""
        graph = self.rewritten(widths)
        maps = tuple(self._map(site, widths.get(site.name)) for site in self.sites)
        return Narrowed(graph, maps, self.whole, bitops(graph))

    def _map(self, site: Site, bits: int | None) -> Map:
        counts = self.counts[site.name]
        before = entropy(counts)
        layer = next(op.name for op in self.graph.nodes if op.output == site.name)
        if bits is None:
            return Map(site.name, layer, str(site.dtype), str(site.dtype), before, before, None)
        grid = self.grids[site.name, bits]
        steps = np.arange(site.dtype.low, site.dtype.high + 1) - site.zero_point
        signal, noise = float(np.sum(counts * steps * steps)), squared_error(grid, counts, steps)
        snr = 10 * log10(signal / noise) if signal and noise else None
        after = entropy(self._coarser(site, grid))
        return Map(site.name, layer, str(site.dtype), str(grid.dtype), before, after, snr)

    def _coarser(self, site: Site, grid: Grid) -> Array:
        return coarser(self.counts[site.name], site.dtype, site.zero_point, grid)

    def _bits(self, widths: Mapping[str, int]) -> dict[str, int]:
        """Widths by tensor, of sites that have one."""
        return {
            name: widths[site.name]
            for site in self.sites
            if site.name in widths
            for name in site.tensors
        }
