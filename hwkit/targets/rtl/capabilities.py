"""What the target computes exactly."""

from __future__ import annotations

from hwkit.ir.ops import (
    Add,
    AvgPool2d,
    Clamp,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Lookup,
    MaxPool2d,
    Pad,
    Requantize,
    Reshape,
    Rounding,
    Sub,
    SumPool2d,
)
from hwkit.target import Capabilities
from hwkit.targets.rtl.rescaling import TARGET

_ROUNDINGS = (Rounding.HALF_UP, Rounding.HALF_EVEN, Rounding.FLOOR, Rounding.DOUBLE)

CAPABILITIES = Capabilities(
    name=TARGET,
    ops=frozenset(
        {
            Add,
            AvgPool2d,
            Clamp,
            Conv2d,
            Dense,
            DepthwiseConv2d,
            Lookup,
            MaxPool2d,
            Pad,
            Requantize,
            Reshape,
            Sub,
            SumPool2d,
        }
    ),
    roundings={
        op: _ROUNDINGS for op in (Add, Conv2d, Dense, DepthwiseConv2d, Requantize, Sub, SumPool2d)
    },
    weight_bits=tuple(range(1, 33)),
    activation_bits=tuple(range(1, 33)),
    signed_activations=False,
)
