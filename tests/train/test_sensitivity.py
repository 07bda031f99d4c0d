"""Methods of sensitivity against what they are defined by, on one short training run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("brevitas")
pytest.importorskip("sklearn")

from hwkit.errors import ConfigError  # noqa: E402
from hwkit.flow.training import SENSITIVITIES  # noqa: E402
from hwkit.train import sensitivity as room  # noqa: E402
from hwkit.train.pipeline import train  # noqa: E402
from hwkit.train.recipe import read_recipe  # noqa: E402
from hwkit.train.sensitivity import (  # noqa: E402
    METHODS,
    Harm,
    Probe,
    distilled,
    learned,
    masking,
    measured,
    probe_of,
    trace,
)
from hwkit.train.sensitivity.harm import Pair, Row, divergence  # noqa: E402
from tests.train.test_pipeline import short  # noqa: E402

pytestmark = pytest.mark.slow

Run = tuple[Path, Path]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The recipe, and the folder."""
    folder = tmp_path_factory.mktemp("run")
    recipe = short(folder, old="epochs = 10", new="epochs = 3")
    train(recipe, folder / "out")
    return recipe, folder / "out"


@pytest.fixture(scope="module")
def probe(run: Run) -> Probe:
    return probe_of(read_recipe(run[0]), run[1], 64)


def test_the_command_line_knows_every_method() -> None:
    assert tuple(METHODS) == SENSITIVITIES


@pytest.mark.parametrize("method", SENSITIVITIES)
def test_harm_is_none_at_the_trained_width_and_grows_below(
    probe: Probe, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distilled, "_STEPS", 20)
    monkeypatch.setattr(learned, "_DRAWS", 64)
    found = measured(probe, (8, 4, 2), method).layers()
    assert list(found) == list(probe.trained_bits)
    assert all(row[8] == 0 <= min(row[4], row[2]) for row in found.values())
    four, two = (sum(row[bits] for row in found.values()) for bits in (4, 2))
    assert 0 < four < two


def test_what_was_measured_is_remembered(
    run: Run, probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = measured(probe, (4, 2), "masking")

    def refuse(*given: Any) -> Harm:
        raise AssertionError("measured again")

    monkeypatch.setattr(room, "METHODS", dict.fromkeys(METHODS, refuse))
    assert measured(probe, (4, 2), "masking") == first
    with pytest.raises(AssertionError, match="measured again"):
        measured(probe, (4, 3), "masking")
    found = room.sensitivity(run[0], run[1], (4, 2), samples=64, method="masking")
    written = json.loads((run[1] / "sensitivity.json").read_text())
    assert written["method"] == masking.TITLE
    assert written["layers"]["fc"]["4"] == found["fc"][4] == first.layers()["fc"][4]


def test_an_unknown_method(run: Run) -> None:
    with pytest.raises(ConfigError, match="sensitivity 'luck': unknown; give perturbation"):
        room.sensitivity(*run, method="luck")


def test_the_trace_is_the_hessians(probe: Probe) -> None:
    """Of a layer of 72 weights, row by row."""
    few = replace(probe, x=probe.x[:16], labels=probe.labels[:16])
    layer = "block1.depthwise"
    shape = few.weight(layer).shape

    def loss(weight: Any) -> Any:
        outputs = few.outputs({layer: weight.reshape(shape)}, few.x)
        return torch.nn.functional.cross_entropy(outputs, few.labels)

    exact = torch.autograd.functional.hessian(loss, few.weight(layer).flatten()).trace()
    estimated = trace.traces_of(few, 100)[layer]
    assert estimated == pytest.approx(float(exact), rel=0.3)


def test_a_plan_of_two_layers_is_what_both_do(probe: Probe) -> None:
    found = METHODS["pairs"](probe, (8, 3), lambda *told: None)
    both = {name: probe.rounded(name, 3) for name in ("conv1", "fc")}
    with torch.no_grad():
        wanted = divergence(probe.outputs({}, probe.x), probe.outputs(both, probe.x))
    plan = dict.fromkeys(probe.trained_bits, 8) | {"conv1": 3, "fc": 3}
    assert found.of(plan) == pytest.approx(wanted, rel=1e-6, abs=1e-9)


def test_half_of_a_pair_counts_for_each_of_its_layers() -> None:
    one, other, wide = Row("a", 4, 1.0), Row("b", 4, 2.0), Row("b", 2, 5.0)
    found = Harm("", (one, other, wide), (Pair(one, other, 0.4), Pair(one, wide, 0.8)))
    assert found.layers()["a"][4] == pytest.approx(1.0 + (0.2 + 0.4) / 2)
    assert found.layers()["b"] == {4: pytest.approx(2.2), 2: pytest.approx(5.4)}
    assert found.of({"a": 4, "b": 2}) == pytest.approx(6.8)


def test_made_up_samples_have_the_statistics_of_batch_norms(probe: Probe) -> None:
    def apart(x: Any) -> float:
        with torch.no_grad():
            y = probe.float_network.get_submodule("conv1")(x)
            return float(distilled._apart(y, *probe.statistics()["conv1"]))

    made = distilled.samples(probe, 32, 60)
    assert made.shape == (32, 1, 8, 8) and made.min() >= 0 and made.max() <= 1
    assert apart(made) < apart(masking.noise(probe, 32)) / 2
    checkpoint = {**probe.checkpoint, "float": {}}
    with pytest.raises(ConfigError, match="knows nothing of batch norms"):
        distilled.samples(replace(probe, checkpoint=checkpoint), 32, 1)


def test_masks_take_every_channel_once(probe: Probe) -> None:
    weight = torch.ones(6, 2, 1, 1)
    lost = sum(weight - masking._masked(weight, k) for k in range(masking._MASKS))
    assert torch.equal(lost, weight)
