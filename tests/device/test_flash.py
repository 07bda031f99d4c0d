"""What a board's flash costs: caches and reading ahead, against a definition in a few lines."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwkit.boards import FlashCache, FlashTiming
from hwkit.device.virtual.native import FOLDER, Flash, flash_timing
from hwkit.toolchain import host_cc

CODE, DATA = FlashCache("code", 64, 2, 16), FlashCache("data", 32, 4, 8)
BOTH = FlashCache("both", 64, 2, 8)


@cache
def library() -> ctypes.CDLL:
    found = ctypes.CDLL(str(host_cc.shared_library([FOLDER / "flash.c"])))
    found.hwk_flash_open.argtypes = [ctypes.c_void_p, ctypes.POINTER(Flash)]
    found.hwk_flash_open.restype = ctypes.c_bool
    numbers = [ctypes.c_uint64, ctypes.c_uint32, ctypes.c_uint64]
    found.hwk_flash_fetch.argtypes = [ctypes.c_void_p, *numbers]
    found.hwk_flash_read.argtypes = [ctypes.c_void_p, ctypes.c_uint64]
    found.hwk_flash_counts.argtypes = [ctypes.c_void_p]
    found.hwk_flash_counts.restype = ctypes.c_bool
    return found


class Counted:
    """The C half, one access after the other."""

    def __init__(self, timing: FlashTiming | None) -> None:
        self.flash = ctypes.create_string_buffer(1024)
        assert library().hwk_flash_open(self.flash, ctypes.byref(flash_timing(timing)))

    def fetch(self, address: int, size: int, cycle: int = 0) -> int:
        return int(library().hwk_flash_fetch(self.flash, address, size, cycle))

    def read(self, address: int) -> int:
        return int(library().hwk_flash_read(self.flash, address))


def timing(*caches: FlashCache, data_cycles: int = 0, prefetch: bool = False) -> FlashTiming:
    return FlashTiming("a test", 5, caches, data_cycles, prefetch)


def test_a_line_costs_when_it_comes_and_the_oldest_one_goes() -> None:
    flash = Counted(timing(CODE))  # two places of two lines of 16 bytes
    assert [flash.fetch(at, 4) for at in (0, 4, 32, 0, 32, 64, 32, 0)] == [5, 0, 5, 0, 0, 5, 0, 5]
    assert flash.fetch(8, 16) == 5, "the second half is in the other place"
    assert flash.fetch(200, 40) == 15, "three lines"


def test_data_has_its_own_cache_shares_one_or_has_none() -> None:
    flash = Counted(timing(CODE, DATA))
    assert [flash.read(0), flash.read(4), flash.fetch(0, 4), flash.read(0)] == [5, 0, 5, 0]
    flash = Counted(timing(BOTH))
    assert [flash.read(0), flash.fetch(4, 4), flash.read(8), flash.fetch(8, 8)] == [5, 0, 5, 0]
    flash = Counted(timing(CODE, data_cycles=2))
    assert [flash.read(0), flash.read(0), flash.fetch(0, 4)] == [2, 2, 5]


def test_the_next_line_is_read_while_the_core_runs() -> None:
    flash = Counted(timing(CODE, prefetch=True))
    assert flash.fetch(0, 16, 100) == 5
    assert flash.fetch(16, 16, 107) == 3, "two of five cycles had passed since it was there"
    assert flash.fetch(32, 16, 200) == 0
    assert flash.fetch(96, 16, 300) == 5, "a branch is not foreseen"


def test_nothing_is_known_nothing_is_counted() -> None:
    flash = Counted(None)
    assert not library().hwk_flash_counts(flash.flash)
    assert flash.fetch(0, 400) == flash.read(0) == 0


class Defined:
    """A cache by its definition: the last lines of each place."""

    def __init__(self, size: FlashCache) -> None:
        self.line, self.ways = size.line_bytes, size.ways
        self.places: list[list[int]] = [
            [] for _ in range(size.size_bytes // (size.line_bytes * size.ways))
        ]

    def missed(self, address: int) -> bool:
        line = address // self.line
        place = self.places[line % len(self.places)]
        missed = line not in place
        if not missed:
            place.remove(line)
        place.append(line)
        del place[: -self.ways]
        return missed


@pytest.mark.parametrize(
    "size",
    [DATA, FlashCache("data", 128, 8, 16), FlashCache("data", 256, 1, 8)],
    ids=["one place", "eight ways", "one way"],
)
@given(addresses=st.lists(st.integers(0, 600), max_size=120))
@settings(derandomize=True, deadline=None, max_examples=60)
def test_any_reads(size: FlashCache, addresses: Sequence[int]) -> None:
    flash, defined = Counted(timing(CODE, size)), Defined(size)
    assert [flash.read(at) for at in addresses] == [5 * defined.missed(at) for at in addresses]
