"""The estimate against what Yosys 0.70 counted (``synth_ecp5``, cores without a shell)."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from hwkit import boards
from hwkit.boards import FpgaResources
from hwkit.errors import BudgetInfeasible
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Clamp
from hwkit.ir.types import U8
from hwkit.targets.rtl.cost import Cost, RamBlock, cost, ram_block
from hwkit.targets.rtl.fold import Fold
from hwkit.targets.rtl.network import network
from hwkit.targets.rtl.plan import part_resources
from hwkit.targets.rtl.target import TARGET as rtl
from tests.targets.rtl.networks import int8, mixed, moved, resnet8

LOGIC_ERROR = 0.10
FLIP_FLOP_ERROR = 0.15
BLOCK_ERROR = 2


@dataclass(frozen=True)
class Counted:
    """``folds``: simd and pe of each layer. A carry cell of ECP5 is two LUTs, a LUT memory four."""

    graph: Graph
    folds: tuple[tuple[int, int], ...]
    lut: int
    ff: int
    bram: int
    dsp: int


COUNTED = (
    Counted(
        resnet8(8, 4),
        (
            *((1, 4), (4, 2), (4, 2), (1, 1), (4, 1), (8, 1), (1, 1)),
            *((1, 1), (4, 1), (8, 1), (1, 1), (1, 1), (1, 1), (1, 1)),
        ),
        lut=7634,
        ff=3534,
        bram=2,
        dsp=0,
    ),
    Counted(mixed(), ((4, 1), (1, 2), (2, 2), (1, 1), (2, 1)), lut=3263, ff=1418, bram=0, dsp=1),
    Counted(
        moved(),
        (
            *((2, 2), (4, 4), (1, 1), (1, 1), (2, 2), (1, 1), (8, 8), (1, 1), (1, 1), (1, 1)),
            *((4, 4), (1, 1), (1, 1), (1, 1), (1, 1), (1, 1), (1, 1), (1, 1)),
        ),
        lut=5016,
        ff=2780,
        bram=6,
        dsp=9,
    ),
    Counted(int8(), ((3, 2), (2, 1), (1, 1)), lut=3494, ff=1300, bram=0, dsp=20),
)


@pytest.mark.parametrize("counted", COUNTED, ids=lambda counted: counted.graph.name)
def test_estimates_are_near_the_counts(counted: Counted) -> None:
    part = part_resources(boards.load("ulx3s_85f"))
    total = Cost()
    for layer, (simd, pe) in zip(network(counted.graph).layers, counted.folds, strict=True):
        total += cost(layer, Fold(simd, pe), ram_block(part))
    assert abs(total.lut / counted.lut - 1) < LOGIC_ERROR
    assert abs(total.ff / counted.ff - 1) < FLIP_FLOP_ERROR
    assert abs(total.bram - counted.bram) <= BLOCK_ERROR
    assert total.dsp == counted.dsp


def test_blocks_of_ram() -> None:
    assert ram_block(part_resources(boards.load("icebreaker"))) == RamBlock(4096, 16)
    assert ram_block(part_resources(boards.load("ulx3s_85f"))).width == 36
    assert ram_block(FpgaResources(1, 1, 140, 140 * 36_864, 1)) == RamBlock(36_864, 72)


def test_buffers_that_a_part_has_no_room_for_are_refused_before_anything_is_made() -> None:
    b = GraphBuilder("large")
    b.input("x", (96, 96, 3), U8)
    b.add(Clamp("clamp", "x", "y", 1, 9), U8)
    graph = b.build(["y"])
    with pytest.raises(BudgetInfeasible) as caught:
        rtl.lower(graph, boards.load("ice40_hx8k"))
    assert "take 442368 bits of RAM blocks, which have 131072 for all; " in str(caught.value)
    assert rtl.lower(graph, boards.load("ulx3s_85f")).plan.core.sources[0].size == 96 * 96 * 3
