"""Single layers whose cost is counted: shapes that small networks are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.layers import ACTIVATION, SAME, SAME_STRIDED, Layers
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    AvgPool2d,
    Clamp,
    Lookup,
    MaxPool2d,
    Padding,
    Rounding,
    Softmax,
    SoftmaxKind,
    SumPool2d,
)
from hwkit.ir.types import S8, Quantization, Shape

VARIANTS = ((8, Rounding.DOUBLE), (8, Rounding.HALF_UP), (4, Rounding.DOUBLE))
"""Weight bits and rounding: that of .tflite files (double), and of QONNX with float scales."""


@dataclass(frozen=True, slots=True)
class Case:
    """A layer; ``add`` puts it behind the input of ``shape`` and returns its output. A layer
    before it may make its second operand: what counts is the last one."""

    name: str
    shape: Shape
    add: Callable[[Layers, str], str]
    variants: tuple[tuple[int, Rounding], ...] = VARIANTS

    def graph(self, weight_bits: int = 8, rounding: Rounding = Rounding.DOUBLE) -> Graph:
        """The same seed and so the same integers every time."""
        b = GraphBuilder(self.name.replace(" ", "_"))
        layers = Layers(b, weight_bits=weight_bits, rounding=rounding)
        return b.build([self.add(layers, b.input("x", self.shape, S8, ACTIVATION))])


def _add(n: Layers, x: str) -> str:
    clamped = n.b.add(Clamp("clamp", x, "clamped", -100, 100), S8, ACTIVATION)
    return n.add("add", x, clamped)


def _max_pool(n: Layers, x: str) -> str:
    return n.b.add(MaxPool2d("pool", x, "y", (2, 2), (2, 2)), S8, ACTIVATION)


def _avg_pool(n: Layers, x: str) -> str:
    op = AvgPool2d("pool", x, "y", (2, 2), (2, 2), Padding(), -128, 127)
    return n.b.add(op, S8, ACTIVATION)


def _sum_pool(n: Layers, x: str) -> str:
    op = SumPool2d("pool", x, "y", (2, 2), (2, 2), input_zero_point=-128, rescale=n.rescale(4, 1))
    return n.b.add(op, S8, ACTIVATION)


def _lookup(n: Layers, x: str) -> str:
    n.b.constant("table", n.rng.integers(-128, 128, 256), S8)
    return n.b.add(Lookup("lookup", x, "table", "y"), S8, ACTIVATION)


def _softmax(n: Layers, x: str) -> str:
    op = Softmax("softmax", x, "y", 0.01, SoftmaxKind.FIXED)
    return n.b.add(op, S8, Quantization((1 / 256,), -128))


def _depthwise(shape: Shape, variants: tuple[tuple[int, Rounding], ...] = VARIANTS[:1]) -> Case:
    """3x3 at stride 1. No kernel has packed depthwise weights, so their width changes nothing."""
    name = f"depthwise 3x3 {shape[2]}"
    return Case(name, shape, lambda n, x: n.depthwise(x, "layer", 3, 1, SAME), variants)


MATRIX = (
    Case("conv 3x3 16 to 16", (32, 32, 16), lambda n, x: n.conv(x, "layer", 16, 3, 1, SAME)),
    Case("conv 1x1 64 to 64", (16, 16, 64), lambda n, x: n.conv(x, "layer", 64, 1)),
    _depthwise((48, 48, 64), VARIANTS[:2]),
    Case("dense 640 to 128", (640,), lambda n, x: n.dense(x, "layer", 128, multipliers=128)),
    Case(
        "first conv 3x3 stride 2 3 to 8",
        (96, 96, 3),
        lambda n, x: n.conv(x, "layer", 8, 3, 2, SAME_STRIDED),
    ),
    _depthwise((25, 5, 64)),
    _depthwise((12, 12, 64)),
    _depthwise((6, 6, 128)),
    _depthwise((3, 3, 256)),
    Case(
        "depthwise 3x3 stride 2 64",
        (12, 12, 64),
        lambda n, x: n.depthwise(x, "layer", 3, 2, SAME_STRIDED),
        VARIANTS[:1],
    ),
)
"""Layers with weights; every one rescales per channel. The depthwise maps get narrower as they do
in MobileNetV1 of person detection; 25x5x64 is that of keyword spotting."""

ELEMENTWISE = (
    Case("add", (32, 32, 16), _add),
    Case("average pool 2x2", (32, 32, 16), _avg_pool),
    Case("max pool 2x2", (32, 32, 16), _max_pool),
    Case("sum pool 2x2", (32, 32, 16), _sum_pool),
    Case("lookup", (32, 32, 16), _lookup),
    Case("softmax", (12,), _softmax),
)
"""Layers without weights."""
