"""Hypothesis strategies for graphs of one real function over rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.layer_norm import MOST_EPSILON
from hwkit.ir.ops import LayerNorm, Softmax, SoftmaxKind
from hwkit.ir.types import S32, IntType
from tests.firmware.kernels.cases import Types, activations, rescales

_LARGEST = (1 << 31) - 1


@st.composite
def softmax_table(draw: st.DrawFn, to: Types = activations) -> Graph:
    b = GraphBuilder("softmax")
    depth = draw(st.sampled_from([10, 1, 2, 49, 300]))
    b.input("x", (draw(st.integers(1, 3)), depth), draw(activations()))
    step = draw(st.floats(0.001, 4.0) | st.sampled_from([1e-9, 1e4]))
    op = Softmax("op", "x", "y", step, SoftmaxKind.TABLE)
    if draw(st.integers(0, 5)) == 0:
        b.add(op, S32)
    else:
        dtype = draw(to())
        b.add(replace(op, rescale=draw(rescales(depth, 1 << 30, dtype))), dtype)
    return b.build(["y"])


@st.composite
def layer_norm(draw: st.DrawFn, types: Types = activations, to: Types = activations) -> Graph:
    b = GraphBuilder("layer_norm")
    channels = draw(st.sampled_from([8, 1, 2, 3, 64, 500]))
    b.input("x", (draw(st.integers(1, 3)), channels), draw(types()))
    epsilon = draw(st.sampled_from([0, 1, 4194, 1 << 31, MOST_EPSILON]) | st.integers(0, 1 << 40))
    signs = None
    if draw(st.booleans()):
        rng = np.random.default_rng(draw(st.integers(0, 1 << 30)))
        signs = b.constant("signs", rng.integers(-1, 2, channels), IntType(2, True))
    op = LayerNorm("op", "x", "y", epsilon, signs)
    if draw(st.integers(0, 5)) == 0:
        b.add(op, S32)
    else:
        dtype = draw(to())
        b.add(replace(op, rescale=draw(rescales(channels, _LARGEST, dtype))), dtype)
    return b.build(["y"])
