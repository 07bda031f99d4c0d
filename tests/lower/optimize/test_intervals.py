"""The interval of every op, to the integer: too wide finds nothing, too narrow is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from hwkit.ir.builder import GraphBuilder
from hwkit.ir.ops import (
    Add,
    ArgMax,
    AvgPool2d,
    Clamp,
    Concat,
    Constant,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Lookup,
    MaxPool2d,
    Mul,
    Op,
    Overflow,
    Pad,
    Padding,
    Prelu,
    Requantize,
    Rescale,
    Reshape,
    ResizeNearest,
    Rounding,
    Slice,
    Sub,
    SumPool2d,
    Transpose,
)
from hwkit.ir.types import S8, S32, IntType
from hwkit.lower.optimize.intervals import arguments, intervals

Ranges = list[tuple[int, int]]
TWO: Ranges = [(-3, 5), (2, 9)]
THREE: Ranges = [(-3, 5), (2, 9), (-8, -4)]
ONE = Rescale((1,), (0,), Rounding.HALF_UP, -128, 127)
TABLE = [(v * v) % 100 - 50 for v in range(-128, 128)]
CONSTANTS = {
    "conv": np.array([[2, -1], [0, 3]]).reshape(2, 1, 1, 2),
    "tall": np.array([[2, -1, 1, 0], [0, 3, 0, 0]]).reshape(2, 2, 1, 2),
    "bias": np.array([10, -4]),
    "deep": np.array([1, -2, 3, 0]).reshape(1, 1, 1, 4),
    "deep_tall": np.array([1, -2, 1, 3]).reshape(1, 2, 1, 2),
    "table": np.array(TABLE),
    "slopes": np.array([3, 0, 4]).reshape(1, 1, 3),
    "slopes_of_rows": np.array([3, -4, 4, 6, 4, -2]).reshape(2, 1, 3),
    "value": np.array([[1, -5, 7], [4, 2, -9]]),
}


def held(op: Op, ranges: Ranges, dtype: IntType = S8, shape: tuple[int, ...] = (2, 2)) -> Ranges:
    """What ``op`` gives of a map "h", whose channels hold ``ranges``, "x" being one channel."""
    b = GraphBuilder("held")
    b.input("x", (*shape, 1), S8)
    names = []
    for k, (low, high) in enumerate(ranges):
        names.append(f"c{k}")
        b.add(Clamp(names[-1], "x", names[-1], low, high), S8)
    b.add(Concat("join", tuple(names), "h", len(shape)), S8)
    for name, value in CONSTANTS.items():
        b.constant(name, value, S32 if name == "bias" else S8)
    b.add(op, dtype)
    found = intervals(b.build(["y"]))["y"]
    return list(zip(found.low.tolist(), found.high.tolist(), strict=True))


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        (Conv2d("o", "h", "conv", "bias", "y", input_zero_point=1), [(-6, 17), (-1, 20)]),
        (
            Conv2d("o", "h", "tall", "bias", "y", (1, 1), Padding(1), input_zero_point=1),
            [(-10, 22), (-4, 20)],
        ),
        (Conv2d("o", "h", "conv", None, "y"), [(-15, 8), (6, 27)]),
        (
            DepthwiseConv2d("o", "h", "deep", None, "y", input_zero_point=1),
            [(-4, 4), (-8, 8), (3, 24), (0, 0)],
        ),
        (
            DepthwiseConv2d(
                "o", "h", "deep_tall", "bias", "y", (1, 1), Padding(1), input_zero_point=1
            ),
            [(-8 + 10, 8 + 10), (-16 - 4, 24 - 4)],
        ),
        (SumPool2d("o", "h", "y", (2, 1), (1, 1), input_zero_point=1), [(-8, 8), (2, 16)]),
        (
            SumPool2d("o", "h", "y", (2, 2), (1, 1), Padding(1), input_zero_point=3),
            [(-24, 8), (-4, 24)],
        ),
        (
            SumPool2d("o", "h", "y", (2, 2), (1, 1), Padding(1), input_zero_point=1),
            [(-16, 16), (0, 32)],
        ),
        (
            SumPool2d("o", "h", "y", (2, 2), (1, 1), Padding(1), input_zero_point=12),
            [(-60, 0), (-40, 0)],
        ),
        (Add("o", ("h", "h"), "y", (1, 2)), [(-9, 7), (1, 15)]),
        (Sub("o", ("h", "h"), "y", (1, 2)), [(-7, 9), (-6, 8)]),
        (Mul("o", ("h", "h"), "y", (1, 0)), [(-20, 20), (2, 72)]),
    ],
)
def test_sums(op: Op, expected: Ranges) -> None:
    assert held(op, TWO, S32) == expected


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        (Clamp("o", "h", "y", -1, 6), [(-1, 5), (2, 6), (-1, -1)]),
        (AvgPool2d("o", "h", "y", (2, 2), (1, 1), Padding(), -1, 6), [(-1, 5), (2, 6), (-1, -1)]),
        (MaxPool2d("o", "h", "y", (2, 2), (1, 1)), THREE),
        (ResizeNearest("o", "h", "y", (0, 0, 1), (1,)), THREE),
        (Pad("o", "h", "y", Padding(1), 1), [(-3, 5), (1, 9), (-8, 1)]),
        (Pad("o", "h", "y", Padding(1), 7), [(-3, 7), (2, 9), (-8, 7)]),
        (Concat("o", ("h", "h"), "y", 2), [*THREE, *THREE]),
        (Slice("o", "h", "y", (0, 0, 2), (2, 2, 2), (1, 1, -2)), [THREE[2], THREE[0]]),
        (Slice("o", "h", "y", (0, 0, 1), (2, 2, 2), (1, 1, 1)), THREE[1:]),
        (Transpose("o", "h", "y", (1, 0, 2)), THREE),
        (Transpose("o", "h", "y", (2, 0, 1)), [(-8, 9)] * 2),
        (Constant("o", "value", "y"), [(1, 4), (-5, 2), (-9, 7)]),
        (
            Lookup("o", "h", "table", "y"),
            [
                (min(part), max(part))
                for low, high in THREE
                for part in [TABLE[low + 128 : high + 129]]
            ],
        ),
    ],
)
def test_what_moves_and_what_clamps(op: Op, expected: Ranges) -> None:
    assert held(op, THREE) == expected


def test_the_place_of_the_largest_is_below_the_number_of_channels() -> None:
    assert held(ArgMax("o", "h", "y"), THREE, S32) == [(0, 2)]


def test_integers_that_are_joined_along_another_axis() -> None:
    b = GraphBuilder("rows")
    b.input("x", (2, 1), S8)
    for name, low, high in (("a", -3, 5), ("b", 2, 9), ("c", -1, 6), ("d", 0, 7)):
        b.add(Clamp(name, "x", name, low, high), S8)
    b.add(Concat("e", ("a", "b"), "e", 1), S8)
    b.add(Concat("f", ("c", "d"), "f", 1), S8)
    b.add(Concat("o", ("e", "f"), "y", 0), S8)
    found = intervals(b.build(["y"]))["y"]
    assert (found.low.tolist(), found.high.tolist()) == ([-3, 0], [6, 9])


@pytest.mark.parametrize(
    ("shape", "to", "expected"),
    [
        ((2, 2), (12,), THREE * 4),
        ((2, 2), (4, 3), THREE),
        ((2, 2), (2, 6), THREE * 2),
        ((2, 2), (3, 4), [(-8, 9)] * 4),
    ],
)
def test_reshaped(shape: tuple[int, ...], to: tuple[int, ...], expected: Ranges) -> None:
    b = GraphBuilder("reshaped")
    b.input("x", (*shape, 1), S8)
    names = [f"c{k}" for k in range(3)]
    for name, (low, high) in zip(names, THREE, strict=True):
        b.add(Clamp(name, "x", name, low, high), S8)
    b.add(Concat("join", tuple(names), "h", 2), S8)
    b.add(Reshape("o", "h", "y"), S8, shape=to)
    found = intervals(b.build(["y"]))["y"]
    assert list(zip(found.low.tolist(), found.high.tolist(), strict=True)) == expected


EACH = Rescale((1, 3), (1, 0), Rounding.HALF_UP, -128, 127, 7)


@pytest.mark.parametrize(
    ("r", "zero_point", "expected"),
    [
        (EACH, 1, [(5, 9), (10, 31)]),
        (replace(EACH, low=6, high=30), 1, [(6, 9), (10, 30)]),
        (replace(EACH, zero_point=0, overflow=Overflow.WRAP), 1, [(-128, 127)] * 2),
        (replace(EACH, offset=(2, 3)), 1, [(6, 10), (13, 34)]),
        (ONE, 2, [(-5, 3), (0, 7)]),
    ],
)
def test_rescaled(r: Rescale, zero_point: int, expected: Ranges) -> None:
    assert held(Requantize("o", "h", "y", r, zero_point), TWO) == expected


def test_a_rescale_for_each_operand() -> None:
    twice = replace(ONE, multiplier=(2,), zero_point=1, low=-1000, high=1000)
    op = Add("o", ("h", "h"), "y", (1, 2), (twice, None))
    assert held(op, TWO, S32) == [(-7 - 5, 9 + 3), (3 + 0, 17 + 7)]
    op = Add("o", ("h", "h"), "y", (1, 2), (None, twice))
    assert held(op, TWO, S32) == [(-4 - 9, 4 + 7), (1 + 1, 8 + 15)]


def test_sums_are_cut_to_their_accumulator() -> None:
    op = Conv2d("o", "h", "conv", "bias", "y", input_zero_point=1, accumulator_bits=5)
    assert held(op, TWO, IntType(5, True)) == [(-6, 15), (-1, 15)]


def test_results_are_cut_to_their_type() -> None:
    op = Requantize("o", "h", "y", replace(ONE, low=-8, high=7))
    assert held(op, TWO, IntType(4, True)) == [(-3, 5), (2, 7)]


def test_dense() -> None:
    b = GraphBuilder("dense")
    b.input("x", (1,), S8)
    for name, (low, high) in zip("ab", TWO, strict=True):
        b.add(Clamp(name, "x", name, low, high), S8)
    b.add(Concat("join", ("a", "b"), "h", 0), S8)
    b.constant("w", np.array([[2, -1], [0, 3], [-1, -1]]), S8)
    b.add(Dense("o", "h", "w", None, "y", 1), S32)
    found = intervals(b.build(["y"]))["y"]
    assert (found.low.tolist(), found.high.tolist()) == ([-16, 3, -12], [7, 24, 3])


UP, DOWN = replace(ONE, zero_point=1), replace(ONE, zero_point=-2)


@pytest.mark.parametrize(
    ("slopes", "slope_zero_point", "expected"),
    [
        # of -4..4, 1..8 and -9..-5: falling by 3, -0, 4
        ("slopes", 0, [(-14, 5), (2, 9), (-38, -22)]),
        # by 1, -2, 2
        ("slopes", 2, [(-6, 5), (2, 9), (-20, -12)]),
        # by -2, -5, -1: what falls rises
        ("slopes", 5, [(-2, 6), (2, 9), (3, 7)]),
        # by 3 or 6, by -4 or 4, by 4 or -2
        ("slopes_of_rows", 0, [(-26, 5), (2, 9), (-38, 16)]),
    ],
)
def test_prelu(slopes: str, slope_zero_point: int, expected: Ranges) -> None:
    op = Prelu("o", "h", slopes, "y", UP, DOWN, 1, slope_zero_point)
    assert held(op, THREE) == expected


def test_prelu_of_what_never_rises() -> None:
    # of -6..-1, -4..0 and 0..3: only the second and the third reach 0
    op = Prelu("o", "h", "slopes", "y", UP, DOWN, 1)
    assert held(op, [(-5, 0), (-3, 1), (1, 4)]) == [(-20, -5), (-2, 1), (1, 4)]


@pytest.mark.parametrize(
    ("r", "low", "high"),
    [
        (ONE, [-(1 << 47)], [(1 << 47) - 1]),
        (replace(ONE, left_shift=24), [-128], [127]),
        (
            replace(ONE, multiplier=(1 << 30,) * 3, shift=(29, 31, 33), rounding=Rounding.DOUBLE),
            [-(1 << 29), -(1 << 31), -(1 << 31)],
            [(1 << 29) - 1, (1 << 31) - 1, (1 << 31) - 1],
        ),
        (
            replace(
                ONE, multiplier=(1 << 30,), shift=(30,), rounding=Rounding.DOUBLE, left_shift=3
            ),
            [-(1 << 27)],
            [(1 << 27) - 1],
        ),
    ],
)
def test_integers_that_a_rescale_takes(r: Rescale, low: Sequence[int], high: Sequence[int]) -> None:
    found = arguments(r)
    assert (found.low.tolist(), found.high.tolist()) == (low, high)
