"""Names of inputs and outputs: those of a file's signature, where it has one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from hwkit import api
from hwkit.cli import _run
from hwkit.importers.tflite.file import parse
from hwkit.importers.tflite.importer import convert
from hwkit.ir.graph import Graph
from hwkit.targets.edge.flatbuffer import FileTensor, packed, schema
from tests.importers.tflite.files import activation, file_bytes, operator
from tests.predicted import predicted

SHAPE = (1, 4)
Signature = tuple[str, int, Mapping[str, int], Mapping[str, int]]
"""Key, subgraph, and the tensors' indices by the names of inputs and outputs."""


def signed(data: bytes, *signatures: Signature) -> bytes:
    """``data`` with these signatures in place of its own."""
    s = schema()
    root = s.ModelT.InitFromPackedBuf(data, 0)
    root.signatureDefs = []
    for key, subgraph, *maps in signatures:
        signature = s.SignatureDefT()
        signature.signatureKey, signature.subgraphIndex = key, subgraph
        for field, names in zip(("inputs", "outputs"), maps, strict=True):
            entries = [s.TensorMapT() for _ in names]
            for entry, (name, index) in zip(entries, names.items(), strict=True):
                entry.name, entry.tensorIndex = name, index
            setattr(signature, field, entries)
        root.signatureDefs.append(signature)
    return packed(root)


def two_inputs() -> bytes:
    """a (0) and b (1) give their sum s (2), and of that the larger part r (3)."""
    tensors = [activation(name, SHAPE) for name in ("a", "b", "s", "r")]
    operators = [
        operator("ADD", ("a", "b"), ("s",), "AddOptions"),
        operator("RELU", ("s",), ("r",)),
    ]
    return file_bytes(tensors, operators, ("a", "b"), ("r", "s"))


def imported(data: bytes) -> Graph:
    return convert(parse(data), "m")


def test_inputs_and_outputs_are_called_as_in_the_signature() -> None:
    """By index: the order in a signature is nobody's."""
    signature = ("serving_default", 0, {"right": 1, "left": 0}, {"sum": 2, "positive": 3})
    graph, plain = imported(signed(two_inputs(), signature)), imported(two_inputs())
    assert graph.inputs == ("left", "right") and graph.outputs == ("positive", "sum")
    assert plain.inputs == ("a", "b") and plain.outputs == ("r", "s")
    x, z = np.array([[1, -2, 3, 90]]), np.array([[5, 6, -70, 80]])
    got, wanted = graph.predict({"left": x, "right": z}), plain.predict({"a": x, "b": z})
    assert isinstance(got, dict) and isinstance(wanted, dict)
    assert got["sum"].tolist() == wanted["s"].tolist()
    assert got["positive"].tolist() == wanted["r"].tolist()


@pytest.mark.parametrize(
    ("inputs", "outputs", "names"),
    [
        ({"left": 0}, {"positive": 3}, ("left", "b", "positive", "s")),
        ({"b": 0, "a": 1}, {"s": 3, "r": 2}, ("b", "a", "s", "r")),
        ({"b": 0}, {}, ("b", "b#1", "r", "s")),
        ({"r": 0}, {"a": 3}, ("r", "b", "a", "s")),
        ({"s": 0}, {"s": 2}, ("a", "b", "r", "s")),
        ({"x": 0}, {"x": 3}, ("a", "b", "r", "s")),
        ({"x": 2**31}, {"y": 4}, ("a", "b", "r", "s")),
        ({"": 0}, {"two\nlines": 2}, ("a", "b", "r", "two?lines")),
    ],
)
def test_a_name_in_the_signature_is_its_tensors_and_of_the_rest_their_own(
    inputs: dict[str, int], outputs: dict[str, int], names: tuple[str, ...]
) -> None:
    graph = imported(signed(two_inputs(), ("serving_default", 0, inputs, outputs)))
    assert graph.inputs + graph.outputs == names


def test_of_several_signatures_the_default_is_taken() -> None:
    other: Signature = ("other", 0, {"p": 0}, {})
    default: Signature = ("serving_default", 0, {"q": 0}, {})
    elsewhere: Signature = ("serving_default", 1, {"z": 0}, {})
    assert imported(signed(two_inputs(), other, default)).inputs == ("q", "b")
    assert imported(signed(two_inputs(), other, elsewhere)).inputs == ("p", "b")
    assert imported(signed(two_inputs(), elsewhere)).inputs == ("a", "b")


def test_names_of_floats_pass_to_the_integers_behind_them() -> None:
    tensors = [
        FileTensor("x", SHAPE, "float32"),
        activation("q", SHAPE),
        activation("r", SHAPE),
        FileTensor("y", SHAPE, "float32"),
    ]
    operators = [
        operator("QUANTIZE", ("x",), ("q",), "QuantizeOptions"),
        operator("RELU", ("q",), ("r",)),
        operator("DEQUANTIZE", ("r",), ("y",), "DequantizeOptions"),
    ]
    signature = ("serving_default", 0, {"sound": 0}, {"word": 3})
    graph = imported(signed(file_bytes(tensors, operators), signature))
    assert (graph.inputs, graph.outputs) == (("sound",), ("word",))
    assert predicted(graph, np.array([[-9, 0, 3, 9]])).tolist() == [[3, 3, 3, 9]]


def test_the_command_line_and_a_runtime_know_the_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    signature = ("serving_default", 0, {"left": 0, "right": 1}, {"sum": 2, "positive": 3})
    Path("m.tflite").write_bytes(signed(two_inputs(), signature))
    for name, values in (("left", [[1, -2, 3, 90]]), ("right", [[5, 6, -70, 80]])):
        np.save(f"{name}.npy", np.array(values, np.int8))
    feeds = ["-i", "left=left.npy", "-i", "right=right.npy"]
    command = ["predict", "m.tflite", "--board", "host_tflm", *feeds, "-o", "y.npz"]
    assert _run(command) == 0
    wanted = imported(two_inputs()).predict({"a": np.load("left.npy"), "b": np.load("right.npy")})
    assert isinstance(wanted, dict)
    with np.load("y.npz") as found:
        assert sorted(found) == ["positive", "sum"]
        assert found["sum"].tolist() == wanted["s"].tolist()
    artifact = ["verify", "m.tflite", "--board", "host_tflm", "--artifact", "m.tflite", "-n", "9"]
    assert _run(artifact) == 0


def test_what_is_written_has_a_signature(tmp_path: Path) -> None:
    from ai_edge_litert.interpreter import Interpreter

    signature = ("serving_default", 0, {"left": 0, "right": 1}, {"sum": 2, "positive": 3})
    graph = imported(signed(two_inputs(), signature))
    api.deploy(graph, "host_litert", tmp_path / "d")
    interpreter = Interpreter(str(tmp_path / "d" / "model.tflite"))
    assert interpreter.get_signature_list() == {
        "serving_default": {"inputs": ["left", "right"], "outputs": ["positive", "sum"]}
    }
    x, z = np.array([[1, -2, 3, 90]], np.int8), np.array([[5, 6, -70, 80]], np.int8)
    got = interpreter.get_signature_runner()(left=x, right=z)
    wanted = graph.predict({"left": x, "right": z})
    assert isinstance(wanted, dict)
    assert {name: y.tolist() for name, y in got.items()} == {
        name: y.tolist() for name, y in wanted.items()
    }
    again = convert(parse((tmp_path / "d" / "model.tflite").read_bytes()), "m")
    assert (again.inputs, again.outputs) == (graph.inputs, graph.outputs)
