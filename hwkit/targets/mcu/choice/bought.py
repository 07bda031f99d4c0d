"""What a larger arena bought, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence

from hwkit.boards import Board
from hwkit.target import Lowered
from hwkit.targets.mcu.choice.measure import Measured
from hwkit.targets.mcu.choice.policy import Option
from hwkit.targets.mcu.choice.selection import asks_more, growing
from hwkit.targets.mcu.choices import Growth
from hwkit.targets.mcu.lower import McuPlan, plan, section


def bought(
    lowered: Lowered[McuPlan], board: Board, measured: Sequence[Measured], chosen: Measured
) -> tuple[Growth, ...]:
    """For each layer whose kernel makes the arena larger: by how much after the layers before it,
    and the time that it saves beside the fastest of its alternatives that ask no more memory than
    the plain kernel. Nothing where the arena is no larger than with plain kernels.

    Example: of two layers that need the same scratch the first one makes the arena larger.
    """
    plain = measured[0].plan
    if chosen.plan.memory.arena_bytes <= plain.memory.arena_bytes:
        return ()
    picks = list(chosen.plan.picks)
    saved: dict[int, int] = {}
    for layer in growing(chosen.plan, plain):
        instead = _modest(measured, layer)
        picks[layer] = instead.figure.pick
        saved[layer] = instead.figure.time - chosen.options[layer].figure.time
    before = plan(lowered.graph, section(board), picks).memory.arena_bytes
    growths = []
    for layer, time in saved.items():
        picks[layer] = chosen.plan.picks[layer]
        after = plan(lowered.graph, section(board), picks).memory.arena_bytes
        if after != before:
            growths.append(Growth(layer, after - before, time))
        before = after
    return tuple(growths)


def _modest(measured: Sequence[Measured], layer: int) -> Option:
    """The fastest alternative that asks no more memory than the plain kernel."""
    then = measured[0].plan.layers[layer]
    modest = [m.options[layer] for m in measured if not asks_more(m.plan.layers[layer], then)]
    return min(modest, key=lambda option: option.figure.time)
