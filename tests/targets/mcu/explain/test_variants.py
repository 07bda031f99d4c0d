"""What a layer's variants are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hwkit.ir.counts import macs
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.ops import NO_PADDING, Conv2d, Dense, DepthwiseConv2d, Rounding
from hwkit.ir.types import S16, IntType
from hwkit.targets.mcu.explain.alone import image
from hwkit.targets.mcu.explain.single import Single, single
from hwkit.targets.mcu.explain.variants import MANY, Variant, ideal, variants
from tests.firmware.single import SAME, conv, dense, depthwise, window


def of(graph: Graph) -> Single:
    """Its only layer."""
    (op,) = graph.nodes
    assert isinstance(op, Conv2d | DepthwiseConv2d | Dense)
    return single(graph, op)


def found(graph: Graph, vector: bool = False) -> dict[tuple[str, str], Variant]:
    """By reason and the first word of its text."""
    made = variants(of(graph), vector)
    return {(variant.reason, variant.text.split()[0]): variant for variant in made}


def test_a_good_layer_has_no_variant() -> None:
    assert not found(window((8, 8, 32), 32, (3, 3), pad=SAME))


def test_another_rounding_a_weight_of_minus_128_and_narrow_weights() -> None:
    made = found(conv(8, 32, 32, rounding=Rounding.HALF_EVEN))
    assert set(made) == {("exact path", "rounding"), ("exact path", "a"), ("width", "weights")}
    r = made["exact path", "rounding"].single.op.rescale
    assert r and r.rounding is Rounding.DOUBLE and (r.low, r.high) == (-128, 127)
    assert made["exact path", "a"].single.weights.min() == -127
    narrow = made["width", "weights"].single
    assert narrow.weight.dtype == IntType(4, True)
    assert (narrow.weights.min(), narrow.weights.max()) == (-8, 7)


def test_alignment_tails_and_few_channels() -> None:
    made = found(window((8, 6, 3), 6, (3, 3), pad=SAME))
    assert set(made) == {
        ("alignment", "3"),
        ("tail", "3"),
        ("few channels", "3"),
        ("tail", "6"),
        ("small map", "8x6"),
        ("layout", "rows"),
    }
    assert made["alignment", "3"].single.weights.shape == (6, 3, 3, 4)
    assert made["tail", "3"].single.weights.shape == (8, 3, 3, 8)
    assert made["few channels", "3"].single.weights.shape == (32, 3, 3, 32)
    assert made["tail", "6"].single.source.shape == (8, 8, 3)
    assert made["small map", "8x6"].single.result.shape == (8, 8, 6)


@pytest.mark.parametrize(
    ("channels", "vector", "wider"),
    [
        (30, False, {"alignment": 32}),
        (20, False, {}),
        (20, True, {"tail": 32}),
        (18, True, {"alignment": 20, "tail": 32}),
    ],
)
def test_depthwise_channels(channels: int, vector: bool, wider: dict[str, int]) -> None:
    made = found(depthwise((8, 8, channels)), vector)
    got = {reason: variant.single.source.shape[2] for (reason, _), variant in made.items()}
    assert {reason: got[reason] for reason in ("alignment", "tail") if reason in got} == wider


def test_words_hold_two_channels_of_16_bits() -> None:
    made = found(conv(8, 33, 32, dtype=S16))
    assert made["alignment", "33"].single.source.shape == (8, 8, 34)
    assert ("alignment", "34") not in found(conv(8, 34, 32, dtype=S16))


def test_few_outputs() -> None:
    made = found(dense(64, 10, bits=4))
    assert set(made) == {("tail", "64"), ("few channels", "10")}
    assert made["few channels", "10"].single.weights.shape == (32, 64)


def test_a_stride_of_1_has_as_many_products() -> None:
    graph = window((18, 18, 32), 32, (3, 3), stride=(2, 2), pad=SAME)
    made = found(graph)
    assert set(made) == {("stride", "stride"), ("tail", "9")}
    assert made["stride", "stride"].single.macs == macs(graph, graph.nodes[0])


LAYERS = {
    "conv": window((5, 6, 3), 6, (3, 3), stride=(2, 2), pad=SAME),
    "dilated": window((7, 4, 2), 1, (4, 2), dilation=(2, 1)),
    "depthwise": depthwise((7, 7, 6), stride=2, multiplier=2),
    "dense": dense(37, 9, rounding=Rounding.HALF_UP, offsets=True),
}


@pytest.mark.parametrize("name", LAYERS)
def test_every_variant_is_a_graph_that_runs(name: str) -> None:
    layer = of(LAYERS[name])
    for one in (ideal(layer), *(variant.single for variant in variants(layer))):
        made = image([one])
        assert one.macs == macs(made, made.nodes[0])
        (x,) = made.inputs
        outputs = run(made, {x: np.zeros((1, *made.tensors[x].shape), np.int8)})
        assert outputs["y0"].shape[1:] == one.result.shape


def test_wider_layers_have_wider_accumulators() -> None:
    narrow = of(window((8, 8, 3), 8, (3, 3), pad=SAME))
    narrow = replace(narrow, op=replace(narrow.op, accumulator_bits=17))
    made = {variant.reason: variant.single.op.accumulator_bits for variant in variants(narrow)}
    assert made == {"alignment": 32, "tail": 32, "few channels": 32}
    assert ideal(narrow).op.accumulator_bits == 32


def test_layers_of_one_window_have_the_same_ideal() -> None:
    some, other = (
        of(window(shape, outputs, (3, 3), stride=stride, pad=pad))
        for shape, outputs, stride, pad in (
            ((8, 8, 16), 8, (1, 1), SAME),
            ((20, 9, 3), 5, (2, 2), NO_PADDING),
        )
    )
    a, b = (replace(ideal(one), weights=np.zeros(0)) for one in (some, other))
    assert (a.source, a.result, a.weight) == (b.source, b.result, b.weight)
    assert a.op == b.op
    assert np.array_equal(ideal(some).weights, ideal(other).weights)
    assert a.result.shape[2] == MANY
