"""A user's own .tflite, byte for byte, in each runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hwkit.errors import ConfigError, FormatError
from hwkit.flow.predict import predict
from hwkit.flow.verify import verify
from hwkit.importers.tflite.importer import load_tflite
from hwkit.ir.interpret import run
from hwkit.ir.types import Array
from hwkit.targets.edge.emit import file_model
from hwkit.targets.edge.flatbuffer import FileModel, FileOperator, FileTensor, write
from hwkit.targets.edge.original import run_original
from tests.predicted import predicted
from tests.targets.edge.networks import lowered, residual

pytestmark = pytest.mark.slow

_RUNTIMES = ("tflm", "litert", "litert_reference")
_EXACT = ("tflm", "litert_reference")
"""Runtimes whose arithmetic of these files is the importer's."""


def _saved(model: FileModel, folder: Path) -> Path:
    path = folder / "original.tflite"
    path.write_bytes(write(model))
    return path


def _inputs(shape: tuple[int, ...], samples: int = 30, dtype: str = "int8") -> Array:
    limits = np.iinfo(dtype)
    rng = np.random.default_rng(0)
    return rng.integers(limits.min, limits.max + 1, (samples, *shape)).astype(dtype)


def _residual(folder: Path) -> Path:
    return _saved(file_model(lowered(residual(), "host_tflm").graph), folder)


def _max_pool(ends: tuple[FileTensor, FileTensor], at_ends: str) -> FileModel:
    """A max pool of int8 between an input and an output of other types."""
    inner = [
        FileTensor(name, (1, size, size, 2), "int8", (0.5,), -3)
        for name, size in (("a", 4), ("b", 2))
    ]
    window = {"padding": 1, "strideH": 2, "strideW": 2, "filterHeight": 2, "filterWidth": 2}
    operators = (
        FileOperator("QUANTIZE", ("x",), ("a",), "QuantizeOptions"),
        FileOperator("MAX_POOL_2D", ("a",), ("b",), "Pool2DOptions", window),
        FileOperator(at_ends, ("b",), ("y",), f"{at_ends.capitalize()}Options"),
    )
    return FileModel("pool", (ends[0], *inner, ends[1]), operators, ("x",), ("y",))


def _two_of_each() -> FileModel:
    tensors = (
        FileTensor("p", (1, 4), "int8", (0.5,), 1),
        FileTensor("q", (1, 4), "int8", (0.25,), -7),
        FileTensor("sum", (1, 4), "int8", (0.7,), 3),
        FileTensor("product", (1, 4), "int8", (0.9,), 5),
    )
    operators = (
        FileOperator("ADD", ("p", "q"), ("sum",), "AddOptions"),
        FileOperator("MUL", ("q", "p"), ("product",), "MulOptions"),
    )
    return FileModel("two", tensors, operators, ("p", "q"), ("product", "sum"))


@pytest.mark.parametrize("runtime", _RUNTIMES)
def test_integers_of_a_file(runtime: str, tmp_path: Path) -> None:
    path = _residual(tmp_path)
    graph, x = load_tflite(path), _inputs((8, 8, 3))
    (got,) = run_original(path, [x], runtime)
    expected = predicted(graph, x)
    assert isinstance(expected, np.ndarray) and got.dtype == expected.dtype
    if runtime == "tflm":
        np.testing.assert_array_equal(got, expected)
    else:  # Another softmax and other roundings: near, and still integers of the same meaning.
        assert got.shape == expected.shape
        assert np.abs(got.astype(int) - expected).max() <= 8


@pytest.mark.parametrize("runtime", _RUNTIMES)
@pytest.mark.parametrize("dtype", ["uint8", "int8"])
def test_uint8_at_the_ends(dtype: str, runtime: str, tmp_path: Path) -> None:
    ends = (
        FileTensor("x", (1, 4, 4, 2), dtype, (0.5,), 125 if dtype == "uint8" else -3),
        FileTensor("y", (1, 2, 2, 2), dtype, (0.5,), 125 if dtype == "uint8" else -3),
    )
    path = _saved(_max_pool(ends, "QUANTIZE"), tmp_path)
    graph, x = load_tflite(path), _inputs((4, 4, 2), dtype=dtype)
    (got,) = run_original(path, {"x": x}, runtime)
    assert got.dtype == dtype
    np.testing.assert_array_equal(got, predicted(graph, x))


@pytest.mark.parametrize("runtime", _RUNTIMES)
def test_float_ends_take_and_give_integers(runtime: str, tmp_path: Path) -> None:
    ends = FileTensor("x", (1, 4, 4, 2), "float32"), FileTensor("y", (1, 2, 2, 2), "float32")
    path = _saved(_max_pool(ends, "DEQUANTIZE"), tmp_path)
    graph, x = load_tflite(path), _inputs((4, 4, 2), 200)
    (got,) = run_original(path, [x], runtime)
    assert got.dtype == np.int8
    np.testing.assert_array_equal(got, predicted(graph, x))


@pytest.mark.parametrize("runtime", _EXACT)
def test_several_inputs_and_outputs(runtime: str, tmp_path: Path) -> None:
    path = _saved(_two_of_each(), tmp_path)
    graph, (p, q) = load_tflite(path), _inputs((2, 4)).swapaxes(0, 1)
    expected = run(graph, {"p": p, "q": q})
    got = run_original(path, {"p": p, "q": q}, runtime)
    for name, value in zip(("product", "sum"), got, strict=True):
        np.testing.assert_array_equal(value, expected[name])


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    path = _residual(tmp_path)
    x = _inputs((8, 8, 3))
    with pytest.raises(ConfigError, match="one array for each"):
        run_original(path, [x, x], "tflm")
    with pytest.raises(ConfigError, match="at least one"):
        run_original(path, [x[:0]], "tflm")
    with pytest.raises(ConfigError, match=r"\(8, 8\) integers for \(1, 8, 8, 3\)"):
        run_original(path, [x[..., 0]], "tflm")
    with pytest.raises(ConfigError, match="does not fit its int8"):
        run_original(path, [x.astype(np.int16) + 300], "tflm")
    with pytest.raises(ConfigError, match="no runtime 'tensorrt'"):
        run_original(path, [x], "tensorrt")
    with pytest.raises(ConfigError, match=r"missing\.tflite"):
        run_original(tmp_path / "missing.tflite", [x], "tflm")
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(FormatError, match=r"original\.tflite"):
        run_original(path, [x], "tflm")


def test_verify_runs_the_file_unchanged(tmp_path: Path) -> None:
    path = _residual(tmp_path)
    graph = load_tflite(path)
    exact = verify(graph, "host_tflm", artifact_folder=path)
    layers = sum(graph.tensors[op.output].elements for op in graph.nodes[:-1])
    assert exact.exact and exact.moved == 0 and exact.integers == 16 * 5 + 2 * layers
    x = _inputs((8, 8, 3))
    np.testing.assert_array_equal(
        predict(graph, x, "host_tflm", artifact_folder=path)[graph.outputs[0]],
        predicted(graph, x),
    )
    # XNNPACK rounds otherwise: nothing was lowered here, so that these are differences.
    other = verify(graph, "host_litert", x, artifact_folder=path)
    assert other.differing > 0 and other.moved == 0 and other.first is not None


def test_a_changed_file_differs(tmp_path: Path) -> None:
    path = _residual(tmp_path)
    graph = load_tflite(path)
    model = bytearray(path.read_bytes())
    weight = lowered(residual(), "host_tflm").graph.constants["depthwise/weight"].tobytes()
    model[model.index(weight) + 27] ^= 0x40
    path.write_bytes(model)
    changed = verify(graph, "host_tflm", artifact_folder=path)
    assert changed.differing > 0 and changed.first is not None
    assert changed.first.layer.startswith("depthwise_conv_2d")


def test_boards_that_run_no_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="virtual_m4 runs what 'hwkit deploy' left"):
        verify(residual(), "virtual_m4", artifact_folder=_residual(tmp_path))


def test_another_networks_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"input 'p'"):
        verify(load_tflite(_residual(tmp_path)), "host_tflm", artifact_folder=_one_input(tmp_path))


def _one_input(tmp_path: Path) -> Path:
    tensors = (
        FileTensor("p", (1, 5), "int8", (0.5,), 1),
        FileTensor("y", (1, 5), "int8", (0.25,), 1),
    )
    operator = FileOperator("QUANTIZE", ("p",), ("y",), "QuantizeOptions")
    path = tmp_path / "other.tflite"
    path.write_bytes(write(FileModel("other", tensors, (operator,), ("p",), ("y",))))
    return path
