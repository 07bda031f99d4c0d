"""What each layer costs beside the best that its core can do, and what would help: all measured.

The figures of a layer's kernels are those that the choice took, in place. What another width,
shape, stride or rescale would gain is measured on layers that are like this one but for that
(``variants``); the best that the core can do on an ideal layer of the same window. These are built
side by side, a dozen in an image, and remembered as every choice is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from hwkit.boards import Board
from hwkit.errors import ConfigError
from hwkit.ir.counts import macs
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Conv2d, Dense, DepthwiseConv2d, Op
from hwkit.target import Account, Change, Explanation, Lowered
from hwkit.targets.mcu.choice import choose, stand_in
from hwkit.targets.mcu.choice.rounds import MOST_MACS
from hwkit.targets.mcu.choices import Choice, Figure
from hwkit.targets.mcu.explain.variants import (
    Single,
    Variant,
    ideal,
    single,
    together,
    variants,
)
from hwkit.targets.mcu.kernels import implementations
from hwkit.targets.mcu.lower import McuPlan, lower, section

_TOGETHER = 12
"""Layers in an image: each has an input and an output of its own."""

_LEAST_SHARE = 50
"""A layer of less than this part of the inference is not asked what would help."""

_WORTH = 50
"""Nor is told of what saves less than this part of its own time."""


def explain(lowered: Lowered[McuPlan]) -> Explanation:
    """The account of every layer of ``lowered``, whose kernels have been chosen.

    ``ConfigError`` where nothing can be measured: no virtual board has this core, or its emulator
    or compiler is missing.
    """
    choice, measuring = lowered.plan.choice, stand_in(lowered.board)
    if choice is None or not choice.board or measuring is None:
        why = choice.note if choice else "no kernels were chosen"
        raise ConfigError(f"{lowered.board.name}: nothing to explain: {why}; run 'hwkit doctor'")
    wanted = [
        (op, list(_asked(lowered.graph, op, choice, n))) for n, op in enumerate(lowered.graph.nodes)
    ]
    kinds = {of.single.kind: of.single for _, found in wanted for of in found}
    per_mac = dict(zip(kinds, _measured(list(kinds.values()), measuring), strict=True))
    by_layer = {op.name: [(of, per_mac[of.single.kind]) for of in found] for op, found in wanted}
    accounts = tuple(
        _account(lowered, n, by_layer[op.name]) for n, op in enumerate(lowered.graph.nodes)
    )
    cycles = all(of.cycles is not None for of in choice.figures[0])
    return Explanation(choice.board, "cycles" if cycles else "instructions", accounts)


def _asked(graph: Graph, op: Op, choice: Choice, n: int) -> Iterator[Variant]:
    """The ideal layer first, then what may help; nothing of a layer that hardly counts."""
    if not isinstance(op, Conv2d | DepthwiseConv2d | Dense) or choice.chosen is None:
        return
    of = single(graph, op)
    yield Variant("", "", ideal(of))
    if _LEAST_SHARE * _taken(choice, n).cost >= choice.chosen.cost:
        yield from variants(of)


def _taken(choice: Choice, n: int) -> Figure:
    """The figure of the pick of layer ``n``: in a build where no other layer shares its copy any
    more that of its kernel."""
    pick, figures = choice.picks[n], choice.figures[n]
    same = [of for of in figures if of.pick == pick]
    return (same or [of for of in figures if of.pick.kernel == pick.kernel])[0]


def _measured(singles: Sequence[Single], board: Board) -> list[float | None]:
    """The time of a multiply-accumulate of each layer with the kernel that is fastest for it;
    None of one that cannot be built by itself."""
    fast = replace(board, mcu=replace(section(board), optimize="speed"))
    found: list[float | None] = []
    for some in _side_by_side(singles):
        graph = together(some)
        chosen = choose(lower(graph, fast))
        figures = chosen.plan.choice.figures if chosen.plan.choice else ()
        times = {
            op.name: min(of.cost for of in layer) / macs(chosen.graph, op)
            for op, layer in zip(chosen.graph.nodes, figures, strict=False)
            if macs(chosen.graph, op)
        }
        found += [times.get(op.name) for op in graph.nodes]
    return found


def _side_by_side(singles: Sequence[Single]) -> Iterator[list[Single]]:
    """In their order, so many at a time as one choice tries every kernel for."""
    some: list[Single] = []
    products = 0
    for of in singles:
        more = of.result.elements * of.weights.size // of.weight.shape[-1 if of.is_depthwise else 0]
        if some and (len(some) == _TOGETHER or products + more > MOST_MACS):
            yield some
            some, products = [], 0
        some.append(of)
        products += more
    if some:
        yield some


def _account(
    lowered: Lowered[McuPlan], n: int, found: Sequence[tuple[Variant, float | None]]
) -> Account:
    choice, op = lowered.plan.choice, lowered.graph.nodes[n]
    assert choice is not None
    taken, products = _taken(choice, n), macs(lowered.graph, op)
    changes = [*_other_kernels(choice, n), *_helpful(found[1:], taken.cost, products)]
    best = found[0][1] if found else None
    return Account(
        index=n,
        name=op.name,
        op=type(op).__name__,
        kernel=_named(lowered.board).get(taken.pick.kernel, ""),
        macs=products,
        time=taken.cost,
        best_per_mac=None if best is None else min([best, taken.cost / products]),
        changes=tuple(sorted(changes, key=lambda change: -change.saves)),
    )


def _other_kernels(choice: Choice, n: int) -> Iterator[Change]:
    """The fastest kernel, where another was taken for its flash or SRAM."""
    taken = _taken(choice, n)
    fastest = min(choice.figures[n], key=lambda of: of.time)
    saves = taken.cost - fastest.cost
    if saves * _WORTH > taken.cost:
        more = fastest.flash_bytes - taken.flash_bytes
        text = f"{fastest.pick.kernel} is faster, for {more:+d} bytes of flash and its scratch"
        yield Change("memory", f"{text}; --optimize speed may take it", saves)


def _helpful(
    found: Sequence[tuple[Variant, float | None]], time: int, products: int
) -> Iterator[Change]:
    for variant, per_mac in found:
        saves = 0 if per_mac is None else time - round(per_mac * products)
        if saves * _WORTH > time:
            yield Change(variant.reason, variant.text, saves)


def _named(board: Board) -> dict[str, str]:
    known = implementations(section(board)).values()
    return {kernel.symbol: f"{kernel.variant}/{kernel.name}" for of in known for kernel in of}
