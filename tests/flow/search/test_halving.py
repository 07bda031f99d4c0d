"""Who goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from hwkit.flow.search.halving import beats, count_after, front, promoted, shares
from hwkit.flow.search.space import Effort


@dataclass(frozen=True)
class Known:
    accuracy: float
    figures: Mapping[str, float]


COSTS = ("latency_cycles", "flash_bytes")
ALL = {
    1: Known(0.9, {"latency_cycles": 100, "flash_bytes": 50}),
    2: Known(0.8, {"latency_cycles": 100, "flash_bytes": 50}),  # beaten by 1
    3: Known(0.7, {"latency_cycles": 90, "flash_bytes": 60}),
    4: Known(0.6, {"latency_cycles": 200, "flash_bytes": 70}),  # beaten by all
    5: Known(0.95, {"latency_cycles": 300, "flash_bytes": 80}),
}


def test_shares_and_counts() -> None:
    effort = Effort(candidates=18, halving=3, rungs=3)
    assert shares(effort) == [1 / 9, 1 / 3, 1]
    assert count_after(18, effort) == 6 and count_after(6, effort) == 2
    assert count_after(1, effort) == 1 and shares(Effort(rungs=1)) == [1]


def test_what_nothing_beats_goes_on_first() -> None:
    assert front(list(ALL), ALL, COSTS) == [1, 3, 5]
    assert promoted(list(ALL), ALL, COSTS, 2) == [5, 1]
    assert promoted(list(ALL), ALL, COSTS, 4) == [5, 1, 3, 2]
    assert promoted(list(ALL), ALL, COSTS, 9) == [5, 1, 3, 2, 4]
    assert front([2, 4], ALL, ["latency_cycles"]) == [2]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 4)] * 3), min_size=1, max_size=12), st.integers(1, 12))
def test_by_definition(rows: list[tuple[int, int, int]], count: int) -> None:
    known = {i: Known(a, dict(zip(COSTS, (b, c), strict=True))) for i, (a, b, c) in enumerate(rows)}
    chosen = promoted(list(known), known, COSTS, count)
    assert len(chosen) == len(set(chosen)) == min(count, len(rows))
    for left in set(known) - set(chosen):
        assert not any(beats(known[left], known[n], COSTS) for n in chosen)
    best = max(one.accuracy for one in known.values())
    assert known[chosen[0]].accuracy == best
