"""How far flash and SRAM may grow for faster kernels."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hwkit import boards
from hwkit.boards import Board, Optimize
from hwkit.targets.mcu.choice.limits import Limits, Need, limits

M4 = boards.load("virtual_m4")
PLAIN = Need(arena_bytes=10_000, flash_bytes=40_000, code_bytes=9_000)


def small(optimize: Optimize, sram: int = 1 << 22, flash: int = 1 << 22) -> Board:
    assert M4.mcu
    of_flash, of_sram = M4.mcu.memory
    memory = replace(of_flash, size_bytes=flash), replace(of_sram, size_bytes=sram)
    return replace(M4, mcu=replace(M4.mcu, optimize=optimize, memory=memory))


def test_by_default_a_fifth_of_the_arena_and_three_of_the_image() -> None:
    assert limits(small("balanced"), M4, PLAIN) == Limits(12_000, 64_000, 24_000)
    assert limits(small("size"), M4, PLAIN).arena_bytes == 10_000
    assert limits(small("speed"), M4, PLAIN).arena_bytes > 4_000_000


def test_code_that_is_large_already_does_not_grow_by_default() -> None:
    large = replace(PLAIN, code_bytes=30_000)
    assert limits(small("balanced"), M4, large).code_bytes == 30_000
    assert limits(small("speed"), M4, large).code_bytes == 37_500


def test_a_stage_has_code_of_its_own_and_sram_that_is_given_may_be_taken() -> None:
    assert limits(small("balanced"), M4, PLAIN, stages=2).code_bytes == 28_000
    assert limits(small("speed"), M4, PLAIN, stages=1).code_bytes == 26_000
    board = small("balanced")
    assert board.mcu
    told = replace(board, mcu=replace(board.mcu, sram_bytes=20_000))
    assert limits(told, M4, PLAIN, layers=10).arena_bytes == 20_000 - 624 - 40


@pytest.mark.parametrize("optimize", ["balanced", "speed"])
def test_never_more_than_the_board_has(optimize: Optimize) -> None:
    """The stack and what a runtime needs lie beside the arena; the plain kernels have what they
    need."""
    assert M4.mcu
    taken = M4.mcu.stack_bytes + 2048
    found = limits(small(optimize, 11_000 + taken, 50_000), M4, PLAIN)
    assert (found.arena_bytes, found.flash_bytes) == (11_000, 50_000)
    assert limits(small(optimize, 9_000), M4, PLAIN).arena_bytes == 10_000
    elsewhere = replace(small(optimize, flash=50_000), name="other")
    assert limits(elsewhere, M4, PLAIN).flash_bytes == 50_000 - 2048


def test_all_of_them_hold() -> None:
    most = Limits(12_000, 64_000, 24_000)
    assert most.hold(Need(12_000, 64_000, 24_000))
    for more in (Need(12_001, 1, 1), Need(1, 64_001, 1), Need(1, 1, 24_001)):
        assert not most.hold(more)
    assert replace(most, code_bytes=None).hold(Need(1, 1, 1 << 30))


def test_what_a_sum_turned_out_to_need_leaves_less() -> None:
    most, thought = Limits(12_000, 64_000, 24_000), Need(9_000, 50_000, 22_900)
    assert most.less(thought, Need(9_500, 49_000, 24_400)) == Limits(11_500, 64_000, 22_500)
    assert replace(most, code_bytes=None).less(thought, thought) == replace(most, code_bytes=None)
