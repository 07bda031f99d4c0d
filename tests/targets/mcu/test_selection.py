"""Which kernels are given up where the arena, the image or the code is too large."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from hwkit import boards
from hwkit.ir.ops import Reshape
from hwkit.target import Lowered
from hwkit.targets.mcu.call import Pick
from hwkit.targets.mcu.choice.bought import bought
from hwkit.targets.mcu.choice.limits import Limits
from hwkit.targets.mcu.choice.measure import Measured
from hwkit.targets.mcu.choice.policy import Option, Price, price_for, smallest
from hwkit.targets.mcu.choice.selection import Alternatives, asks_more
from hwkit.targets.mcu.choices import Figure, Total
from hwkit.targets.mcu.lower import Layer, McuPlan, lower, plan
from tests.targets.mcu.models import separable

PLAIN = Layer(Reshape("op", "x", "y"), (), 100, {"x": 16})
M4 = boards.load("virtual_m4")
FAST = "depthwise_conv2d_s8_bands"
UNLIMITED = Limits(1 << 30, 1 << 30, None)


@pytest.mark.parametrize(
    ("layer", "more"),
    [
        (PLAIN, False),
        (replace(PLAIN, scratch_bytes=101), True),
        (replace(PLAIN, scratch_bytes=50, overlaps={"x": 17}), True),
        (replace(PLAIN, scratch_bytes=50, overlaps={}), True),
        (replace(PLAIN, overlaps={"x": 0, "z": 4}), False),
        (replace(PLAIN, overlaps={}, over_start=True), False),
        (replace(PLAIN, scratch_bytes=101, overlaps={}, over_start=True), True),
    ],
)
def test_more_scratch_or_an_output_farther_from_its_input(layer: Layer, more: bool) -> None:
    assert asks_more(layer, PLAIN) is more


def measured(
    lowered: Lowered[McuPlan], picks: Sequence[Pick], times: Mapping[str, int], flash_bytes: int
) -> Measured:
    """A build as if it had been run: each kernel of ``times`` takes so long, others 100, and every
    layer has so many bytes."""
    assert M4.mcu
    planned = plan(lowered.graph, M4.mcu, picks, lowered.plan)
    options = tuple(
        Option(Figure(pick, None, times.get(pick.kernel, 100), flash_bytes), frozenset())
        for pick in picks
    )
    total = Total(
        None,
        sum(option.figure.time for option in options),
        10_000 + flash_bytes * len(options),
        planned.memory.arena_bytes,
    )
    return Measured(planned, total, options, {})


@pytest.fixture(scope="module")
def alternatives() -> Alternatives:
    """Layers of ``separable`` with the plain kernels, and faster depthwise ones that read farther
    ahead, each of 50 bytes more."""
    lowered = lower(separable(), M4)
    fast = [
        replace(pick, kernel=FAST) if pick.kernel == "depthwise_conv2d_s8" else pick
        for pick in lowered.plan.picks
    ]
    builds = [
        measured(lowered, lowered.plan.picks, {}, 1000),
        measured(lowered, fast, {FAST: 40}, 1050),
    ]
    assert builds[1].total.arena_bytes > builds[0].total.arena_bytes
    return Alternatives(lowered, M4, builds)


def kernels(alternatives: Alternatives, price: Price, limits: Limits) -> list[str]:
    found = alternatives.best(price, limits)
    return [] if found is None else [pick.kernel for pick in found.plan.picks]


def test_the_last_selection_needs_no_more_than_the_plain_one(alternatives: Alternatives) -> None:
    plain = alternatives.measured[0].total
    arenas = [s.need.arena_bytes for s in alternatives.by_arena(price_for("speed", 1000, 1))]
    assert arenas[0] == alternatives.measured[1].total.arena_bytes
    assert arenas[-1] <= plain.arena_bytes


def test_a_larger_arena_must_be_worth_it(alternatives: Alternatives) -> None:
    plain, fast = (m.total for m in alternatives.measured)
    free = Price(1, 0)
    assert FAST in kernels(alternatives, free, UNLIMITED)
    dear = Price(1, 0, 1000)
    found = alternatives.best(dear, UNLIMITED)
    assert found and found.need.arena_bytes <= plain.arena_bytes
    within = replace(UNLIMITED, arena_bytes=fast.arena_bytes - 1)
    found = alternatives.best(free, within)
    assert found and found.need.arena_bytes < fast.arena_bytes


def test_what_was_refused_is_offered_again_where_there_is_room(alternatives: Alternatives) -> None:
    """No layer has the plain kernel that could have the fast one within the limit."""
    plain, fast = (m.total for m in alternatives.measured)
    free = Price(1, 0)
    for arena in range(plain.arena_bytes, fast.arena_bytes, 16):
        found = alternatives.best(free, replace(UNLIMITED, arena_bytes=arena))
        assert found is not None and found.need.arena_bytes <= arena
        for layer, option in enumerate(alternatives.measured[1].options):
            if option.figure.time < found.options[layer].figure.time:
                picks = list(found.plan.picks)
                picks[layer] = option.figure.pick
                assert M4.mcu
                other = plan(alternatives.lowered.graph, M4.mcu, picks, alternatives.lowered.plan)
                assert other.memory.arena_bytes > arena


def test_adding_up_gives_the_figures_of_the_builds(alternatives: Alternatives) -> None:
    found = next(alternatives.by_arena(price_for("speed", 1000, 1)))
    fast = alternatives.measured[1].total
    assert found.time == fast.time and found.need.arena_bytes == fast.arena_bytes
    changed = sum(pick.kernel == FAST for pick in found.plan.picks)
    assert found.need.flash_bytes == alternatives.measured[0].total.flash_bytes + 50 * changed


def test_flash_weighs_more_until_the_image_fits(alternatives: Alternatives) -> None:
    plain = alternatives.measured[0].total.flash_bytes
    assert kernels(alternatives, Price(10, 1), replace(UNLIMITED, flash_bytes=plain)) == [
        pick.kernel for pick in alternatives.lowered.plan.picks
    ]
    assert not kernels(alternatives, smallest(1000), replace(UNLIMITED, flash_bytes=plain - 1))
    assert not kernels(alternatives, Price(10, 1), replace(UNLIMITED, code_bytes=0))


def test_what_the_arena_bought(alternatives: Alternatives) -> None:
    plain, fast = alternatives.measured
    growths = bought(alternatives.lowered, M4, alternatives.measured, fast)
    assert {fast.plan.picks[growth.layer].kernel for growth in growths} == {FAST}
    assert all(growth.time == 60 for growth in growths)
    more = fast.total.arena_bytes - plain.total.arena_bytes
    assert sum(growth.arena_bytes for growth in growths) == more
    assert not bought(alternatives.lowered, M4, alternatives.measured, plain)
