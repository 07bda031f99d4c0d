"""The chosen types round and clamp as the interpreter's rescale does, over every value."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hwkit.ir.arith import rescale
from hwkit.ir.ops import Rescale, Rounding
from hwkit.targets.hls4ml.fixed import (
    HALF_AWAY,
    QUANTIZATION_MODES,
    Fixed,
    clamping,
    holding,
    whole,
)


def assigned(value: int, fraction: int, t: Fixed) -> int:
    """What an ``ap_fixed`` without fraction bits holds after ``value / 2**fraction`` is assigned
    to it, by the definitions of its modes in AMD UG1399."""
    scaled = value << 8 << max(-fraction, 0)
    half, one = 1 << (7 + max(fraction, 0)), 1 << (8 + max(fraction, 0))
    whole_part, rest = divmod(scaled, one)
    match t.rounding:
        case "AP_TRN":
            up = False
        case "AP_RND":
            up = rest >= half
        case "AP_RND_CONV":
            up = rest > half or (rest == half and whole_part % 2 == 1)
        case "AP_RND_INF":
            up = rest > half or (rest == half and value > 0)
    rounded = whole_part + up
    if t.overflow == "AP_WRAP":
        assert t.low <= rounded <= t.high, "the type must hold what it does not limit"
        return rounded
    return min(max(rounded, t.low), t.high)


@given(
    low=st.integers(-300, 300),
    span=st.integers(0, 300),
    fraction=st.integers(-2, 6),
    rounding=st.sampled_from(sorted(QUANTIZATION_MODES)),
    limits=st.tuples(st.integers(-130, 130), st.integers(-130, 260)).map(sorted),
)
def test_exact_types_are_the_rescale(
    low: int, span: int, fraction: int, rounding: Rounding, limits: list[int]
) -> None:
    chosen = clamping((low, low + span, fraction), QUANTIZATION_MODES[rounding], *limits)
    values = np.arange(low, low + span + 1, dtype=np.int64)
    left = max(-fraction, 0)
    r = Rescale((1,), (max(fraction, 0),), rounding, limits[0], limits[1], 0, left)
    expected = rescale(values, r, "test").tolist()
    got = [assigned(int(v), fraction, chosen.type) for v in values]
    if not chosen.exact:
        got = [min(max(v, limits[0]), limits[1]) for v in got]
    assert got == expected
    assert chosen.low <= min(expected) and max(expected) <= chosen.high


def test_limits_of_integer_types_need_no_table() -> None:
    source = (-100000, 100000, 4)
    for low, high in [(-128, 127), (-127, 127), (0, 255), (0, 15), (-8, 7), (0, 1)]:
        assert clamping(source, "AP_RND_CONV", low, high).exact
    assert not clamping(source, "AP_RND_CONV", 0, 6).exact
    assert clamping((0, 100000, 4), "AP_RND_CONV", -128, 127).type.bits == 7


def test_narrowest_types() -> None:
    assert str(holding(-3, 8)) == "ap_fixed<5,5>"
    assert str(holding(0, 8)) == "ap_ufixed<4,4>"
    assert str(holding(-8, 7, 2)) == "ap_fixed<4,2>"
    assert str(holding(0, 0)) == "ap_ufixed<1,1>"
    assert str(whole(holding(0, 1, 3))) == "ap_ufixed<4,1>"
    assert HALF_AWAY not in QUANTIZATION_MODES.values()
