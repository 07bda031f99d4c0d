"""Small .tflite files made by hand, and their comparison with TFLM."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hwkit.importers.tflite.importer import load_tflite
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.types import Array
from hwkit.targets.edge.flatbuffer import FileModel, FileOperator, FileTensor, write
from hwkit.targets.edge.loaded import load
from tests.targets.edge.networks import runtime


def activation(
    name: str, shape: tuple[int, ...], scale: float = 0.1, zero_point: int = 3
) -> FileTensor:
    """An int8 activation."""
    return FileTensor(name, shape, "int8", (scale,), zero_point)


def values(name: str, data: Any, scale: float = 0.1, zero_point: int = 3) -> FileTensor:
    """An int8 constant."""
    array = np.array(data, np.int8)
    return FileTensor(name, array.shape, "int8", (scale,), zero_point, data=array)


def integers(name: str, data: Any) -> FileTensor:
    """An int32 constant: axes, sizes, borders."""
    array = np.array(data, np.int32)
    return FileTensor(name, array.shape, "int32", data=array)


def weights(
    name: str, data: Array, scale: float | tuple[float, ...], axis: int = 0, dtype: str = "int8"
) -> FileTensor:
    """Symmetric weights, per tensor or per channel of ``axis``."""
    scales = scale if isinstance(scale, tuple) else (scale,)
    return FileTensor(name, data.shape, dtype, scales, 0, axis, data)


def operator(
    code: str,
    inputs: tuple[str | None, ...],
    outputs: tuple[str, ...] = ("y",),
    options: str = "",
    **fields: object,
) -> FileOperator:
    return FileOperator(code, inputs, outputs, options, fields)


def file_bytes(
    tensors: list[FileTensor],
    operators: list[FileOperator],
    inputs: tuple[str, ...] = ("x",),
    outputs: tuple[str, ...] = ("y",),
    once: FileModel | None = None,
) -> bytes:
    return write(FileModel("m", tuple(tensors), tuple(operators), inputs, outputs, once))


def handle_of(variable: str, tensor: str, container: str = "") -> FileOperator:
    """A VAR_HANDLE: ``tensor`` (a ``resource``) stands for ``variable``."""
    fields = {"sharedName": variable, "container": container}
    return FileOperator("VAR_HANDLE", (), (tensor,), "VarHandleOptions", fields)


def read(handle: str, tensor: str) -> FileOperator:
    return FileOperator("READ_VARIABLE", (handle,), (tensor,), "ReadVariableOptions")


def assign(handle: str, tensor: str) -> FileOperator:
    return FileOperator("ASSIGN_VARIABLE", (handle, tensor), (), "AssignVariableOptions")


def call_once(subgraph: int = 1) -> FileOperator:
    return FileOperator("CALL_ONCE", (), (), "CallOnceOptions", {"initSubgraphIndex": subgraph})


def initialiser(**values: FileTensor) -> FileModel:
    """The subgraph that assigns each variable its constant."""
    tensors, operators = [], []
    for name, value in values.items():
        tensors += [FileTensor(f"{name}/handle", (), "resource"), value]
        operators += [handle_of(name, f"{name}/handle"), assign(f"{name}/handle", value.name)]
    return FileModel("once", tuple(tensors), tuple(operators), (), ())


def as_tflm(model: bytes, tmp_path: Path, samples: int = 60, seed: int = 0) -> Graph:
    """The imported graph, after a comparison with TFLM on random and extreme integers."""
    path = tmp_path / "model.tflite"
    path.write_bytes(model)
    graph = load_tflite(path)
    feeds = random_feeds(graph, samples, seed)
    got = run(graph, feeds)
    for name, expected in zip(graph.outputs, tflm(model, feeds, len(graph.outputs)), strict=True):
        np.testing.assert_array_equal(got[name], expected.reshape(got[name].shape), err_msg=name)
    return graph


def random_feeds(graph: Graph, samples: int, seed: int) -> dict[str, Array]:
    """Random integers over the whole range; the first sample all low, the second all high."""
    rng = np.random.default_rng(seed)
    feeds = {}
    for name in graph.inputs:
        tensor = graph.tensors[name]
        low, high = tensor.dtype.low, tensor.dtype.high
        x = rng.integers(low, high + 1, (samples, *tensor.shape))
        x[0], x[1] = low, high
        feeds[name] = x.astype(tensor.dtype.container)
    return feeds


def tflm(model: bytes, feeds: Mapping[str, Array], outputs: int) -> list[Array]:
    """TFLM's outputs, one sample after the other, from the initial values of variables."""
    return load(runtime("host_tflm"), model, outputs).run(list(feeds.values()), 0)
