"""Several inputs and outputs, and states, through FINN's own build."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from hwkit import boards, targets
from hwkit.errors import UnsupportedOp
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.feeds import random_feeds
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.ops import Add, Clamp, Dense, Rescale, Rounding
from hwkit.ir.types import S8, S32, U8, IntType
from hwkit.lower import legal
from hwkit.target import Artifact
from hwkit.targets.finn.graph import Network
from hwkit.toolchain.isolated import Installed
from tests.targets.remembering import remembering

pytestmark = pytest.mark.slow  # FINN installs itself, and a build takes ten seconds

BOARD = boards.load("finn_sim")
FINN = targets.get(BOARD)


def built(graph: Graph, out: Path) -> Artifact[Network]:
    lowered = legal.lowered(FINN, graph, BOARD)
    return FINN.build(FINN.emit(lowered), lowered, out)


def crossing() -> Graph:
    """Two inputs that two layers read each, one that nothing does; outputs: a tensor that a layer
    reads too, what that one gives, an input as it is, and the first again."""
    rng = np.random.default_rng(5)
    s4 = IntType(4, True)
    b = GraphBuilder("crossing")
    for name in ("left", "right", "unread"):
        b.input(name, (6,), S8)
    into = Rescale((1,), (3,), Rounding.HALF_UP, -128, 127)
    for name in ("left", "right"):
        b.constant(f"w_{name}", rng.integers(-8, 8, (6, 6)), s4)
        b.add(Dense(f"of_{name}", name, f"w_{name}", None, f"from_{name}", rescale=into), S8)
    b.add(Add("inputs", ("left", "right"), "both", rescale=into), S8)
    b.add(Add("layers", ("from_left", "from_right"), "sum"), S32)
    b.add(Add("all", ("sum", "both"), "y", rescale=into), S8)
    b.add(Clamp("dead", "both", "read_by_nothing", 0, 5), S8)
    return b.build(["sum", "y", "right", "from_left", "sum"])


def test_several_inputs_and_outputs(finn: Installed, tmp_path: Path) -> None:
    graph = crossing()
    artifact = built(graph, tmp_path)
    feeds = random_feeds(graph, 40, 3)
    wanted = run(graph, feeds, keep=[*graph.outputs, "both", "from_right", "unread"])
    with FINN.open(artifact) as session:
        found = session.infer(feeds, ["both", "from_right", "unread"])
        none = session.infer({name: x[:0] for name, x in feeds.items()})
    assert found.keys() == wanted.keys()
    for name, expected in wanted.items():
        np.testing.assert_array_equal(found[name], expected, err_msg=name)
    assert {name: len(value) for name, value in none.items()} == dict.fromkeys(graph.outputs, 0)
    # Each port is a stream of the hardware; what is none of them, the host hands on.
    ports = onnx.load(str(tmp_path / "network.onnx")).graph
    assert {port.name for port in ports.input} == {"left", "right"}
    assert {port.name for port in ports.output} == {"sum", "y", "from_left"}
    cycles = json.loads((tmp_path / "out/report/estimate_layer_cycles.json").read_text())
    assert len([name for name in cycles if name.startswith("DuplicateStreams")]) == 4
    files = {path.name for path in tmp_path.glob("*put*.npy")}
    assert files == {
        *("input.npy", "input1.npy"),
        *("expected_output.npy", "expected_output1.npy", "expected_output2.npy"),
    }


def test_fifty_steps_equal_the_interpreter(finn: Installed, tmp_path: Path) -> None:
    graph = remembering()
    artifact = built(graph, tmp_path)
    feeds = random_feeds(graph, 50, 3)
    wanted = run(graph, feeds)
    with FINN.open(artifact) as session:
        for _ in range(2):
            parts = slice(0, 20), slice(20, 50)
            steps = [session.infer({n: x[part] for n, x in feeds.items()}) for part in parts]
            for name, expected in wanted.items():
                got = np.concatenate([step[name] for step in steps])
                np.testing.assert_array_equal(got, expected, err_msg=name)
            session.reset()  # and once more, as new


def test_what_has_no_layer_between_its_ports_is_refused() -> None:
    b = GraphBuilder("wire")
    b.input("x", (4,), U8)
    b.input("y", (4,), U8)
    with pytest.raises(UnsupportedOp, match="no layer that passes an input on") as refusal:
        legal.lowered(FINN, b.build(["y", "x"]), BOARD)
    assert refusal.value.node == "wire"
