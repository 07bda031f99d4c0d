"""Small networks that every target takes."""

from __future__ import annotations

import numpy as np

from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Add, Conv2d, Dense, MaxPool2d, Padding, Rescale, Rounding
from hwkit.ir.types import S8, Quantization


def dense() -> Graph:
    """s8 (6,) to s8 (3,): one dense layer in powers of two."""
    b = GraphBuilder("dense")
    b.input("x", (6,), S8, Quantization((1 / 16,)))
    weight = np.random.default_rng(1).integers(-100, 100, (3, 6))
    b.constant("w", weight, S8, Quantization((1 / 64,)))
    scaled = Rescale((1,), (8,), Rounding.HALF_UP, -128, 127)
    b.add(Dense("fc", "x", "w", None, "y", rescale=scaled), S8, Quantization((1 / 4,)))
    return b.build(["y"])


def stream() -> Graph:
    """Two inputs, three outputs, two states, in powers of two: a convolution, its value one step
    ago beside the second input, and a sum that forgets by half."""
    b = GraphBuilder("stream")
    rng = np.random.default_rng(2)
    fine = Quantization((1 / 16,))
    b.input("x", (6, 6, 2), S8, fine)
    b.input("skip", (6, 6, 2), S8, fine)
    b.state("last", rng.integers(-128, 128, (6, 6, 2)), S8, fine)
    b.state("total", rng.integers(-128, 128, (6, 6, 2)), S8, fine)
    b.constant("w", rng.integers(-100, 100, (2, 3, 3, 2)), S8, Quantization((1 / 64,)))
    scaled = Rescale((1,), (6,), Rounding.HALF_EVEN, -128, 127)
    conv = Conv2d("conv", "x", "w", None, "c", padding=Padding(1, 1, 1, 1), rescale=scaled)
    b.add(conv, S8, fine)
    halved = Rescale((1,), (1,), Rounding.HALF_EVEN, -128, 127)
    b.add(Add("beside", ("last", "skip"), "y", (0, 0), rescale=halved), S8, Quantization((1 / 8,)))
    b.add(Add("sum", ("total", "c"), "sum_out", (0, 0), rescale=halved), S8, fine)
    b.add(MaxPool2d("pool", "sum_out", "most", (2, 2), (2, 2)), S8, fine)
    b.update("last", "c")
    b.update("total", "sum_out")
    return b.build(["y", "most", "c"])
