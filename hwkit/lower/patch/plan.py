"""A network's plan in stages for a limit of memory, and the front of all that are worth having.

``search`` finds the plans by a model of memory; what is said of a plan here is what the memory
planner makes of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import pairwise

from hwkit.errors import BudgetInfeasible, ConfigError
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Op, activations
from hwkit.lower.memory import MemoryPlan
from hwkit.lower.patch.costs import Costs, Edge, Tiling
from hwkit.lower.patch.peak import in_columns
from hwkit.lower.patch.peak import plan as placed
from hwkit.lower.patch.rewrite import unrolled
from hwkit.lower.patch.search import Path, cheapest, edges, front, others
from hwkit.lower.patch.strips import in_strips
from hwkit.lower.patch.turns import Stage, by_input, by_output

SLACK = 8
"""Buffers may run into each other, which the search does not see: plans that by its count are too
large by one part in so many are looked at as well."""
OTHERS = 12
"""How many plans are looked at that by the search's count are no better than others."""


@dataclass(frozen=True)
class PatchPlan:
    """The layers of a graph in ``tilings``; ``costs`` says what is counted.

    ``macs`` are multiplications with those that are made again, ``plain_macs`` without.
    """

    costs: Costs
    tilings: tuple[Tiling, ...]
    macs: int

    @property
    def graph(self) -> Graph:
        return self.costs.graph

    @property
    def plain_macs(self) -> int:
        return sum(self.costs.macs)

    @property
    def staged(self) -> tuple[Tiling, ...]:
        """The tilings that are stages; the others are layers computed whole."""
        return tuple(tiling for tiling in self.tilings if tiling.rows)

    def nodes(self, tiling: Tiling) -> tuple[Op, ...]:
        """The layers of a tiling."""
        return self.graph.nodes[tiling.first : tiling.last]

    def stage(self, tiling: Tiling) -> Stage:
        """A tiling of whole rows as a stage."""
        nodes = self.nodes(tiling)
        streamed = {name for op in nodes for name in activations(op)} & {*self.costs.streamed}
        if tiling.by_result:
            return by_output(self.graph, nodes, tiling.rows, tiling.again, streamed)
        pairs = None if tiling.pairs_from is None else tiling.pairs_from - tiling.first
        again = tiling.again
        return by_input(
            self.graph, nodes, tiling.rows, streamed, again=again, even=True, pairs_from=pairs
        )

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages of whole rows, in order."""
        return tuple(self.stage(tiling) for tiling in self.staged if not tiling.columns)

    @property
    def steps(self) -> tuple[tuple[int, int], ...]:
        """The layers of each step of ``memory``, from and up to but without: one, or those in
        strips."""
        return tuple(
            span
            for t in self.tilings
            for span in ([(t.first, t.last)] if t.columns else pairwise(range(t.first, t.last + 1)))
        )

    @cached_property
    def memory(self) -> MemoryPlan:
        """Where everything lies: as the target has it that ``costs`` asks, to the byte."""
        costs = self.costs
        if costs.place is not None:
            return costs.place(self.stages)
        strips = [
            in_columns(self.graph, self.nodes(tiling), tiling.columns, costs.scratch)
            for tiling in self.staged
            if tiling.columns
        ]
        given = strips, costs.scratch, costs.overlaps, costs.uncounted
        return placed(self.graph, self.stages, *given)

    @property
    def arena_bytes(self) -> int:
        """Of all activations, as the memory planner has it."""
        return self.memory.arena_bytes

    def fits(self, limit_bytes: int) -> bool:
        """Whether all activations fit the limit, and each of several SRAMs what lies there."""
        return self.arena_bytes <= limit_bytes and not self.memory.missing_bytes


_STREAM = ", or take the input row by row (--input streamed)"


def planned(costs: Costs, path: Path) -> PatchPlan:
    """The plan along ``path``."""
    return PatchPlan(costs, path.tilings, path.macs)


def plain(costs: Costs) -> PatchPlan:
    """Every layer by itself, all inputs whole."""
    whole = replace(costs, streamed=())
    tilings = tuple(Tiling(k, k + 1) for k in range(len(costs.graph.nodes)))
    return PatchPlan(whole, tilings, sum(whole.macs))


def rewritten(plan: PatchPlan) -> Graph:
    """The graph with all stages of ``plan`` unrolled, strips and turns: what the plan computes."""
    graph = plan.graph
    stages: list[Stage] = []
    for tiling in plan.staged:
        if tiling.columns:
            strips = in_strips(graph, plan.nodes(tiling), tiling.columns)
            graph = strips.graph
            stages += [by_input(graph, strip, 1, even=True) for strip in strips.nodes]
        else:
            stages.append(plan.stage(tiling))
    return unrolled(graph, stages)


def plan_front(costs: Costs) -> tuple[PatchPlan, ...]:
    """All plans worth having, the one of least work first: each has fewer bytes than the last."""
    first = [plain(costs)] if not costs.streamed else []
    paths = {path for found in choices(costs) for path in front(costs, found)}
    smallest = min(path.size_bytes for path in paths)
    paths |= {*_others(costs, smallest + smallest // SLACK)}
    plans = [*first, *(planned(costs, path) for path in paths)]
    kept: list[PatchPlan] = []
    for plan in sorted(plans, key=lambda plan: (plan.macs, plan.arena_bytes)):
        if not kept or plan.arena_bytes < kept[-1].arena_bytes:
            kept.append(plan)
    if first and kept[0] is not first[0]:
        kept = [*first, *kept]
    return tuple(kept)


def plan_within(costs: Costs, limit_bytes: int) -> PatchPlan:
    """The plan of least work within ``limit_bytes``, of equals that which costs least besides.

    ``BudgetInfeasible`` with the number of bytes that are missing where none fits.
    """
    if (found := found_within(costs, limit_bytes)) is not None:
        return found
    # The search counts a byte for each integer; packed maps lie closer, which the planner knows.
    plans = plan_front(costs)
    if fitting := [plan for plan in plans if plan.fits(limit_bytes)]:
        return fitting[0]
    smallest = min(plans, key=lambda plan: plan.arena_bytes)
    needed, remedy = smallest.arena_bytes, "" if costs.streamed else _STREAM
    missing = max(needed - limit_bytes, smallest.memory.missing_bytes)
    raise BudgetInfeasible(
        f"{costs.graph.name}: needs {needed:,} bytes for activations in the smallest of its "
        f"plans, {missing:,} more than there are; give it more{remedy}"
    )


def found_within(costs: Costs, limit_bytes: int) -> PatchPlan | None:
    """The same, None where no plan fits."""
    if not costs.streamed and (whole := plain(costs)).fits(limit_bytes):
        return whole
    fitting: list[tuple[int, int, PatchPlan]] = []
    for found in choices(costs):
        limit, left, tries = limit_bytes + limit_bytes // SLACK, found, OTHERS
        while (path := cheapest(costs, left, limit)) is not None:
            plan = planned(costs, path)
            if plan.fits(limit_bytes):
                fitting.append((path.macs, path.besides, plan))
                break
            # The count may be right of what is larger by it, so first only this one is left out.
            left = [edge for edge in left if not _peaks(edge, path)]
            limit, tries = limit if tries else path.size_bytes - 1, max(tries - 1, 0)
    if not fitting:
        for path in _others(costs, limit_bytes + limit_bytes // SLACK):
            if (plan := planned(costs, path)).fits(limit_bytes):
                fitting.append((path.macs, path.besides, plan))
    return min(fitting, key=lambda one: one[:2])[2] if fitting else None


def _peaks(edge: Edge, path: Path) -> bool:
    """Whether it is where ``path`` takes most bytes."""
    return edge.size_bytes == path.size_bytes and edge.tiling in path.tilings


def _others(costs: Costs, limit: int) -> list[Path]:
    """Paths of few bytes by the count of the search that its front has not, for what lies over
    each other is not counted."""
    return others(choices(costs)[0], len(costs.graph.nodes), limit, OTHERS)


@lru_cache(maxsize=2)  # the front, and then the plan within a limit: one search
def choices(costs: Costs) -> tuple[list[Edge], list[Edge]]:
    """What plans are made of: all, and all but stages of one layer.

    Results that lie over their sources one after the other move further and further apart, which
    the search does not see: with fewer of them the memory planner may find less.
    """
    found = edges(costs)
    _check_streamed(costs, found)
    longer = [edge for edge in found if not edge.tiling.rows or _long(costs, edge)]
    return found, longer


def _long(costs: Costs, edge: Edge) -> bool:
    nodes = costs.graph.nodes[edge.tiling.first : edge.tiling.last]
    return len(nodes) > 1 or any(name in costs.streamed for name in activations(nodes[0]))


def _check_streamed(costs: Costs, found: Sequence[Edge]) -> None:
    if cheapest(costs, found) is None:
        names = ", ".join(costs.streamed)
        raise ConfigError(
            f"{costs.graph.name}: input {names} cannot come row by row, for a layer that reads it "
            "wants all of it; leave out --input streamed"
        )
