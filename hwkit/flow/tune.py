"""The closed loop: allocate bits, retrain, measure again, until the budget holds on the board."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import floor
from typing import Any

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
        aimed = tightened(aimed, asked, plan.predicted, after.figures())
    assert tuned is not None
    return tuned


def holds(state: LoopState, budget: Budget) -> bool:
    """Whether what was measured is within ``budget``; a figure that is limited and not known is
    not."""
    got = state.figures()
    return all(key in got and got[key] <= limit for key, limit in budget.limits().items())


def tightened(
    aimed: Budget, asked: Budget, predicted: Mapping[str, float], got: Mapping[str, float]
) -> Budget:
    """``aimed`` with every limit that the measurement breaks lowered by the error of the
    prediction: errors repeat. What was tried is then out of the question.

    Example: asked for 24,000 B, predicted 23,800 and measured 24,100, the next aim is 23,700.
    """
    lowered: dict[str, Any] = {}
    for key, limit in asked.limits().items():
        if key in got and got[key] > limit and key in predicted:
            aim = min(getattr(aimed, key), limit - (got[key] - predicted[key]))
            lowered[key] = aim if key == "latency_us" else floor(aim)
    return replace(aimed, **lowered)
