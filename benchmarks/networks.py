"""Networks that the benchmarks time: shapes of published ones, weights at random."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from hwkit.ir.arith import quantize_multiplier
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    Add,
    AvgPool2d,
    Conv2d,
    Dense,
    Padding,
    Rescale,
    Reshape,
    Rounding,
    Softmax,
    SoftmaxKind,
)
from hwkit.ir.types import S8, S32, IntType, Quantization

_SAME = Padding(1, 1, 1, 1)
_STRIDED = Padding(0, 1, 0, 1)
_ACTIVATION = Quantization((0.05,), -128)


@dataclass
class _Layers:
    """Adds layers with seeded random weights and multipliers that keep values in range."""

    b: GraphBuilder
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))
    weight_bits: int = 8

    def rescale(self, taps: int, channels: int) -> Rescale:
        spread = self.rng.uniform(0.5, 1.5, channels) * 2 ** (8 - self.weight_bits)
        pairs = [quantize_multiplier(float(s) / (40 * taps**0.5)) for s in spread]
        multiplier, shift = zip(*pairs, strict=True)
        return Rescale(multiplier, shift, Rounding.DOUBLE, -128, 127, -128)

    def conv(self, x: str, name: str, out: int, kernel: int, stride: int, pad: Padding) -> str:
        channels = self.b.shape(x)[2]
        width = IntType(self.weight_bits, True)
        weight = self.rng.integers(width.low + 1, width.high + 1, (out, kernel, kernel, channels))
        self.b.constant(f"{name}.w", weight, width)
        self.b.constant(f"{name}.b", self.rng.integers(-999, 999, out), S32)
        r = self.rescale(kernel * kernel * channels, out)
        op = Conv2d(
            name,
            x,
            f"{name}.w",
            f"{name}.b",
            f"{name}.y",
            (stride, stride),
            pad,
            input_zero_point=-128,
            rescale=r,
        )
        return self.b.add(op, S8, _ACTIVATION)

    def residual(self, name: str, x: str, y: str) -> str:
        wide = 1 << 30
        half = Rescale((1 << 30,), (31,), Rounding.DOUBLE, -wide, wide, 0, 20)
        out = Rescale((1 << 30,), (50,), Rounding.DOUBLE, -128, 127, -128)
        op = Add(name, (x, y), f"{name}.y", (-128, -128), (half, half), rescale=out)
        return self.b.add(op, S8, _ACTIVATION)


def resnet8() -> Graph:
    """The image-classification network of MLPerf Tiny: 32x32x3, three residual stages of 16, 32
    and 64 channels, 12.5 million MACs; TFLM's arithmetic."""
    b = GraphBuilder("resnet8")
    n = _Layers(b)
    x = n.conv(b.input("image", (32, 32, 3), S8, _ACTIVATION), "stem", 16, 3, 1, _SAME)
    y = n.conv(n.conv(x, "s1a", 16, 3, 1, _SAME), "s1b", 16, 3, 1, _SAME)
    x = n.residual("s1", x, y)
    for stage, channels in (("s2", 32), ("s3", 64)):
        y = n.conv(x, f"{stage}a", channels, 3, 2, _STRIDED)
        y = n.conv(y, f"{stage}b", channels, 3, 1, _SAME)
        skip = n.conv(x, f"{stage}skip", channels, 1, 2, Padding())
        x = n.residual(stage, y, skip)
    x = b.add(AvgPool2d("pool", x, "pool.y", (8, 8), (8, 8), Padding(), -128, 127), S8, _ACTIVATION)
    x = b.add(Reshape("flat", x, "flat.y"), S8, _ACTIVATION, (64,))
    b.constant("fc.w", n.rng.integers(-127, 128, (10, 64)), S8)
    logits = Quantization((0.1,), 0)
    r = Rescale(*((v,) for v in quantize_multiplier(0.002)), Rounding.DOUBLE, -128, 127)
    x = b.add(Dense("fc", x, "fc.w", None, "fc.y", -128, rescale=r), S8, logits)
    op = Softmax("softmax", x, "probabilities", 0.1, SoftmaxKind.FIXED)
    return b.build([b.add(op, S8, Quantization((1 / 256,), -128))])
