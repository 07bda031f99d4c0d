"""Networks with several inputs and outputs and with states, each with a trap for memory plans."""

from __future__ import annotations

import numpy as np

from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    Add,
    Clamp,
    Concat,
    Conv2d,
    Dense,
    Padding,
    Requantize,
    Rescale,
    Reshape,
    Rounding,
    Slice,
)
from hwkit.ir.types import S8, S32, U8

EIGHTH = Rescale((1,), (3,), Rounding.HALF_UP, -128, 127)
FINER = Rescale((1,), (11,), Rounding.HALF_UP, -128, 127)


def borders() -> Graph:
    """Two inputs, three outputs, no state: a sum, an input itself, and the sum again."""
    b = GraphBuilder("borders")
    b.input("x", (4, 4, 2), S8)
    b.input("skip", (4, 4, 3), S8)
    rng = np.random.default_rng(1)
    b.constant("w", rng.integers(-128, 128, (3, 3, 3, 2)), S8)
    b.add(Conv2d("conv", "x", "w", None, "c", padding=Padding(1, 1, 1, 1), rescale=FINER), S8)
    b.add(Add("add", ("c", "skip"), "y", (0, 0), rescale=EIGHTH), S8)
    return b.build(["y", "x", "y"])


def ring() -> Graph:
    """A streaming convolution: the state holds the last two rows, and is written in place."""
    b = GraphBuilder("ring")
    b.input("row", (1, 6, 2), U8)
    b.input("gain", (5,), S8)
    rng = np.random.default_rng(2)
    b.state("rows", rng.integers(0, 256, (2, 6, 2)), U8)
    b.add(Concat("join", ("rows", "row"), "map", 0), U8)
    b.add(Slice("newest", "map", "next", (1, 0, 0), (2, 6, 2), (1, 1, 1)), U8)
    b.update("rows", "next")
    b.constant("w", rng.integers(-128, 128, (5, 3, 6, 2)), S8)
    b.add(Conv2d("conv", "map", "w", None, "sums", input_zero_point=3, rescale=FINER), S8)
    b.add(Reshape("flat", "sums", "features"), S8, shape=(5,))
    b.add(Add("scale", ("features", "gain"), "y", (0, 0), rescale=EIGHTH), S8)
    return b.build(["y", "next", "gain"])


def swapped() -> Graph:
    """Two states that change places, one that follows an input, one that stays; all are outputs,
    as they were when the inference began."""
    b = GraphBuilder("swapped")
    b.input("x", (3,), S8)
    b.input("other", (3,), S8)
    for k, name in enumerate("abcd"):
        b.state(name, np.full(3, 10 * k), S8)
    b.add(Clamp("clamp", "x", "y", -20, 50), S8)
    b.add(Reshape("alias", "a", "view"), S8, shape=(1, 3))
    for state, update in (("a", "b"), ("b", "a"), ("c", "other"), ("d", "d")):
        b.update(state, update)
    return b.build(["y", "a", "view", "c", "d", "b"])


def recurrent() -> Graph:
    """A recurrent cell: its next hidden value reads the present one, one update serves two states,
    and a sum of 32 bits runs on."""
    b = GraphBuilder("recurrent")
    b.input("x", (4,), S8)
    b.input("y", (4,), S8)
    rng = np.random.default_rng(3)
    b.state("hidden", rng.integers(-128, 128, 4), S8)
    b.state("delayed", np.zeros(4), S8)
    b.state("older", np.full(4, -7), S8)
    b.constant("w", rng.integers(-128, 128, (4, 12)), S8)
    b.add(Concat("join", ("x", "hidden", "y"), "all", 0), S8)
    b.add(Dense("fc", "all", "w", None, "next", rescale=FINER), S8)
    b.add(Add("residual", ("next", "delayed"), "mixed", (0, 0), rescale=EIGHTH), S8)
    b.add(Requantize("less", "mixed", "half", EIGHTH), S8)
    for state, update in (("hidden", "next"), ("delayed", "next"), ("older", "delayed")):
        b.update(state, update)
    return b.build(["half", "older", "next"])


def counter() -> Graph:
    """32-bit sums that run on, and are read before and after."""
    b = GraphBuilder("counter")
    b.input("x", (5,), S8)
    b.input("unused", (7,), S8)
    b.state("total", np.array([1 << 20, -5, 0, 7, -(1 << 20)]), S32)
    wide = Rescale((1,), (0,), Rounding.HALF_UP, -(2**31), 2**31 - 1)
    b.add(Requantize("widen", "x", "wide", wide), S32)
    b.add(Add("count", ("total", "wide"), "sum", (0, 0)), S32)
    b.update("total", "sum")
    return b.build(["sum", "total", "wide"])


def viewed() -> Graph:
    """A next value that is written in place, and an output that is a view of it."""
    b = GraphBuilder("viewed")
    b.input("x", (2, 3), S8)
    b.input("other", (2, 3), S8)
    b.state("last", np.arange(6).reshape(2, 3), S8)
    b.add(Add("add", ("other", "last"), "y", (0, 0), rescale=EIGHTH), S8)
    b.add(Clamp("clamp", "x", "next", -20, 50), S8)
    b.add(Reshape("flat", "next", "view"), S8, shape=(6,))
    b.update("last", "next")
    return b.build(["y", "view"])


NETWORKS = {
    network.__name__: network for network in (borders, ring, swapped, recurrent, counter, viewed)
}
