"""What came from a .tflite goes back into the operators that it was: TFLM moves nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwkit.flow.verify import verify
from hwkit.importers.tflite.file import parse
from hwkit.importers.tflite.importer import load_tflite
from hwkit.ir.graph import Graph
from hwkit.ir.types import Shape
from hwkit.targets.edge.emit import MODEL, emit
from hwkit.targets.edge.flatbuffer import FileModel, FileOperator, FileTensor, write
from tests.importers.tflite.every_operator import EVERY_OPERATOR
from tests.importers.tflite.networks import NETWORKS
from tests.targets.edge.networks import BOARDS, lowered

_RNG = np.random.default_rng(11)
_VALID, _RELU, _RELU6 = 1, 1, 3


def _scale() -> float:
    return float(np.float32(2.0 ** _RNG.uniform(-7, -3)))


def _activation(name: str, shape: Shape, scale: float | None = None, zero: int = 0) -> FileTensor:
    return FileTensor(name, (1, *shape), "int8", (scale or _scale(),), zero)


def _constant(name: str, shape: Shape, scale: float | None = None, zero: int = 0) -> FileTensor:
    data = _RNG.integers(-128, 128, shape).astype(np.int8)
    return FileTensor(name, shape, "int8", (scale or _scale(),), zero, data=data)


def _integers(name: str, *values: int) -> FileTensor:
    return FileTensor(name, (len(values),), "int32", data=np.array(values, np.int32))


def _one(
    code: str,
    inputs: list[FileTensor],
    output: FileTensor,
    options: str = "",
    fields: dict[str, Any] | None = None,
) -> FileModel:
    op = FileOperator(code, tuple(t.name for t in inputs), ("y",), options, fields or {})
    tensors = {tensor.name: tensor for tensor in (*inputs, output)}
    return FileModel("one", tuple(tensors.values()), (op,), ("x",), ("y",))


def _resize(rows: int, align: bool, centres: bool) -> FileModel:
    options = {"alignCorners": align, "halfPixelCenters": centres}
    return _one(
        "RESIZE_NEAREST_NEIGHBOR",
        [_activation("x", (4, 5, 2), 0.5), _integers("size", rows, 7)],
        _activation("y", (rows, 7, 2), 0.5),
        "ResizeNearestNeighborOptions",
        options,
    )


def _mean(axes: tuple[int, ...], shape: Shape) -> FileModel:
    return _one(
        "MEAN",
        [_activation("x", (6, 5, 3), zero=-9), _integers("axes", *axes)],
        _activation("y", shape, zero=4),
        "ReducerOptions",
        {"keepDims": True},
    )


def _models() -> dict[str, FileModel]:
    x, y = _activation("x", (4, 5, 3), zero=7), _activation("y", (4, 5, 3), zero=-20)
    fused = {"fusedActivationFunction": _RELU6}
    same = _activation("y", (4, 5, 3), x.scale[0], 7)
    return {
        "MUL": _one("MUL", [x, _constant("c", (1, 4, 5, 3), zero=3)], y, "MulOptions"),
        "MUL by channels": _one("MUL", [_constant("c", (1, 1, 1, 3)), x], y, "MulOptions", fused),
        "MUL squared": _one("MUL", [x, x], y, "MulOptions"),
        "ADD": _one("ADD", [x, _constant("c", (1, 1, 1, 3), zero=-3)], y, "AddOptions", fused),
        "SUB": _one("SUB", [_constant("c", (1, 4, 1, 3)), x], y, "SubOptions"),
        "PRELU": _one("PRELU", [x, _constant("c", (1, 1, 3), zero=5)], y),
        "QUANTIZE": _one("QUANTIZE", [x], y, "QuantizeOptions"),
        "RELU": _one("RELU", [x], _activation("y", (4, 5, 3), zero=-100)),
        "MAXIMUM": _one(
            "MAXIMUM",
            [x, _constant("c", (1, 4, 5, 3), x.scale[0], 7)],
            same,
            "MaximumMinimumOptions",
        ),
        "MEAN": _mean((1, 2), (1, 1, 3)),
        "MEAN of columns": _mean((2,), (6, 1, 3)),
        "RESIZE_NEAREST_NEIGHBOR": _resize(8, False, False),
        "RESIZE_NEAREST_NEIGHBOR of centres": _resize(6, False, True),
        "RESIZE_NEAREST_NEIGHBOR of corners": _resize(3, True, False),
        "HARD_SWISH": _one("HARD_SWISH", [x], y),
        "AVERAGE_POOL_2D": _one(
            "AVERAGE_POOL_2D",
            [x],
            _activation("y", (2, 2, 3), x.scale[0], 7),
            "Pool2DOptions",
            {"padding": _VALID, "strideH": 2, "strideW": 2, "filterHeight": 2, "filterWidth": 2},
        ),
    }


_MODELS = _models()
_ANOTHER_OPERATOR = {"MAXIMUM": "SUB", "HARD_SWISH": "GATHER"}


def _imported(model: FileModel, folder: Path) -> Graph:
    (folder / "m.tflite").write_bytes(write(model))
    return load_tflite(folder / "m.tflite")


@pytest.mark.parametrize("what", _MODELS)
def test_the_operator_is_the_same_and_tflm_moves_nothing(what: str, tmp_path: Path) -> None:
    graph = _imported(_MODELS[what], tmp_path)
    form = lowered(graph, "host_tflm")
    code = what.split()[0]
    codes = {op.code for op in parse(emit(form).files[MODEL]).operators}
    assert _ANOTHER_OPERATOR.get(code, code) in codes and "DEPTHWISE_CONV_2D" not in codes
    assert code in ("MAXIMUM",) or form.retargeted == ()
    found = verify(graph, "host_tflm", samples=40)
    assert (found.differing, found.moved) == (0, 0)


@pytest.mark.parametrize("what", _MODELS)
def test_litert_gives_the_lowered_integers(what: str, tmp_path: Path) -> None:
    found = verify(_imported(_MODELS[what], tmp_path), "host_litert", samples=40)
    assert found.differing == 0
    if what.split()[0] not in ("MUL", "ADD", "SUB", "MEAN"):  # XNNPACK has these and rounds once.
        assert found.moved == 0


def _gate(channels: int) -> FileModel:
    """Conv, hard swish, mean, a gate of two dense layers and a sigmoid, product, residual add."""
    scale = {name: _scale() for name in "chmdgpy"}
    weights = FileTensor(
        *("w", (channels, 1, 1, 3), "int8", tuple(_scale() / 8 for _ in range(channels))),
        data=_RNG.integers(-127, 128, (channels, 1, 1, 3)).astype(np.int8),
    )
    dense = _constant("v", (channels, channels), 0.01)
    tensors = (
        _activation("x", (4, 4, 3), 0.05, 3),
        weights,
        _activation("c", (4, 4, channels), scale["c"], -7),
        _activation("h", (4, 4, channels), scale["h"], -110),
        _integers("axes", 1, 2),
        _activation("m", (1, 1, channels), scale["m"], -100),
        dense,
        _activation("d", (1, 1, channels), scale["d"], 9),
        _activation("g", (1, 1, channels), 1 / 256, -128),
        _activation("p", (4, 4, channels), scale["p"], -90),
        _activation("y", (4, 4, channels), scale["y"], 5),
    )
    operators = (
        FileOperator("CONV_2D", ("x", "w"), ("c",), "Conv2DOptions", {"strideH": 1, "strideW": 1}),
        FileOperator("HARD_SWISH", ("c",), ("h",)),
        FileOperator("MEAN", ("h", "axes"), ("m",), "ReducerOptions", {"keepDims": True}),
        FileOperator(
            "FULLY_CONNECTED", ("m", "v"), ("d",), "FullyConnectedOptions", {"keepNumDims": True}
        ),
        FileOperator("LOGISTIC", ("d",), ("g",)),
        FileOperator("MUL", ("h", "g"), ("p",), "MulOptions"),
        FileOperator("ADD", ("p", "c"), ("y",), "AddOptions"),
    )
    return FileModel("gate", tensors, operators, ("x",), ("y",))


@pytest.mark.parametrize("board", BOARDS)
def test_a_gated_block(board: str, tmp_path: Path) -> None:
    """Squeeze and excitation, as MobileNetV3 has it."""
    graph = _imported(_gate(8), tmp_path)
    found = verify(graph, board, samples=60)
    assert found.differing == 0
    if board == "host_tflm":
        assert found.moved == 0 and lowered(graph, board).retargeted == ()
    path = tmp_path / "m.tflite"
    assert verify(graph, "host_tflm", samples=60, artifact_folder=path).exact


_NETWORKS = ("mobilenet_v2", "mobilenet_v3", "streaming", "autoencoder")


@pytest.mark.parametrize("name", [*_NETWORKS, *EVERY_OPERATOR])
def test_tflm_moves_nothing_of_networks(name: str, tmp_path: Path) -> None:
    """PyTorch's exports among them: means, explicit borders, products, differences, constants."""
    path = tmp_path / "m.tflite"
    path.write_bytes({**NETWORKS, **EVERY_OPERATOR}[name]())
    found = verify(load_tflite(path), "host_tflm", samples=4)
    assert (found.differing, found.moved) == (0, 0)
