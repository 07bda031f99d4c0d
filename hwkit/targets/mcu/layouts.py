"""Weights in the layout that a kernel's variant reads."""

from __future__ import annotations

from dataclasses import replace

from hwkit.targets.mcu.kernels import Kernel
from hwkit.targets.mcu.layers import Call
from hwkit.targets.mcu.structs import Struct, Table
from hwkit.targets.mcu.weights import group_rows

_ROW_GROUPS = {
    ("dsp", "conv2d_s8"): 2,
    ("dsp", "conv2d_s8_s4"): 2,
    ("dsp", "dense_s8"): 4,
    ("dsp", "dense_s8_s4"): 4,
}
"""Rows that a variant multiplies at once, and whose words it therefore wants side by side."""


def laid_out(call: Call, kernel: Kernel) -> Call:
    """``call`` with its weights as ``kernel`` reads them (``hwk_weights.h``)."""
    group = _ROW_GROUPS.get((kernel.variant, kernel.name), 1)
    if group == 1:
        return call
    weights = call.descriptor.fields["weights"]
    assert isinstance(weights, Table)
    grouped = Table(weights.purpose, group_rows(weights.values, group))
    return replace(call, descriptor=Struct({**call.descriptor.fields, "weights": grouped}))
