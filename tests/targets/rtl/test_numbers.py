"""Signed digits, ranges and rescales as the circuits take them, over every case."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwkit.ir.ops import Rescale, Rounding
from hwkit.ir.types import S8, IntType
from hwkit.targets.rtl import khot
from hwkit.targets.rtl.netlist import Netlist, packed
from hwkit.targets.rtl.ranges import Range, signed_bits, sums
from hwkit.targets.rtl.rescaling import mean, scaling


def test_terms_are_the_fewest_and_add_up() -> None:
    values = np.arange(-300, 301)
    count = khot.digits(values)
    fewest = {0: 0}
    for terms in range(1, 5):  # brute force: every sum of signed powers of two, up to 1024
        for value in list(fewest):
            if fewest[value] == terms - 1:
                for shift in range(11):
                    for step in (-(1 << shift), 1 << shift):
                        fewest.setdefault(value + step, terms)
    for value, digits in zip(values.tolist(), count.tolist(), strict=True):
        found = khot.terms(value)
        assert sum(-(1 << s) if negative else 1 << s for s, negative in found) == value
        assert len(found) == digits
        assert digits == fewest.get(value, digits) and (digits > 4) <= (value not in fewest)


def test_fields_hold_shift_sign_and_presence() -> None:
    # 6 = 8 - 2: shift 1 negative, shift 3 positive, three bits of shift each.
    assert khot.encode(6, 2, 3) == 0b1_0_011_1_1_001
    assert khot.encode(0, 2, 3) == 0


@given(st.integers(-(10**6), 10**6), st.integers(0, 10**6))
def test_signed_bits_are_enough_and_needed(low: int, span: int) -> None:
    r = Range(low, low + span)
    dtype = IntType(min(signed_bits(r), 48), True)
    assert dtype.low <= r.low and r.high <= dtype.high
    if dtype.bits > 1:
        less = IntType(dtype.bits - 1, True)
        assert r.low < less.low or r.high > less.high


@given(st.integers(0, 10_000))
def test_sums_are_reached(seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights, bias = rng.integers(-8, 8, (3, 4)), rng.integers(-50, 50, 3)
    x = np.array(np.meshgrid(*[[-2, 5]] * 4)).reshape(4, -1)
    reached = weights @ x + bias[:, None]
    assert sums(weights, bias, Range(-2, 5)) == Range(int(reached.min()), int(reached.max()))


@pytest.mark.parametrize("count", [1, 2, 3, 5, 6, 7, 9, 12, 49, 63])
def test_a_mean_by_reciprocal_rounds_every_sum_as_a_division(count: int) -> None:
    x = Range(-128 * count, 127 * count)
    made = mean((count,), -128, 127, IntType(32, True), x, S8, "mean")
    p = made.parameters
    total = np.arange(x.low, x.high + 1, dtype=np.int64)
    factor = made.factors[0] if p["KIND"] == 2 else 1 << made.factors[0] if p["KIND"] else 1
    product = total * factor
    half = (1 << p["SHIFT"]) >> 1
    got = (product + half - ((product < 0) & (half > 0))) >> p["SHIFT"]
    expected = np.sign(total) * ((2 * np.abs(total) + count) // (2 * count))
    np.testing.assert_array_equal(got, expected)


def test_powers_of_two_need_no_multiplier() -> None:
    r = Rescale((4, 1 << 30), (3, 33), Rounding.HALF_UP, -128, 127)
    made = scaling(r, IntType(16, True), Range(-999, 999), 0, S8, "r")
    assert (made.parameters["KIND"], made.parameters["SHIFT"], made.factors) == (1, 3, (2, 0))
    assert made.dsp == 0


def test_names_are_legal_and_unique() -> None:
    net = Netlist()
    assert net.fresh("block1.add") == "block1_add"
    assert net.fresh("block1_add") == "block1_add_2"
    assert net.fresh("Block1.ADD") == "Block1_ADD_3"  # files may ignore case
    for taken in ("clk", "m_data", "s_ready", "S_1", "_s_1"):  # ports, and names of streams
        made = net.fresh(taken)
        assert made.lower() not in ("clk", "m_data") and not made.lower().startswith("s_")
    assert net.fresh("output") == "output_x" and net.fresh("l" * 300).startswith("lll")
    assert packed((1, -1, 7), 4) == 0x7F1
