"""Descriptors of rescales, against the rescales that they stand for."""

from __future__ import annotations

from fractions import Fraction
from math import floor

from hypothesis import given, settings
from hypothesis import strategies as st

from hwkit.ir.ops import Rescale, Rounding
from hwkit.targets.mcu.rescales import ROUNDINGS, rescale
from hwkit.targets.mcu.structs import Struct, Table, Value

_LOW, _HIGH = -(2**31), 2**31 - 1
_CHANNEL = st.tuples(st.integers(0, _HIGH), st.integers(0, 62), st.integers(-(2**40), 2**40))


@settings(derandomize=True, deadline=None, max_examples=100)
@given(
    st.lists(_CHANNEL, min_size=1, max_size=3),
    st.booleans(),
    st.integers(0, 12),
    st.integers(1, 19).flatmap(lambda bits: st.integers(1, 2**bits)),
    st.sampled_from([Rounding.HALF_UP, Rounding.HALF_EVEN, Rounding.FLOOR]),
    st.data(),
)
def test_a_descriptor_computes_the_rescale(
    channels: list[tuple[int, int, int]],
    with_offsets: bool,
    left: int,
    bound: int,
    rounding: Rounding,
    data: st.DataObject,
) -> None:
    m, s, offsets = zip(*channels, strict=True)
    o = offsets if with_offsets else (0,) * len(m)
    made = rescale(Rescale(m, s, rounding, _LOW, _HIGH, -3, left, offset=o), bound)
    for x in [bound, -bound, *data.draw(st.lists(st.integers(-bound, bound), max_size=4))]:
        for c in range(len(m)):
            wanted = _rounded((x << left) * m[c] + o[c], s[c], rounding) - 3
            assert _computed(made, x, c) == min(max(wanted, _LOW), _HIGH)


def _rounded(p: int, shift: int, rounding: Rounding) -> int:
    """``round(p / 2**shift)``, of fractions."""
    exact = Fraction(p, 1 << shift)
    if rounding is Rounding.FLOOR:
        return floor(exact)
    return round(exact) if rounding is Rounding.HALF_EVEN else floor(exact + Fraction(1, 2))


def _computed(made: Struct, x: int, channel: int) -> int:
    """As ``hwk_descriptors.h`` defines it; what has a width there fits it."""
    f = made.fields
    whole = {name: value for name, value in f.items() if isinstance(value, int)}

    def of(name: str, single: int, step: int = 1) -> int:
        table = f[name]
        return int(table.values[channel * step]) if isinstance(table, Table) else single

    shift = of("shifts", whole["shift"])
    x <<= whole["left_shift"]
    assert whole["left_shift"] <= 30 and whole["lowest_shift"] <= shift <= whole["highest_shift"]
    assert -(1 << (whole["input_bits"] - 1)) <= x < 1 << (whole["input_bits"] - 1)
    p = x * of("multipliers", whole["multiplier"]) + of("offsets", 0, whole["offset_step"])
    if f["rounding"] == ROUNDINGS[Rounding.HALF_UP]:
        p += 1 << shift >> 1
    elif f["rounding"] == ROUNDINGS[Rounding.HALF_EVEN] and shift:
        p += (1 << shift - 1) - 1 + (p >> shift & 1)
    assert -(1 << 63) <= p < 1 << 63
    return min(max((p >> shift) + whole["zero_point"], whole["low"]), whole["high"])


def test_small_shifts_move_the_integers_up() -> None:
    """The high word of the product decides then; where there is no room nothing moves."""
    r = Rescale((3 << 29, 1 << 30), (32, 36), Rounding.HALF_UP, -128, 127)
    assert _lifted(r, (1 << 30) - 1) == (1, 33, 32)
    assert _lifted(r, 1 << 30) == (0, 32, 32)
    assert _lifted(Rescale((1,), (0,), Rounding.FLOOR, -128, 127), 127) == (3, 33, 11)
    assert _lifted(Rescale((1 << 30, 1 << 30), (32, 61), Rounding.FLOOR, -9, 9), 9)[0] == 1
    assert _lifted(Rescale((1 << 30, 1 << 30), (32, 62), Rounding.FLOOR, -9, 9), 9)[0] == 0
    assert _lifted(Rescale((1 << 30,), (32,), Rounding.DOUBLE, -128, 127), 127) == (0, 32, 8)
    assert _lifted(Rescale((_HIGH,), (2,), Rounding.FLOOR, -9, 9), 0)[0] == 0
    long = Rescale((1,), (1,), Rounding.FLOOR, -9, 9, offset=(1 << 30,))
    assert _lifted(long, 127)[:2] == (0, 31)
    assert _lifted(Rescale((1 << 30,), (32,), Rounding.HALF_UP, -128, 127), 127)[:2] == (0, 32)
    moved_too = rescale(Rescale((1 << 30,), (31,), Rounding.HALF_UP, -128, 127, offset=(7,)), 127)
    offsets = moved_too.fields["offsets"]
    assert isinstance(offsets, Table) and offsets.values.tolist() == [4 * 7 + (1 << 32)]


def _lifted(r: Rescale, bound: int) -> tuple[Value, ...]:
    fields = rescale(r, bound).fields
    return tuple(fields[name] for name in ("left_shift", "lowest_shift", "input_bits"))
