"""Why no plan meets a budget, and what is the best that any plan reaches."""

from __future__ import annotations

from hwkit.allocate.program import Program
from hwkit.allocate.resource import Resource
from hwkit.errors import BudgetInfeasible, ConfigError


def explain(program: Program) -> BudgetInfeasible:
    """The error for a program without a plan: each limit that fails by itself with the least
    that is reachable, or, when each holds alone, the least of each while the others hold.

    Example: ``budget cannot be met: flash 15000 B, least reachable 17250 B; widen it``.
    """
    limited = [r for r in program.resources if r.limit is not None]
    least = {r.name: program.least(r, {}) for r in limited}
    if any(amount is None for amount in least.values()):
        raise ConfigError(
            "cost table: no plan gives every layer a width that it is offered and that fits its "
            "group and its map; offer more widths"
        )
    reached = {name: amount for name, amount in least.items() if amount is not None}
    alone = [r for r in limited if reached[r.name] > (r.limit or 0)]
    if alone:
        reasons = [f"{_limit(r)}, least reachable {r.shown(reached[r.name])}" for r in alone]
        return BudgetInfeasible(f"budget cannot be met: {'; '.join(reasons)}; widen it")
    reasons = [f"{_limit(r)} (alone down to {r.shown(reached[r.name])})" for r in limited]
    together = [text for r in limited if (text := _with_the_others(program, r))]
    return BudgetInfeasible(
        f"budget cannot be met: {' and '.join(reasons)} can each be met, but not together; "
        + ("; ".join(together) or "no two of them hold at once")
    )


def _limit(resource: Resource) -> str:
    return f"{resource.name} {resource.shown(resource.limit or 0)}"


def _with_the_others(program: Program, resource: Resource) -> str:
    others = {name: limit for name, limit in program.limits.items() if name != resource.name}
    least = program.least(resource, others)
    if least is None:
        return ""
    return f"with {' and '.join(others)} held, {resource.name} reaches {resource.shown(least)}"
