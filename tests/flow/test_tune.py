"""The closed loop by itself: what it aims at, when it ends, what it says at the end."""

from __future__ import annotations

import pytest

from hwkit.allocate.budget import parse
from hwkit.allocate.cost import CostRow, CostTable, Sensitivity, SensitivityRow
from hwkit.allocate.plan import BitPlan
from hwkit.errors import BudgetInfeasible
from hwkit.flow.tune import holds, tightened, tune
from hwkit.report.summary import LoopState

TABLE = CostTable(
    "m4",
    tuple(
        CostRow(f"l{k}", bits, 100 * bits, cycles=1000, evidence="simulated")
        for k in range(4)
        for bits in (8, 4)
    ),
)
SENSITIVITY = Sensitivity(
    tuple(
        SensitivityRow(f"l{k}", bits, 0.0 if bits == 8 else 1.0 + k)
        for k in range(4)
        for bits in (8, 4)
    )
)


def state(plan: BitPlan, more_bytes: int = 0) -> LoopState:
    flash = int(plan.predicted["flash_bytes"]) + more_bytes
    return LoopState(plan.weight_bits, 0.9, 4000, None, flash, "simulated")


def narrow(plan: BitPlan) -> int:
    return sum(bits == 4 for bits in plan.weight_bits.values())


def test_once_is_enough_where_the_prediction_is_right() -> None:
    tuned = tune(TABLE, SENSITIVITY, parse("flash=2800B"), state)
    assert tuned.within_budget and narrow(tuned.plan) == 1
    assert tuned.plan.weight_bits["l0"] == 4  # the least sensitive


def test_a_prediction_that_is_too_low_is_aimed_below() -> None:
    plans: list[BitPlan] = []

    def retrained(plan: BitPlan) -> LoopState:
        plans.append(plan)
        return state(plan, 50)

    tuned = tune(TABLE, SENSITIVITY, parse("flash=2800B"), retrained)
    assert [narrow(plan) for plan in plans] == [1, 2] and tuned.within_budget
    assert tuned.after.flash_bytes == 2450


def test_it_ends_with_what_is_nearest() -> None:
    tuned = tune(TABLE, SENSITIVITY, parse("flash=2400B"), lambda plan: state(plan, 5000), 2)
    assert not tuned.within_budget
    last = tune(TABLE, SENSITIVITY, parse("flash=1600B"), lambda plan: state(plan, 1))
    assert not last.within_budget and narrow(last.plan) == 4  # nothing tighter exists


def test_a_budget_that_no_plan_meets() -> None:
    with pytest.raises(BudgetInfeasible):
        tune(TABLE, SENSITIVITY, parse("flash=1500B"), state)


def test_what_is_limited_must_be_known() -> None:
    measured = LoopState({}, None, 10, None, None, "measured")
    assert holds(measured, parse("latency=10cycles")) is True
    assert holds(measured, parse("latency=9cycles")) is False
    assert holds(measured, parse("flash=10MB")) is False


def test_the_next_aim_is_lower_by_the_error_of_the_prediction() -> None:
    asked = parse("flash=24000B,latency=2ms")
    promised = {"flash_bytes": 23_800.0, "latency_us": 1_950.0}
    got = {"flash_bytes": 24_100.0, "latency_us": 1_900.0}
    aimed = tightened(asked, asked, promised, got)
    assert (aimed.flash_bytes, aimed.latency_us) == (23_700, 2_000)
    better = {"flash_bytes": 23_999.0, "latency_us": 2_010.0}
    assert tightened(aimed, asked, promised, better).flash_bytes == 23_700
    assert tightened(aimed, asked, promised, better).latency_us == 1_940.0


def test_every_resource_is_looked_at() -> None:
    state = LoopState({}, None, 10, None, 100, "measured", 50, 7)
    assert holds(state, parse("latency=10cycles,flash=100B,sram=50B,lut=7"))
    assert not holds(state, parse("sram=49B")) and not holds(state, parse("lut=6"))
    asked = parse("sram=40B,lut=5")
    aimed = tightened(asked, asked, {"sram_bytes": 40.0, "lut": 5.0}, state.figures())
    assert (aimed.sram_bytes, aimed.lut) == (30, 3)
