"""The bytes of a .tflite."""

from __future__ import annotations

import numpy as np

from hwkit.importers.tflite.file import INT8, parse
from hwkit.targets.edge.emit import MODEL, emit
from hwkit.targets.edge.flatbuffer import FileModel, FileOperator, FileTensor, write
from tests.targets.edge.networks import BOARDS, lowered, residual


def test_same_graph_same_bytes() -> None:
    for board in BOARDS:
        first, second = (emit(lowered(residual(), board)) for _ in range(2))
        assert first == second and first.digest() == second.digest()
    assert emit(lowered(residual(1), board)) != first


def test_constants_are_aligned_to_16_bytes() -> None:
    form = lowered(residual(), "host_tflm")
    model = emit(form).files[MODEL]
    for name, value in form.graph.constants.items():
        if value.size > 16:
            assert model.index(value.tobytes()) % 16 == 0, name


def test_records_survive() -> None:
    weight = np.arange(8, dtype=np.int8).reshape(2, 4)
    model = FileModel(
        "m",
        (
            FileTensor("x", (1, 4), "int8", (0.5,), -3),
            FileTensor("w", (2, 4), "int8", (0.25, 0.5), 0, 0, weight),
            FileTensor("y", (1, 2), "int8", (1.0,), 7),
        ),
        (FileOperator("FULLY_CONNECTED", ("x", "w", None), ("y",), "FullyConnectedOptions"),),
        ("x",),
        ("y",),
    )
    file = parse(write(model))
    assert [tensor.name for tensor in file.tensors] == ["x", "w", "y"]
    assert file.tensors[0].scale == (0.5,) and file.tensors[0].zero_point == (-3,)
    assert file.tensors[1].scale == (0.25, 0.5) and file.tensors[1].type == INT8
    np.testing.assert_array_equal(file.tensors[1].data, weight)
    assert file.operators[0].code == "FULLY_CONNECTED"
    assert file.operators[0].inputs == (0, 1, -1) and file.operators[0].outputs == (2,)
    assert file.inputs == (0,) and file.outputs == (2,)
