"""Random graphs of 4, 2 and 1 bits on microcontrollers: packed in the arena, every integer of every
tensor compared."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, reject, settings

from hwkit import boards, targets
from hwkit.flow import boundary
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from tests.conformance.graphs import feeds_for, graphs
from tests.conformance.run import lowered_or_none
from tests.conformance.spaces import NARROW
from tests.emulators import skip_without_emulator
from tests.examples import more

_EXAMPLES = {"virtual_m4": 3, "virtual_m0": 2, "virtual_m55": 2, "virtual_rv32": 2}


@pytest.mark.slow
@pytest.mark.parametrize("board", sorted(_EXAMPLES))
def test_every_integer_of_narrow_graphs(board: str) -> None:
    description = boards.load(board)
    skip_without_emulator(description)
    target = targets.get(description)
    packed = 0

    @settings(max_examples=more(_EXAMPLES[board]))
    @given(graphs(NARROW))
    def one(graph: Graph) -> None:
        nonlocal packed
        lowered = lowered_or_none(graph, board)
        if lowered is None:
            reject()
        kept = [op.output for op in lowered.graph.nodes]
        narrow = sum(lowered.plan.stored[name].bits < 8 for name in kept)
        if not narrow:
            reject()
        packed += narrow
        feeds = boundary.enter(graph, lowered.graph, feeds_for(graph, 2, 1))
        expected = run(lowered.graph, feeds, keep=kept)
        with tempfile.TemporaryDirectory() as folder:
            artifact = target.build(target.emit(lowered), lowered, Path(folder))
            with target.open(artifact) as session:
                got = session.infer(feeds, keep=kept)
        for name, values in got.items():
            np.testing.assert_array_equal(values, expected[name], err_msg=name)

    one()
    assert packed
