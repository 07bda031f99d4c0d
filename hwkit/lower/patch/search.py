"""All plans of a network in stages that are worth having: fewer bytes for more work.

A plan is a path over the layers, each step one layer computed whole or a stage of some
(``candidates``), that needs as many bytes as its largest step (``costs``). For each limit of bytes
the path of least work along steps below it is found, so that under this model the front is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hwkit.lower.patch.candidates import (
    ROWS,
    Rows,
    by_result_of,
    end_of_run,
    in_strips_of,
    whole_layer,
)
from hwkit.lower.patch.costs import Costs, Edge, Tiling


@dataclass(frozen=True, slots=True)
class Path:
    """Tilings of all layers, in order."""

    tilings: tuple[Tiling, ...]
    size_bytes: int
    macs: int
    besides: int

    @property
    def work(self) -> tuple[int, int, int]:
        """What is compared of two paths, bytes where they are equal in work."""
        return self.macs, self.besides, self.size_bytes


_NONE = Path((), 0, 0, 0)


def edges(costs: Costs) -> list[Edge]:
    """Every layer by itself, and every stage that can be part of a plan on the front."""
    nodes = costs.graph.nodes
    found = [edge for k in range(len(nodes)) for edge in whole_layer(costs, k)]
    starts = [(k, end) for k in range(len(nodes)) if (end := end_of_run(costs, k)) > k]
    paces = [Rows(costs, first, end, rows) for first, end in starts for rows in ROWS]
    paces += [paired for one in paces if (paired := one.in_pairs()) is not None]
    found += [e for p in paces for last in range(p.first + 1, p.end + 1) for e in p.kept(last)]
    found += [e for k, end in starts for e in by_result_of(costs, k, end)]
    # What costs more work wants fewer bytes than the best plan that costs none.
    limit = _fewest_bytes_for_no_more(costs, found)
    more = [e for k, end in starts if costs.strips for e in in_strips_of(costs, k, end)]
    more += [
        e for p in paces for last in range(p.first + 2, p.end + 1) for e in p.again(last, limit)
    ]
    by_run: dict[tuple[int, int], list[Edge]] = {}
    for edge in (*found, *(edge for edge in more if edge.size_bytes < limit)):
        by_run.setdefault((edge.tiling.first, edge.tiling.last), []).append(edge)
    return [edge for run in by_run.values() for edge in _undominated(run)]


def _fewest_bytes_for_no_more(costs: Costs, found: Sequence[Edge]) -> int:
    size: int | None = None
    while path := cheapest(costs, found, None if size is None else size - 1):
        size = path.size_bytes
    return 0 if size is None else size


def front(costs: Costs, found: Sequence[Edge] | None = None) -> tuple[Path, ...]:
    """The plans that no other beats in bytes and work, the one with most bytes first."""
    found = edges(costs) if found is None else found
    plans: list[Path] = []
    limit: int | None = None
    while (path := cheapest(costs, found, limit)) is not None:
        while (smaller := cheapest(costs, found, path.size_bytes - 1)) is not None and (
            smaller.macs <= path.macs
        ):
            path = smaller
        plans.append(path)
        limit = path.size_bytes - 1
    return tuple(plans)


def others(found: Sequence[Edge], count: int, limit: int, most: int) -> list[Path]:
    """Up to ``most`` paths over ``count`` layers along edges of at most ``limit`` bytes, those of
    fewest bytes first: for each edge the one of least work through it."""
    fitting = [edge for edge in found if edge.size_bytes <= limit]
    before, behind = _from_start(fitting), _to_end(fitting, count)
    through = {
        _joined(before[e.tiling.first], e, behind[e.tiling.last])
        for e in fitting
        if e.tiling.first in before and e.tiling.last in behind
    }
    return sorted(through, key=lambda p: (p.size_bytes, p.macs, p.besides, repr(p.tilings)))[:most]


def cheapest(costs: Costs, found: Sequence[Edge], limit: int | None = None) -> Path | None:
    """The path of least work along edges of at most ``limit`` bytes, or None."""
    fitting = [edge for edge in found if limit is None or edge.size_bytes <= limit]
    return _from_start(fitting).get(len(costs.graph.nodes))


def _from_start(found: Sequence[Edge]) -> dict[int, Path]:
    """By place the path of least work to it."""
    best = {0: _NONE}
    for edge in sorted(found, key=lambda edge: edge.tiling.first):
        if (before := best.get(edge.tiling.first)) is not None:
            _keep_better(best, edge.tiling.last, _joined(before, edge, _NONE))
    return best


def _to_end(found: Sequence[Edge], count: int) -> dict[int, Path]:
    """By place the path of least work from it over the rest of ``count`` layers."""
    best = {count: _NONE}
    for edge in sorted(found, key=lambda edge: -edge.tiling.last):
        if (behind := best.get(edge.tiling.last)) is not None:
            _keep_better(best, edge.tiling.first, _joined(_NONE, edge, behind))
    return best


def _keep_better(best: dict[int, Path], place: int, path: Path) -> None:
    if place not in best or path.work < best[place].work:
        best[place] = path


def _joined(before: Path, edge: Edge, behind: Path) -> Path:
    return Path(
        (*before.tilings, edge.tiling, *behind.tilings),
        max(before.size_bytes, edge.size_bytes, behind.size_bytes),
        before.macs + edge.macs + behind.macs,
        before.besides + edge.besides + behind.besides,
    )


def _undominated(run: list[Edge]) -> list[Edge]:
    kept: list[Edge] = []
    for edge in sorted(run, key=lambda e: (e.size_bytes, e.macs, e.besides)):
        if not any((e.macs, e.besides) <= (edge.macs, edge.besides) for e in kept):
            kept.append(edge)
    return kept
