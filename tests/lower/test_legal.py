"""What a target did not claim is refused: each claim by itself, at its last value that is kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import pytest

from hwkit import boards
from hwkit.boards import Board
from hwkit.errors import UnsupportedOp
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Add, Clamp, Dense, Requantize, Rescale, Rounding
from hwkit.ir.types import S8, IntType
from hwkit.lower.legal import check_border, check_nodes, lowered
from hwkit.target import Capabilities, Lowered, Target

ABLE = Capabilities(
    "able",
    frozenset({Add, Dense, Clamp, Requantize}),
    {Add: (Rounding.HALF_UP,), Dense: (Rounding.HALF_EVEN, Rounding.DOUBLE)},
    weight_bits=(2, 4),
    activation_bits=(4, 8),
    signed_activations=True,
)


def rescaled(rounding: Rounding) -> Rescale:
    return Rescale((1 << 30,), (31,), rounding, -128, 127, 0)


def added(rounding: Rounding, bits: int = 8) -> Graph:
    """Two integers of a byte, one of them rescaled before, and what is made of ``bits``."""
    b = GraphBuilder("added")
    b.input("x", (4,), S8)
    r, inner = rescaled(Rounding.HALF_UP), rescaled(rounding)
    dtype = IntType(bits, True)
    b.add(Add("sum", ("x", "x"), "y", input_rescales=(None, inner), rescale=r), dtype)
    return b.build(["y"])


def dense(rounding: Rounding, bits: int, narrow: int = 8) -> Graph:
    """A product of one byte, or fewer bits, and weights of ``bits``."""
    b = GraphBuilder("dense")
    b.input("x", (4,), IntType(narrow, True))
    b.constant("w", np.ones((3, 4), np.int8), IntType(bits, True))
    b.add(Dense("product", "x", "w", None, "y", rescale=rescaled(rounding)), S8)
    return b.build(["y"])


def refused(graph: Graph, able: Capabilities = ABLE) -> str:
    with pytest.raises(UnsupportedOp) as error:
        check_nodes(graph, able, "board")
    return str(error.value)


def test_every_rescale_of_an_op_rounds_as_claimed() -> None:
    check_nodes(added(Rounding.HALF_UP), ABLE, "board")
    said = refused(added(Rounding.FLOOR))
    assert "sum" in said and "rounding floor; requantize with half_up" in said
    for rounding in (Rounding.HALF_EVEN, Rounding.DOUBLE):
        check_nodes(dense(rounding, 4), ABLE, "board")
    assert "rounding half_up; requantize with half_even, double" in refused(
        dense(Rounding.HALF_UP, 4)
    )


def test_an_op_without_a_form() -> None:
    few = replace(ABLE, ops=frozenset({Dense, Clamp}))
    check_nodes(dense(Rounding.DOUBLE, 4), few, "board")
    assert "Add has no form; use Clamp, Dense" in refused(added(Rounding.HALF_UP), few)


def test_widths_of_outputs_and_weights() -> None:
    """What an op reads was made by one before it, or came in."""
    assert "y has 9 bits; at most 8 there" in refused(added(Rounding.HALF_UP, 9))
    check_nodes(dense(Rounding.DOUBLE, 3, 9), ABLE, "board")
    assert "w has 5 bits; at most 4 there" in refused(dense(Rounding.DOUBLE, 5, 4))


def border(inputs: int, outputs: int, states: int = 0) -> Graph:
    b = GraphBuilder("border")
    for k in range(inputs):
        b.input(f"x{k}", (2,), S8)
    for k in range(states):
        b.state(f"s{k}", np.zeros(2, np.int8), S8)
    for k in range(outputs):
        b.add(Clamp(f"c{k}", f"x{k % inputs}", f"y{k}", -k, k), S8)
    for k in range(states):
        b.update(f"s{k}", "y0")
    return b.build([f"y{k}" for k in range(outputs)])


def test_inputs_and_outputs_are_counted() -> None:
    able = replace(ABLE, most_inputs=2, most_outputs=3)
    check_border(border(2, 3), able, "board")
    for graph, said in (
        (border(3, 3), "it takes 2 of its 3 inputs x0, x1, x2; "),
        (border(2, 4), "it takes 3 of its 4 outputs y0, y1, y2, y3; "),
    ):
        with pytest.raises(UnsupportedOp) as error:
            check_border(graph, able, "board")
        assert said in str(error.value)
    with pytest.raises(UnsupportedOp, match="3 inputs"):  # the first of both
        check_border(border(3, 4), able, "board")
    check_border(border(5, 6), replace(ABLE, most_inputs=None, most_outputs=None), "board")


@dataclass
class Stub:
    """A target whose lowering gives ``made``; ``asked`` counts the graphs that came so far."""

    able: Capabilities
    made: Graph
    asked: int = 0

    def capabilities(self, board: Board) -> Capabilities:
        return self.able

    def lower(self, graph: Graph, board: Board) -> Lowered[None]:
        self.asked += 1
        return Lowered(self.made, board, None)


def test_the_border_is_checked_before_and_the_nodes_after() -> None:
    board, good = boards.load("interpreter"), dense(Rounding.DOUBLE, 4)
    stub = Stub(ABLE, good)
    assert lowered(cast(Target[None], stub), good, board).graph is good
    for graph, made, asked in ((border(2, 1), good, 1), (good, added(Rounding.FLOOR), 2)):
        stub.made = made
        with pytest.raises(UnsupportedOp, match=board.name):
            lowered(cast(Target[None], stub), graph, board)
        assert stub.asked == asked


@pytest.mark.parametrize(
    ("count", "said"),
    [(1, "1 states (s0)"), (3, "(s0, s1, s2)"), (4, "4 states (s0, s1, s2, ...)")],
)
def test_states_are_kept_or_refused(count: int, said: str) -> None:
    check_border(border(1, 1, count), replace(ABLE, states=True), "board")
    with pytest.raises(UnsupportedOp) as error:
        check_border(border(1, 1, count), ABLE, "board")
    assert said in str(error.value)
