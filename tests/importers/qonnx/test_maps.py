"""Values of flattened maps in ONNX's order."""

from __future__ import annotations

import numpy as np

from hwkit.importers.qonnx.shapes import _in_onnx_order


def test_values_go_where_their_integer_lies_in_onnx() -> None:
    order = np.array([2, 0, 1, 3])
    assert _in_onnx_order(np.array([10, 20, 30, 40]), order).tolist() == [20, 30, 10, 40]
    assert _in_onnx_order(np.array([7]), order).tolist() == [7]
