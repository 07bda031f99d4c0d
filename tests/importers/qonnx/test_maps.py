"""Values of flattened maps in ONNX's order."""

from __future__ import annotations

import numpy as np

from hwkit.importers.qonnx.layers import _one_or_all
from hwkit.importers.qonnx.shapes import _in_onnx_order


def test_values_go_where_their_integer_lies_in_onnx() -> None:
    order = np.array([2, 0, 1, 3])
    assert _in_onnx_order(np.array([10, 20, 30, 40]), order).tolist() == [20, 30, 10, 40]
    assert _in_onnx_order(np.array([7]), order).tolist() == [7]


def test_one_step_for_all_channels_is_a_number() -> None:
    assert isinstance(one := _one_or_all(np.array([0.5])), float) and one == 0.5
    for steps in (np.array([0.5, 0.25]), np.array([0.5, 0.5, 0.25])):
        assert _one_or_all(steps) is steps
