"""Weights of the kernel that multiplies four pairs of 4-bit integers at once
(``dsp/hwk_conv2d_s4_s4.h``)."""

from __future__ import annotations

import numpy as np

from hwkit.ir.types import Array
from hwkit.targets.mcu.descriptors import channels_in, round_up, taps
from hwkit.targets.mcu.structs import Struct, Table
from hwkit.targets.mcu.weights import as_words

_STEP = 8
_PIXELS = 3
_LOW, _HIGH = -2048, 2047
"""Of what is summed between one taking out and the next."""

_PLACES = ((0, 1, 8), (3, 0, 0), (4, 3, 8), (7, 2, 0), (1, 4, 0), (2, 7, 8), (5, 6, 0), (6, 5, 8))
"""Of a word's nibbles: where one lies, which tap's weight it holds and what is added to that."""


def fits(struct: Struct) -> bool:
    """Weights of -8..7, and no -8 before a negative one: of two taps they share 16 bits."""
    weights = struct.fields["weights"]
    assert isinstance(weights, Table)
    values = weights.values
    if values.min() < -8 or values.max() > 7:
        return False
    return not ((values[:, 0::2] == -8) & (values[:, 1::2] < 0)).any()


def scratch_bytes(struct: Struct) -> int:
    """Three columns of bytes, the sums of two channels, and a patch for odd channels."""
    count = taps(struct) * channels_in(struct)
    patch = 0 if channels_in(struct) % 4 == 0 else round_up(count, 4)
    return _PIXELS * round_up(count, _STEP) + 8 * _PIXELS + patch


def laid_out(struct: Struct, weights: Table) -> Struct:
    """The stream of all pairs of channels, and biases without what is added to every other integer
    of the input."""
    bias = struct.fields["bias"]
    assert isinstance(bias, Table)
    more = 8 * weights.values[:, 0::2].astype(np.int64).sum(axis=1)
    values = Table(weights.purpose, quad_words(weights.values))
    moved = Table(bias.purpose, as_words(bias.values.astype(np.int64) - more))
    return Struct({**struct.fields, "weights": values, "bias": moved})


def quad_words(packed: Array) -> Array:
    """Steps of a block, then the words of each pair of rows: int32.

    ``packed`` is the rows layout in bytes (rows, row bytes), of -8..7; a missing row is zeros.
    Example: a row of eight ones gives 1, for its only step, and 0x19191919 with a word for the row
    that is missing, 0x08080808.
    """
    rows, count = packed.shape
    padded = np.zeros((round_up(rows, 2), round_up(count, _STEP)), np.int64)
    padded[:rows, :count] = packed
    eights = padded.reshape(len(padded), -1, _STEP)
    words = np.zeros(eights.shape[:2], np.int64)
    for place, tap, added in _PLACES:
        words |= (eights[:, :, tap] + added & 15) << 4 * place
    pairs = words.reshape(-1, 2, words.shape[1]).transpose(0, 2, 1)
    return as_words(np.concatenate([[_block(eights)], pairs.reshape(-1)]))


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
