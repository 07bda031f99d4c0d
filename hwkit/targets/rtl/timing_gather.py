"""When words of a tensor are read in another order, and when their ring has room: ``hwk_gather`` in
time."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hwkit.ir.types import Array

FIRST = 2
"""Cycle of the first read after a reset, at the earliest: an address has two registers."""


class Gathers:
    """The reads of some tensors in order and what each waits for, from the tables that the
    hardware reads.

    ``writable`` is the earliest cycle for each word to be taken; ``read`` updates it.
    """

    def __init__(
        self, parameters: Mapping[str, int | str], images: Mapping[str, bytes], tensors: int
    ) -> None:
        p = {key: value for key, value in parameters.items() if isinstance(value, int)}
        bits, self.size, self.depth = p["BITS"], p["SIZE"], p["DEPTH"]
        mask = (1 << bits) - 1
        pairs = _words(images[str(parameters["ROWS"])])
        rows = np.array([word >> bits for word in pairs], np.int64)
        floors = np.array([word & mask for word in pairs], np.int64)
        places = np.array(_words(images[str(parameters["PLACES"])]), np.int64)
        per_tensor = (rows[:, None] + places & mask).reshape(-1)
        shifts = np.arange(tensors)[:, None] * self.size
        self.word = (per_tensor + shifts).reshape(-1)
        self.floor = (np.repeat(floors, len(places)) + shifts).reshape(-1)
        self.times = np.zeros(len(self.word), np.int32)
        self.writable = np.zeros(tensors * self.size, np.int32)
        # Which read's coming up makes room for each word: the first with a floor high enough.
        wants = np.arange(len(self.writable)) - self.depth
        self.made_by = np.searchsorted(self.floor, wants, side="right")

    def read(self, written: Array, taken: Array) -> Array:
        """Times of the reads, when the words came at ``written`` and the output beats were taken
        at ``taken`` (of the round before); makes room for what no read needs any more."""
        waits = np.maximum(written[self.word] + 1, FIRST)
        waits[1:] = np.maximum(waits[1:], taken[:-1])
        np.maximum(waits, self.times, out=waits)
        order = np.arange(len(waits), dtype=np.int32)
        self.times = (np.maximum.accumulate(waits - order) + order).astype(np.int32)
        comes_up = np.append(np.int32(FIRST), self.times + 1)
        waiting = slice(self.depth, None)
        self.writable[waiting] = comes_up[self.made_by[waiting]]
        return self.times


def _words(image: bytes) -> list[int]:
    return [int(line, 16) for line in image.split()]
