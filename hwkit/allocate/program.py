"""The integer linear program itself: one 0/1 variable for each choice and width."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hwkit.allocate.resource import Resource
from hwkit.errors import ConfigError
from hwkit.ir.types import Array
from hwkit.toolchain.highs import modules, quiet_stdout

TIME_LIMIT_S = 20.0
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
class Program:
    """Variables v = 0..n-1, those of one choice side by side: ``owner[v]`` the choice (ascending
    from 0), ``bits[v]`` its width, ``sensitivity[v]`` float64, ``amounts[name][v]`` int64 units
    of each resource.
    """

    owner: Array
    bits: Array
    sensitivity: Array
    amounts: Mapping[str, Array]
    resources: tuple[Resource, ...]

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
        return {r.name: r.join(self.amounts[r.name][variables].tolist()) for r in self.resources}

    def least(self, resource: Resource) -> int:
        """The smallest total of one resource that any plan reaches."""
        return resource.join(np.minimum.reduceat(self.amounts[resource.name], self.starts).tolist())

    def most(self, resource: Resource) -> int:
        """The largest total of one resource that any plan spends."""
        return resource.join(np.maximum.reduceat(self.amounts[resource.name], self.starts).tolist())

    def best(self) -> Plan | None:
        """The plan of least sensitivity within the limits, the cheapest where several are equally
        good; None when no plan is within them."""
        harm = self._share_of_range(self.sensitivity)
        return self.minimise(harm + _TIE * self._cost(), self.limits)

    def minimise(self, objective: Array, limits: Mapping[str, int]) -> Plan | None:
        """The plan of least summed ``objective`` that keeps ``limits`` (units by resource name);
        None when there is none.

        Limits are hard: the solver's floating point proposes, integers decide, and a plan that
        breaks a limit by rounding is cut off.
        """
        usable = self._within_peaks(limits)
        rejected: list[Array] = []
        while True:
            plan = self._propose(objective, limits, usable, rejected)
            if plan is None:
                return None
            spent = self.spent(plan.variables)
            if all(spent[name] <= limit for name, limit in limits.items()):
                return plan
            rejected.append(plan.variables)

    def _within_peaks(self, limits: Mapping[str, int]) -> Array:
        """A peak is kept exactly when each width on its own keeps it."""
        usable = np.ones(len(self.owner), dtype=bool)
        for r in self.resources:
            if r.peak and r.name in limits:
                usable &= self.amounts[r.name] + r.fixed <= limits[r.name]
        return usable

    def _cost(self) -> Array:
        """Resources added up, each as a share of its range; peaks don't add up and stay out."""
        shares = [self._share_of_range(self.amounts[r.name]) for r in self.resources if not r.peak]
        cost: Array = np.sum(shares, axis=0)
        return cost

    def _share_of_range(self, values: Array) -> Array:
        """Values above the smallest of each choice, so that a plan's sum runs from 0 to 1."""
        above = values - np.minimum.reduceat(values, self.starts)[self.owner]
        extent = np.maximum.reduceat(above, self.starts).sum()
        shares: Array = above / (extent if extent > 0 else 1)
        return shares

    def _propose(
        self, objective: Array, limits: Mapping[str, int], usable: Array, rejected: list[Array]
    ) -> Plan | None:
        optimize, sparse = modules()
        starts, columns = self.starts, np.arange(len(self.owner))
        one_width = sparse.csr_array((np.ones(len(columns)), (self.owner, columns)))
        rows = [optimize.LinearConstraint(one_width, 1, 1)]
        for r in self.resources:
            if r.name in limits and not r.peak:
                rows.append(self._limit_row(r, limits[r.name]))
        for plan in rejected:
            taken = np.isin(columns, plan).astype(float)
            rows.append(optimize.LinearConstraint(taken[None], -np.inf, len(starts) - 1))
        with quiet_stdout():
            result = optimize.milp(
                self._share_of_range(objective) * _OBJECTIVE_RANGE,
                constraints=rows,
                integrality=np.ones(len(columns)),
                bounds=optimize.Bounds(0, usable.astype(float)),
                options={"mip_rel_gap": 0.0, "time_limit": TIME_LIMIT_S},
            )
        if result.x is None and result.status != 2:
            raise ConfigError(
                f"allocation of {len(starts)} choices found no plan in {TIME_LIMIT_S:.0f} s "
                f"({result.message}); offer fewer widths or put layers into groups"
            )
        return None if result.x is None else Plan(self._picked(result.x), result.status == 0)

    def _limit_row(self, resource: Resource, limit: int) -> Any:
        """Sum of what each choice adds to its least, against the room that the least leave; half
        a unit of room keeps the solver's tolerance out of the way of whole units."""
        above = self._share_of_range(self.amounts[resource.name])
        room = limit - self.least(resource) + 0.5
        extent = self.most(resource) - self.least(resource)
        scale = _ROW_RANGE / max(1, extent)
        return modules()[0].LinearConstraint(above[None] * _ROW_RANGE, -np.inf, room * scale)

    def _picked(self, shares: Array) -> Array:
        """The variable nearest to 1 of each choice."""
        starts = self.starts
        inside = [int(part.argmax()) for part in np.split(shares, starts[1:])]
        return np.add(starts, inside)
