"""When a sliding window reads and when its line buffer has room: ``hwk_window`` and ``hwk_patch``
in time."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hwkit.ir.types import Array


class _Reads:
    """The reads of a window over some maps, in order, and what each waits for: ``words`` of one
    map, -1 where a read waits for none.

    ``writable`` is the earliest cycle for each word of the map to be taken; ``read`` updates it.
    """

    def __init__(self, p: Mapping[str, int], words: Array, maps: int) -> None:
        self.rows = p["ROWS"]
        self.row_words = p["WIDTH"] * p["GROUPS"]
        per_map = p["HEIGHT"] * self.row_words
        shifts = np.arange(maps) * per_map
        self.word = np.where(words >= 0, words + shifts[:, None], -1).reshape(-1).astype(np.int32)
        self.times = np.zeros(len(self.word), np.int32)
        self.writable = np.zeros(maps * per_map, np.int32)
        self.released_by = _released_by(p, words.size // p["OUT_H"], maps, words.size)

    def settle(self, written: Array, left: Array) -> None:
        """Times of the reads, when the words came at ``written`` and what was read before the last
        left at ``left`` (0: without waiting); makes room for the rows given back."""
        waits = np.where(self.word >= 0, written[np.maximum(self.word, 0)] + 1, np.int32(0))
        waits[1:] = np.maximum(waits[1:], left)
        np.maximum(waits, self.times, out=waits)
        order = np.arange(len(waits), dtype=np.int32)
        self.times = np.maximum.accumulate(waits - order) + order
        self._give_back(written)

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


class Windows(_Reads):
    """Of ``hwk_window``, which reads a word for each beat."""

    def __init__(self, parameters: Mapping[str, int | str], maps: int) -> None:
        p = _integers(parameters)
        super().__init__(p, _words(p), maps)

    def read(self, written: Array, taken: Array) -> Array:
        """Times of the reads, one for each beat; those of the round before were taken at
        ``taken``, each followed by the next in that cycle."""
        self.settle(written, taken[:-1])
        return self.times


class Patches(_Reads):
    """Of ``hwk_patch``, which reads a column of words; some complete a window's beat, which stays
    until it was taken as often as it repeats."""

    def __init__(self, parameters: Mapping[str, int | str], maps: int) -> None:
        p = _integers(parameters)
        reach = (p["KERNEL_W"] - 1) * p["DILATION_W"]
        columns = np.arange((p["OUT_W"] - 1) * p["STRIDE_W"] + reach + 1)
        whole = (columns >= reach) & ((columns - reach) % p["STRIDE_W"] == 0)
        super().__init__(p, _lowest_words(p, columns), maps)
        every = np.tile(np.repeat(whole, p["GROUPS"]), p["OUT_H"] * maps)
        self.completing = np.flatnonzero(every)
        self.repeats = p["REPEATS"]

    def read(self, written: Array, taken: Array) -> Array:
        """For each beat the time of the read that completed it; those of the round before were
        taken at ``taken``."""
        left = np.zeros(len(self.times), np.int32)
        left[self.completing] = taken[self.repeats - 1 :: self.repeats]
        self.settle(written, left[:-1])
        return np.repeat(self.times[self.completing], self.repeats)


def _integers(parameters: Mapping[str, int | str]) -> dict[str, int]:
    return {key: value for key, value in parameters.items() if isinstance(value, int)}


def _lowest_words(p: Mapping[str, int], columns: Array) -> Array:
    """For every read of one map the word of the column's lowest place that is on the map's rows."""
    oy, x, g = np.ix_(np.arange(p["OUT_H"]), columns - p["PAD_LEFT"], np.arange(p["GROUPS"]))
    reach = (p["KERNEL_H"] - 1) * p["DILATION_H"]
    y = np.minimum(oy * p["STRIDE_H"] - p["PAD_TOP"] + reach, p["HEIGHT"] - 1)
    inside = (y >= 0) & (x >= 0) & (x < p["WIDTH"])
    word: Array = np.where(inside, (y * p["WIDTH"] + x) * p["GROUPS"] + g, -1)
    return word.reshape(-1)


def _words(p: Mapping[str, int]) -> Array:
    """Word of the map for every read of one map, -1 outside it."""
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
    flat: Array = word.reshape(-1)
    return flat


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
