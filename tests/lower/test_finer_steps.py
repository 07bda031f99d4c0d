"""Sums in finer steps: by how many bits, which of the limits says so, and each integer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hwkit.ir.arith import MAX_OFFSET
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Dense, Rescale, Rounding
from hwkit.ir.types import S8, S16, S32, IntType
from hwkit.lower.checked import apply
from hwkit.lower.finer_steps import finer_steps

R = Rescale((1,), (9,), Rounding.HALF_UP, -128, 127)
WEIGHTS = [[-2, 1], [1, 1]]
S2 = IntType(2, True)


def dense(
    r: Rescale,
    bias: list[int] | None = None,
    weights: list[list[int]] = WEIGHTS,
    bits: int = 2,
) -> Graph:
    b = GraphBuilder("dense")
    b.input("x", (2,), S8)
    b.constant("w", np.array(weights), IntType(bits, True))
    if bias is not None:
        b.constant("b", np.array(bias), S32)
    name = None if bias is None else "b"
    b.add(Dense("op", "x", "w", name, "y", rescale=r), S8)
    return b.build(["y"])


def grown(graph: Graph, largest: int = 127) -> tuple[Graph, Dense, int]:
    """The graph after, its layer, and by how many bits its shift grew."""
    (before,) = graph.nodes
    after = apply(graph, lambda g: finer_steps(g, largest))
    (op,) = after.nodes
    assert isinstance(op, Dense) and isinstance(before, Dense)
    assert op.rescale is not None and before.rescale is not None
    return after, op, op.rescale.shift[0] - before.rescale.shift[0]


def test_the_example() -> None:
    graph, op, bits = grown(dense(replace(R, offset=(3,)), [5, -7]))
    assert bits == 5 and op.rescale == replace(R, shift=(14,), offset=(3 << 5,))
    assert (op.weight, op.bias, op.accumulator_bits) == ("op.weight", "op.bias", 32)
    assert graph.constants["op.weight"].tolist() == [[-64, 32], [32, 32]]
    assert graph.constants["op.bias"].tolist() == [5 << 5, -7 << 5]
    assert graph.tensors["op.weight"].dtype == IntType(7, True)
    assert graph.tensors["op.bias"].dtype == S32
    assert grown(dense(R))[1].bias is None


@pytest.mark.parametrize(
    ("largest", "bits"), [(127, 5), (63, 4), (64, 5), (4, 1), (3, 0), (2, 0), (1, 0)]
)
def test_weights_limit_the_growth(largest: int, bits: int) -> None:
    assert grown(dense(R), largest)[2] == bits


def test_weights_fill_eight_bits_at_most() -> None:
    graph, _, bits = grown(dense(R, None, [[3, 0], [0, -3]], 6))
    assert (bits, graph.tensors["op.weight"].dtype) == (5, S8)


def test_sums_and_offsets_limit_the_growth() -> None:
    products = 128 * 3  # of the first row; the second has 256
    least = (S32.high >> 3) - products
    assert grown(dense(R, [least, 0]))[2] == 3
    assert grown(dense(R, [-least - 1, 0]))[2] == 2
    assert grown(dense(replace(R, offset=(-(MAX_OFFSET >> 2),))))[2] == 2
    assert grown(dense(replace(R, offset=(1, (MAX_OFFSET >> 2) + 1))))[2] == 1


@pytest.mark.parametrize(
    ("pairs", "bits"),
    [
        (((1 << 30, 41),), 5),
        (((1 << 30, 42),), 4),
        (((1 << 30, 45),), 1),
        (((1 << 30, 46),), 0),
        ((((1 << 31) - 1, 62),), 0),
        (((1, 12),), 4),
        (((3, 14),), 3),
        (((1 << 30, 40), (3, 14)), 3),
        (((3, 14), (1 << 30, 45)), 1),
    ],
)
def test_a_step_of_the_output_is_exact_in_float32(
    pairs: tuple[tuple[int, int], ...], bits: int
) -> None:
    multiplier, shift = zip(*pairs, strict=True)
    assert grown(dense(replace(R, multiplier=multiplier, shift=shift)))[2] == bits


def test_layers_that_stay() -> None:
    graph = dense(replace(R, rounding=Rounding.DOUBLE, multiplier=(1 << 30,), shift=(40,)))
    assert finer_steps(graph, 127).nodes == graph.nodes
    b = GraphBuilder("long")
    b.input("x", (2,), S16)
    b.constant("w", np.array(WEIGHTS), S2)
    b.add(Dense("op", "x", "w", None, "y", 0, 48, rescale=R), S8)
    graph = b.build(["y"])
    assert finer_steps(graph, 127).nodes == graph.nodes
