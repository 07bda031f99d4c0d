"""How much flash and SRAM the chosen kernels may take."""

from __future__ import annotations

from dataclasses import dataclass

from hwkit.boards import Board
from hwkit.targets.mcu.lower import arena_regions, section
from hwkit.toolchain.linker_script import region

ARENA_GROWTH = (6, 5)
FLASH_GROWTH = (8, 5)
"""By default at most so many times what the plain kernels need."""

CODE_BYTES = 24_000
CODE_GROWTH = (5, 4)
"""The most code, unless the plain kernels come near it: by default what they have, for speed so
many times that."""

STAGE_CODE_BYTES = 2_000
"""More code for each stage: its turns, and second copies for most of them."""

MARGIN_BYTES = 2048
"""By how much a board's own clock, UART and entry code may be longer than the virtual board's, and
the most that a runtime takes in SRAM beside arena and stack."""


@dataclass(frozen=True, slots=True)
class Need:
    """What a build takes: arena, image, and of the image all that is no table; ``missing_bytes`` of
    the arena have no room in a board's several SRAMs."""

    arena_bytes: int
    flash_bytes: int
    code_bytes: int
    missing_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Limits:
    """The most of each; None where only the board limits it."""

    arena_bytes: int
    flash_bytes: int
    code_bytes: int | None

    def hold(self, need: Need) -> bool:
        """Whether ``need`` stays within all of them."""
        code_fits = self.code_bytes is None or need.code_bytes <= self.code_bytes
        fits = need.arena_bytes <= self.arena_bytes and need.flash_bytes <= self.flash_bytes
        return fits and code_fits and not need.missing_bytes

    def less(self, thought: Need, found: Need) -> Limits:
        """These, for a sum of which ``thought`` turned out to be ``found``: less by what that is
        more.

        Example: of 24,000 bytes of code 23,500 remain after 22,900 that became 23,400.
        """
        code = None
        if self.code_bytes is not None:
            code = self.code_bytes - max(found.code_bytes - thought.code_bytes, 0)
        return Limits(
            self.arena_bytes - max(found.arena_bytes - thought.arena_bytes, 0),
            self.flash_bytes - max(found.flash_bytes - thought.flash_bytes, 0),
            code,
        )


def limits(board: Board, measuring: Board, plain: Need, layers: int = 0, stages: int = 0) -> Limits:
    """What kernels chosen for ``board``, measured on ``measuring``, may take, when the smallest
    ones take ``plain``.

    By default an arena 1.2 times and an image 1.6 times as large; for speed what the board has;
    for size no larger an arena. A build that says how much SRAM it may take (``sram_bytes``) may
    take it by default too. But for size 24,000 bytes of code, or what plain kernels with more
    have (for speed 1.25 times that), and 2,000 for each of ``stages``. Never more than the board
    has, unless the plain kernels do.

    Example: plain kernels with 10,000 bytes of arena and 40,000 of flash may become 12,000 and
    64,000.
    """
    mcu = section(board)
    flash = region(mcu, "flash").size_bytes
    if board.name != measuring.name:
        flash -= MARGIN_BYTES
    sram = region(mcu, "sram").size_bytes - mcu.stack_bytes - MARGIN_BYTES
    if mcu.sram_bytes:
        sram = min(sram, sum(bank.size_bytes for bank in arena_regions(mcu, layers)))
    more = stages * STAGE_CODE_BYTES
    match mcu.optimize:
        case "speed":
            code = max(CODE_BYTES, _times(plain.code_bytes, CODE_GROWTH)) + more
            return Limits(max(sram, plain.arena_bytes), flash, code)
        case "size":
            return Limits(plain.arena_bytes, flash, None)
        case "balanced":
            arena = sram
            if not mcu.sram_bytes:
                arena = min(_times(plain.arena_bytes, ARENA_GROWTH), sram)
            image = min(_times(plain.flash_bytes, FLASH_GROWTH), flash)
            code = max(CODE_BYTES, plain.code_bytes) + more
            return Limits(max(arena, plain.arena_bytes), image, code)


def _times(size_bytes: int, growth: tuple[int, int]) -> int:
    times, of = growth
    return times * size_bytes // of
