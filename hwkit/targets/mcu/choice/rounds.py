"""Every layer's alternatives measured in a handful of builds, and the choice among them."""

from __future__ import annotations

import os
from collections.abc import Container, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from hwkit.boards import Board
from hwkit.ir.counts import macs
from hwkit.target import Lowered
from hwkit.targets.mcu.call import Pick
from hwkit.targets.mcu.choice.measure import Measured, measure
from hwkit.targets.mcu.choice.policy import Option, Price, price_for, select, smallest
from hwkit.targets.mcu.choices import Choice, Figure
from hwkit.targets.mcu.kernels import implementations
from hwkit.targets.mcu.layers import calls
from hwkit.targets.mcu.lower import Layer, McuPlan, plan, section
from hwkit.targets.mcu.sharing import shared
from hwkit.toolchain.linker_script import region

MARGIN_BYTES = 2048
"""By how much a board's own clock, UART and entry code may be longer than the virtual board's, and
the most that a runtime takes in SRAM beside arena and stack."""

MOST_MACS = 16_000_000
"""Of an inference, for which other implementations are tried as well."""


def kernels_that_fit(lowered: Lowered[McuPlan]) -> list[list[str]]:
    """By layer: the symbols of the kernels that can compute it, the rule's first."""
    known = implementations(section(lowered.board))
    fitting: list[list[str]] = []
    for op in lowered.graph.nodes:
        made = calls(lowered.graph, op)
        of = known[made[0].kernel] if made else ()
        fitting.append([k.symbol for k in of if all(k.fits(call.descriptor) for call in made)])
    return fitting


def choice(lowered: Lowered[McuPlan], board: Board) -> Choice:
    """Measures the alternatives of all layers on ``board`` and chooses.

    The build by the rule, and with the first implementation of each kernel one where all layers
    share copies, one where each has its own, one where these are compiled for size, and where
    layers are computed in parts one where they have a copy for most of these alone; unless
    the network is so large that slow kernels would take minutes, also one with the own copies of
    each other implementation. If layers do better with one, then that where these share it. What
    is chosen is built and measured as well, and taken only if it is no worse at the exchange
    rate, and no larger in SRAM, than any whole build that was measured.
    """
    fitting = kernels_that_fit(lowered)
    own = _round(fitting, 0, False)
    small = [replace(pick, small=bool(pick.kernel)) for pick in own]
    first = [lowered.plan.picks, _round(fitting, 0, True), own, small]
    staged = [op.name in lowered.plan.staging.layers for op in lowered.graph.nodes]
    first.append([replace(p, usual=of) for p, of in zip(own, staged, strict=True)])
    if sum(macs(lowered.graph, op) for op in lowered.graph.nodes) <= MOST_MACS:
        first += [_round(fitting, k, False) for k in range(1, max(map(len, fitting)))]
    measured = _measured(lowered, board, first, [])
    best = _selected(measured, price_for(section(lowered.board).optimize, measured[0].total.time))
    sharing = _sharing_others(fitting, [option.figure.pick for option in best])
    return _taken(lowered, board, _measured(lowered, board, sharing, measured))


def _taken(lowered: Lowered[McuPlan], board: Board, measured: list[Measured]) -> Choice:
    """The best whole build that fits, the chosen ones among them; where none fits at the exchange
    rate, the smallest."""
    by_rule, room = measured[0].total, _room(lowered.board, board)
    limit = _most_arena(lowered, by_rule.arena_bytes)
    whole = list(measured)
    optimize = section(lowered.board).optimize
    for price in (price_for(optimize, by_rule.time), smallest(by_rule.time)):
        whole = _measured(lowered, board, [_picks(lowered, board, measured, price, limit)], whole)
        fitting = [m for m in whole if m.total.arena_bytes <= limit]
        best = min(fitting, key=lambda m: price.cost(m.total.time, m.total.flash_bytes))
        if best.total.flash_bytes <= room:
            break
    return _record(board, measured, best)


def _room(board: Board, measuring: Board) -> int:
    """Flash for an image as the measuring board has it."""
    room = region(section(board), "flash").size_bytes
    return room if board.name == measuring.name else room - MARGIN_BYTES


def _most_arena(lowered: Lowered[McuPlan], by_rule: int) -> int:
    """The arena that kernels may bring about: the rule's, or for speed all that the board has
    beside the stack and what a runtime needs."""
    mcu = section(lowered.board)
    if mcu.optimize != "speed":
        return by_rule
    return max(region(mcu, "sram").size_bytes - mcu.stack_bytes - MARGIN_BYTES, by_rule)


def _picks(
    lowered: Lowered[McuPlan], board: Board, measured: Sequence[Measured], price: Price, limit: int
) -> list[Pick]:
    """The selection at ``price`` whose arena has at most ``limit`` bytes.

    Where it is larger, the layer that needs most memory has to do with less scratch, or without a
    kernel that keeps output and input farther apart, until the arena is small enough: in the end
    every layer has a kernel that asks no more than the rule's.
    """
    picks_by_rule = measured[0].plan.picks
    scratch = {
        (layer, pick.kernel): m.plan.layers[layer].scratch_bytes
        for m in measured
        for layer, pick in enumerate(m.plan.picks)
    }
    most = [max(n for (of, _), n in scratch.items() if of == i) for i in range(len(picks_by_rule))]
    refused: set[tuple[int, str]] = set()
    while True:
        allowed = [
            {k for k in _kernels(scratch, layer, room) if (layer, k) not in refused}
            for layer, room in enumerate(most)
        ]
        picks = [option.figure.pick for option in _selected(measured, price, allowed)]
        planned = plan(lowered.graph, section(board), picks, lowered.plan)
        if planned.memory.arena_bytes <= limit:
            return picks
        layer = _neediest(planned, measured[0].plan)
        if layer is None:
            return list(picks_by_rule)
        if planned.layers[layer].scratch_bytes > measured[0].plan.layers[layer].scratch_bytes:
            most[layer] = planned.layers[layer].scratch_bytes - 1
        refused.add((layer, picks[layer].kernel))


def _kernels(scratch: Mapping[tuple[int, str], int], layer: int, room: int) -> list[str]:
    """The kernels of ``layer`` that need at most ``room`` bytes of scratch."""
    return [kernel for (of, kernel), n in scratch.items() if of == layer and n <= room]


def _neediest(planned: McuPlan, by_rule: McuPlan) -> int | None:
    """The layer with the most bytes in use among those that ask more memory than by the rule."""
    more = [
        layer
        for layer, (now, then) in enumerate(zip(planned.layers, by_rule.layers, strict=True))
        if _asks_more(now, then)
    ]
    return max(more, key=planned.memory.in_use, default=None)


def _asks_more(now: Layer, then: Layer) -> bool:
    """More scratch, or an output that may run less far into an input."""
    if now.scratch_bytes > then.scratch_bytes:
        return True
    return any(now.overlaps.get(x, n + 1) > n for x, n in then.overlaps.items())


def _selected(
    measured: Sequence[Measured], price: Price, allowed: Sequence[Container[str]] | None = None
) -> list[Option]:
    """At ``price``; from the kernels ``allowed`` for each layer, if given."""
    by_layer = [list(of) for of in zip(*(m.options for m in measured), strict=True)]
    if allowed is not None:
        by_layer = [
            [option for option in of if option.figure.pick.kernel in kernels]
            for of, kernels in zip(by_layer, allowed, strict=True)
        ]
    functions: dict[str, int] = {}
    for m in measured:
        functions |= m.functions
    return select(by_layer, functions, price)


def _round(fitting: Sequence[Sequence[str]], k: int, share: bool) -> list[Pick]:
    """Every layer at its implementation ``k``, or the first where it has fewer."""
    return [Pick((of[k:] or of)[0], share) if of else Pick("", False) for of in fitting]


def _sharing_others(fitting: Sequence[Sequence[str]], picks: Sequence[Pick]) -> list[list[Pick]]:
    """A round where the layers whose pick is not their first kernel share that; none if these
    are fewer than two."""
    other = [bool(of) and pick.kernel != of[0] for of, pick in zip(fitting, picks, strict=True)]
    if sum(other) < 2:
        return []
    first = _round(fitting, 0, True)
    return [[Pick(p.kernel, True) if o else f for o, p, f in zip(other, picks, first, strict=True)]]


def _measured(
    lowered: Lowered[McuPlan], board: Board, rounds: Sequence[Sequence[Pick]], known: list[Measured]
) -> list[Measured]:
    """``known``, and after it the builds of ``rounds`` that differ from these and from each
    other, in parallel."""
    builds: dict[tuple[Pick, ...], Lowered[McuPlan]] = {}
    for picks in rounds:
        planned = plan(lowered.graph, section(board), picks, lowered.plan)
        copies = shared((call for layer in planned.layers for call in layer.calls), planned.kernels)
        really = tuple(
            replace(pick, shared=any(id(call) in copies for call in layer.calls))
            for pick, layer in zip(planned.picks, planned.layers, strict=True)
        )
        builds.setdefault(really, replace(lowered, plan=planned))
    for m in known:
        builds.pop(tuple(option.figure.pick for option in m.options), None)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        marks = (f"build {number}: " for number in range(len(known), len(known) + len(builds)))
        return known + list(pool.map(lambda of, m: measure(of, board, m), builds.values(), marks))


def _record(board: Board, measured: Sequence[Measured], best: Measured) -> Choice:
    figures: list[tuple[Figure, ...]] = []
    for options in zip(*(m.options for m in measured), strict=True):
        by_pick: dict[Pick, Figure] = {}
        for option in options:
            by_pick.setdefault(option.figure.pick, option.figure)
        figures.append(tuple(by_pick.values()))
    picks = tuple(option.figure.pick for option in best.options)
    return Choice(board.name, "", picks, tuple(figures), measured[0].total, best.total)
