"""Every layer's alternatives measured in a handful of builds, and the choice among them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from hwkit.boards import Board, McuBoard
from hwkit.ir.counts import macs
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Op
from hwkit.ir.storage import Storage
from hwkit.target import Lowered
from hwkit.targets.mcu.call import Pick
from hwkit.targets.mcu.choice.bought import bought
from hwkit.targets.mcu.choice.limits import Limits, Need, limits
from hwkit.targets.mcu.choice.measure import Measured, measure
from hwkit.targets.mcu.choice.policy import Price, price_for, smallest
from hwkit.targets.mcu.choice.selection import Alternatives
from hwkit.targets.mcu.choices import Choice, Figure, Growth
from hwkit.targets.mcu.emit import weight_bytes
from hwkit.targets.mcu.kernels import Kernel, implementations
from hwkit.targets.mcu.layers import calls
from hwkit.targets.mcu.lower import McuPlan, plan, section
from hwkit.targets.mcu.packed import fits
from hwkit.targets.mcu.sharing import shared

MOST_MACS = 16_000_000
"""Of an inference, for which other implementations are tried as well."""


_MOST_TRIES = 3
"""Builds of what is chosen, should the first ones not fit."""


def kernels_that_fit(lowered: Lowered[McuPlan]) -> list[list[str]]:
    """By layer: the symbols of the kernels that can compute it, the rule's first."""
    mcu, stored = section(lowered.board), lowered.plan.stored
    nodes = lowered.graph.nodes
    return [
        list(dict.fromkeys(kernel.symbol for kernel in that_fit(lowered.graph, op, mcu, stored)))
        for op in nodes
    ]


def that_fit(graph: Graph, op: Op, mcu: McuBoard, stored: Mapping[str, Storage]) -> list[Kernel]:
    """The kernels that can compute ``op`` of ``graph``, the rule's first."""
    made = calls(graph, op)
    known = implementations(mcu)[made[0].kernel] if made else ()
    return [k for k in known if all(fits(call, k, stored, op.output) for call in made)]


def choice(lowered: Lowered[McuPlan], board: Board) -> Choice:
    """Measures the alternatives of all layers on ``board`` and chooses.

    The build by the rule, and with the first implementation of each kernel one where all layers
    share copies, one where each has its own, one where these are compiled for size, and where
    layers are computed in parts one where they have a copy for most of these alone; unless
    the network is so large that slow kernels would take minutes, also one with the own copies of
    each other implementation. If layers do better with one, then that where these share it. What
    is chosen is built and measured as well, and taken only if it is no worse at the exchange
    rate than any whole build that was measured and is within the limits.
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
    first_best = next(Alternatives(lowered, board, measured).by_arena(_price(lowered, measured)))
    sharing = _sharing_others(fitting, [option.figure.pick for option in first_best.options])
    return _taken(lowered, board, _measured(lowered, board, sharing, measured))


def _price(lowered: Lowered[McuPlan], measured: Sequence[Measured]) -> Price:
    plain = measured[0].total
    return price_for(section(lowered.board).optimize, plain.time, plain.arena_bytes)


def _taken(lowered: Lowered[McuPlan], board: Board, measured: list[Measured]) -> Choice:
    """The best whole build within the limits, the chosen ones among them; where none fits at the
    exchange rate, the smallest."""
    of, by_rule = Alternatives(lowered, board, measured), measured[0].total
    *_, least = of.by_arena(smallest(by_rule.time))
    plain = replace(least.need, arena_bytes=by_rule.arena_bytes)
    sizes = len(lowered.graph.nodes), len(lowered.plan.staging.stages)
    within = limits(lowered.board, board, plain, *sizes)
    whole = list(measured)
    for price, room in (
        (_price(lowered, measured), within),
        (smallest(by_rule.time), replace(within, code_bytes=None)),
    ):
        whole = _with_best(lowered, board, of, price, room, whole)
        fitting = [m for m in whole if room.hold(_need(lowered, m))]
        if fitting:
            best = min(fitting, key=lambda m: price.of(m.total))
            break
    else:
        modest = [m for m in whole if m.total.arena_bytes <= within.arena_bytes]
        best = min(modest, key=lambda m: m.total.flash_bytes)
    return _record(board, measured, best, bought(lowered, board, measured, best))


def _with_best(
    lowered: Lowered[McuPlan],
    board: Board,
    of: Alternatives,
    price: Price,
    room: Limits,
    whole: list[Measured],
) -> list[Measured]:
    """``whole``, and behind it the best selection, built; then, as long as that turns out to need
    more than was added up and does not fit for it, the best one with so much less room."""
    asked = room
    for _ in range(_MOST_TRIES):
        found = of.best(price, asked)
        if found is None:
            break
        known, whole = len(whole), _measured(lowered, board, [found.plan.picks], whole)
        need = _need(lowered, whole[-1])
        if len(whole) == known or room.hold(need):
            break
        asked = asked.less(found.need, need)
    return whole


def _need(lowered: Lowered[McuPlan], m: Measured) -> Need:
    flash = m.total.flash_bytes
    code = flash - weight_bytes(lowered.graph, m.plan)
    return Need(m.total.arena_bytes, flash, code, m.plan.memory.missing_bytes)


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


def _record(
    board: Board, measured: Sequence[Measured], best: Measured, growths: tuple[Growth, ...]
) -> Choice:
    figures: list[tuple[Figure, ...]] = []
    for options in zip(*(m.options for m in measured), strict=True):
        by_pick: dict[Pick, Figure] = {}
        for option in options:
            by_pick.setdefault(option.figure.pick, option.figure)
        figures.append(tuple(by_pick.values()))
    picks = tuple(option.figure.pick for option in best.options)
    return Choice(board.name, "", picks, tuple(figures), measured[0].total, best.total, growths)
