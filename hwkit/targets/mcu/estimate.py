"""What a real board takes, estimated: its build on the virtual board of its core, whose flash then
costs what the board's does."""

from __future__ import annotations

from dataclasses import replace

from hwkit.errors import ConfigError
from hwkit.target import Artifact, Lowered
from hwkit.targets.mcu.build import cached
from hwkit.targets.mcu.choice import stand_in
from hwkit.targets.mcu.choice.measure import placed
from hwkit.targets.mcu.emit import emit
from hwkit.targets.mcu.lower import McuPlan, section


def estimates(lowered: Lowered[McuPlan]) -> tuple[Artifact[McuPlan], Artifact[McuPlan]]:
    """The build of ``lowered``, with its kernels, for the virtual board of its core: as that board
    is, and with the flash of the board itself. SRAM has no wait states in either.

    ``ConfigError`` for a board that is emulated, whose core no virtual board has, or of whose flash
    nothing is known.
    """
    board = lowered.board
    mcu, virtual = section(board), stand_in(board)
    if mcu.emulator:
        raise ConfigError(f"{board.name}: nothing to estimate, it runs here; leave --estimate out")
    if virtual is None:
        raise ConfigError(
            f"{board.name}: no virtual board has its core; give core, cpu_flags, kernels and "
            "cost_model of one (see 'hwkit boards')"
        )
    if mcu.flash_timing is None:
        raise ConfigError(
            f"{board.name}: nothing is known of its flash; give [mcu.flash_timing] in the board's "
            "file (docs/boards.md)"
        )
    there = placed(lowered, virtual)
    plain = cached(emit(there), there)
    timed = replace(virtual, mcu=replace(section(virtual), flash_timing=mcu.flash_timing))
    return plain, replace(plain, board=timed, lowered=replace(there, board=timed))
