"""A network with two inputs, three outputs and three states, for targets whose states the host
keeps: scales are powers of two, zero points 0."""

from __future__ import annotations

import numpy as np

from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Add, Clamp, Dense, Rescale, Rounding
from hwkit.ir.types import S8, S32, U8, IntType


def remembering() -> Graph:
    """A recurrent layer over ``x`` whose state is an output too, and a sum of ``late`` and of what
    it was two steps ago: of a delay whose state nothing but the next one reads."""
    rng = np.random.default_rng(3)
    b = GraphBuilder("remembering")
    b.input("x", (8,), S8)
    b.input("late", (4,), U8)
    initial = rng.integers(-128, 128, 4)
    b.state("hidden", initial, S8)
    b.state("one_ago", rng.integers(0, 256, 4), U8)
    b.state("two_ago", rng.integers(0, 256, 4), U8)
    s4 = IntType(4, True)
    b.constant("w", rng.integers(-8, 8, (4, 8)), s4)
    b.constant("u", rng.integers(-8, 8, (4, 4)), s4)
    b.add(Dense("from_x", "x", "w", None, "of_x"), S32)
    b.add(Dense("from_hidden", "hidden", "u", None, "of_hidden"), S32)
    into = Rescale((1,), (5,), Rounding.HALF_UP, -128, 127)
    b.add(Add("cell", ("of_x", "of_hidden"), "next_hidden", rescale=into), S8)
    b.add(Clamp("positive", "next_hidden", "y", 0, 127), S8)
    b.add(Add("sum", ("late", "two_ago"), "total"), S32)
    b.update("hidden", "next_hidden")
    b.update("one_ago", "late")
    b.update("two_ago", "one_ago")
    return b.build(["y", "next_hidden", "total"])
