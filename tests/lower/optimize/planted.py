"""Networks in which some channels hold one integer for every input, at known places."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    Add,
    AvgPool2d,
    Concat,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    MaxPool2d,
    Pad,
    Padding,
    Rescale,
    Reshape,
    Rounding,
)
from hwkit.ir.types import S8, S32, Array

LOW = -128
SAME = Padding(1, 1, 1, 1)
HUGE = 1 << 24
"""A bias that no sum of these small layers brings back inside the clamp."""


@dataclass
class Maker:
    """Draws layers; zero point -128, so that a channel stuck at -128 is 0 at borders too."""

    draw: st.DrawFn
    b: GraphBuilder
    rng: np.random.Generator

    def rescale(self, channels: int, taps: int) -> Rescale:
        ratios = 2.0 ** self.rng.uniform(-1, 1, channels) / (40 * np.sqrt(taps))
        multipliers = tuple(int(r * (1 << 34)) for r in ratios)
        rounding = self.draw(st.sampled_from([Rounding.HALF_UP, Rounding.HALF_EVEN]))
        return Rescale(multipliers, (34,) * channels, rounding, LOW, 127, LOW)

    def biases(self, channels: int, stuck: bool) -> Array:
        values = self.rng.integers(-2000, 2000, channels)
        if stuck:
            at = self.rng.random(channels) < 0.4
            values = np.where(at, self.rng.choice([HUGE, -HUGE], channels), values)
        return values

    def conv(self, x: str, outputs: int, kernel: int, padding: Padding, stuck: bool) -> str:
        name = f"conv{len(self.b.nodes)}"
        inputs = self.b.shape(x)[-1]
        self.b.constant(f"{name}_w", self.weights((outputs, kernel, kernel, inputs)), S8)
        self.b.constant(f"{name}_b", self.biases(outputs, stuck), S32)
        r = self.rescale(outputs, kernel * kernel * inputs)
        op = Conv2d(
            name, x, f"{name}_w", f"{name}_b", f"{name}_y",
            padding=padding, input_zero_point=LOW, rescale=r,
        )  # fmt: skip
        return self.b.add(op, S8)

    def depthwise(self, x: str, padding: Padding, times: int, stuck: bool) -> str:
        name = f"depthwise{len(self.b.nodes)}"
        outputs = self.b.shape(x)[-1] * times
        self.b.constant(f"{name}_w", self.weights((1, 3, 3, outputs)), S8)
        self.b.constant(f"{name}_b", self.biases(outputs, stuck), S32)
        op = DepthwiseConv2d(
            name, x, f"{name}_w", f"{name}_b", f"{name}_y",
            padding=padding, input_zero_point=LOW, rescale=self.rescale(outputs, 9),
        )  # fmt: skip
        return self.b.add(op, S8)

    def weights(self, shape: tuple[int, ...]) -> Array:
        values = self.rng.integers(-127, 128, shape)
        if self.draw(st.booleans()):  # channels that a layer multiplies by 0 are not needed
            values[..., self.rng.random(shape[-1]) < 0.2] = 0
        return values


@st.composite
def networks(draw: st.DrawFn) -> Graph:
    """conv, up to four layers of any kind, global pool, dense; some channels stuck."""
    b = GraphBuilder("planted")
    make = Maker(draw, b, np.random.default_rng(draw(st.integers(0, 2**32 - 1))))
    x = make.conv(b.input("x", (7, 6, 2), S8), draw(st.integers(2, 9)), 3, SAME, True)
    for _ in range(draw(st.integers(1, 4))):
        x = _layer(make, x)
    rows, columns, channels = b.shape(x)
    if draw(st.booleans()):
        x = b.add(AvgPool2d("pool", x, "pooled", (rows, columns), (1, 1), Padding(), LOW, 127), S8)
        rows = columns = 1
    flat = rows * columns * channels
    x = b.add(Reshape("flat", x, "features"), S8, shape=(flat,))
    b.constant("fc_w", make.weights((3, flat)), S8)
    b.constant("fc_b", make.biases(3, False), S32)
    dense = Dense("fc", x, "fc_w", "fc_b", "y", LOW, rescale=make.rescale(3, flat))
    return b.build([b.add(dense, S8)])


def _layer(make: Maker, x: str) -> str:
    b, draw = make.b, make.draw
    kind = draw(st.sampled_from(["1x1", "3x3", "depthwise", "branch", "residual", "max", "pad"]))
    padding = draw(st.sampled_from([Padding(), SAME, Padding(0, 1, 0, 1)]))
    if min(b.shape(x)[:2]) < 4:
        padding = SAME
    stuck = draw(st.booleans())
    match kind:
        case "1x1":
            return make.conv(x, draw(st.integers(1, 8)), 1, Padding(), stuck)
        case "3x3":
            return make.conv(x, draw(st.integers(1, 8)), 3, padding, stuck)
        case "depthwise":
            return make.depthwise(x, padding, draw(st.integers(1, 2)), stuck)
        case "branch":
            sides = (make.conv(x, 3, 1, Padding(), stuck), make.conv(x, 2, 3, SAME, True))
            return b.add(Concat(f"concat{len(b.nodes)}", sides, f"c{len(b.nodes)}", 2), S8)
        case "residual":
            other = make.conv(x, b.shape(x)[-1], 3, SAME, stuck)
            r = Rescale((1,), (1,), Rounding.HALF_UP, LOW, 127, LOW)
            name = f"add{len(b.nodes)}"
            return b.add(Add(name, (x, other), f"{name}_y", (LOW, LOW), rescale=r), S8)
        case "max":
            return b.add(MaxPool2d(f"max{len(b.nodes)}", x, f"m{len(b.nodes)}", (2, 2), (1, 1)), S8)
        case _:
            value = draw(st.sampled_from([LOW, 5]))
            op = Pad(f"pad{len(b.nodes)}", x, f"p{len(b.nodes)}", Padding(1, 0, 0, 1), value)
            return make.conv(b.add(op, S8), 4, 3, Padding(), stuck)
