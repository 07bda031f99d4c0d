"""Time against flash and SRAM: which alternatives to take, from what each costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hwkit.boards import Optimize
from hwkit.targets.mcu.choices import Figure, Total

TIME_PER_FLASH = (1, 800_000)
"""The exchange rate: a byte of flash must save 1/800,000 of the inference's time. So eight thousand
bytes are worth one percent."""

SPEED_PER_FLASH = (1, 4_000_000)
"""The same where speed is what counts: forty thousand bytes for one percent."""

TIME_PER_ARENA = (1, 10)
"""A percent more arena must save a tenth of a percent of the inference's time."""


@dataclass(frozen=True, slots=True)
class Option:
    """An alternative's figure, and the functions that it needs and others may need too: copies
    of kernels, inner loops."""

    figure: Figure
    needs: frozenset[str]


@dataclass(frozen=True, slots=True)
class Price:
    """What a unit of time, a byte of flash and a byte of the arena weigh."""

    time: int
    byte: int
    arena: int = 0

    def cost(self, time: int, flash_bytes: int, arena_bytes: int = 0) -> int:
        """All in one number."""
        return self.time * time + self.byte * flash_bytes + self.arena * arena_bytes

    def of(self, total: Total) -> int:
        """The same of a whole build."""
        return self.cost(total.time, total.flash_bytes, total.arena_bytes)


def exchange(whole_time: int, arena_bytes: int) -> Price:
    """The exchange rate for a model that takes ``whole_time`` and ``arena_bytes`` with the plain
    kernels.

    Example: of 1,000,000 cycles a byte of flash has to save 5, and one of an arena of 10,000
    bytes 10.
    """
    share, of = TIME_PER_FLASH
    part, whole = TIME_PER_ARENA
    arena = whole * max(arena_bytes, 1)
    return Price(of * arena, share * whole_time * arena, part * whole_time * of)


def price_for(optimize: Optimize, whole_time: int, arena_bytes: int) -> Price:
    """The price at which kernels of a model are chosen that takes ``whole_time`` and
    ``arena_bytes`` with the plain ones. For speed SRAM is free as far as the board has it; for
    size the arena must not grow."""
    match optimize:
        case "balanced":
            return exchange(whole_time, arena_bytes)
        case "speed":
            share, of = SPEED_PER_FLASH
            return Price(of, share * whole_time)
        case "size":
            return smallest(whole_time)


def smallest(whole_time: int) -> Price:
    """Flash alone counts; time decides between equals."""
    return Price(1, whole_time + 1)


def select(
    options: Sequence[Sequence[Option]], function_bytes: Mapping[str, int], price: Price
) -> list[Option]:
    """One option of each layer, at the least ``price``; ``function_bytes`` are paid once if any
    chosen option needs the function.

    Starts with all functions there, gives up the one that saves most, and again while that
    saves anything. Ties go to the earlier option and the earlier name.

    Example: two layers that gain nothing from their own code share a copy; where their own code
    is smaller than the shared one too, they don't.
    """
    present = frozenset(function_bytes)
    best, cost = _best(options, function_bytes, price, present)
    while True:
        needed = sorted(frozenset[str]().union(*(option.needs for option in best)))
        without = [
            _best(options, function_bytes, price, present - {name})
            for name in needed
            if all(any(o.needs <= present - {name} for o in of) for of in options)
        ]
        less = min(without, key=lambda found: found[1], default=(best, cost))
        if less[1] >= cost:
            return best
        best, cost = less
        present = frozenset().union(*(option.needs for option in best))


def _best(
    options: Sequence[Sequence[Option]],
    function_bytes: Mapping[str, int],
    price: Price,
    present: frozenset[str],
) -> tuple[list[Option], int]:
    """Each layer's cheapest option that needs only functions that are ``present``."""

    def cost(option: Option) -> int:
        return price.cost(option.figure.time, option.figure.flash_bytes)

    best = [min((o for o in of if o.needs <= present), key=cost) for of in options]
    paid = frozenset[str]().union(*(option.needs for option in best))
    return best, sum(map(cost, best)) + price.byte * sum(function_bytes[name] for name in paid)
