"""How much of each layer works in a cycle: the cheapest folding as fast as asked, or the fastest
that fits.

A pipeline is as fast as its slowest layer, so a target for the cycles of an inference is a target
for every layer by itself: each takes the cheapest of its foldings that meets it. The fastest
pipeline within a budget is then found by bisection over the cycles that foldings have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd

from hwkit.boards import FpgaResources
from hwkit.errors import BudgetInfeasible
from hwkit.targets.rtl.cost import Cost, Family, priced, sketch
from hwkit.targets.rtl.fold import Fold
from hwkit.targets.rtl.larger import boards_with_room
from hwkit.targets.rtl.layers import Layer
from hwkit.targets.rtl.network import Network
from hwkit.targets.rtl.terms import Made

USABLE = 0.8
"""Share of a part's logic that a design may take and still be routed at speed, by experience."""

SHELL = Cost(1200.0, 900.0, 4, 0)
"""What the shell around a core takes, roughly."""


@dataclass(frozen=True, slots=True)
class Folding:
    """One ``Fold`` for each layer; ``interval_cycles`` of the slowest; the estimated cost."""

    folds: tuple[Fold, ...]
    interval_cycles: int
    cost: Cost


@dataclass(frozen=True, slots=True)
class Candidate:
    """A folding of a layer: its cycles and what it is made of, on any part."""

    cycles: int
    fold: Fold
    made: Made


@dataclass(frozen=True, slots=True)
class Candidates:
    """Every folding of every layer: all that a search asks of a network, for any part."""

    layers: tuple[Layer, ...]
    each: tuple[tuple[Candidate, ...], ...]


def candidates(net: Network) -> Candidates:
    """Of the layers of ``net``."""
    every = []
    for layer in net.layers:
        sources = [net.values[name].dtype for name in layer.inputs]
        folds = ((layer.cycles(fold), fold) for fold in layer.folds())
        every.append(tuple(Candidate(n, fold, sketch(layer, fold, sources)) for n, fold in folds))
    return Candidates(net.layers, tuple(every))


def search(
    found: Candidates,
    budget: FpgaResources,
    family: Family,
    interval_cycles: int | None,
    part: str,
) -> Folding:
    """The cheapest folding of at most ``interval_cycles``, or without such a target (or where it
    does not fit) the fastest in ``budget``.

    ``BudgetInfeasible`` with the estimate that misses when not even the slowest one fits.
    """
    every = _priced(found, family)
    steps = sorted({cycles for each in every for cycles, _, _ in each})
    fastest = max((min(cycles for cycles, _, _ in each) for each in every), default=1)
    steps = [cycles for cycles in steps if cycles >= fastest] or [fastest]
    if interval_cycles is not None:
        wanted = max([cycles for cycles in steps if cycles <= interval_cycles] or [fastest])
        best = _at(found.layers, every, wanted, budget)
        if fits(best.cost, budget):
            return best
    low, high = 0, len(steps) - 1
    best = _at(found.layers, every, steps[high], budget)
    if not fits(best.cost, budget):
        raise BudgetInfeasible(_too_small(best.cost, budget, part))
    while low < high:
        middle = (low + high) // 2
        faster = _at(found.layers, every, steps[middle], budget)
        if fits(faster.cost, budget):
            high, best = middle, faster
        else:
            low = middle + 1
    return best


def cheapest(
    found: Candidates, budget: FpgaResources, family: Family, interval_cycles: int
) -> Folding:
    """The cheapest folding of at most ``interval_cycles``, whether it fits or not; some folding
    of each layer must be so fast."""
    return _at(found.layers, _priced(found, family), interval_cycles, budget)


_Priced = tuple[int, Fold, Cost]


def _priced(found: Candidates, family: Family) -> list[list[_Priced]]:
    return [[(c.cycles, c.fold, priced(c.made, family)) for c in each] for each in found.each]


def _at(
    layers: Sequence[Layer],
    candidates: Sequence[Sequence[_Priced]],
    most_cycles: int,
    budget: FpgaResources,
) -> Folding:
    """The cheapest folding in which no layer takes more than ``most_cycles``."""
    folds: list[Fold] = []
    total = SHELL
    interval = 1
    beats: dict[str, tuple[int, int]] = {}  # integers of a tensor, and how many come in a beat
    for layer, each in zip(layers, candidates, strict=True):

        def weight(candidate: _Priced, layer: Layer = layer) -> float:
            # A conversion through a small common divisor would be the slowest of all.
            _, fold, price = candidate
            slow = any(
                beats[name][0] // gcd(beats[name][1], fold.simd) > most_cycles
                for name in layer.inputs
                if name in beats
            )
            return price.share(budget) + 10.0 * slow

        fast = [candidate for candidate in each if candidate[0] <= most_cycles]
        cycles, fold, price = min(fast, key=weight)
        folds.append(fold)
        total = total + price
        interval = max(interval, cycles)
        beats[layer.output] = (layer.size, fold.pe)
        for name in layer.inputs:
            if name in beats:
                size, elements = beats[name]
                interval = max(interval, size // gcd(elements, fold.simd))
    return Folding(tuple(folds), interval, total)


def fits(price: Cost, budget: FpgaResources) -> bool:
    """Whether the estimate is within what a design may take of the part."""
    return (
        price.lut <= USABLE * budget.lut
        and price.ff <= budget.ff
        and price.bram <= budget.bram
        and price.dsp <= budget.dsp
    )


def _too_small(price: Cost, budget: FpgaResources, part: str) -> str:
    limits = {
        "LUT": (price.lut, USABLE * budget.lut),
        "flip-flops": (price.ff, budget.ff),
        "RAM blocks": (price.bram, budget.bram),
        "DSP blocks": (price.dsp, budget.dsp),
    }
    name, (needs, has) = max(limits.items(), key=lambda item: item[1][0] / max(item[1][1], 1e-9))
    remedies = []
    if room := boards_with_room(lambda part: fits(price, part)):
        remedies.append(f"take board {room[0]}, which has enough")
    if name == "DSP blocks":
        remedies.append("train with power-of-two scales, whose rescales multiply nothing")
    remedies.append("take a network with fewer weights or bits")
    return (
        f"{part}: the slowest folding takes an estimated {needs:.0f} {name} of the {has:.0f} that "
        f"a design may fill; {', or '.join(remedies)}"
    )
