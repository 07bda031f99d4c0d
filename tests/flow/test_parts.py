"""Float heads and tails: cut off at import, run on the host, measured, never called exact."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from hwkit.cli import _run
from hwkit.errors import FormatError, UnsupportedOp
from hwkit.flow.models import load
from hwkit.flow.source import import_file
from hwkit.flow.whole import whole_of
from hwkit.importers.parts import DEVIATION, KEY, parts_of
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import Interpreter
from hwkit.ir.ops import Conv2d, Dense, Rescale, Reshape, Rounding
from hwkit.ir.types import S8, Array, Quantization
from hwkit.targets.edge.flatbuffer import FileModel, FileOperator, FileTensor, write
from hwkit.targets.edge.loaded import Loaded
from hwkit.targets.onnx.executed import Executed
from hwkit.targets.onnx.qonnx import qonnx_file


def tflite(head: bool, tail: str) -> bytes:
    """A dense layer of int8, perhaps between float operators; ``tail`` is an operator, "" none, or
    an "island": another dense layer behind it."""
    rng = np.random.default_rng(0)
    tensors: list[FileTensor] = []
    operators: list[FileOperator] = []

    def at(tensor: FileTensor) -> str:
        tensors.append(tensor)
        return tensor.name

    def op(code: str, inputs: tuple[str, ...], output: FileTensor, options: str = "") -> str:
        operators.append(FileOperator(code, inputs, (at(output),), options))
        return output.name

    if head:
        start = at(FileTensor("x", (1, 8), "float32"))
        two = at(FileTensor("two", (1,), "float32", data=np.array([2], np.float32)))
        scaled = op("MUL", (start, two), FileTensor("scaled", (1, 8), "float32"), "MulOptions")
        q = op("QUANTIZE", (scaled,), FileTensor("q", (1, 8), "int8", (0.05,), 3))
    else:
        start = q = at(FileTensor("q", (1, 8), "int8", (0.05,), 3))
    weight = rng.integers(-127, 128, (5, 8)).astype(np.int8)
    w = at(FileTensor("w", (5, 8), "int8", (0.01,), data=weight))
    bias = rng.integers(-500, 500, 5).astype(np.int32)
    b = at(FileTensor("b", (5,), "int32", (0.0005,), data=bias))
    y = FileTensor("y", (1, 5), "int8", (0.1,), -4)
    end = op("FULLY_CONNECTED", (q, w, b), y, "FullyConnectedOptions")
    if tail:
        end = op("DEQUANTIZE", (end,), FileTensor("f", (1, 5), "float32"))
        code = "LOG_SOFTMAX" if tail == "island" else tail
        end = op(code, (end,), FileTensor("answers", (1, 5), "float32"))
    if tail == "island":
        end = op("QUANTIZE", (end,), FileTensor("q2", (1, 5), "int8", (0.01,), 0))
        v = at(FileTensor("v", (2, 5), "int8", (0.01,), data=weight[:2, :5]))
        z = FileTensor("z", (1, 2), "int8", (0.1,), 0)
        zero = at(FileTensor("zero", (2,), "int32", (0.0001,), data=np.zeros(2, np.int32)))
        end = op("FULLY_CONNECTED", (end, v, zero), z, "FullyConnectedOptions")
    return write(FileModel("m", tuple(tensors), tuple(operators), (start,), (end,)))


def written(tmp_path: Path, model: bytes, name: str = "m.tflite") -> Path:
    path = tmp_path / name
    path.write_bytes(model)
    return path


def reals(shape: tuple[int, ...]) -> Array:
    return np.random.default_rng(3).normal(size=shape).astype(np.float32) * 3


@pytest.mark.parametrize(("head", "tail"), [(False, "LOG_SOFTMAX"), (True, "LOG_SOFTMAX"),
                                            (True, ""), (False, "SIN")])  # fmt: skip
def test_the_whole_of_a_tflite_is_its_file(head: bool, tail: str, tmp_path: Path) -> None:
    path = written(tmp_path, tflite(head, tail))
    graph, proof = import_file(path, 9)
    assert proof is not None and proof.exact and len(graph.nodes) == 1
    assert graph.inputs == ("q",) and graph.outputs == ("y",)
    assert graph.metadata[DEVIATION].startswith("not integer-exact: 0 at most from tflm's")
    whole = whole_of(graph)
    assert whole is not None and whole.inputs == ("x" if head else "q",)
    x = reals((6, 8)) if head else np.arange(48, dtype=np.int8).reshape(6, 8)
    got = whole.infer({whole.inputs[0]: x}, Interpreter(graph).infer)
    (wanted,) = Loaded("tflm", path.read_bytes()).run([x.reshape(6, 1, 8)])
    np.testing.assert_array_equal(got[whole.outputs[0]], wanted.reshape(6, 5))
    assert got[whole.outputs[0]].dtype == wanted.dtype


def test_an_island_is_refused_by_the_name_of_what_keeps_it(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedOp, match=r"\(LOG_SOFTMAX\).*its activations are float32"):
        load(written(tmp_path, tflite(False, "island")))


def test_the_commands_say_what_is_not_exact(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, model = written(tmp_path, tflite(True, "LOG_SOFTMAX")), tmp_path / "m.hwk"
    assert _run(["import", str(path), "-o", str(model), "--check"]) == 0
    told = "float, not exact, on the host: head MUL, QUANTIZE; tail DEQUANTIZE, LOG_SOFTMAX\n"
    out = capsys.readouterr().out
    assert told in out and "not integer-exact: 0 at most from tflm's" in out
    assert _run(["inspect", str(model)]) == 0
    assert told in capsys.readouterr().out
    assert _run(["inspect", str(model), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert KEY not in found["metadata"] and found["float_parts"]["parts"][1]["model_bytes"] > 500
    np.save(tmp_path / "x.npy", reals((4, 8)))
    predict = ["predict", str(model), "-i", str(tmp_path / "x.npy"), "-o", str(tmp_path / "y.npy")]
    assert _run(predict) == 0
    y = np.load(tmp_path / "y.npy")
    assert y.dtype == np.float32 and y.shape == (4, 5)
    np.testing.assert_allclose(np.exp(y).sum(axis=1), 1, rtol=1e-5)
    assert _run([*predict, "--board", "host_onnxruntime"]) == 0
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), y)
    capsys.readouterr()
    verify = ["verify", str(model), "--board", "host_onnxruntime", "--source", str(path)]
    assert _run([*verify, "-n", "5", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["differing"] == 0 and found["deviation"].startswith("not integer-exact: 0 at most")
    assert _run([*verify, "-i", str(tmp_path / "x.npy")]) == 0
    assert _run([*predict, "--integers"]) == 2


def test_damaged_parts_are_refused(tmp_path: Path) -> None:
    graph = load(written(tmp_path, tflite(False, "LOG_SOFTMAX")))
    for text in ("{", "[]", graph.metadata[KEY].replace('"y"', '"other"').replace('"q"', '"o"'),
                 graph.metadata[KEY].replace("[1, 5]", "[-1, 5]")):  # fmt: skip
        with pytest.raises(FormatError, match=r"m: its float parts are .*; import it again"):
            parts_of(replace(graph, metadata={KEY: text}))


def qonnx(head: bool, tail: str) -> bytes:
    """A convolution and a dense layer in QONNX, perhaps between float nodes."""
    rng = np.random.default_rng(0)
    b = GraphBuilder("net")
    b.input("x", (6, 6, 3), S8, Quantization((0.05,), 3))
    b.constant("w", rng.integers(-127, 128, (4, 3, 3, 3)), S8, Quantization((0.01,)))
    r = Rescale((2**30,), (39,), Rounding.HALF_EVEN, -128, 127, -5)
    facts = Quantization((0.05 * 0.01 * 2**9,), -5)
    b.add(Conv2d("conv", "x", "w", None, "c", input_zero_point=3, rescale=r), S8, facts)
    b.constant("v", rng.integers(-127, 128, (5, 64)), S8, Quantization((0.02,)))
    b.add(Reshape("f", "c", "flat"), S8, facts, (64,))
    r = Rescale((2**30,), (40,), Rounding.HALF_EVEN, -128, 127, 0)
    fc = Dense("fc", "flat", "v", None, "y", input_zero_point=-5, rescale=r)
    b.add(fc, S8, Quantization((0.1,), 0))
    model = onnx.load_model_from_string(qonnx_file(b.build(["y"])).model)
    graph = model.graph

    def number(name: str, value: object) -> None:
        graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))

    if tail == "norm":
        number("axes", np.array([1]))
        number("small", np.float32(1e-5))
        graph.node.extend(
            [
                helper.make_node("ReduceMean", ["y", "axes"], ["mean"], "mean"),
                helper.make_node("Sub", ["y", "mean"], ["apart"], "apart"),
                helper.make_node("Mul", ["apart", "apart"], ["square"], "square"),
                helper.make_node("ReduceMean", ["square", "axes"], ["var"], "var"),
                helper.make_node("Add", ["var", "small"], ["more"], "more"),
                helper.make_node("Sqrt", ["more"], ["spread"], "spread"),
                helper.make_node("Div", ["apart", "spread"], ["out"], "out"),
            ]
        )
    elif tail:
        graph.node.append(helper.make_node(tail, ["y"], ["out"], "last"))
    if tail:
        graph.output[0].name = "out"
    if head:
        number("half", np.float32(0.5))
        for node in graph.node:
            if node.input[0] == "x":
                node.input[0] = "ready"
        graph.node.insert(0, helper.make_node("Sub", ["magnitude", "half"], ["ready"], "less"))
        graph.node.insert(0, helper.make_node("Abs", ["x"], ["magnitude"], "abs"))
    return bytes(model.SerializeToString())


@pytest.mark.parametrize(("head", "tail"), [(False, "Erf"), (False, "norm"), (True, ""),
                                            (True, "Erf")])  # fmt: skip
def test_the_whole_of_an_onnx_is_its_file(head: bool, tail: str, tmp_path: Path) -> None:
    path = written(tmp_path, qonnx(head, tail), "m.onnx")
    graph, proof = import_file(path, 4)
    assert proof is not None and proof.exact
    assert graph.metadata[DEVIATION].startswith("not integer-exact: 0 at most from qonnx's")
    whole = whole_of(graph)
    assert whole is not None and whole.inputs == ("x",)
    x = reals((2, 3, 6, 6))
    got = whole.infer({"x": x}, Interpreter(graph).infer)[whole.outputs[0]]
    model = Executed(path.read_bytes())
    wanted = np.concatenate([model.run({"x": x[k : k + 1]})[0] for k in range(2)])
    if not tail:
        wanted = np.rint(wanted / np.float32(0.1))
    np.testing.assert_array_equal(got, wanted)


def with_gather(place: int) -> bytes:
    """A network that ends in Erf, sums and one of its 5 places."""
    model = onnx.load_model_from_string(qonnx(False, "Erf"))
    model.graph.initializer.append(numpy_helper.from_array(np.array([place]), "place"))
    model.graph.initializer.append(numpy_helper.from_array(np.array(1), "axis"))
    model.graph.node.append(helper.make_node("CumSum", ["out", "axis"], ["sums"], "sums"))
    model.graph.node.append(helper.make_node("Gather", ["sums", "place"], ["end"], "end", axis=1))
    model.graph.output[0].name = "end"
    return bytes(model.SerializeToString())


def test_functions_before_a_float_tail_are_part_of_it(tmp_path: Path) -> None:
    path = written(tmp_path, with_gather(4), "m.onnx")
    graph, proof = import_file(path, 2)
    assert proof is not None and proof.exact
    whole, x = whole_of(graph), reals((2, 3, 6, 6))
    assert whole is not None and tail_nodes(graph)[0].op_type == "Erf"
    got = whole.infer({"x": x}, Interpreter(graph).infer)[whole.outputs[0]]
    model = Executed(path.read_bytes())
    wanted = np.concatenate([model.run({"x": x[k : k + 1]})[0] for k in range(2)])
    np.testing.assert_array_equal(got, wanted)


def tail_nodes(graph: Graph) -> list[onnx.NodeProto]:
    parts = parts_of(graph)
    assert parts is not None
    return list(onnx.load_model_from_string(parts.parts[-1].model).graph.node)


def test_a_tail_that_its_runtime_refuses_is_the_fault_of_its_file(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, in one line: no device is at fault, and the runtime's log is no second one."""
    path = written(tmp_path, with_gather(9), "m.onnx")
    with pytest.raises(FormatError, match=r"m\.onnx: ONNX Runtime.*; export it again"):
        import_file(path, 2)
    assert capfd.readouterr().err == ""
