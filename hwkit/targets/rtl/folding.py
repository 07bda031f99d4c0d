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
from hwkit.targets.rtl.cost import Cost, RamBlock, cost, ram_block
from hwkit.targets.rtl.fold import Fold
from hwkit.targets.rtl.larger import boards_with_room
from hwkit.targets.rtl.layers import Layer

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


def search(
    layers: Sequence[Layer], budget: FpgaResources, interval_cycles: int | None, part: str
) -> Folding:
    """The cheapest folding of at most ``interval_cycles``, or without such a target (or where it
    does not fit) the fastest in ``budget``.

    ``BudgetInfeasible`` with the estimate that misses when not even the slowest one fits.
    """
    block = ram_block(budget)
    candidates = [_candidates(layer, block) for layer in layers]
    steps = sorted({cycles for each in candidates for cycles, _, _ in each})
    fastest = max((min(cycles for cycles, _, _ in each) for each in candidates), default=1)
    steps = [cycles for cycles in steps if cycles >= fastest] or [fastest]
    if interval_cycles is not None:
        wanted = max([cycles for cycles in steps if cycles <= interval_cycles] or [fastest])
        found = _at(layers, candidates, wanted, budget)
        if fits(found.cost, budget):
            return found
    low, high = 0, len(steps) - 1
    smallest = _at(layers, candidates, steps[high], budget)
    if not fits(smallest.cost, budget):
        raise BudgetInfeasible(_too_small(smallest.cost, budget, part))
    best = smallest
    while low < high:
        middle = (low + high) // 2
        found = _at(layers, candidates, steps[middle], budget)
        if fits(found.cost, budget):
            high, best = middle, found
        else:
            low = middle + 1
    return best


def cheapest(layers: Sequence[Layer], budget: FpgaResources, interval_cycles: int) -> Folding:
    """The cheapest folding of at most ``interval_cycles``, whether it fits or not; some folding
    of each layer must be so fast."""
    block = ram_block(budget)
    candidates = [_candidates(layer, block) for layer in layers]
    return _at(layers, candidates, interval_cycles, budget)


_Candidate = tuple[int, Fold, Cost]


def _candidates(layer: Layer, block: RamBlock) -> list[_Candidate]:
    return [(layer.cycles(fold), fold, cost(layer, fold, block)) for fold in layer.folds()]


def _at(
    layers: Sequence[Layer],
    candidates: Sequence[Sequence[_Candidate]],
    most_cycles: int,
    budget: FpgaResources,
) -> Folding:
    """The cheapest folding in which no layer takes more than ``most_cycles``."""
    folds: list[Fold] = []
    total = SHELL
    interval = 1
    beats: dict[str, tuple[int, int]] = {}  # integers of a tensor, and how many come in a beat
    for layer, each in zip(layers, candidates, strict=True):

        def weight(candidate: _Candidate, layer: Layer = layer) -> float:
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
