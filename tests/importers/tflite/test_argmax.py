"""ARG_MAX of .tflite files: the first of equals in TFLM, in LiteRT and in the graph."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwkit.errors import FormatError, UnsupportedOp
from hwkit.flow.verify import verify
from hwkit.importers.tflite.importer import load_tflite
from hwkit.ir.interpret import run
from hwkit.ir.types import S32, Array
from hwkit.targets.edge.flatbuffer import FileTensor
from hwkit.targets.edge.loaded import load
from tests.importers.tflite.files import activation, file_bytes, integers, operator
from tests.targets.edge.networks import runtime

_INT32, _INT64 = 2, 4


def arg_max(
    shape: tuple[int, ...], axis: Any, declared: tuple[int, ...], kind: str, out: str
) -> bytes:
    tensors = [
        FileTensor("x", shape, kind, (0.1,), 3),
        integers("k", axis),
        FileTensor("y", declared, out),
    ]
    number = _INT64 if out == "int64" else _INT32
    return file_bytes(
        tensors, [operator("ARG_MAX", ("x", "k"), options="ArgMaxOptions", outputType=number)]
    )


def check(model: bytes, board: str, tmp_path: Path) -> None:
    """Few values, so that the largest is seldom alone."""
    path = tmp_path / "model.tflite"
    path.write_bytes(model)
    graph = load_tflite(path)
    assert graph.metadata["runtime"] == ("tflm" if board == "host_tflm" else "litert_reference")
    tensor, output = graph.tensors["x"], graph.tensors["y"]
    assert output.dtype == S32
    rng = np.random.default_rng(2)
    x: Array = rng.integers(0, 4, (60, *tensor.shape)).astype(tensor.dtype.container)
    x[0] = tensor.dtype.high
    (expected,) = load(runtime(board), model, 1).run([x], 0)
    got = run(graph, {"x": x})["y"]
    np.testing.assert_array_equal(got, expected.reshape(got.shape))


FORMS = [
    ((1, 10), 1, (1,)),
    ((1, 10), -1, (1,)),
    ((1, 3, 4), [2], (1, 3)),
    ((1, 3, 4), 1, (1, 4)),
    ((1, 4, 3, 5), 3, (1, 4, 3)),
    ((1, 4, 3, 5), 1, (1, 3, 5)),
]


@pytest.mark.parametrize(("shape", "axis", "declared"), FORMS)
def test_tflm(shape: tuple[int, ...], axis: Any, declared: tuple[int, ...], tmp_path: Path) -> None:
    check(arg_max(shape, axis, declared, "int8", "int32"), "host_tflm", tmp_path)


@pytest.mark.parametrize(("kind", "out"), [("uint8", "int32"), ("uint8", "int64")])
@pytest.mark.parametrize(("shape", "axis", "declared"), FORMS[:4])
def test_litert(
    kind: str, out: str, shape: tuple[int, ...], axis: Any, declared: tuple[int, ...],
    tmp_path: Path,
) -> None:  # fmt: skip
    check(arg_max(shape, axis, declared, kind, out), "host_litert", tmp_path)


def test_int64_is_litert_s(tmp_path: Path) -> None:
    """TFLM gives int32 alone."""
    check(arg_max((1, 7), 1, (1,), "int8", "int64"), "host_litert", tmp_path)


@pytest.mark.parametrize(
    ("shape", "axis", "declared", "error", "message"),
    [
        ((1, 4), 0, (4,), UnsupportedOp, "it searches the batch; take"),
        ((1, 4), 2, (1,), FormatError, r"axis \[2\] of 2"),
        ((1, 4), [0, 1], (1,), FormatError, r"axis \[0, 1\] of 2"),
        ((1, 3, 4), 2, (1, 4), FormatError, r"without axis 1 is not \(4,\)"),
    ],
)
def test_other_forms_are_refused(
    shape: tuple[int, ...], axis: Any, declared: tuple[int, ...], error: type[Exception],
    message: str, tmp_path: Path,
) -> None:  # fmt: skip
    path = tmp_path / "model.tflite"
    path.write_bytes(arg_max(shape, axis, declared, "int8", "int32"))
    with pytest.raises(error, match=message):
        load_tflite(path)


def test_a_computed_axis_is_refused(tmp_path: Path) -> None:
    tensors = [activation("x", (1, 4)), activation("z", (1, 1)), FileTensor("y", (1,), "int32")]
    path = tmp_path / "model.tflite"
    path.write_bytes(file_bytes(tensors, [operator("ARG_MAX", ("x", "z"))], ("x", "z")))
    with pytest.raises(UnsupportedOp, match=r"axis.*it is computed; convert the model"):
        load_tflite(path)


@pytest.mark.parametrize(("kind", "out"), [("int8", "int32"), ("uint8", "int64")])
def test_the_file_and_what_is_made_of_its_graph(kind: str, out: str, tmp_path: Path) -> None:
    """The graph on the runtime's board, by hwkit's own file and by the file itself."""
    path = tmp_path / "model.tflite"
    path.write_bytes(arg_max((1, 3, 7), 2, (1, 3), kind, out))
    graph = load_tflite(path)
    x = np.random.default_rng(5).integers(0, 3, (40, 3, 7)).astype(kind)
    for folder in (None, path):
        found = verify(graph, "host_litert", x, artifact_folder=folder)
        assert found.integers >= 120 and found.differing == 0
