"""Exported forms of random graphs: QDQ and QOp in ONNX Runtime, QONNX read back and executed."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwkit.errors import UnsupportedOp
from hwkit.importers.qonnx.importer import load_qonnx
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.ops import (
    Add,
    AvgPool2d,
    Clamp,
    Concat,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    LayerNorm,
    LayerNormKind,
    Lookup,
    MaxPool2d,
    Pad,
    Padding,
    Requantize,
    Rescale,
    Reshape,
    Rounding,
    Softmax,
    SoftmaxKind,
    SumPool2d,
)
from hwkit.ir.types import S8, S16, S32, Array, IntType, Quantization
from hwkit.lower.fuse_requantize import fuse_requantize
from hwkit.targets.onnx.borders import results_of
from hwkit.targets.onnx.emit import OnnxFile, integer_file
from hwkit.targets.onnx.executed import Executed
from hwkit.targets.onnx.qonnx import qonnx_file
from hwkit.targets.onnx.quantized import Form, quantized_file
from hwkit.targets.onnx.reals import factored
from hwkit.targets.onnx.running import Running
from tests.conformance.graphs import ANY, BORDERS, feeds_for, graphs
from tests.examples import more

_READ_BACK = (
    Conv2d, DepthwiseConv2d, Dense, Add, SumPool2d, MaxPool2d, Requantize, Clamp, Pad, Concat,
)  # fmt: skip
"""Ops that QONNX has and its importer takes in any order."""


def differing(file: OnnxFile, graph: Graph, feeds: Mapping[str, Array]) -> int:
    got = results_of(file, graph, Running(file.model), feeds)
    wanted = run(graph, feeds)
    return sum(int((got[name] != y).sum()) for name, y in wanted.items())


@pytest.mark.parametrize("form", [Form.QDQ, Form.QOP])
def test_only_nodes_that_are_named_round_otherwise(form: Form) -> None:
    named = exact = 0

    @settings(max_examples=more(15))
    @given(graphs(replace(BORDERS, raw_output=True)))
    def one(graph: Graph) -> None:
        nonlocal named, exact
        file, rounded = quantized_file(fuse_requantize(graph), form)
        wrong = differing(file, graph, feeds_for(graph, 2, 0))
        if rounded:
            named += 1
        else:
            exact += 1
            assert wrong == 0

    one()
    assert named and exact


def test_a_mean_of_a_map_is_read_back_from_qop(tmp_path: Path) -> None:
    b = GraphBuilder("mean")
    b.input("x", (4, 4, 3), S8, Quantization((0.05,), 7))
    r = Rescale((1 << 30,), (34,), Rounding.HALF_EVEN, -128, 127, 7)
    pool = SumPool2d("pool", "x", "y", (4, 4), (4, 4), input_zero_point=7, rescale=r)
    b.add(pool, S8, Quantization((0.05,), 7))
    graph = b.build(["y"])
    path = tmp_path / "m.onnx"
    path.write_bytes(quantized_file(graph, Form.QOP)[0].model)
    feeds = feeds_for(graph, 50, 0)
    (y,) = run(graph, feeds).values()
    (got,) = run(load_qonnx(path), {"x": feeds["x"]}).values()
    np.testing.assert_array_equal(got.reshape(y.shape), y)


def layer(rounding: Rounding, zero_point: int, low: int, seed: int = 0) -> Graph:
    """A convolution whose sums are brought to 8 bits by ``rounding``."""
    rng = np.random.default_rng(seed)
    b = GraphBuilder("layer")
    b.input("x", (5, 5, 3), S8, Quantization((0.05,), 7))
    b.constant("w", rng.integers(-127, 128, (4, 3, 3, 3)), S8)
    pairs = {Rounding.DOUBLE: (1_500_000_001, 41), Rounding.FLOAT32: (12_000_001, 34)}
    m, s = pairs.get(rounding, (1_500_000_001, 41))
    r = Rescale((m,), (s,), rounding, low, 127, zero_point)
    op = Conv2d("conv", "x", "w", None, "y", input_zero_point=7, rescale=r)
    b.add(op, S8, Quantization((0.1,), zero_point))
    return b.build(["y"])


@pytest.mark.parametrize("rounding", list(Rounding))
@pytest.mark.parametrize(("zero_point", "low"), [(0, -128), (-9, -128), (3, 3)])
def test_every_rounding_comes_back_from_qonnx(
    rounding: Rounding, zero_point: int, low: int, tmp_path: Path
) -> None:
    graph = layer(rounding, zero_point, low)
    file = qonnx_file(graph)
    path = tmp_path / "m.onnx"
    path.write_bytes(file.model)
    x = feeds_for(graph, 200, 1)
    # A float32 product rounds where exact numbers do, but for one in 2**24.
    np.testing.assert_array_equal(load_qonnx(path).predict(x["x"]), graph.predict(x["x"]))


@settings(max_examples=more(15))
@given(graphs(replace(ANY, ops=_READ_BACK)))
def test_qonnx_reads_back_to_the_same_integers(graph: Graph) -> None:
    file = qonnx_file(fuse_requantize(graph))
    feeds = feeds_for(graph, 3, 0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.onnx"
        path.write_bytes(file.model)
        back = load_qonnx(path)
    (wanted,) = run(graph, feeds).values()
    (got,) = run(back, dict(zip(back.inputs, feeds.values(), strict=True))).values()
    np.testing.assert_array_equal(got, wanted)


def test_the_qonnx_package_executes_what_is_exported() -> None:
    graph = layer(Rounding.DOUBLE, -9, -128)
    file = qonnx_file(graph)
    feeds = feeds_for(graph, 2, 0)
    got = results_of(file, graph, Executed(file.model), feeds, batch=1)
    np.testing.assert_array_equal(got["y"], run(graph, feeds)["y"])


def test_a_flattened_map_keeps_its_place(tmp_path: Path) -> None:
    b = GraphBuilder("flat")
    b.input("x", (2, 3, 4), S8, Quantization((0.1,), 0))
    b.add(Reshape("r", "x", "f"), S8, Quantization((0.1,), 0), (24,))
    b.constant("w", np.arange(48).reshape(2, 24) - 24, S8)
    r = Rescale((1,), (5,), Rounding.HALF_EVEN, -128, 127)
    b.add(Dense("fc", "f", "w", None, "y", rescale=r), S8, Quantization((0.1,), 0))
    graph = b.build(["y"])
    path = tmp_path / "m.onnx"
    path.write_bytes(qonnx_file(graph).model)
    x = feeds_for(graph, 9, 0)["x"]
    np.testing.assert_array_equal(load_qonnx(path).predict(x), graph.predict(x))


def test_what_qonnx_has_not_is_refused() -> None:
    b = GraphBuilder("table")
    b.input("x", (3,), S8, Quantization((0.1,), 0))
    b.constant("t", np.arange(256) % 7, S8)
    b.add(Lookup("l", "x", "t", "y"), S8, Quantization((0.1,), 0))
    with pytest.raises(UnsupportedOp, match=r"^l: .* its table is of no function .*; take --to"):
        qonnx_file(b.build(["y"]))


def test_a_table_of_a_function_is_that_function(tmp_path: Path) -> None:
    b = GraphBuilder("sigmoid")
    b.input("x", (5,), S8, Quantization((0.05,), 4))
    reals = 0.05 * (np.arange(-128, 128) - 4)
    table = np.clip(np.rint(256 / (1 + np.exp(-reals))) - 128, -128, 127).astype(np.int8)
    b.constant("t", table, S8)
    b.add(Lookup("l", "x", "t", "y"), S8, Quantization((1 / 256,), -128))
    graph = b.build(["y"])
    file = qonnx_file(graph)
    assert b"Sigmoid" in file.model and b"Sigmoid" in quantized_file(graph, Form.QDQ)[0].model
    x = np.arange(-128, 127, dtype=np.int8).reshape(-1, 5)
    got = results_of(file, graph, Executed(file.model), {"x": x}, batch=1)["y"]
    np.testing.assert_array_equal(got, graph.predict(x))


def test_an_operand_that_is_rounded_and_clamped_stays_so(tmp_path: Path) -> None:
    b = GraphBuilder("coarse")
    b.input("x", (60,), S8, Quantization((0.1,), 0))
    above = Rescale((1,), (2,), Rounding.HALF_EVEN, 0, 127)
    below = Rescale((1,), (4,), Rounding.HALF_EVEN, -128, 0)
    whole = Rescale((1,), (0,), Rounding.HALF_UP, -128, 127)
    op = Add("add", ("x", "x"), "y", (0, 0), (above, below), rescale=whole)
    b.add(op, S8, Quantization((0.4,), 0))
    graph = b.build(["y"])
    path = tmp_path / "m.onnx"
    path.write_bytes(qonnx_file(graph).model)
    x = feeds_for(graph, 9, 0)["x"]
    np.testing.assert_array_equal(load_qonnx(path).predict(x), graph.predict(x))
    assert differing(quantized_file(graph, Form.QDQ)[0], graph, {"x": x}) == 0


def test_sums_of_a_last_layer_are_reals_in_qdq() -> None:
    graph = replace(layer(Rounding.DOUBLE, 0, -128), outputs=("s",))
    (op,) = graph.nodes
    assert isinstance(op, Conv2d)
    sums = replace(op, output="s", rescale=None)
    kind = replace(graph.tensors["y"], dtype=S32, quantization=None)
    graph = graph.with_nodes((sums,), {**graph.tensors, "s": kind})
    file, rounded = quantized_file(graph, Form.QDQ)
    assert list(file.reals) == ["x", "s"] and rounded == ("conv",)
    assert differing(file, graph, feeds_for(graph, 20, 0)) == 0


@pytest.mark.parametrize("kind", list(LayerNormKind))
def test_a_layer_norm_is_exact(kind: LayerNormKind) -> None:
    b = GraphBuilder("norm")
    b.input("x", (3, 4, 12), S8, Quantization((0.1,), 0))
    b.constant("g", np.array([1, -1, 0] * 4), IntType(2, True))
    shifts = tuple(18 + k % 3 for k in range(12))
    offset = tuple((k - 6) << 18 for k in range(12))
    r = Rescale((3,) * 12, shifts, Rounding.HALF_EVEN, -128, 127, 5, offset=offset)
    b.add(LayerNorm("n", "x", "y", 4194, "g", kind, r), S8, Quantization((0.02,), 5))
    graph = b.build(["y"])
    assert differing(integer_file(graph), graph, feeds_for(graph, 100, 0)) == 0


@pytest.mark.parametrize("kind", [k for k in SoftmaxKind if k is not SoftmaxKind.TABLE])
@pytest.mark.parametrize("step", [0.003, 0.07, 0.9])
def test_softmax_is_exact(kind: SoftmaxKind, step: float) -> None:
    b = GraphBuilder("softmax")
    b.input("x", (2, 11), S8)
    b.add(Softmax("s", "x", "y", step, kind), S8, Quantization((1 / 256,), -128))
    graph = b.build(["y"])
    file = integer_file(graph)
    assert differing(file, graph, feeds_for(graph, 300, 0)) == 0


@pytest.mark.parametrize("step", [0.0001, 0.002])
def test_a_softmax_of_16_bits_is_exact(step: float) -> None:
    b = GraphBuilder("softmax")
    b.input("x", (7,), S16)
    b.add(Softmax("s", "x", "y", step, SoftmaxKind.FIXED), S16, Quantization((1 / 32768,), 0))
    graph = b.build(["y"])
    assert differing(integer_file(graph), graph, feeds_for(graph, 300, 0)) == 0


def test_sums_of_16_bits_are_exact() -> None:
    rng = np.random.default_rng(0)
    b = GraphBuilder("wide")
    b.input("x", (6, 5, 4), S16)
    b.constant("w", rng.integers(-127, 128, (3, 3, 2, 4)), S8)
    r = Rescale((12345,), (28,), Rounding.HALF_UP, -32768, 32767)
    op = Conv2d("c", "x", "w", None, "y", (2, 1), dilation=(2, 1), accumulator_bits=48, rescale=r)
    b.add(op, S16)
    b.constant("d", rng.integers(-127, 128, (1, 1, 2, 6)), S8)
    deep = DepthwiseConv2d("d", "y", "d", None, "z", accumulator_bits=48, rescale=r)
    b.add(deep, S16)
    graph = b.build(["z"])
    assert differing(integer_file(graph), graph, feeds_for(graph, 5, 0)) == 0


def test_an_average_rounds_away_from_zero() -> None:
    b = GraphBuilder("mean")
    b.input("x", (4, 4, 2), S8, Quantization((0.1,), 3))
    op = AvgPool2d("a", "x", "y", (3, 3), (2, 2), Padding(1, 1, 1, 1), -128, 127)
    b.add(op, S8, Quantization((0.1,), 3))
    graph = b.build(["y"])
    assert differing(integer_file(graph), graph, feeds_for(graph, 50, 0)) == 0


@settings(max_examples=more(20))
@given(st.floats(1e-6, 1e3))
def test_a_factor_is_two_float32(value: float) -> None:
    scale, gain = factored(np.array([value]), None)
    product = float(scale[0]) * float(gain[0])
    assert abs(product - value) <= 2.0**-32 * value and 1 <= gain[0] < 1.001


def test_the_same_graph_gives_the_same_bytes() -> None:
    graph = layer(Rounding.DOUBLE, 0, -128)
    for made in (integer_file, qonnx_file):
        assert made(graph).model == made(graph).model
