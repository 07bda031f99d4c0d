"""Weights, biases and factors in one table, as the kernels without SIMD read them."""

from __future__ import annotations

import numpy as np

from hwkit.ir.types import Array
from hwkit.targets.mcu import (
    dense_pairs,
    depthwise_rows,
    depthwise_stairs,
    pairs,
    scalar_winograd4,
)
from hwkit.targets.mcu.staircase import Staircase
from hwkit.targets.mcu.weights import winograd4_words


def _stairs(channels: int, zero: int = 0) -> Staircase:
    """Sums that start at 2; last 3, multiplier 4, offset 5, and a step of 7 below ``zero``."""
    parts: list[Array] = [np.full(channels, n) for n in (2, 3, 4, 5, zero, 7 * (zero > 0))]
    return Staircase(*parts)


def test_pairs_of_one_run() -> None:
    stream = pairs.pair_stream(np.ones((1, 8), np.int8), np.array([9]), _stairs(1), 1)
    start = 7 * 65537 - 2 * (1 << 15)
    assert stream.tolist() == [0, start, 7, 63, 0x01010101, 0x01010101, 6, 4, 5]


def test_pairs_with_a_careful_block_and_two_lines() -> None:
    packed = np.array([[1] * 4 + [64] * 4 + [1] * 4], np.int8)
    stream = pairs.pair_stream(packed, np.array([9]), _stairs(1, zero=6), 1)
    start = 7 * 65537 - 4 * (1 << 15)
    runs = [32, 0x01010101, 0x40404040, 31, 0x01010101]
    assert stream.tolist() == [0, start, 7, *runs, 7, 4, 5, 6, 7]


def test_pairs_that_end_with_a_careful_block() -> None:
    stream = pairs.pair_stream(np.full((1, 4), 64, np.int8), np.array([9]), _stairs(1), 1)
    assert stream[3:6].tolist() == [0, 0x40404040, -1]


def test_pairs_left_over_go_alone() -> None:
    packed = np.arange(1, 5, dtype=np.int8).repeat(4).reshape(4, 4)
    stream = pairs.pair_stream(packed, np.zeros(4), _stairs(4), 3)
    together, alone = stream[:20], stream[20:]
    assert together[0] == 0 and together[7:11].tolist() == [31, 0x1010101, 0x2020202, 0x3030303]
    assert alone[0] == 3 and alone[3:5].tolist() == [31, 0x4040404]


def _word(weight: int) -> int:
    return int(np.full(4, weight + 128, np.uint8).view(np.int32)[0])


def test_products_of_two_taps() -> None:
    stream = dense_pairs.stream(np.ones((1, 8), np.int8), None)
    block = [_word(1), *[_word(0)] * 3]
    assert stream.tolist() == [23, *block, *block]


def test_products_of_two_taps_with_a_careful_block_and_factors() -> None:
    packed = np.array([[64] * 4 + [1] * 4] * 5, np.int8)
    ends = dense_pairs.factors(np.full(5, 9), _stairs(5, zero=6))
    stream = dense_pairs.stream(packed, ends)
    assert ends[0].tolist() == [7, 7, 4, 5, 6, 7]
    whole, rest = stream[: 10 + 4 * 6].tolist(), stream[10 + 4 * 6 :].tolist()
    assert whole == [0, *[_word(64)] * 4, 11, *[_word(1)] * 4, *[7, 7, 4, 5, 6, 7] * 4]
    alone = [_word(0)] * 3
    assert rest == [0, _word(64), *alone, 11, _word(1), *alone, 7, 7, 4, 5, 6, 7]


def test_products_of_two_4_bit_taps() -> None:
    stream = dense_pairs.stream_s4(np.array([[1, 1, 1, 1], [-8, 7, 0, 0]], np.int8), None)
    words = stream.view(np.uint32).tolist()
    assert words == [20, 0x89898989, 0x88888F80, 0x88888888, 0x88888888]


def test_rows() -> None:
    weights = np.arange(1, 10, dtype=np.int8).reshape(1, 9)
    stream = depthwise_rows.row_stream(weights, np.array([2]), _stairs(1), 2)
    assert stream[:3].view(np.int8).tolist() == [*range(1, 10), 0, 0, 0]
    assert stream[3:].tolist() == [0, 2 * (1 + 4 + 7), 3, 4, 5, 2 * (3 + 6 + 9)]


def test_taps() -> None:
    stream = depthwise_stairs.tap_stream(np.array([[1, 2]], np.int8), np.array([7]), _stairs(1))
    assert stream.tolist() == [5, 3, 4, 5, 0x201]


def test_winograd4() -> None:
    ones = np.ones((1, 72), np.int8)
    factors = scalar_winograd4.factors(ones, np.array([5]), _stairs(1, zero=6))
    assert factors.tolist() == [[64 * (5 - 2 - 128 * 72), 192, 4, 5, 384, 7]]
    stream = winograd4_words(ones, factors)
    assert stream[0] == 36 * 0x10001 and stream[-24:-18].tolist() == factors[0].tolist()
