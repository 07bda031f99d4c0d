"""Floors as halves rounded up: which layers, and each offset."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hwkit.ir.arith import MAX_OFFSET
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Dense, Requantize, Rescale, Rounding
from hwkit.ir.types import S8, S32
from hwkit.lower.checked import apply
from hwkit.lower.floor_as_half_up import floor_as_half_up

DOWN = Rescale((1,), (3,), Rounding.FLOOR, -128, 127, offset=(1,))


def dense(r: Rescale | None) -> Graph:
    b = GraphBuilder("dense")
    b.input("x", (2,), S8)
    b.constant("w", np.array([[1, 2], [3, -4]]), S8)
    b.add(Dense("op", "x", "w", None, "y", rescale=r), S8 if r else S32)
    return b.build(["y"])


def after(r: Rescale) -> Rescale:
    (op,) = apply(dense(r), floor_as_half_up).nodes
    assert isinstance(op, Dense) and op.rescale is not None
    return op.rescale


@pytest.mark.parametrize(
    ("shift", "offset", "expected"),
    [
        ((3,), (1,), (1 - 4,)),
        ((0,), (5,), (5,)),
        ((1,), (0,), (-1,)),
        ((3, 5), (1,), (1 - 4, 1 - 16)),
        ((3,), (1, 7), (1 - 4, 7 - 4)),
        ((3, 5), (1, 7), (1 - 4, 7 - 16)),
    ],
)
def test_half_a_step_less(
    shift: tuple[int, ...], offset: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    r = replace(DOWN, multiplier=(1,) * len(shift), shift=shift, offset=offset)
    assert after(r) == replace(r, rounding=Rounding.HALF_UP, offset=expected)


def test_the_last_offset_that_fits() -> None:
    least = replace(DOWN, multiplier=(1 << 30,), shift=(40,), offset=(-MAX_OFFSET + (1 << 39),))
    assert after(least).offset == (-MAX_OFFSET,)
    assert after(replace(least, offset=(-MAX_OFFSET + (1 << 39) - 1,))).rounding is Rounding.FLOOR


def test_what_stays() -> None:
    for rounding in (Rounding.HALF_UP, Rounding.HALF_EVEN):
        assert after(replace(DOWN, rounding=rounding)) == replace(DOWN, rounding=rounding)
    assert floor_as_half_up(dense(None)).nodes == dense(None).nodes
    b = GraphBuilder("no layer")
    b.input("x", (2,), S8)
    b.add(Requantize("op", "x", "y", DOWN), S8)
    graph = b.build(["y"])
    assert floor_as_half_up(graph).nodes == graph.nodes
