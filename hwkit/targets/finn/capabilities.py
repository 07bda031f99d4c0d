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
    SumPool2d,
)
from hwkit.target import Capabilities
from hwkit.targets.finn.graph import TARGET

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
            SumPool2d,
        }
    ),
    # Thresholds have no rounding of their own: they take any.
    roundings={
        op: tuple(Rounding) for op in (Add, Conv2d, Dense, DepthwiseConv2d, Requantize, SumPool2d)
    },
    weight_bits=tuple(range(1, 17)),
    activation_bits=tuple(range(1, 33)),
    signed_activations=False,
    most_inputs=None,
    most_outputs=None,
    states=True,
)
