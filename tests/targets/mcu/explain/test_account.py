"""What is told of changes, and an account of a small network that is really measured."""

from __future__ import annotations

import pytest

from hwkit import boards
from hwkit.errors import ConfigError
from hwkit.flow.explain import explain, to_json
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Conv2d, DepthwiseConv2d, Rounding
from hwkit.targets.mcu.explain import _helpful
from hwkit.targets.mcu.explain.single import single
from hwkit.targets.mcu.explain.variants import Variant
from tests.emulators import skip_without_emulator
from tests.firmware.single import conv


def small() -> Graph:
    """A first layer of 3 channels, then one of another rounding."""
    first, second = conv(8, 3, 8), conv(8, 8, 8, rounding=Rounding.HALF_EVEN)
    b = GraphBuilder("small")
    b.input("x", (8, 8, 3), first.tensors["x"].dtype)
    for n, (graph, source) in enumerate(((first, "x"), (second, "a"))):
        (op,) = graph.nodes
        assert isinstance(op, Conv2d | DepthwiseConv2d)
        of = single(graph, op)
        weight = b.constant(f"w{n}", of.weights, of.weight.dtype)
        target = ("a", "y")[n]
        named = type(op)(
            f"op{n}", source, weight, None, target, op.stride, op.padding, rescale=op.rescale,
            input_zero_point=op.input_zero_point,
        )  # fmt: skip
        b.add(named, of.result.dtype)
    return b.build(["y"])


def test_a_change_counts_by_product_or_as_a_whole() -> None:
    (op,) = (graph := conv(8, 8, 8)).nodes
    assert isinstance(op, Conv2d)
    of = single(graph, op)
    wide = Variant("tail", "wider", of)
    whole = Variant("layout", "other", of, whole=True)
    products = of.macs // 2
    found = [(Variant("ideal", "", of), 10), (wide, 100), (whole, 100), (wide, 398), (whole, 199)]
    told = [(change.reason, change.saves) for change in _helpful(found, 200, products)]
    assert told == [("tail", 150), ("layout", 100)]


@pytest.mark.slow
def test_an_account_of_every_layer() -> None:
    skip_without_emulator(boards.load("virtual_m4"))
    told = explain(small(), "virtual_m4")
    assert told.board == "virtual_m4" and told.unit == "cycles"
    first, second = told.layers
    assert first.macs == 8 * 8 * 8 * 27 and first.kernel.startswith("dsp/conv2d_s8")
    for of in told.layers:
        assert of.per_mac and of.best_per_mac and 0 < of.best_per_mac <= of.per_mac
        assert [c.saves for c in of.changes] == sorted((c.saves for c in of.changes), reverse=True)
        assert all(0 < change.saves < of.time for change in of.changes)
    assert {"alignment", "tail"} <= {change.reason for change in first.changes}
    assert "exact path" in {change.reason for change in second.changes}
    assert {of.flash_wait for of in told.layers} == {None}
    document = to_json(told)
    assert document["total"]["time"] == first.time + second.time
    assert document["layers"][0]["changes"][0]["saves"] == first.changes[0].saves


def test_boards_without_kernels_to_choose_from() -> None:
    with pytest.raises(ConfigError, match=r"board interpreter: .*hwkit profile"):
        explain(small(), "interpreter")


@pytest.mark.slow
def test_a_board_waits_for_its_flash() -> None:
    skip_without_emulator(boards.load("virtual_m4"))
    told = explain(small(), "nucleo_l4r5zi")
    waits = [of.flash_wait for of in told.layers]
    assert told.board == "virtual_m4" and all(wait is not None and wait > 0 for wait in waits)
    document = to_json(told)
    assert document["estimated"] == {"flash_wait_cycles": waits}
    assert document["total"]["time"] == sum(of.time for of in told.layers)
    assert "flash_wait" not in document["layers"][0]
