"""A network of each benchmark's sizes, as small as they allow, and a board quickly timed."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from hwkit import resources
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Dense, Rescale, Rounding
from hwkit.ir.types import S8, Quantization

CLOCK_HZ = 20_000
"""Of the board: ten of its seconds are 200,000 cycles."""


def dense(elements: int, outputs: int, scale: float = 2.0**-8, zero_point: int = -128) -> Graph:
    """s8 (elements,) to s8 (outputs,), on the grid of a softmax's outputs unless told otherwise."""
    rng = np.random.default_rng(elements)
    b = GraphBuilder("small")
    b.input("x", (elements,), S8, quantization=Quantization((0.4,), 5))
    weight = b.constant("w", rng.integers(-2, 3, (outputs, elements)), S8)
    rescale = Rescale((1 << 30,), (34,), Rounding.HALF_UP, -128, 127, -3)
    b.add(
        Dense("dense", "x", weight, None, "y", 5, rescale=rescale),
        S8,
        quantization=Quantization((scale,), zero_point),
    )
    return b.build(["y"])


def slow_board(folder: Path) -> str:
    """virtual_m4 at ``CLOCK_HZ``, as a board file."""
    text = (resources.folder("boards") / "virtual_m4.toml").read_text()
    text = text.replace('name = "virtual_m4"', 'name = "slow_m4"')
    text, count = re.subn(r"clock_hz = [\d_]+", f"clock_hz = {CLOCK_HZ}", text)
    assert count == 1
    path = folder / "slow_m4.toml"
    path.write_text(text)
    return str(path)
