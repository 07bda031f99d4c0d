"""Tensors of one axis, of five and six, and first axes that are no batch, beside TFLM."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwkit.targets.edge.flatbuffer import FileOperator, FileTensor
from tests.importers.tflite.files import (
    activation,
    as_tflm,
    file_bytes,
    integers,
    operator,
    values,
    weights,
)

FIVE = (2, 3, 2, 2, 2)
_RNG = np.random.default_rng(0)
_LAYER = [
    weights("w", _RNG.integers(-127, 128, (2, 3, 3, 2)), 0.01),
    weights("b", _RNG.integers(-100, 100, 2), 0.001, 0, "int32"),
]


def one(
    code: str, inputs: tuple[str, ...] = ("x",), options: str = "", **fields: Any
) -> list[FileOperator]:
    return [operator(code, inputs, options=options, **fields)]


_AXES = integers("a", (1, 3))
_KEPT = operator("REDUCE_MAX", ("x", "a"), ("m",), "ReducerOptions", keepDims=True)
CASES: dict[str, tuple[tuple[int, ...], list[FileOperator], list[FileTensor], tuple[int, ...]]] = {
    "one_axis": ((7,), one("RELU6"), [], (7,)),
    "no_batch": ((3, 4), one("RELU6"), [], (3, 4)),
    "batched_layer": (
        (3, 4, 4, 2),
        one("CONV_2D", ("x", "w", "b"), "Conv2DOptions", strideH=1, strideW=1),
        _LAYER,
        (3, 4, 4, 2),
    ),
    "padded_batch": ((2, 3), one("PAD", ("x", "p")), [integers("p", ((1, 0), (0, 2)))], (3, 5)),
    "largest_of_batch": (
        (3, 4),
        one("REDUCE_MAX", ("x", "a"), "ReducerOptions"),
        [integers("a", (0,))],
        (4,),
    ),
    "transposed": (
        (2, 2, 3, 4, 2),
        one("TRANSPOSE", ("x", "p"), "TransposeOptions"),
        [integers("p", (4, 2, 0, 3, 1))],
        (2, 3, 2, 4, 2),
    ),
    "joined": (
        FIVE,
        one("CONCATENATION", ("x", "x"), "ConcatenationOptions", axis=1),
        [],
        (2, 6, 2, 2, 2),
    ),
    "mean": (FIVE, one("MEAN", ("x", "a"), "ReducerOptions"), [_AXES], (2, 2, 2)),
    "sum_with_constant": (
        FIVE,
        one("ADD", ("x", "c"), "AddOptions"),
        [values("c", _RNG.integers(-9, 9, (1, 3, 1, 1, 2)))],
        FIVE,
    ),
    "difference_to_largest": (
        FIVE,
        [_KEPT, *one("SUB", ("x", "m"), "SubOptions")],
        [_AXES, activation("m", (2, 1, 2, 1, 2))],
        FIVE,
    ),
}


@pytest.mark.parametrize("name", sorted(CASES))
def test_as_tflm(name: str, tmp_path: Path) -> None:
    shape, operators, tensors, output = CASES[name]
    tensors = [activation("x", shape), *tensors, activation("y", output)]
    graph = as_tflm(file_bytes(tensors, operators), tmp_path, samples=8)
    assert max(len(tensor.shape) for tensor in graph.tensors.values()) <= 4
