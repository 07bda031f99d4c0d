"""What the target computes exactly."""

from __future__ import annotations

from hwkit.ir.ops import (
    Add,
    AvgPool2d,
    Clamp,
    Concat,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Lookup,
    MaxPool2d,
    Mul,
    Pad,
    Prelu,
    Requantize,
    Reshape,
    ResizeNearest,
    Rounding,
    Sub,
    SumPool2d,
    Transpose,
)
from hwkit.target import Capabilities
from hwkit.targets.hls4ml.dyadic import TARGET

_ROUNDINGS = (Rounding.HALF_EVEN, Rounding.HALF_UP, Rounding.FLOOR)

CAPABILITIES = Capabilities(
    name=TARGET,
    ops=frozenset(
        {
            Add,
            AvgPool2d,
            Clamp,
            Concat,
            Conv2d,
            Dense,
            DepthwiseConv2d,
            Lookup,
            MaxPool2d,
            Mul,
            Pad,
            Prelu,
            Requantize,
            Reshape,
            ResizeNearest,
            Sub,
            SumPool2d,
            Transpose,
        }
    ),
    roundings={
        op: _ROUNDINGS
        for op in (Add, Conv2d, Dense, DepthwiseConv2d, Mul, Prelu, Requantize, Sub, SumPool2d)
    },
    weight_bits=tuple(range(1, 17)),
    activation_bits=tuple(range(1, 33)),
    signed_activations=False,
    most_inputs=None,
    most_outputs=None,
    states=True,
)
