"""Two rescales behind a sum or product become one where every pair of integers agrees."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.ops import Add, Mul, Requantize, Rescale, Rounding, Sub
from hwkit.ir.types import S8, S16, S32, U8, IntType
from hwkit.lower.checked import apply
from hwkit.lower.optimize.one_rescale import in_one_rescale
from hwkit.lower.optimize.simplify import simplify

WIDE = Rescale((1,), (4,), Rounding.HALF_UP, S32.low, S32.high)
TO_BYTE = Rescale((1,), (4,), Rounding.HALF_EVEN, S8.low, S8.high)


def chain(
    first: Rescale = WIDE,
    second: Rescale = TO_BYTE,
    kind: type[Add | Sub | Mul] = Add,
    types: tuple[IntType, IntType] = (S8, U8),
    bits: int = 32,
) -> Graph:
    b = GraphBuilder("chain")
    for name, dtype in zip("ab", types, strict=True):
        b.input(name, (4, 4), dtype)
    b.add(kind("op", ("a", "b"), "s", (1, 2), accumulator_bits=bits, rescale=first), S32)
    b.add(Requantize("last", "s", "y", second, 3), IntType(8, second.low < 0))
    return b.build(["y"])


def joined(graph: Graph) -> bool:
    """Whether the pass, under its contract, leaves one node that keeps the last one's names."""
    (*before, last) = apply(graph, simplify).nodes
    assert (last.name, last.output) == ("last", "y")
    return not before


@pytest.mark.parametrize("kind", [Add, Sub, Mul])
def test_factors_without_ties_are_joined(kind: type[Add | Sub | Mul]) -> None:
    first = replace(WIDE, multiplier=(1632493137,), shift=(40,))
    second = replace(TO_BYTE, shift=(0,))
    assert joined(replace_zero(chain(first, second, kind)))


def replace_zero(graph: Graph) -> Graph:
    """The same with the second rescale's argument as it is."""
    op, last = graph.nodes
    assert isinstance(last, Requantize)
    return graph.with_nodes((op, replace(last, input_zero_point=0)))


def test_rounding_twice_that_is_seen_stays() -> None:
    # Of 24 / 16 = 1.5 the first makes 2 of 1, the second takes the even one.
    assert not joined(chain())


@pytest.mark.parametrize(
    "graph",
    [
        chain(replace(WIDE, offset=(5,))),
        chain(second=replace(TO_BYTE, multiplier=(1,) * 4, shift=(4,) * 4)),
        chain(types=(S16, S8)),
        chain(bits=9),
    ],
    ids=["offset", "channels", "wide", "a pair that overflows"],
)
def test_what_cannot_be_tried_or_joined_stays(graph: Graph) -> None:
    op, last = graph.nodes
    assert isinstance(op, Add) and isinstance(last, Requantize)
    assert in_one_rescale(op, last, graph.tensors) is None


multipliers = st.integers(1 << 24, (1 << 31) - 1)


@settings(max_examples=40)
@given(multipliers, st.integers(30, 40), st.integers(0, 8), st.sampled_from([Add, Sub, Mul]))
def test_joined_or_not_no_integer_changes(
    multiplier: int, shift: int, last: int, kind: type[Add | Sub | Mul]
) -> None:
    first = replace(WIDE, multiplier=(multiplier,), shift=(shift,))
    graph = chain(first, replace(TO_BYTE, shift=(last,)), kind, (U8, U8))
    a, b = np.meshgrid(np.arange(256), np.arange(256))
    feeds = {"a": a.reshape(-1, 4, 4), "b": b.reshape(-1, 4, 4)}
    np.testing.assert_array_equal(run(simplify(graph), feeds)["y"], run(graph, feeds)["y"])
