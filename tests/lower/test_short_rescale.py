"""A shorter multiplier gives the same integers for every sum that can occur."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwkit.ir.arith import quantize_multiplier, rescale
from hwkit.ir.ops import NO_OFFSET, Overflow, Rescale, Rounding
from hwkit.lower.short_rescale import MOST_STEPS, _shortest, short_rescale

ONCE = (Rounding.HALF_UP, Rounding.HALF_EVEN, Rounding.FLOOR)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Rescale, int, int]:
    """A rescale with a multiplier of 31 bits for each of some channels, and a range of sums."""
    low, high = -draw(st.integers(0, 3000)), draw(st.integers(1, 3000))
    first = draw(st.integers(-128, 100))
    last = draw(st.integers(first, 255))
    ratios = draw(st.lists(st.floats(1e-5, 2.0), min_size=1, max_size=3))
    multiplier, shift = zip(*map(quantize_multiplier, ratios), strict=True)
    steps = draw(st.lists(st.floats(-9, 9), min_size=len(ratios), max_size=len(ratios)))
    offset = tuple(int(np.ldexp(k, s)) for k, s in zip(steps, shift, strict=True))
    rounding = draw(st.sampled_from((*ONCE, Rounding.DOUBLE)))
    if rounding is Rounding.DOUBLE or draw(st.booleans()):
        offset = NO_OFFSET
    zero_point = draw(st.integers(-128, 255))
    return Rescale(multiplier, shift, rounding, first, last, zero_point, offset=offset), low, high


@given(cases())
def test_every_sum(case: tuple[Rescale, int, int]) -> None:
    r, low, high = case
    channels = len(r.multiplier)
    sums = np.arange(low, high + 1)[:, None] + np.zeros(channels, np.int64)
    short = short_rescale(r, sums[0], sums[-1], "case")
    if short is None:
        assert r.rounding in (Rounding.DOUBLE, Rounding.HALF_EVEN)  # ties on both sides
        return
    assert short.rounding is Rounding.FLOOR and not short.zero_point
    assert all(s <= max(r.shift) + 1 for s in short.shift)
    np.testing.assert_array_equal(rescale(sums, short, "case"), rescale(sums, r, "case"))


def test_the_example() -> None:
    r = Rescale((1518500250,), (37,), Rounding.HALF_UP, 0, 7)
    short = short_rescale(r, np.array([0]), np.array([900]), "example")
    assert short == Rescale((181,), (14,), Rounding.FLOOR, 0, 7, offset=(8192,))


@pytest.mark.parametrize(
    "r",
    [
        Rescale((1,), (1,), Rounding.HALF_EVEN, -128, 127),  # ties go both ways
        Rescale((1 << 30,), (30,), Rounding.FLOOR, -MOST_STEPS, MOST_STEPS),
        Rescale((3,), (4,), Rounding.FLOOR, -8, 7, overflow=Overflow.WRAP),
    ],
)
def test_what_has_none(r: Rescale) -> None:
    ends = np.array([5000])
    assert short_rescale(r, -ends, ends, "none") is None


def test_no_smaller_shift_has_any_offset() -> None:
    """Against every offset of every smaller shift, where few are right."""
    rng, sums = np.random.default_rng(7), np.arange(-9, 10)
    steps = np.arange(-2, 3)
    for _ in range(60):
        m, shift = int(rng.integers(8, 64)), int(rng.integers(4, 7))
        wanted = np.clip(sums * m + int(rng.integers(-99, 99)) >> shift, -3, 2)
        rises = np.array([min([*sums[wanted >= step], 10]) for step in steps])
        found = _shortest((m, shift), steps, rises, -9, 9)
        assert found is not None
        multiplier, least, offset = found
        assert np.array_equal(np.clip(sums * multiplier + offset >> least, -3, 2), wanted)
        for smaller in range(least):
            below = (m << smaller) >> shift
            tried = [(sums * k)[:, None] + np.arange(-400, 400) for k in (below, below + 1)]
            made = np.clip(np.concatenate(tried, axis=1) >> smaller, -3, 2)
            assert not (made == wanted[:, None]).all(axis=0).any()
