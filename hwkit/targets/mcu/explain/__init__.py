"""What each layer costs beside the best that its core can do, and what would help: all measured.

The figures of a layer's kernels are those that the choice took, in place. What another width,
shape, layout or rescale would gain is measured on layers that are like this one but for that
(``variants``); the best that the core can do on an ideal layer of the same window. These run by
themselves, many kernels in an image, and are remembered layer by layer (``alone``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from hwkit.boards import Board, McuBoard
from hwkit.errors import ConfigError
from hwkit.ir.counts import macs
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Conv2d, Dense, DepthwiseConv2d, Op
from hwkit.target import Account, Change, Explanation, Lowered
from hwkit.targets.mcu.choice import stand_in
from hwkit.targets.mcu.choices import Choice, Figure
from hwkit.targets.mcu.explain.alone import fastest
from hwkit.targets.mcu.explain.single import single
from hwkit.targets.mcu.explain.variants import Variant, ideal, variants
from hwkit.targets.mcu.explain.waits import flash_waits
from hwkit.targets.mcu.kernels import implementations
from hwkit.targets.mcu.lower import McuPlan, section

_LEAST_SHARE = 50
"""A layer of less than this part of the inference is not asked what would help."""

_WORTH = 50
"""Nor is told of what saves less than this part of its own time."""

_IDEAL, _NARROWER = "ideal", "width"


def explain(lowered: Lowered[McuPlan]) -> Explanation:
    """The account of every layer of ``lowered``, whose kernels have been chosen.

    ``ConfigError`` where nothing can be measured: no virtual board has this core, or its emulator
    or compiler is missing.
    """
    choice, measuring = lowered.plan.choice, stand_in(lowered.board)
    if choice is None or not choice.board or measuring is None:
        why = choice.note if choice else "no kernels were chosen"
        raise ConfigError(f"{lowered.board.name}: nothing to explain: {why}; run 'hwkit doctor'")
    mcu = section(measuring)
    wanted = [
        list(_asked(lowered.graph, op, choice, n, mcu)) for n, op in enumerate(lowered.graph.nodes)
    ]
    singles = [of.single for found in wanted for of in found]
    costs = iter(fastest(singles, measuring))
    accounts = []
    for n, (found, wait) in enumerate(zip(wanted, flash_waits(lowered), strict=True)):
        taken = [(of, next(costs)) for of in found]
        known = [(of, alone.cost) for of, alone in taken if alone is not None]
        accounts.append(replace(_account(lowered, n, known), flash_wait=wait))
    cycles = all(of.cycles is not None for of in choice.figures[0])
    return Explanation(choice.board, "cycles" if cycles else "instructions", tuple(accounts))


def _asked(graph: Graph, op: Op, choice: Choice, n: int, mcu: McuBoard) -> Iterator[Variant]:
    """The ideal layer first, then what may help; nothing of a layer that hardly counts."""
    if not isinstance(op, Conv2d | DepthwiseConv2d | Dense) or choice.chosen is None:
        return
    of = single(graph, op)
    yield Variant(_IDEAL, "", ideal(of))
    if _LEAST_SHARE * _taken(choice, n).cost >= choice.chosen.cost:
        yield from variants(of, vector="mve" in mcu.kernels)


def _taken(choice: Choice, n: int) -> Figure:
    """The figure of the pick of layer ``n``: in a build where no other layer shares its copy any
    more that of its kernel."""
    pick, figures = choice.picks[n], choice.figures[n]
    same = [of for of in figures if of.pick == pick]
    return (same or [of for of in figures if of.pick.kernel == pick.kernel])[0]


def _account(lowered: Lowered[McuPlan], n: int, found: Sequence[tuple[Variant, int]]) -> Account:
    """``found``: what was measured, and its cost."""
    choice, op = lowered.plan.choice, lowered.graph.nodes[n]
    assert choice is not None
    taken, products = _taken(choice, n), macs(lowered.graph, op)
    per_mac = [
        cost / (products if of.whole else of.single.macs)
        for of, cost in found
        if of.reason != _NARROWER
    ]
    changes = [*_other_kernels(choice, n), *_helpful(found, taken.cost, products)]
    return Account(
        index=n,
        name=op.name,
        op=type(op).__name__,
        kernel=_named(lowered.board).get(taken.pick.kernel, ""),
        macs=products,
        time=taken.cost,
        best_per_mac=min([*per_mac, taken.cost / products]) if per_mac else None,
        changes=tuple(sorted(changes, key=lambda change: -change.saves)),
    )


def _other_kernels(choice: Choice, n: int) -> Iterator[Change]:
    """The fastest kernel, where another was taken for its flash or SRAM."""
    taken = _taken(choice, n)
    fastest = min(choice.figures[n], key=lambda of: of.time)
    saves = taken.cost - fastest.cost
    if saves * _WORTH > taken.cost:
        same = fastest.pick.kernel == taken.pick.kernel
        what = "a copy of its own" if same else fastest.pick.kernel
        more = fastest.flash_bytes - taken.flash_bytes
        text = f"{what} is faster, for {more:+d} bytes of flash and its scratch"
        yield Change("memory", f"{text}; --optimize speed may take it", saves)


def _helpful(found: Sequence[tuple[Variant, int]], time: int, products: int) -> Iterator[Change]:
    for of, cost in found:
        saves = time - (cost if of.whole else round(cost * products / of.single.macs))
        if of.reason != _IDEAL and saves * _WORTH > time:
            yield Change(of.reason, of.text, saves)


def _named(board: Board) -> dict[str, str]:
    known = implementations(section(board)).values()
    return {kernel.symbol: f"{kernel.variant}/{kernel.name}" for of in known for kernel in of}
