"""Runs random graphs through a whole target: lower, emit, build, run, compare."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hwkit import boards, targets
from hwkit.errors import UnsupportedOp
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.target import Lowered
from tests import sessions
from tests.conformance.graphs import inputs_for


def lowered_or_none(graph: Graph, board: str) -> Lowered | None:
    """The graph in the board's form, or None where the target refuses it by name."""
    description = boards.load(board)
    try:
        return targets.get(description).lower(graph, description)
    except UnsupportedOp as error:
        assert error.target == board and error.node and "; " in str(error)
        return None


def check(graph: Graph, lowered: Lowered, folder: Path, samples: int = 3) -> None:
    """Builds in ``folder`` and compares every integer with the interpreter."""
    target = targets.get(lowered.board)
    artifact = target.build(target.emit(lowered), lowered, folder)
    x = sessions.entered(graph, lowered.graph, inputs_for(graph, samples, 1))
    expected = run(lowered.graph, {lowered.graph.inputs[0]: x})[lowered.graph.outputs[0]]
    got = sessions.run(artifact, x)
    assert got.dtype == expected.dtype
    np.testing.assert_array_equal(got, expected)
