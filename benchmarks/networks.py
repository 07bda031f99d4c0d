"""Networks that the benchmarks time: shapes of published ones, weights at random."""

from __future__ import annotations

import numpy as np

from benchmarks.layers import ACTIVATION, SAME, SAME_STRIDED, Layers
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
    SumPool2d,
)
from hwkit.ir.types import S8, S32, U8, IntType, Quantization

_SIGNED = Quantization((0.1,), 0)


def resnet8() -> Graph:
    """The image-classification network of MLPerf Tiny: 32x32x3, three residual stages of 16, 32
    and 64 channels, 12.5 million MACs; TFLM's arithmetic."""
    b = GraphBuilder("resnet8")
    n = Layers(b)
    x = n.conv(b.input("image", (32, 32, 3), S8, ACTIVATION), "stem", 16, 3, 1, SAME)
    y = n.conv(n.conv(x, "s1a", 16, 3, 1, SAME), "s1b", 16, 3, 1, SAME)
    x = n.add("s1", x, y)
    for stage, channels in (("s2", 32), ("s3", 64)):
        y = n.conv(x, f"{stage}a", channels, 3, 2, SAME_STRIDED)
        y = n.conv(y, f"{stage}b", channels, 3, 1, SAME)
        skip = n.conv(x, f"{stage}skip", channels, 1, 2)
        x = n.add(stage, y, skip)
    x = b.add(AvgPool2d("pool", x, "pool.y", (8, 8), (8, 8), Padding(), -128, 127), S8, ACTIVATION)
    x = b.add(Reshape("flat", x, "flat.y"), S8, ACTIVATION, (64,))
    x = _logits(n, x, 10, 0.002)
    op = Softmax("softmax", x, "probabilities", 0.1, SoftmaxKind.FIXED)
    return b.build([b.add(op, S8, Quantization((1 / 256,), -128))])


def resnet8_low_bits(*, real_scales: bool = False) -> Graph:
    """``resnet8`` as an FPGA would have it: 4-bit activations, 3-bit weights (4 in the first and
    last layer), shifts for rescales, its logits for output. With ``real_scales`` as it comes from
    PyTorch: multipliers of 30 bits, biases that are no whole steps of a sum, half to even."""
    b = GraphBuilder("resnet8_real_scales" if real_scales else "resnet8_low_bits")
    rng, scales = np.random.default_rng(0), np.random.default_rng(1)
    u4 = IntType(4, False)

    def shifted(by: int, dtype: IntType = u4) -> Rescale:
        if not real_scales:
            return Rescale((1,), (by,), Rounding.HALF_UP, dtype.low, dtype.high)
        multiplier, offset = (int(v) for v in scales.integers(7 << 26, 9 << 26, 2))
        shift, fraction = by + 29, (offset % multiplier,)
        halves = Rounding.HALF_EVEN
        return Rescale((multiplier,), (shift,), halves, dtype.low, dtype.high, offset=fraction)

    def conv(x: str, name: str, out: int, kernel: int, stride: int, bits: int = 3) -> str:
        shape = (out, kernel, kernel, b.shape(x)[2])
        low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
        b.constant(f"{name}.w", rng.integers(low, high + 1, shape), IntType(bits, True))
        b.constant(f"{name}.b", rng.integers(-40, 41, out), S32)
        pad = SAME if kernel == 3 else Padding()
        shift = 8 if name == "stem" else 5
        operands = (name, x, f"{name}.w", f"{name}.b", f"{name}.y", (stride, stride), pad)
        return b.add(Conv2d(*operands, rescale=shifted(shift)), u4)

    x = conv(b.input("image", (32, 32, 3), U8), "stem", 16, 3, 1, 4)
    for stage, (channels, stride) in enumerate(((16, 1), (32, 2), (64, 2))):
        y = conv(conv(x, f"s{stage}a", channels, 3, stride), f"s{stage}b", channels, 3, 1)
        if stride > 1:
            x = conv(x, f"s{stage}skip", channels, 1, stride)
        x = b.add(Add(f"s{stage}", (x, y), f"s{stage}.y", rescale=shifted(1)), u4)
    x = b.add(SumPool2d("pool", x, "pool.y", (8, 8), (8, 8), rescale=shifted(6)), u4)
    x = b.add(Reshape("flat", x, "flat.y"), u4, shape=(64,))
    b.constant("fc.w", rng.integers(-8, 8, (10, 64)), IntType(4, True))
    return b.build([b.add(Dense("fc", x, "fc.w", None, "fc.y", rescale=shifted(3, S8)), S8)])


def autoencoder() -> Graph:
    """The anomaly-detection network of MLPerf Tiny: ten dense layers, 640 features down to 8 and
    up again, 264,192 MACs; TFLM's arithmetic."""
    b = GraphBuilder("autoencoder")
    n = Layers(b)
    x = b.input("features", (640,), S8, ACTIVATION)
    for k, width in enumerate((128, 128, 128, 128, 8, 128, 128, 128, 128)):
        x = n.dense(x, f"fc{k}", width)
    return b.build([_logits(n, x, 640, 0.0015)])


def _logits(n: Layers, x: str, out: int, ratio: float) -> str:
    """A dense layer without ReLU or bias."""
    b = n.b
    b.constant("fc.w", n.rng.integers(-127, 128, (out, b.shape(x)[-1])), S8)
    multiplier, shift = quantize_multiplier(ratio)
    r = Rescale((multiplier,), (shift,), Rounding.DOUBLE, -128, 127)
    return b.add(Dense("fc", x, "fc.w", None, "fc.y", -128, rescale=r), S8, _SIGNED)
