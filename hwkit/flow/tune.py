"""The closed loop: allocate bits, retrain, measure again, until the budget holds on the board."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from hwkit.allocate import solve
from hwkit.allocate.budget import Budget
from hwkit.allocate.cost import CostTable, Sensitivity
from hwkit.allocate.plan import BitPlan
from hwkit.errors import BudgetInfeasible
from hwkit.report.summary import LoopState

ROUNDS = 3
"""Times the loop goes round at most until the measured budget holds."""


@dataclass(frozen=True, slots=True)
class Tuned:
    """The last plan that was tried, the network retrained with it as it was measured, and
    whether that holds the budget."""

    plan: BitPlan
    after: LoopState
    within_budget: bool


def tune(
    table: CostTable,
    sensitivity: Sensitivity,
    asked: Budget,
    retrained: Callable[[BitPlan], LoopState],
    rounds: int = ROUNDS,
) -> Tuned:
    """Plans within ``asked``, lets ``retrained`` train, build and measure each, and aims lower
    while the measurement is above what was asked for: at most ``rounds`` times, or until nothing
    tighter exists.

    Raises ``BudgetInfeasible`` when no plan meets ``asked`` at all, and what ``retrained`` raises.
    """
    aimed, tuned = asked, None
    for _ in range(rounds):
        try:
            plan = solve.allocate(table, sensitivity, aimed)
        except BudgetInfeasible:
            if tuned is None:
                raise
            break
        after = retrained(plan)
        tuned = Tuned(plan, after, holds(after, asked))
        if tuned.within_budget:
            break
        aimed = tightened(aimed, asked, after.flash_bytes, after.us)
    assert tuned is not None
    return tuned


def holds(state: LoopState, budget: Budget) -> bool:
    """Whether what was measured is within ``budget``; a figure that is limited and not known is
    not."""
    got = {"flash_bytes": state.flash_bytes, "latency_us": state.us, "latency_cycles": state.cycles}
    limits = budget.limits()
    return all(
        value is not None and value <= limits[key] for key, value in got.items() if key in limits
    )


def tightened(aimed: Budget, asked: Budget, flash_bytes: int | None, us: float | None) -> Budget:
    """``aimed`` less what the measurement is above ``asked``: prediction errors repeat.

    Example: asked for 24,000 B and measured 24,100, the next aim is 100 B lower.
    """
    flash, latency = aimed.flash_bytes, aimed.latency_us
    if flash is not None and flash_bytes is not None and asked.flash_bytes is not None:
        flash -= max(0, flash_bytes - asked.flash_bytes)
    if latency is not None and us is not None and asked.latency_us is not None:
        latency -= max(0.0, us - asked.latency_us)
    return replace(aimed, flash_bytes=flash, latency_us=latency)
