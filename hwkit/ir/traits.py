"""What ops have in common: a pass or a target asks for the trait, and lists no classes itself.

Each is a union, for ``isinstance`` and for the type checker.
"""

from __future__ import annotations

from hwkit.ir.ops import (
    Add,
    AvgPool2d,
    Clamp,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Lookup,
    MatMul,
    MaxPool2d,
    Mul,
    Prelu,
    Requantize,
    Reshape,
    Sub,
    SumPool2d,
)

Weighted = Conv2d | DepthwiseConv2d | Dense
"""Sums of an activation times constant weights (outputs first but for depthwise, see there), with
``weight``, ``bias`` and ``input_zero_point``."""

Pairwise = Add | Sub | Mul
"""Two activations become one, position by position: ``inputs`` and ``input_zero_points``."""

Binary = Pairwise | MatMul
"""Two activations, each with its zero point: ``inputs`` and ``input_zero_points``."""

Accumulating = Weighted | Binary | SumPool2d
"""Ops that sum in ``accumulator_bits`` and end in ``rescale``, or in the sum itself."""

Windowed = Conv2d | DepthwiseConv2d | SumPool2d | AvgPool2d | MaxPool2d
"""Ops with a ``stride`` and ``padding``, each output position of which reads a window of a map."""

InPlace = Pairwise | Requantize | Clamp | Lookup | Prelu | Reshape
"""Ops whose output may lie over an input: each integer of it depends on the input integers at its
own position alone."""
