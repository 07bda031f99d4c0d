"""Random .tflite files of every operator and type: the imported graph gives the integers of the
file's own runtime. ``python -m benchmarks.doors_tflite`` runs thousands."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from hwkit.importers.tflite.operators import CONVERTERS
from tests.conformance.tflite_doors import judge
from tests.conformance.tflite_graphs import TYPES, kinds, random_file
from tests.conformance.tflite_runtimes import TFLM, Runtimes
from tests.importers.tflite.files import activation, file_bytes, operator, weights

_NOT_DRAWN = {"EXPAND_DIMS", "SQUEEZE", "SVDF", "UNIDIRECTIONAL_SEQUENCE_LSTM"}
"""Reshapes by another name; what keeps variables has tests of its own."""


@pytest.fixture(scope="module")
def runtimes() -> Iterator[Runtimes]:
    with Runtimes() as child:
        yield child


@pytest.mark.parametrize("dtype", TYPES)
def test_one_operator(dtype: str, runtimes: Runtimes) -> None:
    followed, drawn_codes = 0, set()
    for place, kind in enumerate(kinds(dtype)):
        for seed in range(4):
            drawn = random_file(np.random.default_rng((place, seed)), dtype, kind)
            verdict = judge(drawn, runtimes, 3, seed)
            assert (verdict.refused, verdict.differing) == ("", 0), (kind, seed)
            assert verdict.differing_litert == 0, (kind, seed)
            followed += bool(verdict.runtime)
            drawn_codes |= set(drawn.operators)
    assert followed > 3.8 * len(kinds(dtype)), "runtimes refuse what is drawn"
    assert drawn_codes <= set(CONVERTERS)


@pytest.mark.parametrize("dtype", TYPES)
def test_several_operators(dtype: str, runtimes: Runtimes) -> None:
    verdicts = []
    for seed in range(25):
        drawn = random_file(np.random.default_rng((99, seed)), dtype)
        verdicts.append(judge(drawn, runtimes, 3, seed))
        assert (verdicts[-1].refused, verdicts[-1].differing) == ("", 0), seed
        assert verdicts[-1].differing_litert == 0, seed
    assert sum(bool(verdict.runtime) for verdict in verdicts) > 20
    assert sum(verdict.integers for verdict in verdicts) > 2000


def test_every_operator_is_drawn() -> None:
    """What the importer takes is in the space that the sample above and the benchmark draw from."""
    codes = set()
    for dtype in TYPES:
        for kind in kinds(dtype):
            for seed in range(24):
                codes |= set(random_file(np.random.default_rng(seed), dtype, kind).operators)
    assert codes == set(CONVERTERS) - _NOT_DRAWN


def test_a_runtime_that_aborts_takes_only_its_child(runtimes: Runtimes) -> None:
    """TFLM reads the bias of a depthwise layer without asking whether there is one."""
    shape = (1, 4, 4, 2)
    ones = weights("w", np.ones((1, 1, 1, 2), np.int8), 0.1, 3)
    tensors = [activation("x", shape), ones, activation("y", shape)]
    bare = operator(
        "DEPTHWISE_CONV_2D", ("x", "w", None), options="DepthwiseConv2DOptions",
        strideH=1, strideW=1, depthMultiplier=1,
    )  # fmt: skip
    x = {"x": np.zeros((1, *shape[1:]), np.int8)}
    died = runtimes.run(TFLM, file_bytes(tensors, [bare]), x, 1)
    assert isinstance(died, str) and died.startswith("tflm died")
    fine = file_bytes([tensors[0], tensors[2]], [operator("RELU6", ("x",))])
    answer = runtimes.run(TFLM, fine, x, 1)
    assert isinstance(answer, list) and answer[0].shape == (1, *shape)
