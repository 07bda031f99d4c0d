"""Weights in the layout that a kernel's variant reads."""

from __future__ import annotations

from dataclasses import replace

from hwkit.ir.types import Array
from hwkit.targets.mcu.kernels import Kernel, is_3x3, taps
from hwkit.targets.mcu.layers import Call
from hwkit.targets.mcu.structs import Struct, Table
from hwkit.targets.mcu.weights import group_rows, tap_blocks, tap_channels, tap_columns

_ROW_GROUPS = {
    ("dsp", "conv2d_s8"): 2,
    ("dsp", "conv2d_s8_s4"): 2,
    ("dsp", "dense_s8"): 4,
    ("dsp", "dense_s8_s4"): 4,
    ("rv32", "conv2d_s8"): 4,
    ("rv32", "conv2d_s8_s4"): 4,
    ("rv32", "dense_s8"): 4,
    ("rv32", "dense_s8_s4"): 4,
}
"""Rows that a variant multiplies at once, and whose words it therefore wants side by side."""


def laid_out(call: Call, kernel: Kernel) -> Call:
    """``call`` with its weights as ``kernel`` reads them (``hwk_weights.h``)."""
    weights = call.descriptor.fields.get("weights")
    if not isinstance(weights, Table):
        return call
    values = _values(call.descriptor, weights.values, kernel)
    if values is weights.values:
        return call
    placed = Table(weights.purpose, values)
    return replace(call, descriptor=Struct({**call.descriptor.fields, "weights": placed}))


def _values(descriptor: Struct, packed: Array, kernel: Kernel) -> Array:
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
