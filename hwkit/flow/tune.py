"""The closed loop: allocate bits, retrain, measure again, until the budget holds on the board."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
    (tuned,) = tune_fleet(
        (table,), sensitivity, (asked,), lambda plans: (retrained(plans[0]),), rounds
    )
    return tuned


def tune_fleet(
    tables: Sequence[CostTable],
    sensitivity: Sensitivity,
    asked: Sequence[Budget],
    retrained: Callable[[Sequence[BitPlan]], Sequence[LoopState]],
    rounds: int = ROUNDS,
) -> tuple[Tuned, ...]:
    """The same for boards that run one network, each with a table and a budget: ``retrained`` gets
    the one plan as each board promises it, and gives what each measured."""
    aimed: Sequence[Budget] = asked
    tuned: tuple[Tuned, ...] = ()
    for _ in range(rounds):
        try:
            plans = solve.allocate_fleet(tables, sensitivity, aimed)
        except BudgetInfeasible:
            if not tuned:
                raise
            break
        states = retrained(plans)
        each = list(zip(plans, states, asked, strict=True))
        tuned = tuple(Tuned(plan, state, holds(state, limit)) for plan, state, limit in each)
        if all(one.within_budget for one in tuned):
            break
        aimed = [
            tightened(aim, limit, plan.predicted, state.figures())
            for aim, (plan, state, limit) in zip(aimed, each, strict=True)
        ]
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
