"""Weights of the kernels that multiply two pixels at once (``scalar/hwk_conv2d_pairs.h``).

A product of a weight and ``x0 + 65536 * x1`` is two products; sums of a few of them come apart
again as long as each fits 16 bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from hwkit.ir.types import Array
from hwkit.targets.mcu.fits import double_rounding
from hwkit.targets.mcu.layouts import Layout
from hwkit.targets.mcu.staircase import Staircase
from hwkit.targets.mcu.stairs import stairs, streamed
from hwkit.targets.mcu.structs import Struct, Table
from hwkit.targets.mcu.weights import as_words

BLOCK = 4
"""Taps whose products are summed before they are taken apart; two of a careful block."""

MOST = 255
"""Weights' magnitudes add up to at most this: times 128 it fits 16 bits."""

_HALF = 1 << 15


def fits(struct: Struct) -> bool:
    """int8 weights but -128, a staircase for each channel."""
    weights = struct.fields["weights"]
    assert isinstance(weights, Table)
    if not double_rounding(struct, 26) or int(weights.values.min()) == -128:
        return False
    return stairs(struct, weights.values) is not None


def laid_out(group: int) -> Layout:
    """The stream of ``group`` rows at a time."""

    def layout(struct: Struct, weights: Table) -> Struct:
        return streamed(struct, weights.values, partial(pair_stream, group=group))

    return layout


def pair_stream(packed: Array, bias: Array, made: Staircase, group: int) -> Array:
    """int32 words of rows (rows, row bytes) in the rows layout, ``group`` at a time; rows that are
    left over are groups of one.

    Of each group its first channel; of each row what a pair's sum starts with, then of each what
    the upper pixel's does; runs; of each row twice last, and one more where it has two lines,
    multiplier, offset, and then zero and step. A run: the bytes of the columns under its blocks,
    one less if it is the last one; of each block of four taps, of each row a word of its weights;
    unless it is the last one, a careful block.

    Example: a row of four ones, bias 9 and sums that start at 2 give 0, 7 * 65537 - 2**15, 7, 31,
    0x01010101 and the staircase's three.
    """
    rows = packed.shape[0]
    whole = rows // group * group
    groups = [(first, group) for first in range(0, whole, group)]
    groups += [(first, 1) for first in range(whole, rows)]
    start = bias.astype(np.int64) - made.first
    words: list[int] = []
    for first, count in groups:
        of = slice(first, first + count)
        blocks = packed[of].reshape(count, -1, BLOCK)
        careful = (np.abs(blocks.astype(np.int64)).sum(axis=2) > MOST).any(axis=0)
        apart = len(careful) + int(careful.sum())
        words.append(first)
        words += [int(b) * 65537 - apart * _HALF for b in start[of]]
        words += [int(b) for b in start[of]]
        words += _runs(np.ascontiguousarray(blocks).view(np.int32)[:, :, 0].T, careful)
        for c in range(first, first + count):
            words += [2 * int(made.last[c]) + int(made.split[c])]
            words += [int(made.multiplier[c]), int(made.offset[c])]
            if made.split[c]:
                words += [int(made.zero[c]), int(made.step[c])]
    return as_words(np.array(words, np.int64))


def _runs(blocks: Array, careful: Array) -> Iterator[int]:
    begin, block_bytes = 0, 8 * BLOCK
    for end in (*np.flatnonzero(careful), len(careful)):
        yield int(end - begin) * block_bytes - int(end == len(careful))
        yield from map(int, blocks[begin : end + 1].reshape(-1))
        begin = int(end) + 1
