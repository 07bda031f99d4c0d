"""Comparisons, logic and choices of .tflite files, beside their own runtimes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import hwkit
from hwkit.errors import UnsupportedOp
from hwkit.importers.tflite.importer import load_tflite
from hwkit.ir.interpret import run
from hwkit.targets.edge.flatbuffer import FileTensor
from tests.conformance.tflite_runtimes import LITERT, Runtimes
from tests.importers.tflite.files import (
    activation,
    as_tflm,
    file_bytes,
    integers,
    operator,
    random_feeds,
    values,
)

MAP = (1, 4, 5, 3)
COMPARISONS = ("EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL", "NOT_EQUAL")


def _typed(name: str, shape: tuple[int, ...], dtype: str, scale: float = 0.05) -> FileTensor:
    if dtype == "bool":
        return FileTensor(name, shape, "bool")
    return FileTensor(name, shape, dtype, (scale,), {"int8": -7, "uint8": 120, "int16": 0}[dtype])


def _as_litert(model: bytes, tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(model)
    graph = load_tflite(path)
    assert graph.metadata["runtime"] == "litert_reference"
    feeds = random_feeds(graph, 40, 1)
    got = run(graph, feeds)[graph.outputs[0]]
    with Runtimes() as runtimes:
        answer = runtimes.run(LITERT, model, feeds, 1)
    assert isinstance(answer, list), answer
    np.testing.assert_array_equal(got, answer[0].reshape(got.shape))


@pytest.mark.parametrize("other", [MAP, (1, 1, 1, 3), (1, 4, 1, 1)])
@pytest.mark.parametrize("code", COMPARISONS)
def test_comparisons(code: str, other: tuple[int, ...], tmp_path: Path) -> None:
    for scale, near in ((0.05, 0.05), (0.3, 0.9), (1e-4, 0.003), (0.0041, 0.0039)):
        tensors = [activation("x", MAP, scale, -7), activation("z", other, near, 20)]
        op = operator(code, ("x", "z"))
        as_tflm(file_bytes([*tensors, _typed("y", MAP, "bool")], [op], ("x", "z")), tmp_path, 30)


@pytest.mark.parametrize("dtype", ["uint8", "int16"])
@pytest.mark.parametrize("code", COMPARISONS)
def test_comparisons_of_other_types(code: str, dtype: str, tmp_path: Path) -> None:
    tensors = [_typed("x", (1, 40), dtype), _typed("z", (1, 40), dtype, 0.07)]
    op = operator(code, ("x", "z"))
    model = file_bytes([*tensors, _typed("y", (1, 40), "bool")], [op], ("x", "z"))
    _as_litert(model, tmp_path)


def _chosen(dtype: str, code: str = "SELECT_V2", condition: tuple[int, ...] = MAP) -> bytes:
    """The larger of one and the other or a constant, where one is not below a bound."""
    bound = _typed("b", (), dtype)
    bound = FileTensor("b", (), dtype, bound.scale, bound.zero_point, data=np.array(5, dtype))
    tensors = [
        _typed("x", MAP, dtype), _typed("z", MAP, dtype), bound, _typed("w", condition, dtype),
        *(_typed(name, condition, "bool") for name in ("first", "second", "c")),
        _typed("not", condition, "bool"), _typed("y", MAP, dtype),
    ]  # fmt: skip
    operators = [
        operator("GREATER", ("w", "b"), ("first",)),
        operator("LESS", ("w", "b"), ("second",)),
        operator("LOGICAL_OR", ("first", "second"), ("c",)),
        operator("LOGICAL_NOT", ("c",), ("not",)),
        operator(code, ("not", "x", "z")),
    ]
    return file_bytes(tensors, operators, ("x", "z", "w"))


def test_choices(tmp_path: Path) -> None:
    as_tflm(_chosen("int8"), tmp_path)
    as_tflm(_chosen("int8", condition=(1, 1, 5, 1)), tmp_path)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16"])
def test_choices_of_litert(dtype: str, tmp_path: Path) -> None:
    _as_litert(_chosen(dtype, "SELECT"), tmp_path)


def test_logic_and_reductions(tmp_path: Path) -> None:
    tensors = [
        activation("x", (1, 6, 4), 0.05, -7), values("k", 3, 0.05, -7),
        *(_typed(name, (1, 6, 4), "bool") for name in ("a", "b", "both")),
        integers("axes", [2]), _typed("y", (1, 6, 1), "bool"),
    ]  # fmt: skip
    operators = [
        operator("NOT_EQUAL", ("x", "k"), ("a",)),
        operator("LESS_EQUAL", ("x", "k"), ("b",)),
        operator("LOGICAL_AND", ("a", "b"), ("both",)),
        operator("REDUCE_ALL", ("both", "axes"), ("y",), "ReducerOptions", keepDims=True),
    ]
    as_tflm(file_bytes(tensors, operators), tmp_path, 60)
    operators[-1] = operator(
        "REDUCE_ANY", ("both", "axes"), ("y",), "ReducerOptions", keepDims=True
    )
    _as_litert(file_bytes(tensors, operators), tmp_path)


def test_on_a_board(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(_chosen("int8"))
    graph = load_tflite(tmp_path / "m.tflite")
    for board in ("virtual_m4", "host_litert"):
        assert hwkit.verify(graph, board, samples=20).check().differing == 0


def test_what_is_refused_says_why(tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    tensors = [activation("x", MAP, 1.5, -7), activation("z", MAP, 0.1, 20)]
    y = _typed("y", MAP, "bool")
    path.write_bytes(file_bytes([*tensors, y], [operator("LESS", ("x", "z"))], ("x", "z")))
    with pytest.raises(UnsupportedOp, match="scales of 1 and more stop its runtimes"):
        load_tflite(path)
    path.write_bytes(file_bytes([_typed("x", MAP, "bool"), y], [operator("LOGICAL_NOT", ("x",))]))
    with pytest.raises(UnsupportedOp, match="int8 inputs and outputs"):
        load_tflite(path)
