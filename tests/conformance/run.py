"""Runs random graphs through a whole target: lower, emit, build, run, compare."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from hwkit import boards, targets
from hwkit.errors import UnsupportedOp
from hwkit.flow import boundary
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.lower import legal
from hwkit.target import Lowered
from tests.conformance.graphs import feeds_for


def lowered_or_none(graph: Graph, board: str) -> Lowered[Any] | None:
    """The graph in the board's form, or None where the target refuses it by name."""
    description = boards.load(board)
    try:
        return legal.lowered(targets.get(description), graph, description)
    except UnsupportedOp as error:
        assert error.target == board and error.node and "; " in str(error)
        return None


def check(graph: Graph, lowered: Lowered[Any], folder: Path, samples: int = 3) -> None:
    """Builds in ``folder`` and compares every integer of every output with the interpreter; the
    samples are successive steps where the graph has states."""
    target = targets.get(lowered.board)
    artifact = target.build(target.emit(lowered), lowered, folder)
    feeds = boundary.enter(graph, lowered.graph, feeds_for(graph, samples, 1))
    expected = run(lowered.graph, feeds)
    with target.open(artifact) as session:
        for _ in range(2 if graph.states else 1):  # as new, and once more after a reset
            got = session.infer(feeds)
            session.reset()
            assert got.keys() == expected.keys()
            for name, values in expected.items():
                assert got[name].dtype == values.dtype
                np.testing.assert_array_equal(got[name], values)
