"""Weights of the kernel that multiplies four pairs of 4-bit integers at once
(``dsp/hwk_conv2d_s4_s4.h``)."""

from __future__ import annotations

import numpy as np

from hwkit.ir.types import Array
from hwkit.targets.mcu.descriptors import channels_in, round_up, taps
from hwkit.targets.mcu.fits import double_rounding
from hwkit.targets.mcu.layouts import streamed
from hwkit.targets.mcu.structs import Struct, Table
from hwkit.targets.mcu.weights import as_words

_STEP = 8
_PIXELS = 3
_LOW, _HIGH = -2048, 2047
"""Of what is summed between one taking out and the next."""


def fits(struct: Struct) -> bool:
    """As ``fits.h8``; weights of -8..7, and no -8 before a negative one: two taps share 16 bits."""
    weights = struct.fields["weights"]
    assert isinstance(weights, Table)
    values = weights.values
    if not double_rounding(struct, 24):
        return False
    if values.min() < -8 or values.max() > 7:
        return False
    return not ((values[:, 0::2] == -8) & (values[:, 1::2] < 0)).any()


def scratch_bytes(struct: Struct) -> int:
    """Three columns of bytes, and a patch for odd channels."""
    count = taps(struct) * channels_in(struct)
    patch = 0 if channels_in(struct) % 4 == 0 else round_up(count, 4)
    return _PIXELS * round_up(count, _STEP) + patch


def quad_stream(packed: Array, bias: Array, factors: Array) -> Array:
    """Bytes of a block, then of each pair of rows biases, words and factors: int32 words.

    ``packed`` is the rows layout in bytes (rows, row bytes), of -8..7, ``bias`` (rows,) int32 and
    ``factors`` (rows, 3) int32: multiplier, offset, right. A missing row is zeros.

    Example: a row of eight ones, bias 5: 16; 5 - 8 * 4 and 0; twice 0x10011001 and 0; its factors.
    """
    rows, count = packed.shape
    padded = np.zeros((round_up(rows, 2), round_up(count, _STEP)), np.int64)
    padded[:rows, :count] = packed
    even, odd = padded[:, 0::2], padded[:, 1::2]
    halves = 4096 * even + odd & 0xFFFF
    words = halves[:, 0::2] | halves[:, 1::2] << 16
    start = -8 * even.sum(axis=1, keepdims=True)
    start[:rows, 0] += bias.astype(np.int64)
    ends = np.zeros((len(padded), 3), np.int64)
    ends[:rows] = factors
    in_turn = np.concatenate([start, words], axis=1)
    pairs = in_turn.reshape(-1, 2, in_turn.shape[1]).transpose(0, 2, 1)
    stream = [pairs.reshape(len(pairs), -1), ends.reshape(len(pairs), -1)]
    block = 16 * _block(padded.reshape(len(padded), -1, _STEP))
    return as_words(np.concatenate([[block], np.concatenate(stream, axis=1).reshape(-1)]))


QUADS = streamed(quad_stream)


def _block(eights: Array) -> int:
    """Steps between one taking out and the next: as many as no row's weights forbid."""
    even, odd = eights[:, :, 0::2], eights[:, :, 1::2]
    rest = np.minimum(-8 * odd, 7 * odd), np.maximum(-8 * odd, 7 * odd)
    parts = [
        15 * np.minimum(even, 0) + rest[0],
        15 * np.maximum(even, 0) + rest[1],
        15 * np.minimum(odd, 0),
        15 * np.maximum(odd, 0),
    ]
    ends = np.stack([part.sum(axis=2) for part in parts])
    steps = 1
    while steps < eights.shape[1]:
        starts = np.arange(0, eights.shape[1], steps + 1)
        sums = np.add.reduceat(ends, starts, axis=2)
        if sums.min() < _LOW or sums.max() > _HIGH:
            break
        steps += 1
    return steps
