"""Operators on integers without a form here, behind the last layer: the host runs them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hwkit.errors import UnsupportedOp
from hwkit.flow.source import import_file
from hwkit.flow.whole import predict, whole_of
from hwkit.importers.tflite.importer import load_tflite
from hwkit.targets.edge.flatbuffer import FileOperator, FileTensor
from tests.conformance.tflite_runtimes import LITERT, TFLM, Runtimes
from tests.importers.tflite.files import activation, file_bytes, integers, operator, weights

RNG = np.random.default_rng(3)
_DENSE = [
    activation("x", (1, 12), 0.05, -7),
    weights("w", RNG.integers(-90, 91, (8, 12)).astype(np.int8), 0.02),
    activation("z", (1, 8), 0.1, 4),
]
_LAYER = operator("FULLY_CONNECTED", ("x", "w", None), ("z",), "FullyConnectedOptions")


def _l2() -> tuple[list[FileTensor], FileOperator]:
    y = FileTensor("y", (1, 8), "int8", (1 / 128,), 0)
    return [y], operator("L2_NORMALIZATION", ("z",), options="L2NormOptions")


def _log_softmax() -> tuple[list[FileTensor], FileOperator]:
    y = FileTensor("y", (1, 8), "int8", (16 / 256,), 127)
    return [y], operator("LOG_SOFTMAX", ("z",), options="LogSoftmaxOptions")


def _top() -> tuple[list[FileTensor], FileOperator]:
    tensors = [activation("y", (1, 3), 0.1, 4), FileTensor("k", (1, 3), "int32")]
    return [*tensors, integers("three", 3)], operator("TOPK_V2", ("z", "three"), ("y", "k"))


ENDS = {"l2": _l2, "log_softmax": _log_softmax, "top": _top}


@pytest.mark.parametrize("name", ENDS)
def test_an_end(name: str, tmp_path: Path) -> None:
    """The dense layer follows the runtime of the whole file, which is LiteRT where TFLM stops."""
    tensors, last = ENDS[name]()
    model = file_bytes([*_DENSE, *tensors], [_LAYER, last], ("x",), last.outputs)
    path = tmp_path / "m.tflite"
    path.write_bytes(model)
    graph, proof = import_file(path, 8, required=True)
    assert proof is not None and proof.differing == 0
    x = RNG.integers(-128, 128, (30, 12)).astype(np.int8)
    got = predict(graph, whole_of(graph), {"x": x})
    with Runtimes() as runtimes:
        answers = [runtimes.run(r, model, {"x": x}, len(last.outputs)) for r in (TFLM, LITERT)]
    wanted = next(answer for answer in answers if not isinstance(answer, str))
    assert (wanted is answers[1]) == (graph.metadata["runtime"] == "litert_reference")
    for y, other in zip(got.values(), wanted, strict=True):
        np.testing.assert_array_equal(y, other.reshape(y.shape))


def test_in_front_of_a_layer_it_is_refused(tmp_path: Path) -> None:
    tensors, last = _l2()
    v = weights("v", RNG.integers(-9, 9, (4, 8)).astype(np.int8), 0.02)
    more = operator("FULLY_CONNECTED", ("y", "v", None), ("end",), "FullyConnectedOptions")
    given = [*_DENSE, *tensors, v, activation("end", (1, 4))]
    (tmp_path / "m.tflite").write_bytes(file_bytes(given, [_LAYER, last, more], ("x",), ("end",)))
    with pytest.raises(UnsupportedOp, match="L2_NORMALIZATION"):
        load_tflite(tmp_path / "m.tflite")
