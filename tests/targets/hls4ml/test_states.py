"""States are ports of a project, and the host keeps them between its inferences."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from hwkit import boards
from hwkit.ir.feeds import random_feeds
from hwkit.ir.interpret import run
from hwkit.lower import legal
from hwkit.targets.hls4ml.target import TARGET as hls4ml
from tests.targets.remembering import remembering

pytestmark = pytest.mark.slow  # the project is compiled

BOARD = boards.load("hls4ml_csim")


def test_fifty_steps_equal_the_interpreter(tmp_path: Path) -> None:
    graph = remembering()
    lowered = legal.lowered(hls4ml, graph, BOARD)
    assert lowered.graph.states and lowered.graph.inputs == graph.inputs
    artifact = hls4ml.build(hls4ml.emit(lowered), lowered, tmp_path)
    states = json.loads((tmp_path / "network.json").read_text())["states"]
    assert states[0]["initial"] == graph.constants[graph.states[0].initial].tolist()
    assert "states are ports" in (tmp_path / "README.md").read_text()
    feeds = random_feeds(graph, 50, 3)
    wanted = run(graph, feeds, keep=[*graph.outputs, "of_x", "of_hidden"])
    with hls4ml.open(artifact) as session:
        for _ in range(2):
            steps = []
            for part in (slice(0, 17), slice(17, 17), slice(17, 18), slice(18, 50)):
                given = {name: x[part] for name, x in feeds.items()}
                steps.append(session.infer(given, ["of_x", "of_hidden"]))
            assert all(set(step) == set(wanted) for step in steps)
            for name, expected in wanted.items():
                got = np.concatenate([step[name] for step in steps])
                np.testing.assert_array_equal(got, expected, err_msg=name)
            session.reset()  # and once more, as new
