"""Rescaling without 64-bit products: every carry of the high word, and when it is taken."""

from __future__ import annotations

import ctypes
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from hwkit import resources
from hwkit.ir.arith import rescale
from hwkit.ir.ops import Rescale, Rounding
from hwkit.ir.types import S32
from hwkit.toolchain import host_cc

HALVES = (0, 1, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFF0000, 0x7FFF8000, 0x7FFFFFFF)
LOWS = (0, 1, 0xFFFF, 0x80000000, 0xFFFF0000, 0xFFFFFFFF)
_CODES = {Rounding.HALF_UP: 1, Rounding.FLOOR: 3, Rounding.DOUBLE: 4}


@cache
def library() -> ctypes.CDLL:
    firmware = resources.folder("firmware")
    kernels = firmware / "kernels"
    folders = (firmware / "include", *(kernels / v for v in ("v6m", "scalar", "ref")), kernels)
    source = Path(__file__).with_name("rescale_parts.c")
    made = host_cc.shared_library([source], [f"-I{folder}" for folder in folders])
    return ctypes.CDLL(str(made))


def test_the_high_word_of_every_carry() -> None:
    """65535 * (2**31 - 1) + 2**32 - 1 carries into bit 31 of the lower products."""
    part = library().part_high_word
    part.argtypes, part.restype = (ctypes.c_int32, ctypes.c_int32, ctypes.c_uint32), ctypes.c_int32
    for half, multiplier, low in product(HALVES, HALVES, LOWS):
        for x in (half, ~half):
            assert part(x, multiplier, low) == (x * multiplier + low) >> 32, (x, multiplier, low)


@pytest.mark.parametrize(
    ("rounding", "shift"), [(Rounding.HALF_UP, 33), (Rounding.FLOOR, 40), (Rounding.DOUBLE, 31)]
)
@pytest.mark.parametrize(
    ("zero_point", "exact"),
    [
        (-(1 << 29), 1),
        *((z, 0) for z in (1 - (1 << 29), -128, 0, 1, 127, (1 << 29) - 1)),
        (1 << 29, 1),
    ],
)
def test_zero_points_below_2_to_the_29_need_no_64_bits(
    rounding: Rounding, shift: int, zero_point: int, exact: int
) -> None:
    multiplier, taken = 0x6543210F, ctypes.c_int32(-1)
    r = Rescale((multiplier,), (shift,), rounding, S32.low, S32.high, zero_point)
    for x in (0, 1, -1, 12345, -98765, (1 << 20) - 1, -(1 << 20)):
        got = library().part_rescale(
            x, multiplier, shift, _CODES[rounding], zero_point, ctypes.byref(taken)
        )
        assert (got, taken.value) == (rescale(np.array([x]), r, "t")[0], exact), x
