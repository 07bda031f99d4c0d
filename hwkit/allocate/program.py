"""The integer linear program itself: one 0/1 variable for each choice and width."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hwkit.allocate.resource import Resource
from hwkit.errors import ConfigError
from hwkit.ir.types import Array
from hwkit.toolchain.highs import modules, quiet_stdout

TIME_LIMIT_S = 60.0
_OBJECTIVE_RANGE = 1e7  # the solver stops at an absolute gap of 1e-6
_ROW_RANGE = 1e3
_TIE = 1e-8  # weight of the costs against the sensitivity, both as shares of their range


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """``variables[c]`` the variable taken for choice c; ``proven`` that no plan is better (False:
    the solver's time ran out)."""

    variables: Array
    proven: bool


@dataclass(frozen=True, slots=True, eq=False)
class Peak:
    """One moment of a resource that is a peak: what it takes is ``fixed`` plus the ``amounts``
    (variables,) of those that are taken."""

    fixed: int
    amounts: Array


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """Variables v = 0..n-1, those of one choice side by side: ``owner[v]`` the choice (ascending
    from 0), ``sensitivity[v]`` float64, ``amounts[name][v]`` int64 units of each resource that adds
    up; ``peaks[name]`` the moments of one that does not, whose largest counts.

    ``links``: as many of the first variables as of the second are taken. ``switches``: one of the
    variables may be taken only with the last, which is on in a plan where one of them is, and in
    no other.
    """

    owner: Array
    sensitivity: Array
    amounts: Mapping[str, Array]
    resources: tuple[Resource, ...]
    peaks: Mapping[str, tuple[Peak, ...]] = field(default_factory=dict)
    links: tuple[tuple[Array, Array], ...] = ()
    switches: tuple[tuple[Array, int], ...] = ()

    @property
    def starts(self) -> Array:
        """First variable of each choice."""
        return np.flatnonzero(np.diff(self.owner, prepend=-1))

    @property
    def limits(self) -> dict[str, int]:
        """The resources that are limited, by name."""
        return {r.name: r.limit for r in self.resources if r.limit is not None}

    def spent(self, variables: Array) -> dict[str, int]:
        """Units that a plan spends of each resource, exactly."""
        found = {}
        for r in self.resources:
            if r.peak:
                moments = (p.fixed + int(p.amounts[variables].sum()) for p in self.peaks[r.name])
                found[r.name] = r.fixed + max(moments)
            else:
                found[r.name] = r.fixed + int(self.amounts[r.name][variables].sum())
        return found

    def bound(self, resource: Resource) -> int:
        """No plan spends less of it; one that does spend it need not exist."""
        if resource.peak:
            moments = (p.fixed + self._least(p.amounts) for p in self.peaks[resource.name])
            return resource.fixed + max(moments)
        return resource.fixed + self._least(self.amounts[resource.name])

    def least(self, resource: Resource, limits: Mapping[str, int]) -> int | None:
        """The smallest total of one resource that a plan within ``limits`` reaches; None where no
        plan is within them."""
        if not resource.peak:
            plan = self.minimise(self.amounts[resource.name], limits)
            return None if plan is None else self.spent(plan.variables)[resource.name]
        plan = self.minimise(self.sensitivity, limits)
        if plan is None:
            return None
        low, high = self.bound(resource), self.spent(plan.variables)[resource.name]
        while low < high:  # a larger peak allows every plan that a smaller one does
            middle = (low + high) // 2
            plan = self.minimise(self.sensitivity, {**limits, resource.name: middle})
            if plan is None:
                low = middle + 1
            else:
                high = self.spent(plan.variables)[resource.name]
        return high

    def best(self, limits: Mapping[str, int] | None = None) -> Plan | None:
        """The plan of least sensitivity within ``limits`` (default the resources' own), the
        cheapest where several are equally good; None when no plan is within them."""
        harm = self._share_of_range(self.sensitivity)
        limits = self.limits if limits is None else limits
        return self.minimise(harm + _TIE * self._cost(), limits)

    def minimise(self, objective: Array, limits: Mapping[str, int]) -> Plan | None:
        """The plan of least summed ``objective`` that keeps ``limits`` (units by resource name);
        None when there is none.

        Limits are hard: the solver's floating point proposes, integers decide, and a plan that
        breaks a limit by rounding is cut off.
        """
        rejected: list[Array] = []
        while True:
            plan = self._propose(objective, limits, rejected)
            if plan is None:
                return None
            spent = self.spent(plan.variables)
            if all(spent[name] <= limit for name, limit in limits.items()):
                return plan
            rejected.append(plan.variables)

    def _cost(self) -> Array:
        """Resources added up, each as a share of its range; peaks don't add up and stay out."""
        shares = [self._share_of_range(self.amounts[r.name]) for r in self.resources if not r.peak]
        cost: Array = np.sum(shares, axis=0)
        return cost

    def _least(self, values: Array) -> int:
        return int(np.minimum.reduceat(values, self.starts).sum())

    def _above(self, values: Array) -> Array:
        """Values above the smallest of each choice."""
        above: Array = values - np.minimum.reduceat(values, self.starts)[self.owner]
        return above

    def _extent(self, values: Array) -> Any:
        """The largest sum of a plan, less the smallest."""
        return np.maximum.reduceat(self._above(values), self.starts).sum()

    def _share_of_range(self, values: Array) -> Array:
        """Values above the smallest of each choice, so that a plan's sum runs from 0 to 1."""
        extent = self._extent(values)
        shares: Array = self._above(values) / (extent if extent > 0 else 1)
        return shares

    def _propose(
        self, objective: Array, limits: Mapping[str, int], rejected: list[Array]
    ) -> Plan | None:
        optimize, sparse = modules()
        size, choices = len(self.owner), len(self.starts)
        usable = np.ones(size, dtype=bool)
        rows = _Rows(size)
        rows.add_all(self.owner, np.arange(size), choices, 1, 1)
        for r in self.resources:
            if r.name in limits:
                for peak in self.peaks[r.name] if r.peak else ():
                    self._limit_peak(rows, usable, peak, limits[r.name] - r.fixed)
                if not r.peak:
                    self._limit(rows, self.amounts[r.name], limits[r.name] - r.fixed)
        for first, second in self.links:
            values = np.concatenate((np.ones(len(first)), -np.ones(len(second))))
            rows.add(np.concatenate((first, second)), values, 0, 0)
        for users, switch in self.switches:
            for one in np.split(users, np.flatnonzero(np.diff(self.owner[users])) + 1):
                values = np.append(np.ones(len(one)), -1.0)
                rows.add(np.append(one, switch), values, -np.inf, 0)
        for plan in rejected:
            rows.add(plan, np.ones(len(plan)), -np.inf, len(plan) - 1)
        with quiet_stdout():
            result = optimize.milp(
                self._share_of_range(objective) * _OBJECTIVE_RANGE,
                constraints=rows.constraint(optimize, sparse),
                integrality=np.ones(size),
                bounds=optimize.Bounds(0, usable.astype(float)),
                options={"mip_rel_gap": 0.0, "time_limit": TIME_LIMIT_S},
            )
        if result.x is None and result.status != 2:
            raise ConfigError(
                f"allocation of {choices} choices found no plan in {TIME_LIMIT_S:.0f} s "
                f"({result.message}); offer fewer widths or put layers into groups"
            )
        return None if result.x is None else Plan(self._picked(result.x), result.status == 0)

    def _limit(self, rows: _Rows, amounts: Array, limit: int) -> None:
        """Sum of what each choice adds to its least, against the room that the least leave; half
        a unit of room keeps the solver's tolerance out of the way of whole units."""
        above = self._above(amounts)
        scale = _ROW_RANGE / max(1, self._extent(amounts))
        taken = np.flatnonzero(above)
        room = (limit - self._least(amounts) + 0.5) * scale
        rows.add(taken, above[taken] * scale, -np.inf, room)

    def _limit_peak(self, rows: _Rows, usable: Array, peak: Peak, limit: int) -> None:
        """A moment with one choice alone is kept exactly when each width on its own keeps it."""
        at_work = np.flatnonzero(peak.amounts)
        if len(set(self.owner[at_work].tolist())) <= 1:
            usable &= peak.fixed + peak.amounts <= limit
        else:
            self._limit(rows, peak.amounts, limit - peak.fixed)

    def _picked(self, shares: Array) -> Array:
        """The variable nearest to 1 of each choice, and switches as those ask."""
        starts = self.starts
        inside = [int(part.argmax()) for part in np.split(shares, starts[1:])]
        picked: Array = np.add(starts, inside)
        taken = set(picked.tolist())
        for users, switch in self.switches:
            choice = self.owner[switch]
            # A switch is a choice of two, off and on.
            picked[choice] = switch if taken.intersection(users.tolist()) else switch - 1
        return picked


class _Rows:
    """Constraints as they are added, to one sparse matrix."""

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.count = 0
        self.at: list[Array] = []
        self.of: list[Array] = []
        self.values: list[Array] = []
        self.low: list[Array] = []
        self.high: list[Array] = []

    def add(self, of: Array, values: Array, low: float, high: float) -> None:
        """``low <= sum(values * x[of]) <= high``."""
        self.add_all(np.zeros(len(of), np.int64), of, 1, low, high, values)

    def add_all(
        self, at: Array, of: Array, count: int, low: float, high: float, values: Array | None = None
    ) -> None:
        """``count`` rows with the same bounds; value i stands in row ``at[i]``, column
        ``of[i]``."""
        self.at.append(at + self.count)
        self.of.append(of)
        self.values.append(np.ones(len(of)) if values is None else values)
        self.low.append(np.full(count, low))
        self.high.append(np.full(count, high))
        self.count += count

    def constraint(self, optimize: Any, sparse: Any) -> Any:
        """For ``scipy.optimize.milp``."""
        at, of, values = map(np.concatenate, (self.at, self.of, self.values))
        matrix = sparse.csr_array((values, (at, of)), shape=(self.count, self.columns))
        return optimize.LinearConstraint(matrix, *map(np.concatenate, (self.low, self.high)))
