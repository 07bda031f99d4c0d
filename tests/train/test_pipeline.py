"""One short training run, looked at from all sides."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.predicted import predicted

torch = pytest.importorskip("torch")
pytest.importorskip("brevitas")
pytest.importorskip("sklearn")

from hwkit.allocate.plan import BitPlan  # noqa: E402
from hwkit.errors import ConfigError, FormatError  # noqa: E402
from hwkit.ir.serialize import digest, load  # noqa: E402
from hwkit.train.pipeline import Trained, train  # noqa: E402
from hwkit.train.recipe import recipe_path  # noqa: E402
from hwkit.train.sensitivity import sensitivity  # noqa: E402

pytestmark = pytest.mark.slow


def short(folder: Path, name: str = "digits_po2", old: str = "", new: str = "") -> Path:
    text = recipe_path(name).read_text()
    text = text.replace("epochs = 40", "epochs = 10").replace(
        "epochs = 10\nbatch_size = 64\nlearning_rate = 0.001",
        "epochs = 2\nbatch_size = 64\nlearning_rate = 0.001",
    )
    path = folder / "short.toml"
    path.write_text(text.replace(old, new) if old else text)
    return path


Run = tuple[Path, Path, Trained]
"""The recipe, the folder, what came out."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("run")
    recipe = short(folder)
    return recipe, folder / "out", train(recipe, folder / "out")


def test_run_folder_holds_all_and_agrees_with_itself(run: Run) -> None:
    _, out, result = run
    assert sorted(p.name for p in out.iterdir() if p.name != "sensitivity.json") == [
        "calibration.npy", "checkpoint.pt", "model.hwk", "model.onnx", "test.npz", "train.json",
    ]  # fmt: skip
    facts = json.loads((out / "train.json").read_text())
    assert facts["accuracy"]["integer"] == result.accuracy.integer
    assert facts["seed"] == 1
    assert set(facts["versions"]) >= {"hwkit", "torch", "brevitas", "onnx"}
    graph = load(out / "model.hwk")
    assert facts["digests"]["model.hwk"] == digest(graph)
    with np.load(out / "test.npz") as test:
        classes = predicted(graph, test["inputs"]).argmax(axis=1)
        assert np.mean(classes == test["labels"]) == result.accuracy.integer
    assert predicted(graph, np.load(out / "calibration.npy")).shape == (128, 10)
    assert [op.name for op in graph.nodes if op.name in result.weight_bits] == list(
        result.weight_bits
    )


def test_power_of_two_run_is_exact(run: Run) -> None:
    _, _, result = run
    assert (result.moved, result.integers, result.test_images) == (0, 3550, 355)
    assert result.accuracy.integer == result.accuracy.fake_quantized
    assert result.accuracy.float > 0.8
    assert result.accuracy.integer > 0.8


def test_again_gives_the_same_bytes(run: Run, tmp_path: Path) -> None:
    recipe, out, _ = run
    train(recipe, tmp_path)
    for name in ("model.onnx", "model.hwk", "train.json", "test.npz", "calibration.npy"):
        assert (tmp_path / name).read_bytes() == (out / name).read_bytes(), name


def test_bit_plan_from_a_file_and_float_weights_of_a_run(run: Run, tmp_path: Path) -> None:
    recipe, out, before = run
    BitPlan({"conv1": 4, "block2.pointwise": 3}).save(tmp_path / "plan.json")
    result = train(recipe, tmp_path / "out", tmp_path / "plan.json", out / "checkpoint.pt")
    assert result.weight_bits == {**before.weight_bits, "conv1": 4, "block2.pointwise": 3}
    assert result.accuracy.float == before.accuracy.float
    assert result.moved == 0
    graph = load(tmp_path / "out" / "model.hwk")
    assert graph.tensors["conv1.weight"].dtype.bits == 4
    assert graph.tensors["block2.pointwise.weight"].dtype.bits == 3
    assert graph.tensors["fc.weight"].dtype.bits == 8


def test_sensitivity_grows_as_bits_shrink(run: Run) -> None:
    recipe, out, result = run
    found = sensitivity(recipe, out, bits=(8, 4, 2), samples=128)
    assert list(found) == list(result.weight_bits)
    for row in found.values():
        assert row[8] == 0 <= row[4]
        assert row[2] > 0
    assert sum(row[2] for row in found.values()) > sum(row[4] for row in found.values())
    written = json.loads((out / "sensitivity.json").read_text())
    assert written["layers"]["conv1"]["4"] == found["conv1"][4]
    assert (written["samples"], written["seed"]) == (128, 1)


def test_a_plan_of_activations(run: Run, tmp_path: Path) -> None:
    recipe, out = run[:2]
    plan = BitPlan({"conv1": 4}, activation_bits={"block1.middle": 4, "block2.branch": 2})
    result = train(recipe, tmp_path / "out", plan, out / "checkpoint.pt")
    assert result.activation_plan == {"block1.middle": 4, "block2.branch": 2}
    graph = load(tmp_path / "out" / "model.hwk")
    bits = {name: graph.tensors[name].dtype.bits for name in ("block1.middle", "block2.branch")}
    assert bits == result.activation_plan and graph.tensors["conv1_relu"].dtype.bits == 8
    harm = sensitivity(recipe, tmp_path / "out", (4,), samples=16)
    assert harm["conv1"] == {4: 0.0}  # as it was trained, maps included
    with pytest.raises(ConfigError, match="'conv1' is not in recipe"):
        train(recipe, tmp_path / "x", BitPlan({"fc": 4}, activation_bits={"conv1": 4}))


def test_wrong_plans_checkpoints_and_folders(run: Run, tmp_path: Path) -> None:
    recipe, out, _ = run
    (tmp_path / "plan.json").write_text('{"weight_bits": {"convX": 4}}')
    with pytest.raises(ConfigError, match="convX"):
        train(recipe, tmp_path / "out", tmp_path / "plan.json")
    (tmp_path / "plan.json").write_text("[1, 2")
    with pytest.raises(FormatError, match=r"plan\.json"):
        train(recipe, tmp_path / "out", tmp_path / "plan.json")
    other = short(tmp_path, old="seed = 1", new="seed = 2")
    with pytest.raises(ConfigError, match="another recipe"):
        train(other, tmp_path / "out", None, out / "checkpoint.pt")
    data = (out / "checkpoint.pt").read_bytes()
    for damaged in (b"", data[: len(data) // 2], b"\x80\x04K\x01."):
        (tmp_path / "checkpoint.pt").write_bytes(damaged)
        with pytest.raises(FormatError, match=r"checkpoint\.pt"):
            sensitivity(recipe, tmp_path)
    with pytest.raises(FormatError, match="train the recipe first"):
        sensitivity(recipe, tmp_path / "nowhere")
    with pytest.raises(ConfigError, match=r"2\.\.8"):
        sensitivity(recipe, out, bits=(1,))
    assert not (tmp_path / "out").exists()
    with pytest.raises(ConfigError, match="choose another folder"):
        train(recipe, tmp_path / "plan.json" / "out")
