"""What the benchmarks count is what they say: shapes, multiplications, kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import numpy as np
import pytest

from benchmarks.cases import ELEMENTWISE, MATRIX, VARIANTS, Case
from benchmarks.csvfile import read
from benchmarks.kernels import by_core, elementwise_row, matrix_row
from benchmarks.networks import autoencoder, resnet8
from benchmarks.table import results
from benchmarks.virtual import CORES, compare
from hwkit.errors import BitExactnessError
from hwkit.ir import serialize
from hwkit.ir.counts import macs
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Conv2d, Dense, DepthwiseConv2d, Rounding
from hwkit.target import Evidence
from tests.sessions import random_inputs

_MACS = {"resnet8": 12_501_632, "autoencoder": 264_192}
"""Of the MLPerf Tiny networks that they are shaped like."""


def _total(graph: Graph) -> int:
    return sum(macs(graph, op) for op in graph.nodes)


@pytest.mark.parametrize("make", [resnet8, autoencoder])
def test_a_network_is_that_of_its_name(make: Callable[[], Graph]) -> None:
    graph = make()
    assert _total(graph) == _MACS[graph.name]
    assert serialize.digest(graph) == serialize.digest(make())
    y = np.asarray(graph.predict(random_inputs(graph, 4, 0)))
    assert len(np.unique(y)) > 4, "all outputs alike: the rescales are off"


@pytest.mark.parametrize("case", MATRIX, ids=lambda case: case.name)
@pytest.mark.parametrize(("weight_bits", "rounding"), VARIANTS)
def test_a_layer_with_weights(case: Case, weight_bits: int, rounding: Rounding) -> None:
    graph = case.graph(weight_bits, rounding)
    (op,) = graph.nodes
    assert isinstance(op, Conv2d | DepthwiseConv2d | Dense) and op.rescale is not None
    assert graph.tensors[op.weight].dtype.bits == weight_bits
    assert op.rescale.rounding is rounding
    assert len(set(op.rescale.multiplier)) == graph.tensors[op.output].shape[-1] > 1
    _runs(graph)


@pytest.mark.parametrize("case", ELEMENTWISE, ids=lambda case: case.name)
def test_a_layer_without_weights(case: Case) -> None:
    graph = case.graph()
    assert _total(graph) == 0
    _runs(graph)


def _runs(graph: Graph) -> None:
    x = random_inputs(graph, 1, 0)
    y = np.asarray(graph.predict(x))
    assert y.shape == (1, *graph.tensors[graph.outputs[0]].shape)
    assert len(np.unique(y)) > 4


def test_shapes() -> None:
    assert [_total(case.graph()) for case in MATRIX] == [
        32 * 32 * 16 * 9 * 16,
        16 * 16 * 64 * 64,
        48 * 48 * 64 * 9,
        640 * 128,
        48 * 48 * 8 * 9 * 3,
        25 * 5 * 64 * 9,
        12 * 12 * 64 * 9,
        6 * 6 * 128 * 9,
        3 * 3 * 256 * 9,
        6 * 6 * 64 * 9,
    ]


def test_a_wrong_answer_has_no_speed() -> None:
    right = np.array([[1, 2], [3, 4]], np.int8)
    compare("layer", right, right.copy())
    with pytest.raises(BitExactnessError, match=r"layer\[1,0\]: expected 3, got 9"):
        compare("layer", right, np.array([[1, 2], [9, 4]], np.int8))


@pytest.mark.slow
def test_counts_repeat_and_come_from_the_kernel_of_that_width() -> None:
    small = Case("dense", (32,), lambda n, x: n.dense(x, "layer", 8, multipliers=8))
    row = matrix_row(small, 4, Rounding.DOUBLE)
    assert row == matrix_row(small, 4, Rounding.DOUBLE)
    assert row["kernel"] == "dsp/dense_s8_s4" and row["macs"] == 256
    assert float(row["instructions_per_mac"]) == round(row["instructions"] / 256, 3)
    assert row["cycles"] > row["instructions"] > 256 / 2
    assert row["cost_model"].startswith("cortex-m4 ")
    pool = elementwise_row(Case("pool", (4, 4, 8), ELEMENTWISE[2].add))
    assert pool["kernel"] == "ref/max_pool_s8" and pool["outputs"] == 32


def test_the_tables_by_core_are_those_of_the_kernels() -> None:
    assert by_core(read("kernels"), "mac") == read("kernels_by_core")
    assert by_core(read("kernels_elementwise"), "output") == read("kernels_elementwise_by_core")


def test_cycles_stand_only_where_a_core_has_a_model() -> None:
    rows = read("kernels")
    assert {row["board"] for row in rows if row["cycles"]} == set(CORES)
    assert all(bool(row["cycles"]) == bool(row["cost_model"]) for row in rows)


@pytest.mark.parametrize("name", sorted({*results()} - {"jets"}))
def test_a_result_file_has_one_known_kind_of_evidence(name: str) -> None:
    (evidence,) = {row["evidence"] for row in read(name)}
    assert evidence in get_args(Evidence)


def test_jets_stand_beside_published_figures_each_marked() -> None:
    marks = {row["evidence"] for row in read("jets")}
    assert marks == {"simulated", "estimated", "published"}
    assert all(row["source"] for row in read("jets") if row["evidence"] == "published")


def test_result_files_have_a_row_for_each_case() -> None:
    wanted = [
        (case.name, "x".join(map(str, case.shape)), str(bits), rounding.value, board)
        for case in MATRIX
        for bits, rounding in case.variants
        for board in CORES
    ]
    columns = ("layer", "input", "weight_bits", "rounding", "board")
    assert [tuple(row[c] for c in columns) for row in read("kernels")] == wanted
    rows = read("kernels_elementwise")
    assert [(r["layer"], r["board"]) for r in rows] == [
        (case.name, board) for case in ELEMENTWISE for board in CORES
    ]
    for name in ("models", "models_litert"):
        assert {row["network"]: int(row["macs"]) for row in read(name)} == _MACS
