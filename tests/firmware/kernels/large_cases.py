"""Layers so large that packed forms compute them in several steps, or unpack their weights in
several tiles, each with a last one that is smaller."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.ops import (
    Add,
    Clamp,
    Concat,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Lookup,
    Op,
    Pad,
    Padding,
    Requantize,
    Rescale,
    Rounding,
    Slice,
    Transpose,
)
from hwkit.ir.types import S8, S32, IntType
from tests.firmware.kernels.examples import Example, Examples

S1, S2, S4 = (IntType(bits, True) for bits in (1, 2, 4))
_SAMPLES = 3


class Layers(Examples):
    """Each of ``graphs`` with a few samples: drawn by a fixed seed, not by Hypothesis."""

    def __init__(self, graphs: Sequence[Graph]) -> None:
        self._each = graphs

    def _for_each(self, use: Callable[[Example], None]) -> None:
        rng = np.random.default_rng(3)
        for graph in self._each:
            for _ in range(_SAMPLES):
                x = {}
                for name in graph.inputs:
                    tensor = graph.tensors[name]
                    low, high = tensor.dtype.low, tensor.dtype.high
                    if tensor.dtype == S32:
                        low, high = low // 4, high // 4
                    x[name] = rng.integers(low, high + 1, tensor.shape).astype(
                        tensor.dtype.container
                    )
                y = run(graph, {name: value[None] for name, value in x.items()})["y"][0]
                use(Example(graph, x, y))


def rescale(channels: int, most: int, to: IntType, rounding: Rounding) -> Rescale:
    """Integers up to ``most`` to all of ``to``, by channels; with offsets unless it is double."""
    rng = np.random.default_rng(channels)
    multipliers = tuple(rng.integers(1 << 30, (1 << 31) - 1, channels).tolist())
    shifts = tuple((most.bit_length() + 31 - to.bits + rng.integers(0, 2, channels)).tolist())
    r = Rescale(multipliers, shifts, rounding, to.low, to.high, 0)
    if rounding is Rounding.DOUBLE:
        return r
    steps = rng.integers(-1, 2, channels) << min(shifts)
    return replace(r, offset=tuple(steps.tolist()))


def layer(
    op: Op,
    to: IntType,
    constants: Sequence[tuple[str, np.ndarray, IntType]] = (),
    **inputs: tuple[tuple[int, ...], IntType],
) -> Graph:
    """One op; an input is its shape and its type."""
    b = GraphBuilder(type(op).__name__.lower())
    for name, (shape, dtype) in inputs.items():
        b.input(name, shape, dtype)
    for constant in constants:
        b.constant(*constant)
    b.add(op, to)
    return b.build(["y"])


def weights(shape: tuple[int, ...], bits: int) -> np.ndarray:
    rng = np.random.default_rng(bits)
    return rng.integers(-(1 << (bits - 1)), 1 << (bits - 1), shape)


def biases(outputs: int) -> tuple[str, np.ndarray, IntType]:
    return "b", np.random.default_rng(outputs).integers(-90, 91, outputs), S32


def elements() -> list[Graph]:
    shape, steep = (9, 12), rescale(12, 1 << 29, S4, Rounding.HALF_UP)
    table = np.random.default_rng(5).integers(-2, 2, 16)
    sums = rescale(12, 9, S4, Rounding.DOUBLE)
    return [
        layer(Requantize("op", "x", "y", steep), S4, x=(shape, S32)),
        layer(Add("op", ("x", "z"), "y", (1, -1), rescale=sums), S4, x=(shape, S4), z=(shape, S2)),
        layer(Clamp("op", "x", "y", -5, 3), S4, x=((10, 11), S4)),
        layer(Clamp("op", "x", "y", -1, 1), S2, x=((10, 13), S2)),
        layer(Lookup("op", "x", "t", "y"), S2, [("t", table, S2)], x=((10, 11), S4)),
    ]


def moves() -> list[Graph]:
    pad = Padding(1, 2, 3, 1)
    return [
        layer(Pad("op", "x", "y", pad, -3), S4, x=((5, 6, 7), S4)),
        layer(Pad("op", "x", "y", pad, 1), S2, x=((5, 6, 8), S2)),
        layer(Concat("op", ("x", "z"), "y", 2), S4, x=((4, 5, 16), S4), z=((4, 5, 8), S4)),
        layer(Concat("op", ("x", "z"), "y", 0), S2, x=((3, 5, 7), S2), z=((4, 5, 7), S2)),
    ]


def turns() -> list[Graph]:
    part = Slice("op", "x", "y", (1, 8, 2), (5, 4, 8), (1, -2, 1))
    return [
        layer(part, S4, x=((6, 9, 10), S4)),
        layer(Slice("op", "x", "y", (2, 3), (9, 8), (1, 1)), S1, x=((12, 12), S1)),
        layer(Transpose("op", "x", "y", (2, 0, 1)), S2, x=((6, 5, 8), S2)),
    ]


def dense() -> list[Graph]:
    """Tiles of eight features; three rows."""
    op = Dense("op", "x", "w", "b", "y", 1)
    found = []
    for bits, to, rounding in (
        (1, S4, Rounding.HALF_UP),
        (2, S8, Rounding.DOUBLE),
        (4, S4, Rounding.HALF_EVEN),
    ):
        outputs = 16 + bits
        r = rescale(outputs, 255 << bits, to, rounding)
        constants = [("w", weights((outputs, 200 + bits), bits), IntType(bits, True))]
        op = Dense("op", "x", "w", "b", "y", 1, rescale=r)
        found.append(layer(op, to, [*constants, biases(outputs)], x=((3, 200 + bits), S4)))
    return found


def window() -> list[Graph]:
    """Bands of two rows and more, convolutions in tiles of eight channels."""
    found = []
    same = Padding(1, 1, 1, 1)
    for bits, source, to in ((2, S4, S4), (4, S2, S8), (1, S1, S1), (8, S4, S4)):
        outputs = 8 + bits
        # Of bytes as the fastest kernels want them, which clamp to the whole of int8.
        r = rescale(outputs, 200 << bits, to, Rounding.DOUBLE if bits == 8 else Rounding.HALF_UP)
        values = np.maximum(weights((outputs, 3, 3, 16), bits), -127)
        constants = [("w", values, IntType(bits, True))]
        op = Conv2d("op", "x", "w", "b", "y", (1, 1), same, (1, 1), -1, rescale=r)
        found.append(layer(op, to, [*constants, biases(outputs)], x=((11, 9, 16), source)))
    for bits, source, to in ((2, S4, S4), (4, S2, S2)):
        r = rescale(6, 10 << bits, to, Rounding.HALF_UP)
        constants = [("w", weights((1, 3, 3, 6), bits), IntType(bits, True))]
        down = DepthwiseConv2d("op", "x", "w", "b", "y", (2, 1), same, (1, 1), 1, rescale=r)
        found.append(layer(down, to, [*constants, biases(6)], x=((13, 7, 6), source)))
    return found


GRAPHS = {
    "large_elements": elements,
    "large_moves": moves,
    "large_turns": turns,
    "large_dense": dense,
    "large_windows": window,
}
EXAMPLES = {name: Layers(graphs()) for name, graphs in GRAPHS.items()}
