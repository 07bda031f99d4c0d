"""Layers in parts as generated firmware, sanitized: every integer is the interpreter's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from hwkit.errors import UnsupportedOp
from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    Add,
    AvgPool2d,
    Clamp,
    Concat,
    Conv2d,
    DepthwiseConv2d,
    MaxPool2d,
    Requantize,
    ResizeNearest,
    SumPool2d,
)
from hwkit.ir.types import S8
from hwkit.targets.mcu.lower import staged
from tests.conformance.graphs import Space, graphs
from tests.conformance.spaces import MCU, NARROW
from tests.examples import more
from tests.targets.mcu import together
from tests.targets.mcu.staged import packed_in, stages

_GRAPHS = more(8)

ANY_OPS = replace(MCU, inputs=2, outputs=3, states=1, max_ops=8)
MAPS = replace(
    MCU,
    ops=(Conv2d, DepthwiseConv2d, MaxPool2d, AvgPool2d, SumPool2d, Add, Concat, ResizeNearest),
    inputs=1,
    outputs=1,
    states=0,
    max_ops=6,
)
"""Those that can be computed in rows, so that many inputs can be streamed."""

NARROW_MAPS = replace(
    NARROW, ops=(*MAPS.ops, Clamp, Requantize), activations=(*NARROW.activations, S8), max_ops=8
)
"""Of these most maps can be packed."""


@pytest.mark.slow
@pytest.mark.parametrize("space", [ANY_OPS, MAPS, NARROW_MAPS])
def test_every_integer_of_random_stages_in_one_program(space: Space, tmp_path: Path) -> None:
    models: list[together.Model] = []
    tiled = streamed = 0

    @settings(
        max_examples=_GRAPHS,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(graphs(space), st.data())
    def collect(graph: Graph, data: st.DataObject) -> None:
        nonlocal tiled, streamed
        try:
            model = together.lowered_as(graph, len(models))
        except UnsupportedOp:
            return
        found = data.draw(stages(model.lowered.graph))
        if found:
            models.append(replace(model, lowered=staged(model.lowered, found)))
            tiled += sum(len(stage.nodes) for stage in found)
            streamed += any(stage.streamed for stage in found)

    collect()
    assert tiled > _GRAPHS and (streamed > 0) == (space is not ANY_OPS)
    if space is NARROW_MAPS:
        models = [replace(model, lowered=packed_in(model.lowered)) for model in models]
        plans = [model.lowered.plan for model in models]
        inside = [(of, name) for of in plans for s in of.staging.stages for name in s.between]
        assert sum(of.stored[name].bits < 8 for of, name in inside) > _GRAPHS // 8
    assert all(together.check(models, tmp_path))
