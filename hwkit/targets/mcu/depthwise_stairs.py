"""Weights of ``v6m/hwk_depthwise_conv2d_s8_stairs.h``."""

from __future__ import annotations

import numpy as np

from hwkit.ir.types import Array
from hwkit.targets.mcu.descriptors import round_up, taps
from hwkit.targets.mcu.fits import double_rounding, narrow
from hwkit.targets.mcu.staircase import Staircase
from hwkit.targets.mcu.stairs import one_line, stairs, streamed
from hwkit.targets.mcu.structs import Struct, Table
from hwkit.targets.mcu.weights import as_words, tap_channels


def fits(struct: Struct) -> bool:
    """A staircase of one line for each channel."""
    weights = struct.fields["weights"]
    assert isinstance(weights, Table)
    return double_rounding(struct, 26) and one_line(stairs(struct, _rows(struct, weights)))


def fits_narrow(struct: Struct) -> bool:
    """The same, of more columns than a part has (``v6m/hwk_depthwise_conv2d_s8_narrow.h``)."""
    return narrow(struct) and fits(struct)


def laid_out(struct: Struct, weights: Table) -> Struct:
    """The stream of all channels."""
    return streamed(struct, _rows(struct, weights), tap_stream)


def tap_stream(rows: Array, bias: Array, made: Staircase) -> Array:
    """Of int8 weights (channels, taps) the int32 words of each channel, flat.

    Example: two taps 1, 2, bias 5 and sums that start at 0 give 5, the staircase's three, 0x201.
    """
    weights = np.zeros((len(rows), round_up(rows.shape[1], 4)), np.int8)
    weights[:, : rows.shape[1]] = rows
    factors = (bias.astype(np.int64) - made.first, made.last, made.multiplier, made.offset)
    words = [as_words(np.stack(factors, axis=1)), weights.view(np.int32)]
    return np.concatenate(words, axis=1).reshape(-1)


def _rows(struct: Struct, weights: Table) -> Array:
    bias = struct.fields["bias"]
    assert isinstance(bias, Table)
    return tap_channels(weights.values, len(bias.values), taps(struct))
