"""A recipe with scheme qfx through the pipeline: run folder, plan, sensitivity, warm start."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("brevitas")
pytest.importorskip("sklearn")

from hwkit.allocate.plan import BitPlan  # noqa: E402
from hwkit.errors import ConfigError  # noqa: E402
from hwkit.ir.khot import digits  # noqa: E402
from hwkit.ir.ops import Requantize, Rounding, rescales  # noqa: E402
from hwkit.ir.serialize import load  # noqa: E402
from hwkit.train.jets import generate  # noqa: E402
from hwkit.train.pipeline import Trained, train  # noqa: E402
from hwkit.train.recipe import recipe_path  # noqa: E402
from hwkit.train.sensitivity import sensitivity  # noqa: E402

pytestmark = pytest.mark.slow


def short(folder: Path, name: str, recipe: str, *changes: tuple[str, str]) -> Path:
    """A built-in recipe with few epochs and other changes, each of which must apply."""
    text = recipe_path(recipe).read_text()
    head, qat = text.split("[qat]")
    lines = [("epochs = 8" if s.startswith("epochs") else s) for s in head.split("\n")]
    text = "\n".join(lines) + "[qat]" + qat.replace("epochs = ", "epochs = 2 # ", 1)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / f"{name}.toml"
    path.write_text(text)
    return path


Run = tuple[Path, Path, Trained]
"""The recipe, the folder, what came out."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("run")
    recipe = short(folder, "short", "digits_qfx")
    return recipe, folder / "out", train(recipe, folder / "out")


def test_the_graph_is_what_was_trained(run: Run) -> None:
    _, out, result = run
    assert (result.moved, result.integers) == (0, 3550)
    assert result.accuracy.integer == result.accuracy.fake_quantized > 0.8
    assert result.accuracy.float > 0.85
    graph = load(out / "model.hwk")
    assert graph.tensors[graph.inputs[0]].dtype.bits == 4
    assert graph.tensors[graph.outputs[0]].dtype.bits == 8
    found = [r for op in graph.nodes if isinstance(op, Requantize) for r in rescales(op)]
    assert len(found) == 4 and {r.rounding for r in found} == {Rounding.HALF_UP}
    assert all(m & (m - 1) == 0 for r in found for m in r.multiplier)


def test_plan_and_sensitivity(run: Run, tmp_path: Path) -> None:
    recipe, out, _ = run
    plan = BitPlan({"conv2": 3, "fc": 8})
    result = train(recipe, tmp_path / "out", plan, out / "checkpoint.pt")
    assert result.weight_bits == {"conv1": 4, "conv2": 3, "fc": 8}
    assert result.moved == 0
    graph = load(tmp_path / "out" / "model.hwk")
    assert graph.tensors["conv2.weight"].dtype.bits == 3
    found = sensitivity(recipe, out, bits=(8, 4, 2), samples=128)
    for row in found.values():
        assert row[4] == 0 < row[2]


def test_khot_wrapping_and_batch_norms_that_stay(run: Run, tmp_path: Path) -> None:
    scheme = ('scheme = "qfx"', 'scheme = "qfx"\noverflow = "wrap"\nterms = 2\nbatch_norm = "keep"')
    bits = ("bits = 4\nactivation_bits = 4", "bits = 6\nactivation_bits = 6")
    recipe = short(tmp_path, "kept", "digits_qfx", scheme, bits)
    result = train(recipe, tmp_path / "out")
    assert result.moved == 0 and result.accuracy.integer > 0.7
    graph = load(tmp_path / "out" / "model.hwk")
    for name in ("conv1.conv.weight", "conv1.norm.weight", "conv2.conv.weight", "fc.weight"):
        assert digits(graph.constants[name]).max() == 2


def test_warm_start_from_a_brevitas_run(run: Run, tmp_path: Path) -> None:
    scheme = ('scheme = "qfx"\n', "")
    modes = ('rounding = "half_up"\ninput_bits = 4\n', "")
    bits = ("bits = 4\nactivation_bits = 4", "bits = 8\nactivation_bits = 8")
    before = train(short(tmp_path, "brevitas", "digits_qfx", scheme, modes, bits), tmp_path / "b")
    none = ("epochs = 2 # 40", "epochs = 0")
    start = tmp_path / "b" / "checkpoint.pt"
    recipe = short(tmp_path, "warm", "digits_qfx", none, bits, ("input_bits = 4", "input_bits = 8"))
    after = train(recipe, tmp_path / "w", start_from=start)
    assert after.moved == 0
    assert abs(after.accuracy.integer - before.accuracy.integer) < 0.02
    jets = short(tmp_path, "other", "jets_qfx")
    with pytest.raises(ConfigError, match=r"start weights: fc1\.weight is missing"):
        train(jets, tmp_path / "o", start_from=start)


def test_jets_are_generated_the_same_every_time() -> None:
    x, y = generate(1000)
    again, _ = generate(1000)
    assert x.shape == (1000, 16) and x.dtype == np.float32
    assert np.array_equal(x, again) and np.bincount(y).tolist() == [200] * 5
    assert np.abs(x.mean(axis=0)).max() < 1e-3 and np.abs(x.std(axis=0) - 1).max() < 1e-3
