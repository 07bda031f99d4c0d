"""Weights in the layout that a kernel's variant reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from hwkit.ir.types import Array
from hwkit.targets.mcu.kernels import Kernel, channels_in, is_3x3, taps
from hwkit.targets.mcu.layers import Call
from hwkit.targets.mcu.structs import Struct, Table
from hwkit.targets.mcu.weights import (
    band_stream,
    group_rows,
    pair_stream,
    tap_blocks,
    tap_channels,
    tap_columns,
    winograd4_rows,
    winograd4_stream,
    winograd_rows,
)

_ROW_GROUPS = {
    ("dsp", "conv2d_s8"): 2,
    ("dsp", "conv2d_s8_s4"): 2,
    ("dsp", "dense_s8"): 4,
    ("dsp", "dense_s8_s4"): 4,
    ("dsp", "conv2d_s16"): 2,
    ("dsp", "dense_s16"): 4,
    ("rv32", "conv2d_s8"): 4,
    ("rv32", "conv2d_s8_s4"): 4,
    ("rv32", "dense_s8"): 4,
    ("rv32", "dense_s8_s4"): 4,
}
"""Rows that a variant multiplies at once, and whose words it therefore wants side by side."""


_STREAMS: dict[str, Callable[[Array, Array, Array], Array]] = {
    "conv2d_s8_h8": partial(pair_stream, group=2),
    "dense_s8_h8": partial(pair_stream, group=4),
    "conv2d_s8_winograd4": winograd4_stream,
    "conv2d_s8_winograd4_small": winograd4_rows,
    "depthwise_conv2d_s8_bands": band_stream,
}
"""Kernels that read one stream of weights, biases and factors, and what makes it of these."""


def laid_out(call: Call, kernel: Kernel) -> Call:
    """``call`` with its weights as ``kernel`` reads them (``hwk_weights.h``)."""
    weights = call.descriptor.fields.get("weights")
    if not isinstance(weights, Table):
        return call
    if kernel.name in _STREAMS:
        stream = _STREAMS[kernel.name]
        return replace(call, descriptor=_streamed(call.descriptor, weights, stream))
    values = _values(call.descriptor, weights.values, kernel)
    if values is weights.values:
        return call
    placed = Table(weights.purpose, values)
    return replace(call, descriptor=Struct({**call.descriptor.fields, "weights": placed}))


def _values(descriptor: Struct, packed: Array, kernel: Kernel) -> Array:
    if kernel.name == "conv2d_s8_winograd":
        return winograd_rows(packed, channels_in(descriptor))
    group = _ROW_GROUPS.get((kernel.variant, kernel.name), 1)
    if group > 1:
        return group_rows(packed, group)
    if kernel.name != "depthwise_conv2d_s8":
        return packed
    bias = descriptor.fields["bias"]
    assert isinstance(bias, Table)
    channels = len(bias.values)
    if kernel.variant == "scalar":
        return tap_channels(packed, channels, taps(descriptor))
    if kernel.variant == "mve":
        return tap_blocks(packed, channels, taps(descriptor))
    if kernel.variant == "dsp" and is_3x3(descriptor):
        return tap_columns(packed, channels)
    return packed


def _streamed(
    descriptor: Struct, weights: Table, made: Callable[[Array, Array, Array], Array]
) -> Struct:
    """Weights, biases and factors in one table, and the tables that it replaces gone."""
    bias, r = descriptor.fields["bias"], descriptor.fields["rescale"]
    assert isinstance(bias, Table) and isinstance(r, Struct)
    rights = _entries(r, "shifts", "shift", len(bias.values)) - 31
    zero_point = r.fields["zero_point"]
    assert isinstance(zero_point, int)
    offsets = (2 * zero_point + 1) << (rights - 1)
    multipliers = _entries(r, "multipliers", "multiplier", len(bias.values))
    factors = np.stack([multipliers, offsets, rights], axis=1)
    stream = Table(weights.purpose, made(weights.values, bias.values, factors))
    alone = Struct({**r.fields, "multipliers": None, "shifts": None})
    return Struct({**descriptor.fields, "weights": stream, "bias": None, "rescale": alone})


def _entries(r: Struct, table: str, number: str, count: int) -> Array:
    """A factor of each channel, int64 (count,)."""
    values, one = r.fields[table], r.fields[number]
    entries = values.values if isinstance(values, Table) else one
    return np.broadcast_to(np.asarray(entries, np.int64), count)
