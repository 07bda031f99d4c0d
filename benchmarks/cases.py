"""Single layers whose cost is counted: shapes that small networks are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.layers import ACTIVATION, SAME, SAME_STRIDED, Layers
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import AvgPool2d, MaxPool2d, Padding, Rounding, SumPool2d
from hwkit.ir.types import S8, Shape


@dataclass(frozen=True, slots=True)
class Case:
    """One layer; ``add`` puts it behind the input of ``shape`` and returns its output."""

    name: str
    shape: Shape
    add: Callable[[Layers, str], str]

    def graph(self, weight_bits: int = 8, rounding: Rounding = Rounding.DOUBLE) -> Graph:
        """The layer alone; the same seed and so the same integers every time."""
        b = GraphBuilder(self.name.replace(" ", "_"))
        layers = Layers(b, weight_bits=weight_bits, rounding=rounding)
        return b.build([self.add(layers, b.input("x", self.shape, S8, ACTIVATION))])


def _max_pool(n: Layers, x: str) -> str:
    return n.b.add(MaxPool2d("pool", x, "y", (2, 2), (2, 2)), S8, ACTIVATION)


def _avg_pool(n: Layers, x: str) -> str:
    op = AvgPool2d("pool", x, "y", (2, 2), (2, 2), Padding(), -128, 127)
    return n.b.add(op, S8, ACTIVATION)


def _sum_pool(n: Layers, x: str) -> str:
    op = SumPool2d("pool", x, "y", (2, 2), (2, 2), input_zero_point=-128, rescale=n.rescale(4, 1))
    return n.b.add(op, S8, ACTIVATION)


MATRIX = (
    Case("conv 3x3 16 to 16", (32, 32, 16), lambda n, x: n.conv(x, "layer", 16, 3, 1, SAME)),
    Case("conv 1x1 64 to 64", (16, 16, 64), lambda n, x: n.conv(x, "layer", 64, 1)),
    Case("depthwise 3x3 64", (48, 48, 64), lambda n, x: n.depthwise(x, "layer", 3, 1, SAME)),
    Case("dense 640 to 128", (640,), lambda n, x: n.dense(x, "layer", 128, multipliers=128)),
    Case(
        "first conv 3x3 stride 2 3 to 8",
        (96, 96, 3),
        lambda n, x: n.conv(x, "layer", 8, 3, 2, SAME_STRIDED),
    ),
)
"""Layers with weights; every one rescales per channel."""

ELEMENTWISE = (
    Case("add", (32, 32, 16), lambda n, x: n.add("add", x, x)),
    Case("average pool 2x2", (32, 32, 16), _avg_pool),
    Case("max pool 2x2", (32, 32, 16), _max_pool),
    Case("sum pool 2x2", (32, 32, 16), _sum_pool),
)
"""Layers without weights."""
