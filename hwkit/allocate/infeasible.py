"""Why no plan meets a budget, and what is the best that any plan reaches."""

from __future__ import annotations

import numpy as np

from hwkit.allocate.program import Program
from hwkit.allocate.resource import Resource
from hwkit.errors import BudgetInfeasible


def explain(program: Program) -> BudgetInfeasible:
    """The error for a program without a plan: each limit that fails by itself with the least
    that is reachable, or, when each holds alone, the least of each while the others hold.

    Example: ``budget cannot be met: flash 15000 B, least reachable 17250 B; widen it``.
    """
    limited = [r for r in program.resources if r.limit is not None]
    alone = [r for r in limited if program.least(r) > (r.limit or 0)]
    if alone:
        reasons = [f"{_limit(r)}, least reachable {r.shown(program.least(r))}" for r in alone]
        return BudgetInfeasible(f"budget cannot be met: {'; '.join(reasons)}; widen it")
    reasons = [f"{_limit(r)} (alone down to {r.shown(program.least(r))})" for r in limited]
    together = [text for r in limited if (text := _with_the_others(program, r))]
    return BudgetInfeasible(
        f"budget cannot be met: {' and '.join(reasons)} can each be met, but not together; "
        + ("; ".join(together) or "no two of them hold at once")
    )


def _limit(resource: Resource) -> str:
    return f"{resource.name} {resource.shown(resource.limit or 0)}"


def _with_the_others(program: Program, resource: Resource) -> str:
    others = {name: limit for name, limit in program.limits.items() if name != resource.name}
    least = (
        _least_peak(program, resource, others)
        if resource.peak
        else _least_sum(program, resource, others)
    )
    if least is None:
        return ""
    return f"with {' and '.join(others)} held, {resource.name} reaches {resource.shown(least)}"


def _least_sum(program: Program, resource: Resource, others: dict[str, int]) -> int | None:
    plan = program.minimise(program.amounts[resource.name], others)
    return None if plan is None else program.spent(plan.variables)[resource.name]


def _least_peak(program: Program, resource: Resource, others: dict[str, int]) -> int | None:
    """Binary search: a larger peak allows every plan that a smaller one does."""
    peaks = np.unique(program.amounts[resource.name]) + resource.fixed
    low, high = 0, len(peaks)
    while low < high:
        middle = (low + high) // 2
        limits = others | {resource.name: int(peaks[middle])}
        if program.minimise(program.sensitivity, limits) is None:
            low = middle + 1
        else:
            high = middle
    return int(peaks[low]) if low < len(peaks) else None
