"""Which kernel computes each layer, and whether in a copy of its own: measured, then remembered.

A layer's alternatives compute the same integers: a copy of the kernel that several layers share
or one compiled for the layer alone, for speed or for size, of each implementation that the
board's folders hold. Whole builds are measured on a virtual board, all layers of each at one
alternative, so that a handful of builds give the figures of every layer; ``policy`` weighs time
against flash; and the build that comes of it is measured too. See docs/adr/0007-kernel-choice.md.
"""

from __future__ import annotations

from dataclasses import replace

from hwkit import boards
from hwkit.boards import Board, McuBoard
from hwkit.errors import ConfigError, HwkitError
from hwkit.target import Lowered
from hwkit.targets.mcu.build import check_fit
from hwkit.targets.mcu.call import Pick
from hwkit.targets.mcu.choice import remembered
from hwkit.targets.mcu.choice.rounds import choice, kernels_that_fit
from hwkit.targets.mcu.choices import Choice
from hwkit.targets.mcu.lower import McuPlan, plan, section


def choose(lowered: Lowered[McuPlan], measure: bool = True) -> Lowered[McuPlan]:
    """``lowered`` with every layer's kernel chosen: as remembered, or by measuring now. Without
    ``measure`` the picks stay as the rule has them where no choice is remembered.

    Where nothing can be measured (no emulator of this core, or not installed) the picks stay as
    the rule has them and ``plan.choice.note`` says why. ``ConfigError`` with the bytes that are
    missing when the board can't hold the network. The same lowered graph on the same
    toolchain gives the same choice.
    """
    found = _choice(lowered, measure)
    planned = lowered.plan
    if found.picks != planned.picks:
        planned = plan(lowered.graph, section(lowered.board), found.picks, planned)
    return replace(lowered, plan=replace(planned, choice=found))


def stand_in(board: Board) -> Board | None:
    """The board that measures for ``board``: itself where it is emulated, else a virtual one
    that runs the same kernels, compiled with the same flags, in the cycles of the same model.
    None where there is none. What a build is limited to does not limit what is measured for it.

    Example: for nucleo_l4r5zi virtual_m4.
    """
    mcu = section(board)
    if mcu.emulator:
        return replace(board, mcu=replace(mcu, sram_bytes=0))
    for name in boards.names():
        if name.startswith("virtual_"):
            other = boards.load(name)
            if other.mcu and _alike(other.mcu, mcu):
                return other
    return None


def _alike(other: McuBoard, mcu: McuBoard) -> bool:
    """Whether they run the same kernels, compiled with the same flags, in as many cycles."""
    same = (other.kernels, other.cpu_flags) == (mcu.kernels, mcu.cpu_flags)
    return same and mcu.cost_model in ("", other.cost_model)


def _check_room(lowered: Lowered[McuPlan]) -> None:
    """Refuses a network that the board itself can't hold before it is measured on another one.

    ``ConfigError`` when neither the rule's kernels fit nor the definition's, which need the least
    memory beside the activations.
    """
    try:
        check_fit(lowered)
    except ConfigError:
        picks = [Pick(of[-1], True) if of else Pick("", False) for of in kernels_that_fit(lowered)]
        staging = lowered.plan.staging
        planned = plan(lowered.graph, section(lowered.board), picks, staging=staging)
        check_fit(replace(lowered, plan=planned))


def _choice(lowered: Lowered[McuPlan], measure: bool) -> Choice:
    by_rule = lowered.plan.picks
    measuring = stand_in(lowered.board)
    if measuring is None:
        return Choice("", f"no virtual board has the core of {lowered.board.name}", by_rule)
    if measure:
        _check_room(lowered)
    try:
        path = remembered.path(lowered, measuring)
        known = remembered.load(path, lowered)
        if known is None and not measure:
            return Choice("", "nothing was measured for this build", by_rule)
        if known is None:
            known = choice(lowered, measuring)
            remembered.save(path, known)
        return known
    except HwkitError as error:
        return Choice("", f"{measuring.name} measured nothing: {error}", by_rule)
