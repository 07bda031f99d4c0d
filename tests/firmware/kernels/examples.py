"""Examples of one layer, drawn and interpreted once and then computed by the kernels of every core.

Drawing takes most of a kernel test's time, and what is drawn does not depend on the kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from hwkit.errors import AccumulatorOverflow
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.ops import Op
from hwkit.ir.types import Array
from tests.examples import more
from tests.firmware.kernels import cases


class Driver(Protocol):
    """What computes a layer; see ``driver.Driver``."""

    def layer(
        self, graph: Graph, op: Op, values: Mapping[str, Array], overlapping: bool = False
    ) -> Array:
        """The output of ``op``."""
        ...


@dataclass(frozen=True)
class Example:
    """One layer, one sample of its inputs, and what the interpreter makes of it."""

    graph: Graph
    inputs: Mapping[str, Array]
    expected: Array


class Examples:
    """``count`` examples of ``graphs``, drawn when they are first asked for."""

    def __init__(self, graphs: st.SearchStrategy[Graph], count: int) -> None:
        self._graphs = graphs
        self._count = more(count)

    @cached_property
    def _drawn(self) -> list[Example]:
        drawn: list[Example] = []
        self._for_each(drawn.append)
        return drawn

    def _for_each(self, use: Callable[[Example], None]) -> None:
        @settings(
            derandomize=True,
            deadline=None,
            max_examples=self._count,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(self._graphs, st.data())
        def draws(graph: Graph, data: st.DataObject) -> None:
            use(example(graph, data))

        draws()

    def check(self, driver: Driver, count: int | None = None) -> None:
        """``driver`` computes each of them, or ``count`` that are spread evenly over them; if one
        differs, the smallest that differs is looked for and shown."""
        drawn = self._drawn
        taken = len(drawn) if count is None else min(more(count), len(drawn))
        try:
            for k in range(taken):
                check_example(driver, drawn[k * len(drawn) // taken])
        except AssertionError:
            self._for_each(lambda example: check_example(driver, example))
            raise


def example(graph: Graph, data: st.DataObject) -> Example:
    """``graph``, of one layer, with drawn inputs; rejected where a sum overflows."""
    tensors = {name: graph.tensors[name] for name in graph.inputs}
    inputs = {name: data.draw(cases.integers(t.shape, t.dtype)) for name, t in tensors.items()}
    try:
        expected = run(graph, {name: value[None] for name, value in inputs.items()})["y"][0]
    except AccumulatorOverflow:
        reject()
    return Example(graph, inputs, expected)


def check_example(driver: Driver, example: Example) -> None:
    """``driver`` gives the expected integers, also where the output runs into the input."""
    (op,) = example.graph.nodes
    for overlapping in (False, True):
        got = driver.layer(example.graph, op, example.inputs, overlapping)
        assert np.array_equal(got, example.expected), (
            f"{op}\n{example.inputs}\noverlapping {overlapping}\n"
            f"expected {example.expected}\ngot {got}"
        )
