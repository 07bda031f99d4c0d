"""Layers in parts as generated firmware, sanitized: every integer is the interpreter's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from hwkit.errors import UnsupportedOp
from hwkit.ir.graph import Graph
from hwkit.targets.mcu.lower import staged
from tests.conformance.graphs import graphs
from tests.conformance.spaces import MCU
from tests.targets.mcu import together
from tests.targets.mcu.staged import stages

_GRAPHS = 30

SPACE = replace(MCU, inputs=2, outputs=3, states=1, max_ops=6)


@pytest.mark.slow
def test_every_integer_of_random_stages_in_one_program(tmp_path: Path) -> None:
    models: list[together.Model] = []
    tiled = 0

    @settings(
        max_examples=_GRAPHS,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(graphs(SPACE), st.data())
    def collect(graph: Graph, data: st.DataObject) -> None:
        nonlocal tiled
        try:
            model = together.lowered_as(graph, len(models))
        except UnsupportedOp:
            return
        found = data.draw(stages(model.lowered.graph))
        if found:
            models.append(replace(model, lowered=staged(model.lowered, found)))
            tiled += sum(len(stage.nodes) for stage in found)

    collect()
    assert tiled > _GRAPHS
    assert all(together.check(models, tmp_path))
