"""Weights of Winograd's F(4x4, 3x3) on cores without SIMD (``scalar/hwk_winograd4.h``)."""

from __future__ import annotations

import numpy as np

from hwkit.ir.types import Array
from hwkit.targets.mcu.fits import winograd4
from hwkit.targets.mcu.staircase import Staircase
from hwkit.targets.mcu.stairs import stairs, streamed
from hwkit.targets.mcu.structs import Struct, Table
from hwkit.targets.mcu.weights import as_words, winograd4_words


def fits(struct: Struct) -> bool:
    """A staircase for each channel, and sums that differ by less than 2**25."""
    weights = struct.fields["weights"]
    assert isinstance(weights, Table)
    if not winograd4(struct):
        return False
    most = int(np.abs(weights.values.astype(np.int64)).sum(axis=1).max())
    return 255 * most < 1 << 25 and stairs(struct, weights.values) is not None


def transformed(struct: Struct, weights: Table) -> Struct:
    """Transformed weights and six words of four channels at a time."""
    return streamed(struct, weights.values, _transformed)


def small(struct: Struct, weights: Table) -> Struct:
    """Of each channel its weights as they are, and its six words."""
    return streamed(struct, weights.values, _small)


def _transformed(packed: Array, bias: Array, made: Staircase) -> Array:
    return winograd4_words(packed, factors(packed, bias, made))


def _small(packed: Array, bias: Array, made: Staircase) -> Array:
    words = np.ascontiguousarray(packed).view(np.int32)
    ends = as_words(factors(packed, bias, made))
    return np.concatenate([words, ends], axis=1).reshape(-1)


def factors(packed: Array, bias: Array, made: Staircase) -> Array:
    """The six words of each channel that ``scalar/hwk_winograd4.h`` names, int64 (channels, 6).

    Example: a row of nine ones, bias 5 and sums that start at 2 give 64 * (5 - 2 - 128 * 9) first.
    """
    raised = 128 * packed.astype(np.int64).sum(axis=1)
    start = 64 * (bias.astype(np.int64) - made.first - raised)
    ends = (start, 64 * made.last, made.multiplier, made.offset, 64 * made.zero, made.step)
    return np.stack(ends, axis=1)
