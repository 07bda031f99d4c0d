"""When a sliding window reads and when its line buffer has room: ``hwk_window`` in time."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hwkit.ir.types import Array


class Windows:
    """The reads of a window over some maps, in order, and what each waits for.

    ``writable`` is the earliest cycle for each word of the map to be taken; ``read`` updates it.
    """

    def __init__(self, parameters: Mapping[str, int | str], maps: int) -> None:
        p = {key: value for key, value in parameters.items() if isinstance(value, int)}
        self.rows, self.height = p["ROWS"], p["HEIGHT"]
        self.row_words = p["WIDTH"] * p["GROUPS"]
        self.maps = maps
        words, self.reads_of_row = _reads(p)
        per_map = self.height * self.row_words
        shifts = np.arange(maps) * per_map
        # Word that a read waits for, -1 for the padding.
        self.word = np.where(words >= 0, words + shifts[:, None], -1).reshape(-1).astype(np.int32)
        self.times = np.zeros(len(self.word), np.int32)
        self.writable = np.zeros(maps * per_map, np.int32)
        self.released_by = _released_by(p, self.reads_of_row, maps, words.size)

    def read(self, written: Array, taken: Array) -> Array:
        """Times of the reads, when the words came at ``written`` and the window's output beats
        were taken at ``taken`` (of the round before); makes room for the rows given back."""
        waits = np.where(self.word >= 0, written[np.maximum(self.word, 0)] + 1, np.int32(0))
        # A beat on the output is followed by the next in the cycle in which it is taken.
        waits[1:] = np.maximum(waits[1:], taken[:-1])
        np.maximum(waits, self.times, out=waits)
        order = np.arange(len(waits), dtype=np.int32)
        self.times = np.maximum.accumulate(waits - order) + order
        self._give_back(written)
        return self.times

    def _give_back(self, written: Array) -> None:
        """Row n + ROWS may begin two cycles after row n is given back, one row a cycle; a row can
        be given back once it has begun."""
        begun = written[:: self.row_words]
        wanted = np.where(self.released_by >= 0, self.times[self.released_by] + 1, 0)
        given = np.maximum(wanted, begun + 1)
        order = np.arange(len(given), dtype=np.int32)
        given = np.maximum.accumulate(given - order) + order
        first_words = np.arange(self.rows, len(begun)) * self.row_words
        if len(first_words):
            np.maximum.at(self.writable, first_words, given[: len(first_words)] + 1)


def _reads(p: Mapping[str, int]) -> tuple[Array, int]:
    """Word of the map for every read of one map (-1 outside it), and reads of an output row."""
    oy, ox, repeat, g, ky, kx = np.ix_(
        *(
            np.arange(p[key])
            for key in ("OUT_H", "OUT_W", "REPEATS", "GROUPS", "KERNEL_H", "KERNEL_W")
        )
    )
    y = oy * p["STRIDE_H"] - p["PAD_TOP"] + ky * p["DILATION_H"]
    x = ox * p["STRIDE_W"] - p["PAD_LEFT"] + kx * p["DILATION_W"]
    inside = (y >= 0) & (y < p["HEIGHT"]) & (x >= 0) & (x < p["WIDTH"])
    word = np.where(inside, (y * p["WIDTH"] + x) * p["GROUPS"] + g, -1) + 0 * repeat
    if not p["LANEWISE"]:
        word = word.transpose(0, 1, 2, 4, 5, 3)
    flat = word.reshape(-1)
    return flat, flat.size // p["OUT_H"]


def _released_by(p: Mapping[str, int], reads_of_row: int, maps: int, per_map: int) -> Array:
    """For every row of all maps the read after which no window needs it (-1: none does)."""
    height = p["HEIGHT"]
    floors = np.arange(p["OUT_H"]) * p["STRIDE_H"] - p["PAD_TOP"]
    floors = np.clip(floors, 0, height)
    floors = np.append(floors, height)  # after the last row of windows all are free
    # Row y is free at the end of the output row after which the floor is above y.
    y = np.arange(height)
    row = np.searchsorted(floors, y, side="right") - 1
    last = np.where(row >= 0, (row + 1) * reads_of_row - 1, -1)
    result: Array = (last[None, :] + np.arange(maps)[:, None] * per_map).reshape(-1)
    return result
