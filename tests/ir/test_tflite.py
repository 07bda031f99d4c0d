"""TensorFlow Lite's borders, activation ranges and reference add."""

from __future__ import annotations

import pytest

from hwkit.ir.tflite import (
    NONE,
    RELU,
    RELU6,
    RELU_N1_TO_1,
    activation_range,
    double_add,
    double_rescale,
    same_padding,
)


@pytest.mark.parametrize(
    ("size", "span", "stride", "expected"),
    [(8, 3, 2, (0, 1)), (7, 3, 2, (1, 1)), (8, 3, 1, (1, 1)), (5, 1, 3, (0, 0)), (4, 2, 4, (0, 0))],
)
def test_same_padding(size: int, span: int, stride: int, expected: tuple[int, int]) -> None:
    assert same_padding(size, span, stride) == expected


@pytest.mark.parametrize(
    ("activation", "scale", "zero_point", "expected"),
    [
        (NONE, 0.1, 5, (-128, 127)),
        (RELU, 0.1, 5, (5, 127)),
        (RELU6, 0.05, -100, (-100, 20)),
        (RELU6, 0.01, -100, (-100, 127)),
        (RELU_N1_TO_1, 0.125, 0, (-8, 8)),
        (RELU_N1_TO_1, 0.4, 0, (-3, 3)),
        (RELU6, 1e-39, 0, (0, 127)),
    ],
)
def test_activation_range(
    activation: int, scale: float, zero_point: int, expected: tuple[int, int]
) -> None:
    assert activation_range(activation, scale, zero_point) == expected


def test_double_rescale_keeps_zero_point_and_range() -> None:
    r = double_rescale([0.5, 0.25], 3, -10, 20)
    assert r.multiplier == (2**30, 2**30) and r.shift == (31, 32)
    assert (r.zero_point, r.low, r.high) == (3, -10, 20)
    with pytest.raises(ValueError, match="not in"):
        double_rescale([2.0**31], 0)


def test_double_add_of_equal_scales_halves_each_input() -> None:
    (first, second), total = double_add(1.0, 1.0, 1.0, 0, -128, 127)
    assert first == second and first.left_shift == 20
    assert first.multiplier == (2**30,) and first.shift == (31,)
    assert total.multiplier == (2**30,) and total.shift == (31 + 18,)
