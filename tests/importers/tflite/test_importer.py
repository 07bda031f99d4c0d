"""Graphs from .tflite files: what is written comes back, and computes the same."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwkit.errors import ConfigError, FormatError, UnsupportedOp
from hwkit.importers import load_model
from hwkit.importers.tflite.importer import load_tflite
from hwkit.importers.tflite.operators import CONVERTERS, TAKE_INT16
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Add, AvgPool2d, Clamp, Dense, MaxPool2d, Requantize, Softmax, SoftmaxKind
from hwkit.ir.types import Array
from hwkit.targets.edge.emit import file_model
from hwkit.targets.edge.flatbuffer import FileModel, FileOperator, FileTensor, write
from hwkit.targets.edge.loaded import load, run_all
from tests.targets.edge.networks import lowered, residual, runtime

_X = FileTensor("x", (1, 4, 4, 2), "int8", (0.1,), 3)


def _file(
    tmp_path: Path, tensors: list[FileTensor], operators: list[FileOperator], outputs: str = "y"
) -> Path:
    path = tmp_path / "model.tflite"
    path.write_bytes(write(FileModel("m", tuple(tensors), tuple(operators), ("x",), (outputs,))))
    return path


def _one(
    tmp_path: Path,
    code: str,
    options: str = "",
    fields: dict[str, object] | None = None,
    *,
    shape: tuple[int, ...] = (1, 4, 4, 2),
    scale: float = 0.1,
    zero_point: int = 3,
    more: tuple[FileTensor, ...] = (),
    inputs: tuple[str | None, ...] = ("x",),
    source: FileTensor = _X,
) -> Path:
    """A file of one operator from ``source`` to ``y``."""
    y = FileTensor("y", shape, "int8", (scale,), zero_point)
    op = FileOperator(code, inputs, ("y",), options, fields or {})
    return _file(tmp_path, [source, *more, y], [op])


def _as_tflm(path: Path, samples: int = 60) -> Graph:
    """The imported graph, after a comparison with TFLM on random and extreme integers."""
    graph = load_tflite(path)
    x = _inputs(graph, samples)
    (expected,) = run_all(load(runtime("host_tflm"), path.read_bytes()), x)
    np.testing.assert_array_equal(graph.predict(x), expected)
    return graph


def _inputs(graph: Graph, samples: int) -> Array:
    shape = (samples, *graph.tensors[graph.inputs[0]].shape)
    x = np.random.default_rng(0).integers(-128, 128, shape).astype(np.int8)
    x[0], x[1] = -128, 127
    return x


@pytest.mark.parametrize("seed", range(4))
def test_what_is_written_comes_back(seed: int, tmp_path: Path) -> None:
    form = lowered(residual(seed), "host_tflm").graph
    path = tmp_path / "residual.tflite"
    path.write_bytes(write(file_model(form)))
    graph = _as_tflm(path)
    x = _inputs(graph, 60)
    np.testing.assert_array_equal(graph.predict(x), form.predict(x))
    assert [type(op) for op in graph.nodes] == [type(op) for op in form.nodes]
    for old, new in zip(form.nodes, graph.nodes, strict=True):
        if isinstance(old, Dense | Add):
            assert isinstance(new, Dense | Add) and old.rescale == new.rescale
    assert form.tensors["x"] == graph.tensors["x"]
    assert load_model(path).nodes == graph.nodes


@pytest.mark.parametrize("activation", range(4))
@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("code", ["MAX_POOL_2D", "AVERAGE_POOL_2D"])
def test_pools(code: str, padding: int, activation: int, tmp_path: Path) -> None:
    fields: dict[str, object] = {
        "padding": padding,
        "strideH": 2,
        "strideW": 1,
        "filterHeight": 3,
        "filterWidth": 2,
        "fusedActivationFunction": activation,
    }
    shape = (1, 2, 4, 2) if padding == 0 else (1, 1, 3, 2)
    graph = _as_tflm(_one(tmp_path, code, "Pool2DOptions", fields, shape=shape))
    assert isinstance(graph.nodes[0], MaxPool2d if code == "MAX_POOL_2D" else AvgPool2d)


@pytest.mark.parametrize("code", ["RELU", "RELU6"])
def test_relu(code: str, tmp_path: Path) -> None:
    graph = _as_tflm(_one(tmp_path, code))
    assert isinstance(graph.nodes[0], Clamp) and graph.nodes[0].low == 3


def test_relu_with_another_scale(tmp_path: Path) -> None:
    graph = _as_tflm(_one(tmp_path, "RELU", scale=0.037, zero_point=-128))
    assert isinstance(graph.nodes[0], Requantize)


@pytest.mark.parametrize("scale", [0.1, 0.013, 0.2, 3.0])
def test_quantize(scale: float, tmp_path: Path) -> None:
    _as_tflm(_one(tmp_path, "QUANTIZE", scale=scale, zero_point=-20))


def test_softmax(tmp_path: Path) -> None:
    path = _one(
        tmp_path, "SOFTMAX", "SoftmaxOptions", {"beta": 0.5}, scale=1 / 256, zero_point=-128
    )
    graph = _as_tflm(path)
    (op,) = graph.nodes
    assert isinstance(op, Softmax) and op.kind is SoftmaxKind.FIXED


def test_pad(tmp_path: Path) -> None:
    amounts = FileTensor(
        "p", (4, 2), "int32", data=np.array([[0, 0], [1, 2], [0, 3], [0, 0]], np.int32)
    )
    path = _one(
        tmp_path, "PAD", "PadOptions", shape=(1, 7, 7, 2), more=(amounts,), inputs=("x", "p")
    )
    _as_tflm(path)


def test_concat_along_a_negative_axis(tmp_path: Path) -> None:
    options: dict[str, object] = {"axis": -1}
    path = _one(
        tmp_path,
        "CONCATENATION",
        "ConcatenationOptions",
        options,
        shape=(1, 4, 4, 6),
        inputs=("x", "x", "x"),
    )
    _as_tflm(path)


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("activation", range(4))
def test_dense_flattens_its_input(activation: int, per_channel: bool, tmp_path: Path) -> None:
    rng = np.random.default_rng(activation)
    scale = tuple(rng.uniform(0.001, 0.01, 5 if per_channel else 1).tolist())
    weight = FileTensor("w", (5, 32), "int8", scale, data=rng.integers(-127, 128, (5, 32)))
    steps = tuple(0.1 * s for s in scale)
    bias = FileTensor("b", (5,), "int32", steps, data=rng.integers(-9999, 9999, 5))
    fields: dict[str, object] = {"fusedActivationFunction": activation}
    path = _one(
        tmp_path,
        "FULLY_CONNECTED",
        "FullyConnectedOptions",
        fields,
        shape=(1, 5),
        more=(weight, bias),
        inputs=("x", "w", "b"),
        scale=0.02,
    )
    graph = _as_tflm(path)
    assert [type(op).__name__ for op in graph.nodes] == ["Reshape", "Dense"]


def test_float_ends_are_left_out(tmp_path: Path) -> None:
    tensors = [
        FileTensor("x", (1, 4), "float32"),
        FileTensor("q", (1, 4), "int8", (0.5,), 1),
        FileTensor("r", (1, 4), "int8", (0.5,), 1),
        FileTensor("y", (1, 4), "float32"),
    ]
    operators = [
        FileOperator("QUANTIZE", ("x",), ("q",)),
        FileOperator("RELU", ("q",), ("r",)),
        FileOperator("DEQUANTIZE", ("r",), ("y",)),
    ]
    graph = load_tflite(_file(tmp_path, tensors, operators))
    assert graph.inputs == ("x",) and graph.outputs == ("y",) and len(graph.nodes) == 1


def test_unnamed_and_twice_named_tensors(tmp_path: Path) -> None:
    """The writer finds tensors by name, so the names are changed in the bytes."""
    path = _one(tmp_path, "RELU")
    data = path.read_bytes()
    at = data.index(b"\x01\x00\x00\x00y\x00")
    path.write_bytes(data[: at + 4] + b"x" + data[at + 5 :])
    graph = load_tflite(path)
    assert len(set(graph.tensors)) == 2


def _unsupported(tmp_path: Path) -> list[tuple[Path, str]]:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"code": "L2_NORMALIZATION"}, r"operator 0 \(L2_NORMALIZATION\)"),
        ({"code": "LOGISTIC"}, "scale 1/256"),
        ({"code": "MAX_POOL_2D", "scale": 0.3, "options": "Pool2DOptions"}, "share scale"),
        ({"code": "SOFTMAX", "options": "SoftmaxOptions"}, "1/256"),
        ({"code": "ADD", "inputs": ("x", "z"), "options": "AddOptions"}, "differ in shape"),
        ({"code": "RELU", "source": FileTensor("x", (1, 4), "float32")}, "are float32"),
    ]
    paths = []
    for k, (arguments, reason) in enumerate(cases):
        folder = tmp_path / str(k)
        folder.mkdir()
        z = FileTensor("z", (1, 3), "int8", (0.1,), 3, data=np.zeros((1, 3), np.int8))
        paths.append((_one(folder, **arguments, more=(z,)), reason))
    return paths


def test_unsupported_operators_are_named(tmp_path: Path) -> None:
    for path, reason in _unsupported(tmp_path):
        with pytest.raises((UnsupportedOp, FormatError), match=reason):
            load_tflite(path)


def test_missing_empty_and_other_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no\.tflite"):
        load_tflite(tmp_path / "no.tflite")
    for content in (b"", b"TFL3", b"\0\0\0\0TFL3", b"PK\3\4 not a model at all"):
        path = tmp_path / "bad.tflite"
        path.write_bytes(content)
        with pytest.raises(FormatError):
            load_tflite(path)


def _operators(cell: str) -> set[str]:
    return set(re.findall(r"[A-Z][A-Z0-9_]{2,}", cell))


def test_every_operator_is_in_the_documentation() -> None:
    text = (Path(__file__).parents[3] / "docs" / "tflite.md").read_text()
    rows = [line.split("|")[1:3] for line in text.splitlines() if line.startswith("| ")]
    named = set().union(*(_operators(operators) for operators, _ in rows))
    assert named == set(CONVERTERS)
    wide = set().union(*(_operators(operators) for operators, mark in rows if "x" in mark))
    assert wide == TAKE_INT16
