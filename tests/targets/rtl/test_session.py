"""A design that is open: integers, streams, cycles, states and who answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from hwkit import boards
from hwkit.device.fpga import FpgaSimulation
from hwkit.errors import ConfigError, DeviceError
from hwkit.ir import serialize
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.lower.legal import lowered
from hwkit.target import WHOLE_MODEL, Artifact
from hwkit.targets.rtl.plan import Plan
from hwkit.targets.rtl.session import RtlSession
from hwkit.targets.rtl.target import TARGET
from tests.targets.rtl.networks import branches, feeds_of, recurrent

STEPS = 6


@pytest.fixture(scope="module", params=["rtl_sim", "rtl_sim_unrolled"])
def artifact(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Artifact[Plan]:
    graph = branches() if request.param == "rtl_sim" else recurrent()
    made = lowered(TARGET, graph, boards.load(request.param))
    return TARGET.build(TARGET.emit(made), made, tmp_path_factory.mktemp("design"))


@pytest.fixture
def session(artifact: Artifact[Plan]) -> Iterator[RtlSession]:
    with TARGET.open(artifact) as opened:
        assert isinstance(opened, RtlSession)
        yield opened


def part(feeds: dict[str, np.ndarray], begin: int, end: int) -> dict[str, np.ndarray]:
    return {name: value[begin:end] for name, value in feeds.items()}


def same(got: dict[str, np.ndarray], wanted: dict[str, np.ndarray], begin: int, end: int) -> None:
    for name, value in got.items():
        np.testing.assert_array_equal(value, wanted[name][begin:end], name)
        assert value.dtype == wanted[name].dtype


def every_tensor(graph: Graph) -> list[str]:
    return [*(op.output for op in graph.nodes), *(state.tensor for state in graph.states)]


def test_steps_go_on_from_call_to_call_until_a_reset(
    artifact: Artifact[Plan], session: RtlSession
) -> None:
    graph, keep = artifact.lowered.graph, every_tensor(artifact.lowered.graph)
    feeds = feeds_of(graph, STEPS, 2)
    wanted = run(graph, feeds, keep=[*graph.outputs, *keep])
    for _ in range(2):
        same(session.infer(part(feeds, 0, 2)), wanted, 0, 2)
        seen = session.infer(part(feeds, 2, 3), keep)
        same(seen, wanted, 2, 3)
        streams = artifact.lowered.plan.core.taps
        assert set(seen) == {*graph.outputs, *(name for name in keep if name in streams)}
        session.timed(part(feeds, 0, 1), 2, 1)
        same(session.infer(part(feeds, 3, STEPS), keep), wanted, 3, STEPS)
        session.reset()
    assert all(len(value) == 0 for value in session.infer(part(feeds, 0, 0), keep).values())


def test_who_answers(artifact: Artifact[Plan], session: RtlSession) -> None:
    identity = session.identity
    assert (identity.kind, identity.evidence) == ("simulator", "simulated")
    assert identity.model == serialize.digest(artifact.lowered.graph)
    assert artifact.facts["build"].startswith(identity.build) and len(identity.build) == 16
    assert identity.clock_hz == artifact.facts["clock_hz"]


def test_cycles(artifact: Artifact[Plan], session: RtlSession) -> None:
    feeds = feeds_of(artifact.lowered.graph, 2, 2)
    runs = session.timed(part(feeds, 0, 1), repeats=3, warm_up=1)
    assert len(runs) == 3
    for rows in runs:
        assert [row.index for row in rows] == [
            *range(len(artifact.lowered.graph.nodes)),
            WHOLE_MODEL,
        ]
        assert rows[-1].cycles is not None
        # A state may have gone ahead as far as it can before the inputs come.
        assert 0 < rows[-1].cycles <= artifact.facts["cycles_per_inference"]
    for wrong in ({"repeats": 0, "warm_up": 0}, {"repeats": 1, "warm_up": -1}):
        with pytest.raises(ConfigError, match="give one sample and at least one repeat"):
            session.timed(part(feeds, 0, 1), **wrong)
    with pytest.raises(ConfigError, match="timing: 2 samples"):
        session.timed(feeds, 1, 0)


def test_another_build_is_refused(artifact: Artifact[Plan]) -> None:
    plan = artifact.lowered.plan
    core = replace(plan.core, files={**plan.core.files, "rtl/more.v": b"// another"})
    other = replace(artifact, lowered=replace(artifact.lowered, plan=replace(plan, core=core)))
    with FpgaSimulation(artifact.path) as board:
        with pytest.raises(DeviceError, match=r"runs build .* expected"):
            TARGET.open(other, board.port)
        with TARGET.open(artifact, board.port) as behind:
            assert behind.identity.kind == "simulator"
