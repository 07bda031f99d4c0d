"""Layers in parts, each part computed by the kernels: tiled is whole, in the planned memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hwkit import boards
from hwkit.errors import UnsupportedOp
from hwkit.flow import boundary
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.ops import Constant, Op
from hwkit.ir.types import Array
from hwkit.lower.checked import first_difference
from hwkit.targets.mcu.lower import lower
from tests.conformance.graphs import feeds_for, graphs
from tests.conformance.spaces import MCU
from tests.firmware.kernels.driver import Driver
from tests.lower.patch.arena import Arena
from tests.targets.mcu.staged import stages

_CASES = 40
_SPACE = replace(
    MCU, ops=tuple(op for op in MCU.ops if op is not Constant), inputs=2, outputs=2, states=0
)


def test_parts_make_the_integers_of_the_whole(driver: Driver) -> None:
    parts = 0

    def compute(alone: Graph, op: Op, values: Mapping[str, Array]) -> Array:
        return driver.layer(alone, op, values, overlapping=True)

    @settings(
        derandomize=True,
        deadline=None,
        max_examples=_CASES,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(graphs(_SPACE) | graphs(replace(_SPACE, inputs=1)), st.data())
    def holds(graph: Graph, data: st.DataObject) -> None:
        nonlocal parts
        try:
            lowered = lower(graph, boards.load("virtual_m4")).graph
        except UnsupportedOp:
            return
        if any(isinstance(op, Constant) for op in lowered.nodes):
            return
        found = data.draw(stages(lowered))
        feeds = boundary.enter(graph, lowered, feeds_for(graph, 1, 0))
        expected = run(lowered, feeds, lowered.results)
        got = Arena(lowered, found, feeds, compute).results()
        for name in lowered.results:
            first_difference(name, expected[name][0], got[name])
        parts += sum(len(stage.turns) for stage in found)

    holds()
    assert parts > _CASES
