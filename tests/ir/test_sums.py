"""Sums of weighted ops: rows, bias and bounds against sums that are really taken."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwkit.ir.ops import Conv2d, Dense, DepthwiseConv2d
from hwkit.ir.sums import (
    bias_of,
    farthest,
    folded_bias,
    largest_sums,
    least_and_most,
    rows_of,
)
from hwkit.ir.types import S8, U8, Array, IntType

DENSE = Dense("d", "x", "w", "b", "y", 3)
DEPTHWISE = DepthwiseConv2d("d", "x", "w", None, "y")
CONV = Conv2d("c", "x", "w", None, "y")


def test_rows_have_the_taps_of_one_output() -> None:
    weight = np.arange(24, dtype=np.int8)
    assert rows_of(CONV, weight.reshape(2, 2, 2, 3)).tolist() == weight.reshape(2, 12).tolist()
    assert rows_of(DENSE, weight.reshape(2, 12)).tolist() == weight.reshape(2, 12).tolist()
    by_channel = rows_of(DEPTHWISE, weight.reshape(1, 2, 3, 4))
    assert by_channel.tolist() == weight.reshape(6, 4).T.tolist() and by_channel.dtype == np.int64


def test_a_bias_that_is_not_there_is_zeros() -> None:
    weight = np.zeros((1, 2, 3, 4), np.int8)
    assert bias_of(DEPTHWISE, {"w": weight}).tolist() == [0, 0, 0, 0]
    assert bias_of(CONV, {"w": weight}).tolist() == [0]
    assert bias_of(DENSE, {"w": weight, "b": np.array([5, 6], np.int32)}).tolist() == [5, 6]


@pytest.mark.parametrize(
    ("dtype", "zero_point", "most"), [(S8, -128, 255), (S8, 0, 128), (U8, 100, 155)]
)
def test_farthest(dtype: IntType, zero_point: int, most: int) -> None:
    assert farthest(dtype, zero_point) == most


@st.composite
def layers(draw: st.DrawFn) -> tuple[Array, Array, IntType, int]:
    outputs, taps = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    values = st.integers(-8, 7)
    rows = draw(st.lists(values, min_size=outputs * taps, max_size=outputs * taps))
    bias = draw(st.lists(st.integers(-20, 20), min_size=outputs, max_size=outputs))
    dtype = IntType(2, draw(st.booleans()))
    zero_point = draw(st.integers(dtype.low, dtype.high))
    return np.array(rows).reshape(outputs, taps), np.array(bias), dtype, zero_point


@given(layers())
def test_bounds_are_reached_and_never_passed(layer: tuple[Array, Array, IntType, int]) -> None:
    rows, bias, dtype, zero_point = layer
    every = np.array(list(product(range(dtype.low, dtype.high + 1), repeat=rows.shape[1])))
    sums = (every - zero_point) @ rows.T + bias
    low, high = least_and_most(rows, dtype.low - zero_point, dtype.high - zero_point, bias)
    assert low.tolist() == sums.min(axis=0).tolist()
    assert high.tolist() == sums.max(axis=0).tolist()
    assert (abs(sums).max(axis=0) <= largest_sums(rows, farthest(dtype, zero_point), bias)).all()
    folded = folded_bias(rows, bias, zero_point)
    assert (every @ rows.T + folded).tolist() == sums.tolist()


def test_the_bound_by_hand() -> None:
    assert largest_sums(np.array([[1, -2]]), 128, np.array([5])).tolist() == [389]
    assert largest_sums(np.array([[1, -2]], np.int8), 128).tolist() == [384]
