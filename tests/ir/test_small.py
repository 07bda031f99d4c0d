"""Every small case instead of random large ones: ties, ends and shapes that chance misses."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from hwkit.errors import AccumulatorOverflow
from hwkit.ir.arith import (
    MAX_SHIFT,
    check_width,
    float32_multiplier,
    quantize_multiplier,
    reduced_multiplier,
    rescale,
)
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.exact import compute_dtype
from hwkit.ir.interpret import run
from hwkit.ir.ops import (
    Add,
    AvgPool2d,
    Conv2d,
    DepthwiseConv2d,
    MaxPool2d,
    Mul,
    Op,
    Overflow,
    Padding,
    Prelu,
    Rescale,
    Rounding,
    Slice,
    Sub,
    SumPool2d,
)
from hwkit.ir.sums import largest_sums
from hwkit.ir.types import S8, S32
from tests.conformance.reference import run_plainly, scale_one
from tests.predicted import predicted

VALUES = np.arange(-45, 46)


@pytest.mark.parametrize("rounding", [Rounding.HALF_UP, Rounding.HALF_EVEN, Rounding.FLOOR])
def test_every_tie_of_small_shifts(rounding: Rounding) -> None:
    for shift in range(5):
        for multiplier in range(7):
            for offset in (-5, 0, 3):
                r = Rescale((multiplier,), (shift,), rounding, -999, 999, 2, offset=(offset,))
                expected = [scale_one(int(v), r, 0) for v in VALUES]
                assert rescale(VALUES, r, "here").tolist() == expected


def test_every_tie_of_double_rounding() -> None:
    """Multiplier 2**30 halves, so that the second rounding sees every tie."""
    for shift in range(26, 36):
        for multiplier in (1 << 30, (1 << 30) + 1, 3 << 29):
            for left in (0, 1, 4):
                r = Rescale((multiplier,), (shift,), Rounding.DOUBLE, -9999, 9999, -3, left)
                expected = [scale_one(int(v), r, 0) for v in VALUES]
                assert rescale(VALUES, r, "here").tolist() == expected


def test_every_tie_of_float32() -> None:
    for shift in range(5):
        for multiplier in (1, 3, 5):
            r = Rescale((multiplier,), (shift,), Rounding.FLOAT32, -999, 999, 1)
            assert rescale(VALUES, r, "here").tolist() == [scale_one(int(v), r, 0) for v in VALUES]


def test_clamps_and_wraps_at_every_end() -> None:
    for low, high in ((-8, 7), (0, 15), (-3, 5)):
        r = Rescale((1,), (0,), Rounding.FLOOR, low, high, 1)
        assert rescale(VALUES, r, "h").tolist() == [min(max(v + 1, low), high) for v in VALUES]
    for low, high in ((-8, 7), (0, 15)):
        wrap = Rescale((1,), (0,), Rounding.FLOOR, low, high, 1, overflow=Overflow.WRAP)
        expected = [(int(v) + 1 - low) % 16 + low for v in VALUES]
        assert rescale(VALUES, wrap, "h").tolist() == expected


def test_a_sum_that_is_too_wide_is_named_whichever_side_it_leaves() -> None:
    for values, worst in (([-129, 0], "-129"), ([3, 128], "128"), ([-130, 200], "200")):
        with pytest.raises(
            AccumulatorOverflow, match=f"here: a sum of {worst} does not fit its 8-"
        ):
            check_width(np.array(values), 8, "here")
    check_width(np.array([-128, 127]), 8, "here")
    check_width(np.array([], np.int64), 8, "here")
    for shift, widest in ((1, 1 << 30), (1, -(1 << 30) - 1)):
        r = Rescale((1,), (0,), Rounding.FLOOR, -(1 << 40), 1 << 40, left_shift=shift)
        with pytest.raises(AccumulatorOverflow, match=str(widest << shift)):
            rescale(np.array([widest]), r, "here")
        inside = widest - (1 if widest > 0 else -1)
        assert rescale(np.array([inside]), r, "here").tolist() == [inside << shift]
    for shift, widest in ((29, 1 << 29), (29, -(1 << 29) - 1)):
        r = Rescale((1 << 30,), (shift,), Rounding.DOUBLE, -(1 << 40), 1 << 40)
        with pytest.raises(AccumulatorOverflow, match=str(widest << 2)):
            rescale(np.array([widest]), r, "here")
        inside = widest - (1 if widest > 0 else -1)
        assert rescale(np.array([inside]), r, "here").tolist() == [inside << 1]


def test_multipliers_of_powers_of_two_and_their_neighbours() -> None:
    for exponent in range(-40, 30):
        for ratio in (2.0**exponent, 2.0**exponent * (1 - 2**-32), 1.5 * 2.0**exponent):
            if ratio >= 2**30:
                continue
            multiplier, shift = quantize_multiplier(ratio)
            if shift == 31 and multiplier == 0:
                assert ratio < 2.0**-32
                continue
            exact = Fraction(ratio) * (1 << shift)
            assert 1 << 30 <= multiplier < 1 << 31 and 1 <= shift <= MAX_SHIFT
            assert multiplier == int(exact + Fraction(1, 2))
    assert quantize_multiplier(2.0**-32) == (1 << 30, 62)
    assert quantize_multiplier(2.0**-32 * (1 - 2**-20)) == (0, 31)
    for bad in (-(2.0**-40), 2.0**30, float("nan")):
        with pytest.raises(ValueError, match=r"not in \[0, 2\*\*30\)"):
            quantize_multiplier(bad)


def test_multipliers_of_fifteen_bits() -> None:
    assert reduced_multiplier(0.5) == (1 << 14, 15)
    assert reduced_multiplier(1 - 2.0**-20) == ((1 << 15) - 1, 15)
    assert reduced_multiplier(0.0) == (0, 15)
    for ratio in (0.3, 0.77, 3.7, 1000.1, 32767.0, 2.0**-20, 0.5 + 2.0**-16, 0.5 + 2.0**-17):
        multiplier, shift = reduced_multiplier(ratio)
        long, longer = quantize_multiplier(ratio)
        assert shift == longer - 16
        assert multiplier == min(int(Fraction(long, 1 << 16) + Fraction(1, 2)), (1 << 15) - 1)
    assert reduced_multiplier(2.0**15 - 1)[1] == 0
    with pytest.raises(ValueError, match=r"not below 2\*\*15"):
        reduced_multiplier(2.0**15)


def test_float32_multipliers_down_to_the_last_shift() -> None:
    for exponent in range(-62, 24):
        for mantissa in (1, 3, 5):
            scale = mantissa * 2.0**exponent
            if exponent + mantissa.bit_length() > 24:
                continue
            multiplier, shift = float32_multiplier(scale)
            assert 0 <= shift <= MAX_SHIFT and multiplier <= 1 << 24
            assert Fraction(multiplier, 1 << shift) == Fraction(scale)
    assert float32_multiplier(0.75) == (3 << 22, 24)
    assert float32_multiplier(0.0) == (0, 0)
    assert float32_multiplier(2.0**23) == (1 << 23, 0)
    for bad in (2.0**24, 2.0**-63, 3 * 2.0**-63):
        with pytest.raises(ValueError, match="not in the range of a float32 rescale"):
            float32_multiplier(bad)


def test_exact_sums_have_the_narrowest_type_that_holds_them() -> None:
    kinds = [(1 << 24, np.float32), ((1 << 24) + 1, np.float64), (1 << 53, np.float64)]
    for largest, kind in [*kinds, ((1 << 53) + 1, np.int64), (0, np.float32)]:
        assert compute_dtype(largest) == kind
    weights = np.array([[[-128, 3]], [[5, -6]]], np.int8)
    assert largest_sums(weights, 128).tolist() == [131 * 128, 11 * 128]


# Operators on maps that are as uneven as can be.


def _equals_plain(b: GraphBuilder, op: Op, samples: int = 4) -> None:
    """``op``, which reads ``x`` (and ``x`` again), on random integers and on the ends."""
    b.add(op, S32 if getattr(op, "rescale", True) is None else S8)
    graph = b.build(["y"])
    rng = np.random.default_rng(3)
    x = rng.integers(-128, 128, (samples, *graph.tensors["x"].shape)).astype(np.int8)
    x[0], x[1] = -128, 127
    np.testing.assert_array_equal(run(graph, {"x": x})["y"], run_plainly(graph, x)["y"])


def _map(shape: tuple[int, ...]) -> GraphBuilder:
    b = GraphBuilder("small")
    b.input("x", shape, S8)
    return b


UNEVEN = Padding(1, 2, 0, 3)
R = Rescale((5, 3, 7), (7, 6, 8), Rounding.HALF_EVEN, -100, 90, 4)
ONE = Rescale((3,), (5,), Rounding.HALF_UP, -128, 127, -6)


@pytest.mark.parametrize("padding", [UNEVEN, Padding(0, 0, 0, 1), Padding(2, 0, 1, 0), Padding()])
def test_windows_whose_axes_differ(padding: Padding) -> None:
    rng = np.random.default_rng(0)
    b = _map((6, 7, 2))
    b.constant("w", rng.integers(-128, 128, (3, 2, 3, 2)), S8)
    b.constant("b", np.array([100, -200, 3000]), S32)
    _equals_plain(b, Conv2d("op", "x", "w", "b", "y", (2, 1), padding, (3, 2), -7, rescale=R))
    b = _map((6, 7, 2))
    b.constant("w", rng.integers(-128, 128, (1, 3, 2, 6)), S8)
    wide = Rescale((5,) * 6, (9, 8, 7, 9, 8, 7), Rounding.FLOOR, -128, 127)
    op = DepthwiseConv2d("op", "x", "w", None, "y", (1, 2), padding, (1, 3), 9, rescale=wide)
    _equals_plain(b, op)
    for kernel, stride in (((3, 4), (1, 2)), ((4, 4), (3, 1))):
        _equals_plain(
            _map((6, 7, 3)), SumPool2d("op", "x", "y", kernel, stride, padding, 11, rescale=R)
        )
        _equals_plain(_map((6, 7, 3)), MaxPool2d("op", "x", "y", kernel, stride, padding))
        mean = AvgPool2d("op", "x", "y", kernel, stride, padding, -50, 60)
        _equals_plain(_map((6, 7, 3)), mean)


def test_means_round_ties_away_from_zero() -> None:
    b = GraphBuilder("mean")
    b.input("x", (1, 2, 1), S8)
    b.add(AvgPool2d("op", "x", "y", (1, 2), (1, 1), Padding(), -128, 127), S8)
    x = np.array([[1, 2], [-1, -2], [0, 1], [0, -1], [127, 126], [-128, -127]], np.int8)
    got = predicted(b.build(["y"]), x.reshape(6, 1, 2, 1)).ravel()
    assert got.tolist() == [2, -2, 1, -1, 127, -128]


@pytest.mark.parametrize("kind", [Add, Sub])
@pytest.mark.parametrize("small", [(2, 1), (1, 3), (1, 1), (2, 3)])
@pytest.mark.parametrize("samples", [2, 5])
def test_repeated_operands_with_a_rescale_for_each_channel(
    kind: type[Add] | type[Sub], small: tuple[int, int], samples: int
) -> None:
    """More and fewer samples than channels: neither may be taken for the other."""
    wide = Rescale((3, 5, 7), (1, 2, 3), Rounding.HALF_UP, -9999, 9999, 1)
    for first in (True, False):
        b = GraphBuilder("two")
        b.input("x", (2, 3), S8)
        b.input("z", small, S8)
        names, rescales = (("x", "z"), (ONE, wide)) if first else (("z", "x"), (wide, ONE))
        b.add(kind("op", names, "y", (3, -4), rescales, rescale=R), S8)
        graph = b.build(["y"])
        rng = np.random.default_rng(samples)
        feeds = {
            n: rng.integers(-128, 128, (samples, *graph.tensors[n].shape)).astype(np.int8)
            for n in ("x", "z")
        }
        got = run(graph, feeds)["y"]
        for s, i, c in np.ndindex(samples, 2, 3):
            terms = []
            for name, r, zero in zip(names, rescales, (3, -4), strict=True):
                value = np.broadcast_to(feeds[name][s], (2, 3))[i, c]
                terms.append(scale_one(int(value) - zero, r, c))
            total = terms[0] - terms[1] if kind is Sub else terms[0] + terms[1]
            assert got[s, i, c] == scale_one(total, R, c)


def test_products_slopes_and_slices() -> None:
    for samples in (2, 5):
        _equals_plain(_map((2, 3)), Mul("op", ("x", "x"), "y", (3, -4), rescale=R), samples)
        b = _map((2, 3))
        b.constant("slope", np.array([[5, -9, 100]]), S8)
        r = Rescale((5, 3, 7), (9, 8, 10), Rounding.HALF_UP, -120, 110, -4)
        _equals_plain(b, Prelu("op", "x", "slope", "y", R, r, -5, 2), samples)
        _equals_plain(_map((4, 5)), Slice("op", "x", "y", (3, 1), (2, 2), (-2, 3)), samples)
