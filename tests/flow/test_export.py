"""``hwkit export``: what is written, compared and said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from hwkit.cli import _run
from hwkit.errors import ConfigError
from hwkit.flow.export import export
from hwkit.flow.models import load
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Add, Concat, Constant, Conv2d, Mul, Requantize, Rescale, Rounding, Sub
from hwkit.ir.types import S8, Quantization


def network() -> Graph:
    """A convolution, then a product with, a difference from and a sum with what is repeated."""
    rng = np.random.default_rng(0)
    b = GraphBuilder("net")
    b.input("x", (4, 4, 3), S8, Quantization((0.05,), 3))
    b.constant("w", rng.integers(-127, 128, (3, 1, 1, 3)), S8, Quantization((0.01,)))
    # 0.05 * 0.01 / 0.1
    r = Rescale((1374389535,), (38,), Rounding.DOUBLE, -128, 127, -5)
    facts = Quantization((0.1,), -5)
    b.add(Conv2d("conv", "x", "w", None, "c", input_zero_point=3, rescale=r), S8, facts)
    b.constant("kv", rng.integers(-100, 100, (1, 1, 3)), S8)
    b.add(Constant("k", "kv", "ko"), S8, Quantization((0.02,), 0))
    whole = Rescale((1374389535,), (36,), Rounding.DOUBLE, -128, 127, 0)  # 0.1 * 0.02 / 0.1
    mul = Mul("mul", ("c", "ko"), "m", (-5, 0), rescale=whole)
    b.add(mul, S8, Quantization((0.1,), 0))
    terms = (
        Rescale((1 << 30,), (31,), Rounding.DOUBLE, -(1 << 31), (1 << 31) - 1, left_shift=20),
        Rescale((1 << 30,), (31,), Rounding.DOUBLE, -(1 << 31), (1 << 31) - 1, left_shift=20),
    )
    out = Rescale((1 << 30,), (49,), Rounding.DOUBLE, -128, 127, 0)
    sub = Sub("sub", ("m", "c"), "s", (0, -5), terms, rescale=out)
    b.add(sub, S8, Quantization((0.1,), 0))
    add = Add("add", ("s", "m"), "y", (0, 0), terms, rescale=out)
    b.add(add, S8, Quantization((0.1,), 0))
    return b.build(["y"])


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "m.hwk"
    network().save(str(path))
    return path


def test_integer_onnx_is_exact(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
                               ) -> None:  # fmt: skip
    out = tmp_path / "m.onnx"
    assert _run(["export", str(model), "--to", "onnx", "-o", str(out), "-n", "9", "--check"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{out}: integer, ")
    assert lines[1].startswith("ONNX Runtime ") and "9 inputs, 432 integers, 0 diff" in lines[1]
    assert out.stat().st_size > 1000


@pytest.mark.parametrize("form", ["qdq", "qop"])
def test_other_forms_name_what_rounds(form: str, tmp_path: Path) -> None:
    made = export(network(), "onnx", tmp_path / "m.onnx", form, samples=50)
    (compared, *_) = made.compared
    assert set(made.rounded) == {"conv", "mul", "add"} | ({"sub"} if form == "qdq" else set())
    assert compared.integers == 50 * 48 and compared.differing < 300
    assert compared.largest <= 3 and made.exact == (compared.differing == 0)


def test_a_tflite_of_products_and_differences_reads_back(tmp_path: Path) -> None:
    out = tmp_path / "m.tflite"
    made = export(network(), "tflite", out)
    assert {c.by for c in made.compared} == {"host_tflm", "read back"} and made.exact
    x = np.random.default_rng(1).integers(-128, 128, (20, 4, 4, 3)).astype(np.int8)
    np.testing.assert_array_equal(load(out).predict(x), network().predict(x))
    litert = export(network(), "tflite", out, runtime="litert")
    assert litert.form == "host_litert" and [c.by for c in litert.compared] == ["host_litert"]


def test_json_tells_all(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["export", str(model), "--to", "onnx", "-o", str(tmp_path / "m.onnx"), "--json"]
    assert _run(arguments) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["exact"] and found["form"] == "integer" and found["compared"][0]["differing"] == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"to": "tflite", "form": "qdq"}, "--form qdq: forms are of --to onnx"),
        ({"to": "onnx", "runtime": "tflm"}, "--runtime tflm: runtimes are of --to tflite"),
        ({"to": "caffe"}, "--to caffe: unknown; known: onnx, qonnx, tflite"),
        ({"to": "tflite", "runtime": "x"}, "--runtime x: unknown; known: tflm, litert"),
    ],
)
def test_options_of_another_kind(options: dict[str, str], message: str, tmp_path: Path) -> None:
    to, form, runtime = (options.get(key) for key in ("to", "form", "runtime"))
    with pytest.raises(ConfigError, match=message):
        export(network(), str(to), tmp_path / "m", form, runtime)
    assert not (tmp_path / "m").exists()


def test_states_are_inputs_and_outputs_of_the_file(tmp_path: Path) -> None:
    b = GraphBuilder("stream")
    b.input("x", (1, 2), S8, Quantization((0.1,), 0))
    b.state("before", np.array([[5, -5]]), S8, Quantization((0.1,), 0))
    b.add(Concat("join", ("before", "x"), "j", 0), S8, Quantization((0.1,), 0))
    r = Rescale((1,), (1,), Rounding.HALF_EVEN, -128, 127)
    b.add(Requantize("half", "x", "h", r), S8, Quantization((0.2,), 0))
    b.update("before", "h")
    graph = b.build(["j"])
    exact = export(graph, "onnx", tmp_path / "m.onnx", samples=12)
    assert exact.compared[0].integers == 12 * 4 and exact.exact
    # The float32 scales 0.1 and 0.2 leave no tie where it was.
    other = export(graph, "onnx", tmp_path / "m.onnx", "qdq", samples=12)
    assert other.rounded == ("half",) and 0 < other.compared[0].differing < 12
