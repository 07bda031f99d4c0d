"""Weights in the layout that a kernel's variant reads."""

from __future__ import annotations

from dataclasses import replace

from hwkit.targets.mcu.kernels import Kernel, is_3x3
from hwkit.targets.mcu.layers import Call
from hwkit.targets.mcu.structs import Struct, Table
from hwkit.targets.mcu.weights import group_rows, tap_columns

_ROW_GROUPS = {
    ("dsp", "conv2d_s8"): 2,
    ("dsp", "conv2d_s8_s4"): 2,
    ("dsp", "dense_s8"): 4,
    ("dsp", "dense_s8_s4"): 4,
    ("rv32", "conv2d_s8"): 4,
    ("rv32", "dense_s8"): 4,
}
"""Rows that a variant multiplies at once, and whose words it therefore wants side by side."""

_DEPTHWISE = ("dsp", "depthwise_conv2d_s8")
"""The kernel that wants 3x3 weights by columns."""


def laid_out(call: Call, kernel: Kernel) -> Call:
    """``call`` with its weights as ``kernel`` reads them (``hwk_weights.h``)."""
    weights = call.descriptor.fields.get("weights")
    group = _ROW_GROUPS.get((kernel.variant, kernel.name), 1)
    if not isinstance(weights, Table):
        return call
    values = weights.values
    if group > 1:
        values = group_rows(values, group)
    elif (kernel.variant, kernel.name) == _DEPTHWISE and is_3x3(call.descriptor):
        bias = call.descriptor.fields["bias"]
        assert isinstance(bias, Table)
        values = tap_columns(values, len(bias.values))
    else:
        return call
    placed = Table(weights.purpose, values)
    return replace(call, descriptor=Struct({**call.descriptor.fields, "weights": placed}))
