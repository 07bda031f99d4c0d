"""Networks of several inputs: each gets its quantizer and its name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("brevitas")

from torch import Tensor, nn  # noqa: E402

import hwkit  # noqa: E402
from hwkit.cli import main  # noqa: E402
from hwkit.errors import ConfigError  # noqa: E402
from tests.train.ptq.nets import noise  # noqa: E402

METHODS = ["minmax", "nearest", "no-equalize"]


class Pair(nn.Module):
    """An image and a few numbers of another range, to classes."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.conv = nn.Conv2d(2, 4, 3, padding=1)
        self.dense, self.fc = nn.Linear(5, 4), nn.Linear(4, 3)

    def forward(self, image: Tensor, facts: Tensor) -> Tensor:
        seen = torch.relu(self.conv(image)).mean((2, 3))
        return self.fc(seen + torch.relu(self.dense(facts)))


class Cell(nn.Module):
    """One step of a recurrent layer, whose state is an input."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(6)
        self.cell, self.fc = nn.GRUCell(5, 6), nn.Linear(6, 3)

    def forward(self, x: Tensor, state: Tensor) -> Tensor:
        return self.fc(self.cell(x, state))


def _given() -> dict[str, Tensor]:
    return {"facts": 8 * noise(24, 5), "image": noise(24, 2, 6, 6)}


def test_each_input_has_its_own_quantizer() -> None:
    graph = hwkit.quantize(Pair().eval(), _given(), methods=METHODS)
    assert graph.inputs == ("image", "facts")
    assert [graph.tensors[name].shape for name in graph.inputs] == [(6, 6, 2), (5,)]
    facts = [graph.tensors[name].quantization for name in graph.inputs]
    steps = [of.scale[0] for of in facts if of is not None]
    assert steps[1] > 4 * steps[0]


def test_a_run_of_several_inputs(tmp_path: Path) -> None:
    with torch.no_grad():
        labels = Pair().eval()(_given()["image"], _given()["facts"]).argmax(1)
    data = {**_given(), "y": labels}
    facts = hwkit.quantize(Pair().eval(), data, tmp_path / "run", test=data, methods=METHODS)
    assert facts["accuracy"]["float"] == 1.0 and facts["accuracy"]["integer"] > 0.9
    assert not any(n for key, n in facts["source"].items() if "differing" in key)
    assert {"conv", "dense", "fc"} <= set(facts["weight_bits"])
    with np.load(tmp_path / "run" / "calibration.npz") as kept:
        assert set(kept.files) == {"image", "facts"}
    assert json.loads((tmp_path / "run" / "train.json").read_text())["output_db"] > 25


def test_the_command_takes_arrays_by_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", **{name: x.numpy() for name, x in _given().items()})
    words = ["quantize", "tests.train.ptq.test_several:Pair", "--calibration"]
    options = [word for name in METHODS for word in ("--method", name)]
    with pytest.raises(SystemExit) as left:
        main([*words, str(tmp_path / "x.npz"), "-o", str(tmp_path / "run"), *options])
    assert left.value.code in (0, None)
    assert hwkit.load(tmp_path / "run" / "model.hwk").inputs == ("image", "facts")


def test_a_cell_with_its_state() -> None:
    data = {"x": noise(24, 5), "state": torch.tanh(noise(24, 6))}
    graph = hwkit.quantize(Cell().eval(), data, methods=METHODS)
    assert graph.inputs == ("x", "state")


def test_learned_rounding_of_several_inputs() -> None:
    methods = ["minmax", "learned", "no-equalize"]
    graph = hwkit.quantize(Pair().eval(), _given(), methods=methods, weights=4, steps=2)
    assert graph.inputs == ("image", "facts")


def test_samples_without_the_names_are_told_them() -> None:
    with pytest.raises(ConfigError, match="takes image, facts, samples are one array") as caught:
        hwkit.quantize(Pair().eval(), noise(8, 2, 6, 6))
    assert "\n" not in str(caught.value)
