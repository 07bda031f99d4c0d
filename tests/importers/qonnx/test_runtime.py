"""A file cut at its quantized tensors: each is an output, and an input of what follows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from hwkit.importers.qonnx.runtime import cut_at  # noqa: E402


def _file(path: Path) -> Path:
    """x, quantized in steps of 1/2 as "q" and read again as "r"; y = -r."""
    h = onnx.helper
    nodes = [
        h.make_node("QuantizeLinear", ["x", "scale", "zero"], ["q"]),
        h.make_node("DequantizeLinear", ["q", "scale", "zero"], ["r"]),
        h.make_node("Neg", ["r"], ["y"]),
    ]
    constants = [
        onnx.numpy_helper.from_array(np.float32(0.5), "scale"),
        onnx.numpy_helper.from_array(np.int8(3), "zero"),
    ]
    x, y = (h.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 4]) for name in "xy")
    model = h.make_model(
        h.make_graph(nodes, "g", [x], [y], constants),
        opset_imports=[h.make_opsetid("", 17)],
        ir_version=8,
    )
    path.write_bytes(model.SerializeToString())
    return path


def test_a_cut_tensor_is_given_and_told(tmp_path: Path) -> None:
    content = cut_at(_file(tmp_path / "m.onnx"), ["q"], ["y", "r"])
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    given = {i.name: i.type for i in session.get_inputs()}
    assert given == {"x": "tensor(float)", "q~given": "tensor(int8)"}
    told = {o.name: o.type for o in session.get_outputs()}
    assert told == {"y": "tensor(float)", "r": "tensor(float)", "q": "tensor(int8)"}
    x, q = np.array([[1, 2, -1, 0]], np.float32), np.array([[3, 5, 7, -128]], np.int8)
    results = dict(zip(told, session.run(list(told), {"x": x, "q~given": q}), strict=True))
    assert results["q"].tolist() == [[5, 7, 1, 3]]
    assert results["r"].tolist() == [[0, 1, 2, -65.5]]
    assert results["y"].tolist() == [[0, -1, -2, 65.5]]
