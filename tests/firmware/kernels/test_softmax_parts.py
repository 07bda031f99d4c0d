"""The steps of the softmax kernel, bit for bit: eight bits of output hide most of what they do."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hwkit import resources
from hwkit.ir.fixed_point import exp_of_negative, reciprocal_of_one_plus, round_shift, srdhm
from hwkit.ir.softmax16 import difference_multiplier, exponentials, reciprocals, softmax16
from hwkit.toolchain import host_cc

INT32_MAX = (1 << 31) - 1
INT32 = st.sampled_from([0, 1, -1, INT32_MAX, -INT32_MAX, 1 << 30]) | st.integers(
    -INT32_MAX, INT32_MAX
)


@cache
def part(name: str) -> Callable[..., int]:
    """One of ``softmax_parts.c``."""
    firmware = resources.folder("firmware")
    folders = (firmware / "include", firmware / "kernels" / "ref", firmware / "kernels")
    source = Path(__file__).with_name("softmax_parts.c")
    library = ctypes.CDLL(
        str(host_cc.shared_library([source], [f"-I{folder}" for folder in folders]))
    )
    function: Callable[..., int] = getattr(library, f"part_{name}")
    return function


@given(INT32, INT32)
def test_high_product(a: int, b: int) -> None:
    for x, y in ((a, b), (a, 1 << 30), (1 << 15, (b | 1) >> 8)):
        assert part("high_product")(x, y) == srdhm(np.array([x]), np.array([y]))[0]


@given(INT32, st.integers(1, 31))
@example(-1, 1)
def test_halves_away(a: int, exponent: int) -> None:
    tie = (a >> exponent << exponent) + (1 << (exponent - 1))
    for value in (a, tie):
        assert part("halves_away")(value, exponent) == round_shift(np.array([value]), exponent)[0]


@given(INT32, st.integers(0, 31))
def test_saturating_shift(a: int, by: int) -> None:
    a >>= by // 2
    expected = min(max(a << by, -INT32_MAX - 1), INT32_MAX)
    assert part("saturating_shift")(a, by) == expected


def test_exponential_and_reciprocal() -> None:
    a = np.random.default_rng(0).integers(0, INT32_MAX, 3000)
    a = np.array([0, 1, 2, 1 << 24, (1 << 24) - 1, INT32_MAX - 1, INT32_MAX, *a, *(a >> 6)])
    assert [part("exp_of_negative")(-int(v)) for v in a] == exp_of_negative(-a, 5).tolist()
    assert [part("reciprocal")(int(v)) for v in a] == reciprocal_of_one_plus(a).tolist()


def test_leading_zeros() -> None:
    for bits in range(1, 33):
        for value in (1 << (bits - 1), (1 << bits) - 1):
            assert part("leading_zeros")(ctypes.c_uint32(value)) == 32 - bits


class Softmax16(ctypes.Structure):
    """``hwk_softmax16_t``."""

    _fields_ = (
        *((name, ctypes.c_int32) for name in ("rows", "depth", "multiplier", "shift")),
        ("exponentials", ctypes.c_void_p),
        ("reciprocals", ctypes.c_void_p),
    )


@pytest.mark.parametrize("depth", [1, 2, 6, 9, 33, 200])
def test_softmax_of_sixteen_bits_where_no_share_is_large(depth: int) -> None:
    """Sums of many large exponentials have bits that the reciprocal's table does not take: they
    are rounded, and a share in a few tells how."""
    step = 1 / 4096
    x = np.random.default_rng(depth).integers(-300, 1, (1000, depth)).astype(np.int16)
    tables = [table().astype(np.int16) for table in (exponentials, reciprocals)]
    multiplier, shift = difference_multiplier(step)
    d = Softmax16(*x.shape, multiplier, shift, *(table.ctypes.data for table in tables))
    y = np.empty_like(x)
    pointers = [ctypes.c_void_p(array.ctypes.data) for array in (x, y)]
    part("softmax16")(ctypes.byref(d), *pointers)
    np.testing.assert_array_equal(y, softmax16(x, step))
