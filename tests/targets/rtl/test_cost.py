"""The estimate against what Yosys 0.70 counted (``synth_ecp5``, cores without a shell), of designs
that it was not fitted on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from hwkit import boards
from hwkit.boards import FpgaResources
from hwkit.errors import BudgetInfeasible
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Clamp
from hwkit.ir.types import S8, U8
from hwkit.targets.rtl.core import Stream
from hwkit.targets.rtl.cost import Cost, cost, family, priced, ram_block, sketch
from hwkit.targets.rtl.fold import Fold
from hwkit.targets.rtl.folding import Folding
from hwkit.targets.rtl.layers import LINK_DEPTH
from hwkit.targets.rtl.memories import Memory, RamBlock, placed
from hwkit.targets.rtl.netlist import Netlist
from hwkit.targets.rtl.network import network
from hwkit.targets.rtl.plan import designed, fpga, modules, part_resources
from hwkit.targets.rtl.target import TARGET as rtl
from hwkit.targets.rtl.terms import MODULES, made_of
from tests.targets.rtl.networks import bordered, int8, mixed, moved, pointwise, resnet8, signs

LOGIC_ERROR = 0.10
FLIP_FLOP_ERROR = 0.15
BLOCK_ERROR = 2
ECP5 = family(fpga(boards.load("ulx3s_85f")))


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
        lut=7569,
        ff=3520,
        bram=2,
        dsp=0,
    ),
    Counted(mixed(), ((4, 1), (1, 2), (2, 2), (1, 1), (2, 1)), lut=3145, ff=1433, bram=1, dsp=1),
    Counted(
        moved(),
        (
            *((2, 2), (4, 4), (1, 1), (1, 1), (2, 2), (1, 1), (8, 8), (1, 1), (1, 1), (1, 1)),
            *((4, 4), (1, 1), (1, 1), (1, 1), (1, 1), (1, 1), (1, 1), (1, 1)),
        ),
        lut=4925,
        ff=2804,
        bram=7,
        dsp=9,
    ),
    Counted(int8(), ((3, 2), (2, 1), (1, 1)), lut=3138, ff=1160, bram=0, dsp=14),
)


@pytest.mark.parametrize("counted", COUNTED, ids=lambda counted: counted.graph.name)
def test_estimates_are_near_the_counts(counted: Counted) -> None:
    folds = tuple(Fold(simd, pe) for simd, pe in counted.folds)
    net = network(counted.graph)
    made = designed(counted.graph, net, Folding(folds, 0, Cost()), "part").netlist
    total = priced(made_of(made.instances), ECP5)
    assert abs(total.lut / counted.lut - 1) < LOGIC_ERROR
    assert abs(total.ff / counted.ff - 1) < FLIP_FLOP_ERROR
    assert abs(total.bram - counted.bram) <= BLOCK_ERROR
    assert total.dsp == counted.dsp


@pytest.mark.parametrize("make", [resnet8, mixed, int8, moved, signs, pointwise, bordered])
def test_a_sketch_has_what_the_netlist_has(make: Callable[..., Graph]) -> None:
    """A layer is priced without its images, and with its images it is no other."""
    graph = make(8, 4) if make is resnet8 else make()
    net = network(graph)
    for layer in net.layers:
        sources = [net.values[name].dtype for name in layer.inputs]
        for fold in list(layer.folds())[:3]:
            whole = Netlist()
            names = tuple(whole.stream("in", Stream(fold.simd, t, fold.simd)) for t in sources)
            whole.fifo(layer.build(whole, names, fold), LINK_DEPTH)
            of_whole, of_sketch = made_of(whole.instances), sketch(layer, fold, sources)
            assert of_sketch == of_whole
            assert cost(layer, fold, sources, ECP5) == priced(of_whole, ECP5)


def test_every_module_has_terms() -> None:
    inner = {"hwk_product", "hwk_rom", "hwk_rows", "hwk_tap"}
    assert {f"{name}.v" for name in MODULES} == set(modules()) - {f"{name}.v" for name in inner}


def test_more_lanes_take_more() -> None:
    layer = network(int8()).layers[1]
    luts = [cost(layer, Fold(1, pe), [S8], ECP5).lut for pe in (1, 2, 4, 8)]
    assert luts == sorted(luts)
    assert luts[-1] > 2 * luts[0]


def test_products_take_logic_where_there_is_no_dsp_block() -> None:
    layer = network(int8()).layers[0]
    ice40 = family(fpga(boards.load("ice40_hx8k")))
    assert (ECP5.dsp, ice40.dsp) == (True, False)
    with_dsp, without = (cost(layer, Fold(3, 2, True), [S8], of) for of in (ECP5, ice40))
    assert (with_dsp.dsp, without.dsp) == (6 + 2 * layer.scaling.dsp, 0)  # type: ignore[union-attr]
    assert without.lut > with_dsp.lut


def test_where_memories_lie() -> None:
    """As counted by Yosys: constants of more than 2048 bits, RAM where LUT memory costs more."""
    small, large = RamBlock(4096, 16), RamBlock(18_432, 36)
    constants = [Memory(128, 8, True), Memory(128, 16, True), Memory(72, 36, True)]
    assert [placed(m, small, False).blocks for m in constants] == [0, 1, 0]
    assert [placed(m, large, True).blocks for m in constants] == [0, 0, 1]
    written = [Memory(20, 8), Memory(60, 8), Memory(200, 2), Memory(100, 16), Memory(600, 16)]
    assert [placed(m, small, False).blocks for m in written] == [1, 1, 1, 1, 3]
    assert [placed(m, large, True).blocks for m in written] == [0, 0, 0, 1, 1]
    fifos = [Memory(2, 8), Memory(2, 20), Memory(16, 16)]
    assert ["cells" in placed(m, large, True).terms for m in fifos] == [False, True, True]
    assert placed(Memory(1, 64, True), large, True).terms == {}


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
