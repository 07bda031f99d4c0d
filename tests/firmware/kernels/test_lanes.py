"""Packed integers to bytes and back: from every place of a word on, in every count around one, and
with every kind of limits; layers of networks need few of them."""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from hwkit.ir.storage import Storage
from hwkit.ir.types import Array, IntType
from hwkit.toolchain import host_cc
from tests.firmware.kernels.driver import includes

BYTES = 24
WHOLE = (-128, 127)


@cache
def parts(variant: str) -> ctypes.CDLL:
    """``lanes_parts.c``."""
    source = Path(__file__).with_name("lanes_parts.c")
    return ctypes.CDLL(str(host_cc.shared_library([source], includes(variant))))


def lanes(data: bytes, bits: int) -> Array:
    """The integers in whole bytes."""
    count = len(data) * 8 // bits
    low_first = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
    unsigned = low_first.reshape(count, bits) @ (1 << np.arange(bits))
    return np.where(unsigned >> (bits - 1), unsigned - (1 << bits), unsigned)


def parts_of_a_row(bits: int) -> list[tuple[int, int]]:
    """First integers in a word, and counts that end in it, at its end, and beyond."""
    word = 32 // bits
    counts = sorted({0, 1, 3, word // 2, word - 1, word, word + 1, 2 * word + 3, 3 * word})
    return [(first, count) for first in range(word) for count in counts]


@pytest.mark.parametrize("variant", ["ref", "dsp"])
@pytest.mark.parametrize("bits", [1, 2, 4])
def test_to_bytes(variant: str, bits: int) -> None:
    data = np.random.default_rng(bits).integers(0, 256, BYTES, np.uint8).tobytes()
    source, expected = ctypes.create_string_buffer(data, BYTES), lanes(data, bits)
    for first, count in parts_of_a_row(bits):
        to = ctypes.create_string_buffer(b"\x55" * (count + 1), count + 1)
        parts(variant).part_unpack(to, source, first, count, bits)
        assert np.frombuffer(to.raw, np.int8)[:-1].tolist() == (
            expected[first : first + count].tolist()
        )
        assert to.raw[-1:] == b"\x55"


@pytest.mark.parametrize("variant", ["ref", "dsp"])
@pytest.mark.parametrize("bits", [1, 2, 4])
def test_from_bytes(variant: str, bits: int) -> None:
    rng, dtype = np.random.default_rng(bits), IntType(bits, True)
    inner = (dtype.low + (bits > 2), dtype.high - (bits > 1))
    for first, count in parts_of_a_row(bits):
        for low, high in (WHOLE, (dtype.low, dtype.high), inner):
            before = rng.integers(0, 256, BYTES, np.uint8).tobytes()
            ends = (dtype.low, dtype.high) if (low, high) == WHOLE else WHOLE
            values = rng.integers(ends[0], ends[1] + 1, count).astype(np.int8)
            to = ctypes.create_string_buffer(before, BYTES)
            source = ctypes.create_string_buffer(values.tobytes(), count + 1)
            parts(variant).part_pack(to, first, source, count, bits, low, high)
            expected = lanes(before, bits)
            expected[first : first + count] = np.clip(values, low, high)
            assert to.raw == Storage(bits).pack(expected)
