"""The arena: planned before the build, the same in the image, watched while it runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hwkit import boards
from hwkit.device.session import open_board
from hwkit.errors import DeviceError
from hwkit.ir.interpret import run as interpret
from hwkit.target import Artifact
from hwkit.targets.mcu.build import build
from hwkit.targets.mcu.emit import emit
from hwkit.targets.mcu.lower import McuPlan, lower, tensor_bytes
from hwkit.toolchain import elf
from tests.firmware.runtime import stub
from tests.lower.planned import plan_nodes
from tests.sessions import run
from tests.targets.mcu.models import residual

BOARD = boards.load("virtual_m4")
GUARD_BYTES = 16


@pytest.fixture(scope="module", params=[8, 4])
def artifact(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Artifact[McuPlan]:
    lowered = lower(residual(request.param), BOARD)
    return build(emit(lowered), lowered, tmp_path_factory.mktemp("arena"))


def test_the_image_has_the_planned_arena_and_the_guard_behind_it(
    artifact: Artifact[McuPlan],
) -> None:
    image, planned = elf.read(artifact.path), artifact.lowered.plan.memory.arena_bytes
    assert image.symbol_bytes["arena"] == planned == artifact.facts["arena_bytes"]
    assert image.address("hwk_arena_guard") == image.address("arena") + planned
    others = [
        address
        for name, address in image.symbols.items()
        if image.symbol_bytes[name] and name != "arena"
    ]
    start = image.address("arena")
    assert not [a for a in others if start <= a < start + planned + GUARD_BYTES]


def test_the_self_test_passes_and_the_guard_holds(artifact: Artifact[McuPlan]) -> None:
    with open_board(BOARD, artifact.path, None) as device:
        assert device.selftest().passed
        assert device.info().arena_bytes == artifact.lowered.plan.memory.arena_bytes


def test_a_byte_behind_the_arena_is_noticed(tmp_path: Path) -> None:
    image = stub.virtual_image(tmp_path, overrun=True)
    with open_board(BOARD, image.path, None) as device:
        with pytest.raises(DeviceError, match="behind the arena"):
            device.selftest()
        assert device.echo(b"still there") == b"still there"


def test_outputs_that_run_into_inputs_keep_every_integer(artifact: Artifact[McuPlan]) -> None:
    """The plan overlaps more than whole tensors in place, and the board computes the same."""
    graph, plan = artifact.lowered.graph, artifact.lowered.plan
    names = (*graph.inputs, *(op.output for op in graph.nodes))
    scratch = {layer.op.name: layer.scratch_bytes for layer in plan.layers}
    apart = plan_nodes(graph, {name: tensor_bytes(graph, name) for name in names}, scratch)
    assert plan.memory.optimal and plan.memory.arena_bytes < apart.arena_bytes
    rng = np.random.default_rng(5)
    tensor = graph.tensors["x"]
    x = rng.integers(-128, 128, (4, *tensor.shape)).astype(np.int8)
    assert np.array_equal(run(artifact, x), interpret(graph, {"x": x})["y"])
