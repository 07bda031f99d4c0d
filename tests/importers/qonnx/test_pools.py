"""Sizes of pooled maps, against ONNX Runtime: a window that would start in the padding behind the
map is left out, however the size is rounded."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from hwkit.importers import load_model
from hwkit.ir.interpret import run
from hwkit.ir.types import Array
from tests.importers.qonnx.test_importer import Onnx

Side = tuple[int, int, int, int, int]
"""Size, kernel, stride, padding before and behind."""


@st.composite
def sides(draw: st.DrawFn) -> Side:
    kernel, stride = draw(st.integers(1, 4)), draw(st.integers(1, 5))
    before, behind = draw(st.integers(0, kernel - 1)), draw(st.integers(0, kernel - 1))
    least = max(kernel - before - behind, 1)
    return draw(st.integers(least, least + 6)), kernel, stride, before, behind


def expected(x: Array, attributes: dict[str, object]) -> Array:
    """What ONNX Runtime makes of ``MaxPool`` over ``x`` (1, C, H, W)."""
    node = helper.make_node("MaxPool", ["x"], ["y"], **attributes)
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        [node],
        "pool",
        [info("x", TensorProto.FLOAT, x.shape)],
        [info("y", TensorProto.FLOAT, [None] * 4)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # its own idea of the shape differs from what it computes
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return np.asarray(session.run(None, {"x": x})[0])


@settings(max_examples=120)
@given(sides(), sides(), st.booleans())
@example((3, 2, 2, 1, 0), (2, 2, 2, 1, 0), True)  # a window that starts at the map's end
@example((2, 2, 3, 1, 1), (4, 3, 4, 2, 2), True)  # one that starts behind it
@example((5, 2, 2, 0, 0), (6, 3, 2, 1, 1), True)
def test_max_pool(
    tmp_path_factory: pytest.TempPathFactory, rows: Side, columns: Side, up: bool
) -> None:
    (h, *_), (w, *_) = rows, columns
    attributes: dict[str, object] = {
        "kernel_shape": [rows[1], columns[1]],
        "strides": [rows[2], columns[2]],
        "pads": [rows[3], columns[3], rows[4], columns[4]],
        "ceil_mode": int(up),
    }
    x = np.random.default_rng(1).integers(-128, 128, (1, 2, h, w))
    model = Onnx((1, 2, h, w))
    model.node("MaxPool", [model.quant("x", "q", 1.0)], "y", **attributes)
    graph = load_model(model.save(tmp_path_factory.getbasetemp() / "pool.onnx"))
    y = run(graph, {graph.inputs[0]: x.transpose(0, 2, 3, 1)})[graph.outputs[0]]
    assert np.array_equal(y.transpose(0, 3, 1, 2), expected(x.astype(np.float32), attributes))
