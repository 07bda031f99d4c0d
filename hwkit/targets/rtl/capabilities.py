"""What the target computes exactly, in each style."""

from __future__ import annotations

from dataclasses import replace

from hwkit.boards import Board
from hwkit.ir.ops import (
    Add,
    ArgMax,
    AvgPool2d,
    Clamp,
    Concat,
    Constant,
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
    Slice,
    Softmax,
    Sub,
    SumPool2d,
    Transpose,
)
from hwkit.target import Capabilities
from hwkit.targets.rtl.plan import fpga
from hwkit.targets.rtl.rescaling import TARGET
from hwkit.targets.rtl.softmax import KINDS
from hwkit.targets.rtl.unrolled_trace import OPS

_ROUNDINGS = (Rounding.HALF_UP, Rounding.HALF_EVEN, Rounding.FLOOR, Rounding.DOUBLE)

CAPABILITIES = Capabilities(
    name=TARGET,
    ops=frozenset(
        {
            Add,
            ArgMax,
            AvgPool2d,
            Clamp,
            Concat,
            Constant,
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
            Slice,
            Softmax,
            Sub,
            SumPool2d,
            Transpose,
        }
    ),
    roundings={
        op: _ROUNDINGS
        for op in (
            Add,
            Conv2d,
            Dense,
            DepthwiseConv2d,
            Mul,
            Prelu,
            Requantize,
            Softmax,
            Sub,
            SumPool2d,
        )
    },
    weight_bits=tuple(range(1, 33)),
    activation_bits=tuple(range(1, 33)),
    signed_activations=False,
    most_inputs=None,
    most_outputs=None,
    states=True,
    softmax=KINDS,
)


def capabilities(board: Board) -> Capabilities:
    """Of the style of ``board``: unrolled, what only moves integers is wires."""
    if fpga(board).style == "unrolled":
        return replace(CAPABILITIES, ops=OPS)
    return CAPABILITIES
