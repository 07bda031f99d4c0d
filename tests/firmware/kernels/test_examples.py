"""Drivers compute every example, and one that is wrong is found."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.ops import Op
from hwkit.ir.types import Array
from tests.examples import more
from tests.firmware.kernels import cases
from tests.firmware.kernels.examples import Examples


class Interpreting:
    """A driver without kernels; ``wrong`` by so much where the output has several elements."""

    def __init__(self, wrong: int = 0) -> None:
        self.wrong = wrong
        self.seen: list[tuple[Graph, bool]] = []

    def layer(
        self, graph: Graph, op: Op, values: Mapping[str, Array], overlapping: bool = False
    ) -> Array:
        self.seen.append((graph, overlapping))
        expected = run(graph, {name: value[None] for name, value in values.items()})["y"][0]
        changed: Array = expected + self.wrong
        return changed if expected.size > 1 else expected


def test_each_is_computed_twice_and_the_same_for_every_driver() -> None:
    examples = Examples(cases.requantize(), 12)
    first, second, fewer = Interpreting(), Interpreting(), Interpreting()
    examples.check(first)
    examples.check(second)
    examples.check(fewer, 5)
    assert len(first.seen) == 2 * more(12) and first.seen == second.seen
    assert len(fewer.seen) == 2 * more(5) and set(fewer.seen) < set(first.seen)
    assert len({graph for graph, _ in fewer.seen}) == more(5)


def test_a_wrong_driver_fails_and_a_small_example_is_looked_for() -> None:
    examples, driver = Examples(cases.requantize(), 12), Interpreting(1)
    with pytest.raises(AssertionError, match="overlapping False"):
        examples.check(driver)
    assert len(driver.seen) > 2 * more(12)
    assert driver.seen[-1][0].tensors["y"].elements > 1
