"""The folding search: balanced, within its budget, refused with the number that misses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hwkit import boards
from hwkit.boards import FpgaResources
from hwkit.errors import BudgetInfeasible, UnsupportedOp
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.ops import (
    Concat,
    Overflow,
    Requantize,
    Rescale,
    Rounding,
    Slice,
    Softmax,
    SoftmaxKind,
    Transpose,
)
from hwkit.ir.types import S8, S32
from hwkit.targets.rtl.cost import Cost, family
from hwkit.targets.rtl.folding import Folding, candidates, fits, search
from hwkit.targets.rtl.network import network
from hwkit.targets.rtl.plan import core_of, fpga, part_resources
from hwkit.targets.rtl.target import TARGET as rtl
from tests.targets.rtl.networks import mixed, resnet8

LARGE = part_resources(boards.load("rtl_sim"))
NETWORK = network(resnet8(16, 8))
CANDIDATES = candidates(NETWORK)


def searched(part: FpgaResources, interval_cycles: int | None, name: str = "part") -> Folding:
    of = family(fpga(boards.load("rtl_sim")))
    return search(CANDIDATES, part, of, interval_cycles, name)


def test_no_layer_is_slower_than_asked_and_none_could_be_cheaper() -> None:
    for asked in (5_000, 20_000, 100_000):
        found = searched(LARGE, asked)
        assert found.interval_cycles <= asked
        for layer, fold in zip(NETWORK.layers, found.folds, strict=True):
            assert layer.cycles(fold) <= asked
    costs = [searched(LARGE, asked).cost for asked in (5_000, 20_000, 100_000)]
    assert costs[0].lut > costs[1].lut > costs[2].lut


def test_without_a_target_it_is_as_fast_as_fits() -> None:
    part = replace(LARGE, lut=20_000, ff=20_000, bram=60, dsp=8)
    found = searched(part, None)
    assert fits(found.cost, part)
    faster = searched(LARGE, found.interval_cycles - 1)
    assert faster.interval_cycles < found.interval_cycles
    assert not fits(faster.cost, part)


def test_a_rate_out_of_reach_gives_the_fastest() -> None:
    fastest = searched(LARGE, None)
    assert searched(LARGE, 1) == fastest


def test_a_part_too_small_is_refused_with_the_number() -> None:
    part = replace(LARGE, lut=1000)
    with pytest.raises(BudgetInfeasible, match=r"tiny: .* estimated \d+ LUT of the 800") as caught:
        searched(part, None, "tiny")
    assert caught.value.exit_code == 1


def test_khot_and_one_bit_weights_take_no_dsp() -> None:
    layer = network(mixed()).layers[0]
    assert layer.name == "conv1"
    assert not any(fold.dsp for fold in layer.folds())


def test_refusals_name_the_op() -> None:
    board = boards.load("rtl_sim")
    b = GraphBuilder("soft")
    x = b.input("x", (4,), S8)
    b.add(Softmax("top", x, "y", 0.1, SoftmaxKind.FLOAT), S8)
    with pytest.raises(
        UnsupportedOp, match=r"top: not supported by rtl; Softmax .* end the network at its logits"
    ):
        rtl.lower(b.build(["y"]), board)
    b = GraphBuilder("wraps")
    x = b.input("x", (4,), S32)
    r = Rescale((1,), (4,), Rounding.FLOOR, 8, 15, 8, overflow=Overflow.WRAP)
    b.add(Requantize("fold", x, "y", r), S8)
    with pytest.raises(UnsupportedOp, match=r"fold: .* wraps into 8\.\.15"):
        rtl.lower(b.build(["y"]), board)


def test_a_layer_that_nobody_reads_is_left_out() -> None:
    b = GraphBuilder("dead")
    x = b.input("x", (4,), S8)
    r = Rescale((1,), (1,), Rounding.FLOOR, -128, 127)
    b.add(Requantize("dead", x, "unread", r), S8)
    b.add(Requantize("alive", x, "y", r), S8)
    assert [layer.name for layer in network(b.build(["y"])).layers] == ["alive"]


def test_moves_that_move_nothing_are_wires() -> None:
    b = GraphBuilder("wires")
    b.input("x", (3, 1, 4), S8)
    b.add(Concat("alone", ("x",), "a", 0), S8)
    b.add(Transpose("thin", "a", "b", (1, 0, 2)), S8)
    b.add(Slice("whole", "b", "c", (0, 0, 0), (1, 3, 4), (1, 1, 1)), S8)
    b.add(Slice("part", "c", "y", (0, 0, 2), (1, 3, 2), (1, 1, 1)), S8)
    (layer,) = network(b.build(["y"])).layers
    assert (layer.name, layer.inputs) == ("part", ("x",))
    assert [fold.simd for fold in layer.folds()] == [1, 2]


def test_a_core_too_slow_to_follow_is_refused_with_the_number() -> None:
    layers = network(resnet8(32, 16))
    slowest = Folding(tuple(next(layer.folds()) for layer in layers.layers), 0, Cost())
    with pytest.raises(BudgetInfeasible, match=r"tiny: .* \d+ beats an inference, above 12000000"):
        core_of(resnet8(32, 16), layers, slowest, "tiny")
