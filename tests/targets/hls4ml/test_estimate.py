"""The estimator against the reports that it was fitted to, and the budgets that it serves."""

import re
from itertools import pairwise

import numpy as np
import pytest

from benchmarks.hls4ml import fit, points
from hwkit import boards
from hwkit.boards import FoldingGoal
from hwkit.errors import BudgetInfeasible
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Dense, Requantize, Rescale, Rounding
from hwkit.ir.types import S8, S32, U8, IntType
from hwkit.targets.hls4ml import estimate as laws
from hwkit.targets.hls4ml.estimate import Kernel, estimate, kernel
from hwkit.targets.hls4ml.fixed import Fixed
from hwkit.targets.hls4ml.layers import Layer
from hwkit.targets.hls4ml.target import TARGET as hls4ml

PYNQ = boards.load("hls4ml_pynq_z2")


def dense_layer(inputs: int, outputs: int, bits: int, reuse: int) -> Layer:
    precision = {"weight": Fixed(bits, 0, True)}
    data = {"weight_data": np.ones((inputs, outputs))}
    return Layer("Dense", f"fc_{inputs}_{outputs}_{reuse}", (), {}, precision, data, reuse)


def test_every_published_report_is_met() -> None:
    for point in points():
        pairs = zip(point.widths, point.widths[1:], point.reuse, strict=False)
        layers = [dense_layer(i, o, point.bits, reuse) for i, o, reuse in pairs]
        got = estimate(layers, "io_parallel")
        assert got.dsp == point.reported["dsp"]
        assert got.latency_cycles - 1 == point.reported["latency_cycles"]
        assert abs(got.ff / point.reported["ff"] - 1) < 0.02
        assert abs(got.lut / point.reported["lut"] - 1) < 0.13


def test_the_laws_are_the_fit() -> None:
    lut, _ = fit(points(), "lut", lambda point: point.lut_features())
    ff, _ = fit(points(), "ff", lambda point: point.ff_features())
    stated = (
        laws.LUT_PER_INPUT,
        laws.LUT_PER_HIDDEN,
        laws.LUT_PER_OUTPUT,
        laws.LUT_PER_MULTIPLIER_BIT,
        laws.LUT_PER_WEIGHT_BIT,
    )
    np.testing.assert_allclose(stated, lut, rtol=0.01)
    np.testing.assert_allclose(
        (laws.FF_PER_INPUT, laws.FF_PER_HIDDEN, laws.FF_PER_OUTPUT), ff, rtol=0.01
    )


def test_reuse_factors_are_those_of_hls4ml() -> None:
    backends = pytest.importorskip("hls4ml.backends")
    backend = backends.get_backend("Vitis")
    for inputs, outputs in [(16, 4), (72, 64), (9, 16), (104, 24), (1, 7), (13, 1)]:
        expected = backend.get_valid_reuse_factors(inputs, outputs)
        assert Kernel(inputs, outputs, 1, 1, 8).reuse_factors() == expected


def mlp(bits: int, *widths: int) -> Graph:
    b = GraphBuilder("mlp")
    rng = np.random.default_rng(0)
    x, dtype = b.input("x", (widths[0],), S8), IntType(bits, True)
    for k, (inputs, outputs) in enumerate(pairwise(widths)):
        w = rng.integers(1, dtype.high + 1, (outputs, inputs))
        b.constant(f"w{k}", w, dtype)
        b.add(Dense(f"fc{k}", x, f"w{k}", None, f"s{k}"), S32)
        r = Rescale((1,), (8,), Rounding.HALF_EVEN, 0, 255)
        x = b.add(Requantize(f"q{k}", f"s{k}", f"x{k}", r), U8)
    return b.build([x])


def reuse(graph: Graph, board: boards.Board) -> list[int]:
    layers = hls4ml.lower(graph, board).plan.layers
    return [layer.reuse_factor for layer in layers if kernel(layer)]


def test_what_fits_is_not_shared_and_what_does_not_is() -> None:
    assert reuse(mlp(6, 16, 64, 32, 32, 5), PYNQ) == [1, 1, 1, 1]
    shared = reuse(mlp(8, 16, 64, 32, 32, 5), PYNQ)
    assert all(factor > 1 for factor in shared[:3])
    lowered = hls4ml.lower(mlp(8, 16, 64, 32, 32, 5), PYNQ)
    got = estimate(lowered.plan.layers, lowered.plan.io_type)
    assert got.dsp <= 220 * 0.8 and got.lut <= 53_200 * 0.8


def test_what_cannot_fit_is_refused_with_the_number() -> None:
    board = boards.folded_for(PYNQ, FoldingGoal(lut=5_000))
    with pytest.raises(BudgetInfeasible) as caught:
        hls4ml.lower(mlp(8, 16, 64, 32, 32, 5), board)
    found = re.fullmatch(
        r"mlp on hls4ml_pynq_z2: at the best reuse factors the network takes an estimated (\d+) "
        r"LUT, and 5000 may be used; take fewer bits or smaller layers, or \1 LUT \(a part with "
        r"\d+: 80 % of one are used\)",
        str(caught.value),
    )
    assert found is not None
    assert caught.value.exit_code == 1
    hls4ml.lower(mlp(8, 16, 64, 32, 32, 5), boards.folded_for(PYNQ, FoldingGoal(lut=int(found[1]))))


def test_a_budget_of_luts_is_kept() -> None:
    board = boards.folded_for(PYNQ, FoldingGoal(lut=25_000))
    lowered = hls4ml.lower(mlp(8, 16, 64, 32, 32, 5), board)
    got = estimate(lowered.plan.layers, lowered.plan.io_type)
    assert got.lut <= 25_000 and got.dsp <= 176
