"""Networks that the benchmarks time: shapes of published ones, weights at random."""

from __future__ import annotations

from benchmarks.layers import ACTIVATION, SAME, SAME_STRIDED, Layers
from hwkit.ir.arith import quantize_multiplier
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import AvgPool2d, Dense, Padding, Rescale, Reshape, Rounding, Softmax, SoftmaxKind
from hwkit.ir.types import S8, Quantization

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
