"""The selection of kernels at a price, within limits of flash, code and arena."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from hwkit.boards import Board
from hwkit.target import Lowered
from hwkit.targets.mcu.choice.limits import Limits, Need
from hwkit.targets.mcu.choice.measure import Measured
from hwkit.targets.mcu.choice.policy import Option, Price, select
from hwkit.targets.mcu.emit import weight_bytes
from hwkit.targets.mcu.lower import Layer, McuPlan, plan, section

_DEAREST = 1 << 12
"""By how much more than its price a byte of flash may weigh, to keep within the limits."""


@dataclass(frozen=True, slots=True)
class Selection:
    """An option of each layer, the plan that they make, and what adding up their figures gives."""

    options: tuple[Option, ...]
    plan: McuPlan
    time: int
    need: Need

    def cost(self, price: Price) -> int:
        """Its time and bytes in one number."""
        return price.cost(self.time, self.need.flash_bytes, self.need.arena_bytes)


@dataclass(frozen=True, slots=True)
class Alternatives:
    """What was measured of a graph's layers on ``board``: the first build is the plain one."""

    lowered: Lowered[McuPlan]
    board: Board
    measured: Sequence[Measured]

    def best(self, price: Price, limits: Limits) -> Selection | None:
        """The cheapest selection that ``limits`` hold, None where none was found.

        Where the image or its code is too large, flash weighs twice as much, and so on.
        """
        dearer = 1
        while dearer <= _DEAREST:
            at = replace(price, byte=price.byte * dearer)
            found = [s for s in self.by_arena(at) if limits.hold(s.need)]
            if found:
                return self._with_room_used(min(found, key=lambda s: s.cost(price)), price, limits)
            dearer *= 2
        return None

    def _with_room_used(self, found: Selection, price: Price, limits: Limits) -> Selection:
        """``found`` with other options, layer by layer, as long as that is cheaper and within
        ``limits``: what had to go for a layer that needs most memory may fit at another one that
        was refused before it."""
        for saved, layer, option in sorted(self._dearer(found, price), key=lambda one: one[:2]):
            if saved >= 0:
                break
            options = list(found.options)
            options[layer] = option
            other = self._of(options)
            if limits.hold(other.need) and other.cost(price) < found.cost(price):
                found = other
        return found

    def _dearer(self, found: Selection, price: Price) -> Iterator[tuple[int, int, Option]]:
        """What each option of each layer costs more than that in ``found``, by itself."""
        for m in self.measured:
            for layer, option in enumerate(m.options):
                taken = found.options[layer].figure
                one = price.cost(option.figure.time, option.figure.flash_bytes)
                yield one - price.cost(taken.time, taken.flash_bytes), layer, option

    def by_arena(self, price: Price) -> Iterator[Selection]:
        """Selections at ``price`` with less and less arena, the last one's no larger than plain.

        After each the layer that needs most memory has to do with less scratch, or without a
        kernel that keeps output and input farther apart: in the end every layer has a kernel that
        asks no more than the plain one.
        """
        plain = self.measured[0].plan
        scratch = self._scratch()
        most = [
            max(n for (of, _), n in scratch.items() if of == i) for i in range(len(plain.picks))
        ]
        refused: set[tuple[int, str]] = set()
        while True:
            allowed = [
                {
                    kernel
                    for (of, kernel), n in scratch.items()
                    if of == layer and n <= room and (layer, kernel) not in refused
                }
                for layer, room in enumerate(most)
            ]
            found = self._selection(price, allowed)
            yield found
            layer = neediest(found.plan, plain)
            if found.need.arena_bytes <= plain.memory.arena_bytes or layer is None:
                return
            asked = found.plan.layers[layer].scratch_bytes
            if asked > plain.layers[layer].scratch_bytes:
                most[layer] = asked - 1
            refused.add((layer, found.plan.picks[layer].kernel))

    def _scratch(self) -> Mapping[tuple[int, str], int]:
        """What each kernel of each layer needs."""
        return {
            (layer, pick.kernel): m.plan.layers[layer].scratch_bytes
            for m in self.measured
            for layer, pick in enumerate(m.plan.picks)
        }

    def _selection(self, price: Price, allowed: Sequence[set[str]]) -> Selection:
        """At ``price``, from the kernels ``allowed`` for each layer."""
        by_layer = [
            [m.options[layer] for m in self.measured if m.plan.picks[layer].kernel in kernels]
            for layer, kernels in enumerate(allowed)
        ]
        functions = {name: size for m in self.measured for name, size in m.functions.items()}
        return self._of(select(by_layer, functions, price))

    def _of(self, options: Sequence[Option]) -> Selection:
        functions = {name: size for m in self.measured for name, size in m.functions.items()}
        picks = [option.figure.pick for option in options]
        planned = plan(self.lowered.graph, section(self.board), picks, self.lowered.plan)
        first = self.measured[0]
        rest = first.total.flash_bytes - _bytes(first.options, functions)
        flash = rest + _bytes(options, functions)
        code = flash - weight_bytes(self.lowered.graph, planned)
        need = Need(planned.memory.arena_bytes, flash, code, planned.memory.missing_bytes)
        return Selection(tuple(options), planned, sum(o.figure.time for o in options), need)


def _bytes(options: Sequence[Option], functions: Mapping[str, int]) -> int:
    """Flash of these options, each function that they need once."""
    needed = frozenset[str]().union(*(option.needs for option in options))
    own = sum(option.figure.flash_bytes for option in options)
    return own + sum(functions[name] for name in needed)


def neediest(planned: McuPlan, plain: McuPlan) -> int | None:
    """The layer with the most bytes in use among those that ask more memory than in ``plain``."""
    return max(growing(planned, plain), key=planned.memory.in_use, default=None)


def growing(planned: McuPlan, plain: McuPlan) -> list[int]:
    """The layers that ask more memory than in ``plain``."""
    both = zip(planned.layers, plain.layers, strict=True)
    return [layer for layer, (now, then) in enumerate(both) if asks_more(now, then)]


def asks_more(now: Layer, then: Layer) -> bool:
    """More scratch, or an output that may run less far into an input."""
    if now.scratch_bytes > then.scratch_bytes:
        return True
    if now.over_start:
        return False
    return any(now.overlaps.get(x, n + 1) > n for x, n in then.overlaps.items())
