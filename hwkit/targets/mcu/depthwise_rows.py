"""Weights of the depthwise kernel that works through rows (``rv32/hwk_rows_3x3.h``)."""

from __future__ import annotations

from functools import partial

import numpy as np

from hwkit.ir.types import Array
from hwkit.targets.mcu.descriptors import channels_in, is_3x3, number, numbers, window_of
from hwkit.targets.mcu.fits import double_rounding
from hwkit.targets.mcu.staircase import Staircase
from hwkit.targets.mcu.stairs import one_line, stairs, streamed
from hwkit.targets.mcu.structs import Struct, Table
from hwkit.targets.mcu.weights import as_words, tap_channels


def fits(struct: Struct) -> bool:
    """3x3 at a stride of 1 with a pixel of padding on each side, one output for each channel, a
    staircase of one line for each."""
    f, weights = numbers(window_of(struct)), struct.fields["weights"]
    assert isinstance(weights, Table)
    sides = ("padding_top", "padding_left", "stride_height")
    same = all(f[f"input_{of}"] == f[f"output_{of}"] for of in ("height", "width"))
    if not (is_3x3(struct) and same and all(f[side] == 1 for side in sides)):
        return False
    if number(struct, "channel_multiplier") != 1 or not double_rounding(struct, 26):
        return False
    return one_line(stairs(struct, _rows(struct, weights)))


def laid_out(struct: Struct, weights: Table) -> Struct:
    """The stream of all channels."""
    zero_point = number(struct, "input_zero_point")
    return streamed(struct, _rows(struct, weights), partial(row_stream, zero_point=zero_point))


def row_stream(rows: Array, bias: Array, made: Staircase, zero_point: int) -> Array:
    """Nine int32 words of each channel, flat, of int8 weights (channels, 9).

    Example: weights 1..9, bias 0 and sums that start at 0 give, with a zero point of 2, the twelve
    bytes 1..9 0 0 0, then 0, 2 * (1 + 4 + 7), the staircase's three, 2 * (3 + 6 + 9).
    """
    weights = np.zeros((len(rows), 12), np.int8)
    weights[:, :9] = rows
    columns = zero_point * rows.astype(np.int64).reshape(-1, 3, 3).sum(axis=1)
    start = bias.astype(np.int64) - made.first
    ends = (start, start + columns[:, 0], made.last, made.multiplier, made.offset, columns[:, 2])
    words = [weights.view(np.int32), as_words(np.stack(ends, axis=1))]
    return np.concatenate(words, axis=1).reshape(-1)


def _rows(struct: Struct, weights: Table) -> Array:
    return tap_channels(weights.values, channels_in(struct), 9)
