"""What kernels ask of the arena is what their own plan was made from."""

from __future__ import annotations

from dataclasses import replace

from hwkit import boards
from hwkit.lower.patch.costs import Costs
from hwkit.lower.patch.plan import plain
from hwkit.target import PlansArena
from hwkit.targets.mcu.target import TARGET
from tests.lower.patch.test_plan import CHAIN


def test_the_plain_plan_is_that_of_the_target() -> None:
    assert isinstance(TARGET, PlansArena)
    board = boards.load("virtual_m4")
    lowered = TARGET.lower(CHAIN, board)
    needs = TARGET.arena_needs(lowered)
    costs = Costs(lowered.graph, (), (), needs.overlaps, needs.scratch_bytes)
    assert plain(costs).arena_bytes == lowered.plan.memory.arena_bytes
    assert any(needs.scratch_bytes.values()) and any(needs.overlaps.values())


def test_a_plan_leaves_room_for_fast_kernels() -> None:
    board = boards.load("virtual_m4")
    lowered = TARGET.lower(CHAIN, board)
    fast = TARGET.with_fast_kernels(lowered)
    asked, more = (TARGET.arena_needs(one).scratch_bytes for one in (lowered, fast))
    assert all(more[name] >= asked[name] for name in asked) and more != asked
    assert board.mcu is not None
    tight = replace(board, mcu=replace(board.mcu, sram_bytes=1000))
    assert TARGET.with_fast_kernels(TARGET.lower(CHAIN, tight)).plan.picks


def test_room_is_what_stack_and_variables_leave() -> None:
    board = boards.load("virtual_m0")
    assert board.mcu is not None
    needs = TARGET.arena_needs(TARGET.lower(CHAIN, board))
    (sram,) = (region.size_bytes for region in board.mcu.memory if region.kind == "sram")
    assert needs.other_bytes == 624 + 4 * 5
    assert needs.room_bytes == sram - board.mcu.stack_bytes - needs.other_bytes


def test_small_kernels_ask_nothing_where_there_are_plain_loops() -> None:
    lowered = TARGET.lower(CHAIN, boards.load("virtual_m4"))
    small = TARGET.with_small_kernels(lowered, plain=True)
    assert not any(TARGET.arena_needs(small).scratch_bytes.values())
    assert small.plan.memory.arena_bytes < lowered.plan.memory.arena_bytes
