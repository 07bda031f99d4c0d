"""Float between a DEQUANTIZE and a QUANTIZE, where it is a function of one integer: a table."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwkit.errors import UnsupportedOp
from hwkit.importers.tflite.importer import load_tflite
from hwkit.importers.tflite.islands import ISLANDERS
from hwkit.ir.ops import Lookup
from hwkit.targets.edge.flatbuffer import FileOperator, FileTensor
from tests.conformance.tflite_runtimes import LITERT, TFLM, Runtimes
from tests.importers.tflite.files import activation, file_bytes, operator

ALL = np.arange(-128, 128, dtype=np.int8)[None]
SHAPE = (1, 256)
TWO = ("ADD", "DIV", "MAXIMUM", "MINIMUM", "MUL", "POW", "SQUARED_DIFFERENCE", "SUB")
OPTIONS = {"LEAKY_RELU": "LeakyReluOptions"}
OPTIONS |= {code: f"{code.title()}Options" for code in ("ADD", "DIV", "MUL", "SUB")}


def _real(name: str, data: Any = None) -> FileTensor:
    value = None if data is None else np.array([data], np.float32)
    return FileTensor(name, SHAPE if value is None else (1,), "float32", data=value)


def _island(
    between: list[FileOperator], x: FileTensor, y: FileTensor, constants: list[FileTensor]
) -> bytes:
    names = ["real", *(op.outputs[0] for op in between)]
    ends = [operator("DEQUANTIZE", ("x",), ("real",)), operator("QUANTIZE", (names[-1],))]
    tensors = [x, y, *constants, *(_real(name) for name in dict.fromkeys(names))]
    return file_bytes(tensors, [ends[0], *between, ends[1]])


def _require_equal(model: bytes, tmp_path: Path, runtimes: Runtimes) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(model)
    graph = load_tflite(path)
    assert [type(node) for node in graph.nodes] == [Lookup]
    got = np.asarray(graph.predict(ALL))
    answers = [runtimes.run(r, model, {"x": ALL}, 1) for r in (TFLM, LITERT)]
    given = [answer for answer in answers if not isinstance(answer, str)]
    assert given, answers
    for (y,) in given:
        np.testing.assert_array_equal(got, y.reshape(got.shape))
    followed = "litert_reference" if isinstance(answers[0], str) else "tflm"
    assert graph.metadata["runtime"] == followed


@pytest.mark.parametrize("code", sorted(ISLANDERS))
def test_one_operator(code: str, tmp_path: Path) -> None:
    positive = code in ("LOG", "POW", "RSQRT", "SQRT")
    fields: dict[str, Any] = {"alpha": 0.3} if code == "LEAKY_RELU" else {}
    with Runtimes() as runtimes:
        for scale, after in ((0.013, 0.0101), (0.031, 0.21)):
            x = activation("x", SHAPE, scale, -128 if positive else -7)
            # Both functions have no value at 0, which the lowest integer stands for.
            base = [operator("ADD", ("real", "small"), ("base",), "AddOptions")] if positive else []
            inputs = ("base" if positive else "real", *(("k",) if code in TWO else ()))
            op = operator(code, inputs, ("out",), OPTIONS.get(code, ""), **fields)
            constants = [_real("k", 1.7), _real("small", 0.02)]
            y = activation("y", SHAPE, after, 3)
            _require_equal(_island([*base, op], x, y, constants), tmp_path, runtimes)


def test_a_function_of_several_operators(tmp_path: Path) -> None:
    """``x * tanh(softplus(x))``, each part read by others too, and a constant in front."""
    between = [
        operator("EXP", ("real",), ("e",)),
        operator("ADD", ("one", "e"), ("more",), "AddOptions"),
        operator("LOG", ("more",), ("soft",)),
        operator("TANH", ("soft",), ("t",)),
        operator("MUL", ("real", "t"), ("out",), "MulOptions", fusedActivationFunction=3),
    ]
    x, y = activation("x", SHAPE, 0.05, 4), activation("y", SHAPE, 0.04, -100)
    with Runtimes() as runtimes:
        _require_equal(_island(between, x, y, [_real("one", 1.0)]), tmp_path, runtimes)


def test_a_chain_that_doubles_at_each_step_is_walked_once(tmp_path: Path) -> None:
    names = ["real", *(f"a{k}" for k in range(60))]
    between = [operator("MAXIMUM", (a, a), (b,)) for a, b in pairwise(names)]
    x, y = activation("x", SHAPE, 0.05, 4), activation("y", SHAPE, 0.05, 4)
    (tmp_path / "m.tflite").write_bytes(_island(between, x, y, []))
    graph = load_tflite(tmp_path / "m.tflite")
    np.testing.assert_array_equal(graph.predict(ALL), ALL)


@pytest.mark.parametrize(
    "between",
    [
        [operator("LOG", ("real",), ("out",))],  # No number at 0 and below.
        [operator("SOFTMAX", ("real",), ("out",), "SoftmaxOptions", beta=1.0)],  # Of a row.
        [operator("SIN", (), ("out",))],  # Damaged.
        [operator("MUL", ("real", None), ("out",), "MulOptions")],
    ],
)
def test_what_is_no_function_of_one_integer(between: list[FileOperator], tmp_path: Path) -> None:
    x, y = activation("x", SHAPE, 0.05, 4), activation("y", SHAPE, 0.04, 4)
    (tmp_path / "m.tflite").write_bytes(_island(between, x, y, []))
    with pytest.raises(UnsupportedOp, match=between[0].code):
        load_tflite(tmp_path / "m.tflite")
