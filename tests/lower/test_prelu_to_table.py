"""Which PReLUs become tables, and every entry of one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.ops import Lookup, Prelu, Rescale, Rounding
from hwkit.ir.types import S8, IntType
from hwkit.lower.prelu_to_table import prelu_to_table

KEPT = Rounding.DOUBLE
SAME = Rescale((1 << 30,), (30,), Rounding.HALF_UP, -128, 127)
HALF = replace(SAME, shift=(31,))


def prelu(
    positive: Rescale, negative: Rescale, slopes: int = 1, points: tuple[int, int] = (0, 0)
) -> Graph:
    source = IntType(4, True)
    b = GraphBuilder("prelu")
    b.input("x", (2, 2, 3), source)
    b.constant("slope", np.arange(1, slopes + 1).reshape(1, 1, -1), S8)
    b.add(Prelu("op", "x", "slope", "y", positive, negative, *points), S8)
    return b.build(["y"])


def test_the_example() -> None:
    made = prelu_to_table(prelu(SAME, HALF), KEPT)
    (op,) = made.nodes
    assert isinstance(op, Lookup) and (op.name, op.input, op.output) == ("op", "x", "y")
    assert made.constants[op.table].tolist() == [
        *(-4, -3, -3, -2, -2, -1, -1, 0),
        *range(8),
    ]
    assert made.constants[op.table].dtype == np.int8 and made.tensors[op.table].dtype == S8


def test_zero_points_move_the_bend_and_the_slope() -> None:
    graph = prelu(replace(SAME, zero_point=5), replace(HALF, zero_point=9), 1, (2, -2))
    made = prelu_to_table(graph, KEPT)
    (op,) = made.nodes
    assert isinstance(op, Lookup)
    falling = [9 + (3 * n + 1) // 2 for n in range(-10, 0)]
    assert made.constants[op.table].tolist() == [*falling, *range(5, 11)]
    x = np.arange(-8, 4, dtype=np.int8).reshape(1, 2, 2, 3)
    assert np.array_equal(run(graph, {"x": x})["y"], run(made, {"x": x})["y"])


OF_A_KERNEL = replace(SAME, rounding=KEPT, shift=(40,))


@pytest.mark.parametrize(
    ("change", "stays"),
    [
        ({}, True),
        ({"rounding": Rounding.HALF_UP}, False),
        ({"low": -100}, False),
        ({"high": 100}, False),
        ({"zero_point": 1}, False),
    ],
)
def test_what_a_kernel_has_stays(change: dict[str, object], stays: bool) -> None:
    other = replace(OF_A_KERNEL, **change)  # type: ignore[arg-type]
    for pair in ((OF_A_KERNEL, other), (other, OF_A_KERNEL)):
        (op,) = prelu_to_table(prelu(*pair), KEPT).nodes
        assert isinstance(op, Prelu) == stays
    (op,) = prelu_to_table(prelu(OF_A_KERNEL, OF_A_KERNEL), Rounding.HALF_UP).nodes
    assert isinstance(op, Lookup)


def test_a_slope_or_a_rescale_for_each_channel_is_no_function() -> None:
    each = replace(SAME, multiplier=(1 << 30, 5, 7), shift=(30, 30, 30))
    for graph in (prelu(SAME, HALF, 3), prelu(each, HALF), prelu(HALF, each)):
        (op,) = prelu_to_table(graph, KEPT).nodes
        assert isinstance(op, Prelu)
