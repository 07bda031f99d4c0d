"""Small networks that every target takes."""

from __future__ import annotations

import numpy as np

from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Dense, Rescale, Rounding
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
