"""The interpreter as a target."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hwkit import boards
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.ops import Add
from hwkit.ir.types import S8, S32
from hwkit.target import WHOLE_MODEL
from hwkit.targets.interpreter import TARGET


def test_timing_leaves_the_states_alone(tmp_path: Path) -> None:
    b = GraphBuilder("counter")
    b.input("x", (1,), S8)
    b.state("total", np.array([100]), S32)
    b.update("total", b.add(Add("sum", ("x", "total"), "y", (0, 0)), S32))
    lowered = TARGET.lower(b.build(["y"]), boards.load("interpreter"))
    one = {"x": np.array([[1]])}
    with TARGET.open(TARGET.build(TARGET.emit(lowered), lowered, tmp_path)) as session:
        assert session.infer(one)["y"].tolist() == [[101]]
        runs = session.timed(one, 3, 2)
        assert [[row.index for row in rows] for rows in runs] == [[0, WHOLE_MODEL]] * 3
        assert session.infer(one)["y"].tolist() == [[102]]
