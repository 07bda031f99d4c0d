"""Built, run, profiled and measured on the virtual board."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from hwkit import boards
from hwkit.errors import ConfigError, DeviceError, FormatError
from hwkit.ir.interpret import run as interpret
from hwkit.lower.shift_to_signed import to_signed
from hwkit.target import Artifact
from hwkit.targets.mcu.build import build, open_artifact
from hwkit.targets.mcu.choice import choose
from hwkit.targets.mcu.cost import measure_costs
from hwkit.targets.mcu.emit import emit
from hwkit.targets.mcu.lower import McuPlan, lower
from hwkit.targets.mcu.structs import Table
from hwkit.toolchain import elf
from tests.sessions import layer_outputs, profile, random_inputs, run
from tests.targets.mcu.models import residual

BOARD = boards.load("virtual_m4")
X = to_signed(random_inputs(residual(), 6, 3), residual().tensors["x"])


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Artifact[McuPlan]]:
    lowered = lower(residual(), BOARD)
    yield build(emit(lowered), lowered, tmp_path_factory.mktemp("residual"))


def test_every_output_and_every_layer_is_the_interpreters(artifact: Artifact[McuPlan]) -> None:
    graph = artifact.lowered.graph
    names = [op.output for op in graph.nodes]
    expected = interpret(graph, {"x": X}, keep=names)
    assert np.array_equal(run(artifact, X), expected["y"])
    seen = layer_outputs(artifact, X[:2])
    assert list(seen) == names
    for name in names:
        assert np.array_equal(seen[name], expected[name][:2]), name


def test_an_empty_batch_gives_an_empty_batch(artifact: Artifact[McuPlan]) -> None:
    assert run(artifact, X[:0]).shape == (0, 5)


def test_a_changed_weight_is_seen_in_its_layer(artifact: Artifact[McuPlan], tmp_path: Path) -> None:
    folder = tmp_path / "edited"
    shutil.copytree(artifact.folder, folder)
    image = elf.read(artifact.path)
    address = image.address("layer2_weights")
    table = artifact.lowered.plan.layers[2].calls[0].descriptor.fields["weights"]
    assert isinstance(table, Table)
    weights = table.values.tobytes()
    data = bytearray(artifact.path.read_bytes())
    at = data.find(weights)
    assert at > 0 and address and data.count(weights) == 1
    data[at] ^= 0x40
    (folder / "firmware.elf").write_bytes(data)
    edited = open_artifact(folder, artifact.lowered)
    graph = artifact.lowered.graph
    expected = interpret(graph, {"x": X[:1]}, keep=["a", "c", "d"])
    seen = layer_outputs(edited, X[:1])
    assert np.array_equal(seen["a"], expected["a"]) and np.array_equal(seen["c"], expected["c"])
    assert not np.array_equal(seen["d"], expected["d"])


def test_another_models_image_is_refused(artifact: Artifact[McuPlan]) -> None:
    other = lower(residual(4), BOARD)
    with pytest.raises(DeviceError, match="runs model 'residual'"):
        run(open_artifact(artifact.folder, other), X[:1])


def test_opening_what_is_not_there(artifact: Artifact[McuPlan], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no firmware\.elf"):
        open_artifact(tmp_path, artifact.lowered)
    (tmp_path / "firmware.elf").write_bytes(artifact.path.read_bytes()[:100])
    with pytest.raises(FormatError):
        open_artifact(tmp_path, artifact.lowered)


def test_profile_rows(artifact: Artifact[McuPlan]) -> None:
    first, second = profile(artifact, X[:1], 2)
    assert first == second
    assert [row.name for row in first] == [op.name for op in artifact.lowered.graph.nodes]
    conv = first[0]
    assert conv.macs == 8 * 8 * 8 * 27
    assert conv.instructions and conv.cycles and conv.cycles > conv.instructions > conv.macs
    assert conv.us == conv.cycles / 25
    with pytest.raises(ConfigError, match="0 repeats"):
        profile(artifact, X[:1], 0)


def test_facts(artifact: Artifact[McuPlan]) -> None:
    facts, image = artifact.facts, elf.read(artifact.path)
    assert facts["flash_bytes"] == image.flash_bytes == facts["weight_bytes"] + facts["code_bytes"]
    assert facts["ram_bytes"] >= facts["arena_bytes"] + facts["stack_bytes"]
    assert open_artifact(artifact.folder, artifact.lowered).facts == facts
    lines = (artifact.folder / "firmware.map").read_text().splitlines()
    assert lines == sorted(lines) and any(line.split()[2] == "layer0_weights" for line in lines)
    assert {p["tensor"] for p in facts["memory_map"]} >= {"x", "a", "y"}


def test_costs_add_up_to_a_whole_build(tmp_path: Path) -> None:
    """A whole build with the kernels that are chosen at 8 bits."""
    chosen = choose(lower(residual(), BOARD))
    artifact = build(emit(chosen), chosen, tmp_path)
    table = measure_costs(residual(), BOARD, (8, 4, 3))
    rows = {(row.layer, row.bits): row for row in table.rows}
    assert len(rows) == 4 * 3
    timings = profile(artifact, X[:1], 1)[0]
    eight = [rows[name, 8] for name in ("conv", "depthwise", "pointwise", "dense")]
    assert [row.cycles for row in eight] == [timings[k].cycles for k in (0, 1, 2, 6)]
    shared = sum(part.flash_bytes for part in table.shared if 8 in part.widths)
    flash = table.fixed.flash_bytes + shared + sum(row.weight_bytes for row in eight)
    assert flash == artifact.facts["flash_bytes"]
    cycles = table.fixed.cycles + sum(row.cycles or 0 for row in eight)
    assert cycles == sum(row.cycles or 0 for row in timings)
    assert rows["dense", 4].weight_bytes < rows["dense", 8].weight_bytes
    assert rows["conv", 3].cycles == rows["conv", 4].cycles
    assert table.evidence == "simulated"
