"""Layers with seeded random weights, and rescales that keep their outputs from all being alike."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from hwkit.ir.arith import quantize_multiplier
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.ops import (
    NO_PADDING,
    Add,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Padding,
    Rescale,
    Rounding,
)
from hwkit.ir.types import S8, S32, IntType, Quantization, Shape

ACTIVATION = Quantization((0.05,), -128)
"""Behind a ReLU: -128 is zero."""

SAME = Padding(1, 1, 1, 1)
"""TFLite's padding of a 3x3 window at stride 1."""

SAME_STRIDED = Padding(0, 1, 0, 1)
"""The same at stride 2 over an even size."""


@dataclass
class Layers:
    """Adds layers to ``b``; each method returns the name of its output, s8 with zero point -128.

    Convolutions have a multiplier for each channel.
    """

    b: GraphBuilder
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))
    weight_bits: int = 8
    rounding: Rounding = Rounding.DOUBLE

    def conv(
        self, x: str, name: str, out: int, kernel: int, stride: int = 1, pad: Padding = NO_PADDING
    ) -> str:
        """``out`` channels by ``kernel`` x ``kernel``."""
        channels = self.b.shape(x)[2]
        weight, bias = self._weights(name, (out, kernel, kernel, channels), out)
        op = Conv2d(
            name,
            x,
            weight,
            bias,
            f"{name}.y",
            (stride, stride),
            pad,
            input_zero_point=-128,
            rescale=self.rescale(kernel * kernel * channels, out),
        )
        return self.b.add(op, S8, ACTIVATION)

    def depthwise(
        self,
        x: str,
        name: str,
        kernel: int | tuple[int, int],
        stride: int = 1,
        pad: Padding = NO_PADDING,
    ) -> str:
        """One filter of ``kernel`` x ``kernel``, or of so many rows and columns, for each
        channel."""
        rows, columns = (kernel, kernel) if isinstance(kernel, int) else kernel
        channels = self.b.shape(x)[2]
        weight, bias = self._weights(name, (1, rows, columns, channels), channels)
        op = DepthwiseConv2d(
            name,
            x,
            weight,
            bias,
            f"{name}.y",
            (stride, stride),
            pad,
            input_zero_point=-128,
            rescale=self.rescale(rows * columns, channels),
        )
        return self.b.add(op, S8, ACTIVATION)

    def dense(self, x: str, name: str, out: int, multipliers: int = 1) -> str:
        """``out`` features; ``multipliers`` is 1, or ``out`` for a rescale per channel."""
        features = self.b.shape(x)[-1]
        weight, bias = self._weights(name, (out, features), out)
        r = self.rescale(features, multipliers)
        op = Dense(name, x, weight, bias, f"{name}.y", -128, rescale=r)
        return self.b.add(op, S8, ACTIVATION)

    def add(self, name: str, x: str, y: str) -> str:
        """The sum of two maps, in TFLite's three rescales: half the wider of the scales, less of
        the other. (Of equal scales a compiler may see that the mean of a map and itself is the
        map.)"""
        wide = 1 << 30
        half = Rescale((1 << 30,), (31,), self.rounding, -wide, wide, 0, 20)
        less = Rescale((1_833_481_057,), (32,), self.rounding, -wide, wide, 0, 20)
        out = Rescale((1_201_763_209,), (50,), self.rounding, -128, 127, -128)
        op = Add(name, (x, y), f"{name}.y", (-128, -128), (half, less), rescale=out)
        return self.b.add(op, S8, ACTIVATION)

    def rescale(self, taps: int, channels: int) -> Rescale:
        """``channels`` multipliers for sums of ``taps`` products."""
        spread = self.rng.uniform(0.5, 1.5, channels) * 2 ** (8 - self.weight_bits)
        pairs = [quantize_multiplier(float(s) / (40 * taps**0.5)) for s in spread]
        multiplier, shift = zip(*pairs, strict=True)
        return Rescale(multiplier, shift, self.rounding, -128, 127, -128)

    def _weights(self, name: str, shape: Shape, out: int) -> tuple[str, str]:
        width = IntType(self.weight_bits, True)
        weight = self.rng.integers(width.low + 1, width.high + 1, shape)
        self.b.constant(f"{name}.w", weight, width)
        self.b.constant(f"{name}.b", self.rng.integers(-999, 999, out), S32)
        return f"{name}.w", f"{name}.b"
