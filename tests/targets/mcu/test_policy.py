"""Time against flash and SRAM: small cases by hand, and against every combination."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from hwkit.targets.mcu.call import Pick
from hwkit.targets.mcu.choice.policy import Option, Price, exchange, price_for, select, smallest
from hwkit.targets.mcu.choices import Figure, Total


def option(time: int, flash_bytes: int, *needs: str) -> Option:
    figure = Figure(Pick("k", bool(needs)), time, time, flash_bytes)
    return Option(figure, frozenset(needs))


def total(options: tuple[Option, ...], functions: dict[str, int], price: Price) -> int:
    """What these options cost together."""
    needed = frozenset[str]().union(*(o.needs for o in options))
    time = sum(o.figure.time for o in options)
    flash_bytes = sum(o.figure.flash_bytes for o in options) + sum(functions[n] for n in needed)
    return price.cost(time, flash_bytes)


def test_eight_thousand_bytes_are_worth_one_percent() -> None:
    price = exchange(100_000, 1000)
    shared, functions = option(50_000, 40, "copy"), {"copy": 3000}
    for saved, taken in ((1000, True), (990, False)):
        own = option(50_000 - saved, 8030)
        other = [shared, option(50_000, 5000)]  # keeps the copy alive
        assert (select([[shared, own], other], functions, price)[0] is own) == taken


def test_copies_go_when_nobody_needs_them() -> None:
    """Own code of 1,500 bytes twice is less than a shared 3,780."""
    layers = [[option(1000, 40, "copy"), option(1000, 1500)]] * 2
    assert [o.figure.flash_bytes for o in select(layers, {"copy": 3780}, exchange(2000, 100))] == [
        1500
    ] * 2
    assert [o.figure.flash_bytes for o in select(layers, {"copy": 900}, exchange(2000, 100))] == [
        40
    ] * 2


def test_the_smallest_first_and_then_the_fastest() -> None:
    of = [option(10, 100), option(900, 99), option(899, 99)]
    assert select([of], {}, smallest(1000)) == [of[2]]


def test_the_last_function_that_serves_a_layer_stays() -> None:
    """Once the larger one is given up, no option is left without the smaller one."""
    of = [option(10, 10, "large"), option(11, 10, "small")]
    assert select([of], {"large": 5000, "small": 100}, exchange(1000, 100)) == [of[1]]


figures = st.tuples(st.integers(1, 1000), st.integers(1, 1000), st.sets(st.sampled_from("abc")))
layers = st.lists(st.lists(figures, min_size=1, max_size=3), min_size=1, max_size=5)


@settings(derandomize=True, deadline=None, max_examples=150)
@given(layers, st.tuples(*[st.integers(1, 2000)] * 3))
def test_close_to_the_best_of_all(
    of: list[list[tuple[int, int, set[str]]]], sizes: tuple[int, ...]
) -> None:
    """Never worse than each layer for itself; mostly the best there is."""
    options = [[option(*figure[:2], *figure[2]) for figure in figures] for figures in of]
    functions = dict(zip("abc", sizes, strict=True))
    price = exchange(sum(figures[0][0] for figures in of), 0)
    found = total(tuple(select(options, functions, price)), functions, price)
    alone = tuple(
        min(of, key=lambda o: price.cost(o.figure.time, o.figure.flash_bytes)) for of in options
    )
    best = min(total(every, functions, price) for every in product(*options))
    assert best <= found <= total(alone, functions, price)
    assert found <= 1.5 * best


def test_what_is_wanted_sets_the_price() -> None:
    """A thousand bytes for a fiftieth of the time: too little to be small, enough by default. For a
    thousandth: only where speed counts."""
    assert price_for("balanced", 10_000, 500) == exchange(10_000, 500)
    assert price_for("size", 10_000, 500) == smallest(10_000)
    for saved, taken in ((200, {"balanced", "speed"}), (10, {"speed"}), (2, set())):
        faster = {
            optimize
            for optimize in ("balanced", "speed", "size")
            if price_for(optimize, 10_000, 500).cost(10_000 - saved, 6_000)
            < price_for(optimize, 10_000, 500).cost(10_000, 5_000)
        }
        assert faster == taken


def test_ten_percent_of_the_arena_are_worth_one_percent() -> None:
    """Where speed counts SRAM is free."""
    plain = Total(None, 100_000, 50_000, 8_000)
    for saved, taken in ((1001, {"balanced", "speed"}), (999, {"speed"})):
        larger = replace(plain, instructions=plain.time - saved, arena_bytes=8_800)
        better = {
            optimize
            for optimize in ("balanced", "speed")
            if price_for(optimize, plain.time, 8_000).of(larger)
            < price_for(optimize, plain.time, 8_000).of(plain)
        }
        assert better == taken
