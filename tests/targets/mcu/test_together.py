"""Random graphs as generated firmware, sanitized: what no kernel test calls stands in model.c."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings

from hwkit.errors import UnsupportedOp
from hwkit.ir.graph import Graph
from hwkit.target import Lowered
from hwkit.targets.mcu.lower import McuPlan
from hwkit.targets.mcu.package import package
from tests.conformance.graphs import Space, graphs
from tests.conformance.spaces import MCU
from tests.targets.mcu import together
from tests.targets.mcu.models import residual

pytestmark = pytest.mark.slow

_GRAPHS = 20


@pytest.mark.parametrize("space", [MCU, replace(MCU, inputs=3, outputs=3, states=3)])
def test_every_integer_of_random_graphs_in_one_program(space: Space, tmp_path: Path) -> None:
    models: list[together.Model] = []

    @settings(max_examples=_GRAPHS, derandomize=True, deadline=None, database=None)
    @given(graphs(space))
    def collect(graph: Graph) -> None:
        try:
            models.append(together.lowered_as(graph, len(models)))
        except UnsupportedOp:
            return

    collect()
    assert len(models) > _GRAPHS // 2
    stateful = sum(bool(model.graph.states) for model in models)
    assert (stateful > _GRAPHS // 4) == (space.states > 0)
    assert all(together.check(models, tmp_path))


def test_a_layer_that_writes_behind_the_arena_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def smaller(lowered: Lowered[McuPlan], kind: str) -> dict[str, bytes]:
        files = package(lowered, kind)
        shrunk = re.sub(
            rb"arena\[(\d+)\]", lambda m: b"arena[%d]" % (int(m[1]) - 8), files["src/model.c"]
        )
        assert shrunk != files["src/model.c"]
        return {**files, "src/model.c": shrunk}

    monkeypatch.setattr(together, "package", smaller)
    with pytest.raises(AssertionError, match="global-buffer-overflow"):
        together.check([together.lowered_as(residual(), 0)], tmp_path)
