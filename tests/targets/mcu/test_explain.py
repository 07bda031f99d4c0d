"""What a layer's variants are, and an account of a small network that is really measured."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hwkit import boards
from hwkit.errors import ConfigError
from hwkit.flow.explain import explain, to_json
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.counts import macs
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.ops import Conv2d, Dense, DepthwiseConv2d, Rounding
from hwkit.targets.mcu.explain.variants import (
    MANY,
    Single,
    Variant,
    ideal,
    single,
    together,
    variants,
)
from tests.emulators import skip_without_emulator
from tests.firmware.single import SAME, conv, dense, depthwise, window


def found(graph: Graph) -> dict[tuple[str, str], Variant]:
    """By reason and the first word of its text."""
    (op,) = graph.nodes
    assert isinstance(op, Conv2d | DepthwiseConv2d | Dense)
    made = variants(single(graph, op))
    return {(variant.reason, variant.text.split()[0]): variant for variant in made}


def test_a_good_layer_has_no_variant() -> None:
    assert not found(window((8, 8, 32), 32, (3, 3), pad=SAME))


def test_another_rounding_and_a_weight_of_minus_128() -> None:
    made = found(conv(4, 32, 4, rounding=Rounding.HALF_EVEN))
    assert set(made) == {("exact path", "rounding"), ("exact path", "a")}
    r = made["exact path", "rounding"].single.op.rescale
    assert r and r.rounding is Rounding.DOUBLE and (r.low, r.high) == (-128, 127)
    assert made["exact path", "a"].single.weights.min() == -127


def test_tails_and_few_channels() -> None:
    made = found(window((5, 6, 3), 6, (3, 3), pad=SAME))
    assert set(made) == {("tail", "3"), ("few channels", "3"), ("tail", "6")}
    assert made["tail", "3"].single.weights.shape == (8, 3, 3, 8)
    assert made["few channels", "3"].single.weights.shape == (32, 3, 3, 32)
    assert made["tail", "6"].single.source.shape == (5, 8, 3)


def test_a_stride_of_1_has_as_many_products() -> None:
    graph = window((9, 9, 32), 32, (3, 3), stride=(2, 2), pad=SAME)
    made = found(graph)
    assert set(made) == {("stride", "stride"), ("tail", "5")}
    other = together([made["stride", "stride"].single])
    assert macs(other, other.nodes[0]) == macs(graph, graph.nodes[0])


@pytest.mark.parametrize(
    "graph",
    [
        window((5, 6, 3), 6, (3, 3), stride=(2, 2), pad=SAME),
        window((7, 4, 2), 1, (4, 2), dilation=(2, 1)),
        depthwise((7, 7, 6), stride=2, multiplier=2),
        dense(37, 9, rounding=Rounding.HALF_UP, offsets=True),
    ],
    ids=["conv", "dilated", "depthwise", "dense"],
)
def test_every_variant_is_a_graph_that_runs(graph: Graph) -> None:
    (op,) = graph.nodes
    assert isinstance(op, Conv2d | DepthwiseConv2d | Dense)
    of = single(graph, op)
    made = together([ideal(of), *(variant.single for variant in variants(of))])
    x = {name: np.zeros((1, *made.tensors[name].shape), np.int8) for name in made.inputs}
    outputs = run(made, x)
    assert len(outputs) == len(made.nodes) > 2
    assert outputs["y0"].shape[-1] in (MANY, 2 * MANY)


def test_layers_of_one_kind_differ_in_their_integers_alone() -> None:
    def layer(channels: int) -> Single:
        graph = conv(4, 8, channels)
        (op,) = graph.nodes
        assert isinstance(op, Conv2d)
        return single(graph, op)

    of = layer(4)
    other = replace(of, weights=of.weights[:, ::-1])
    assert other.kind == of.kind and not np.array_equal(other.weights, of.weights)
    assert layer(5).kind != of.kind
    assert replace(of, weights=np.maximum(of.weights, -100)).kind != of.kind


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
    assert "tail" in {change.reason for change in first.changes}
    assert "exact path" in {change.reason for change in second.changes}
    document = to_json(told)
    assert document["total"]["time"] == first.time + second.time
    assert document["layers"][0]["changes"][0]["saves"] == first.changes[0].saves


def test_boards_without_kernels_to_choose_from() -> None:
    with pytest.raises(ConfigError, match=r"board interpreter: .*hwkit profile"):
        explain(small(), "interpreter")
