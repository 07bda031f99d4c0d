"""Recurrent networks that take a step at a time: states kept, integers those of whole sequences."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("brevitas")
onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from torch import Tensor, nn  # noqa: E402

import hwkit  # noqa: E402
from hwkit.cli import main  # noqa: E402
from hwkit.errors import HwkitError  # noqa: E402
from hwkit.importers import open_model  # noqa: E402
from hwkit.ir.interpret import run  # noqa: E402
from hwkit.train.freeze import export, input_integers  # noqa: E402
from hwkit.train.ptq.quantize import quantize  # noqa: E402
from hwkit.train.ptq.samples import Samples  # noqa: E402
from hwkit.train.ptq.settings import Settings  # noqa: E402
from hwkit.train.ptq.several import apart  # noqa: E402
from hwkit.train.ptq.steps import Stepped, steps_of  # noqa: E402
from tests.train.ptq.nets import noise  # noqa: E402

STEPS, WIDTH, UNITS = 4, 5, 3
METHODS = ["minmax", "nearest", "no-equalize", "no-correct"]
QUICK = Settings(ranges="minmax", rounding="nearest", equalize=False, correct=False)


class Keyword(nn.Module):
    """A GRU's last step to classes."""

    def __init__(self, kind: type[nn.RNNBase] = nn.GRU, **options: object) -> None:
        super().__init__()
        torch.manual_seed(7)
        self.layer = kind(WIDTH, UNITS, batch_first=True, **options)
        self.fc = nn.Linear(UNITS * (1 + self.layer.bidirectional), 3)

    def forward(self, x: Tensor) -> Tensor:
        y, _ = self.layer(x)
        return self.fc(y[:, -1])


class Mask(nn.Module):
    """An LSTM whose mask each step's input is multiplied by, as dtln's first network has it."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(8)
        self.lstm = nn.LSTM(WIDTH, UNITS, batch_first=True)
        self.mask = nn.Linear(UNITS, WIDTH)

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, ...]:
        y, state = self.lstm(x, state)
        return x * torch.sigmoid(self.mask(y)), *state


NETWORKS: dict[str, nn.Module] = {
    "keyword": Keyword(),
    "mask": Mask(),
    "rnn": Keyword(nn.RNN, nonlinearity="relu"),
}


class _Unrolled(nn.Module):
    """The quantized step, called for each block from the states that are given."""

    def __init__(self, step: nn.Module, stepped: Stepped) -> None:
        super().__init__()
        self.step, self.block, self.each = step, stepped.block, stepped.each

    def forward(self, x: Tensor, *states: Tensor) -> Tensor:
        x, rows = self.step.get_submodule("input_x_out")(x), []
        for part in x.split(self.block, 1):
            y, *left = self.step(part, *states)
            states = tuple(left)
            rows.append(y)
        return torch.cat(rows, 1) if self.each else rows[-1]


@pytest.mark.parametrize(("name", "block"), [("keyword", 1), ("mask", 1), ("rnn", 2)])
def test_states_give_what_the_unrolled_network_does(name: str, block: int, tmp_path: Path) -> None:
    """Both are the same twin, exported and imported: once a step with states, once all steps."""
    x = noise(9, STEPS, WIDTH)
    network = NETWORKS[name].eval()
    stepped = steps_of(network, network, Samples(x.numpy(), None), block)
    done = quantize(stepped.module, torch.from_numpy(stepped.samples.x), QUICK)
    step, inputs = apart(done.twin, torch.from_numpy(stepped.samples.x[:1]))
    export(step, inputs, tmp_path / "step.onnx")
    export(_Unrolled(step, stepped), inputs | {"x": x[:1]}, tmp_path / "whole.onnx")
    whole, _ = open_model(tmp_path / "whole.onnx")
    graph = stepped.with_states(open_model(tmp_path / "step.onnx")[0], done.twin)
    assert len(graph.states) == {"keyword": 1, "mask": 2, "rnn": 1}[name]
    feeds = {n: np.zeros((len(x), *whole.tensors[n].shape), np.float32) for n in whole.inputs}
    feeds["x"] = x.numpy()
    wanted = run(whole, {n: input_integers(whole, v, n) for n, v in feeds.items()})
    for sequence, integers in zip(x, wanted[whole.outputs[0]], strict=True):
        parts = np.stack([part.numpy() for part in sequence.split(block)])
        got = graph.predict(input_integers(graph, parts))
        assert isinstance(got, np.ndarray)
        # Of a row a step the importer makes a map, the steps its channels.
        rows = got.reshape(STEPS, WIDTH).T[None] if stepped.each else got[-1]
        np.testing.assert_array_equal(rows, integers)


def test_a_run_is_measured_step_after_step(tmp_path: Path) -> None:
    with torch.no_grad():
        x = noise(20, STEPS, WIDTH)
        labels = Keyword().eval()(x).argmax(1)
    facts = hwkit.quantize(
        Keyword().eval(), (x, labels), tmp_path / "run", streaming=1, methods=METHODS
    )
    assert facts["accuracy"]["float"] == 1.0 and facts["accuracy"]["integer"] >= 0.9
    assert facts["moved"] == 0 and facts["output_db"] > 25
    assert "fc" in facts["weight_bits"] and "layer.layers.0.0.input" in facts["weight_bits"]
    kept = np.load(tmp_path / "run" / "calibration.npy")
    graph = hwkit.load(tmp_path / "run" / "model.hwk")
    assert graph.inputs == ("x",) and kept.shape[1:] == (1, WIDTH)
    assert [state.tensor for state in graph.states] == ["layer_0_h"]
    assert not (tmp_path / "run" / "test.npz").exists()


def test_the_command_and_a_board(tmp_path: Path) -> None:
    """200 steps on the virtual Cortex-M4, equal in every layer."""
    np.save(tmp_path / "x.npy", noise(12, STEPS, WIDTH).numpy())
    words = ["quantize", "tests.train.ptq.test_steps:Mask", "--streaming", "--calibration"]
    options = [word for name in METHODS for word in ("--method", name)]
    with pytest.raises(SystemExit) as left:
        main([*words, str(tmp_path / "x.npy"), "-o", str(tmp_path / "run"), *options])
    assert left.value.code in (0, None)
    facts = json.loads((tmp_path / "run" / "train.json").read_text())
    assert facts["method"]["streaming"] == 1
    graph = hwkit.load(tmp_path / "run" / "model.hwk")
    assert hwkit.verify(graph, "virtual_m4", samples=200).check().inputs == 200


def test_learned_rounding_of_steps() -> None:
    x, methods = noise(4, STEPS, WIDTH), ["minmax", "learned", "no-equalize"]
    graph = hwkit.quantize(Keyword().eval(), x, methods=methods, streaming=2, weights=4, steps=2)
    assert len(graph.states) == 1


class _MeanOfSteps(Keyword):
    def forward(self, x: Tensor) -> Tensor:
        y, _ = self.layer(x)
        return self.fc(y.mean(1))


class _Twice(Keyword):
    def forward(self, x: Tensor) -> Tensor:
        y, _ = self.layer(x)
        y, _ = self.layer(torch.cat([y, x[:, :, :2]], 2))
        return self.fc(y[:, -1])


@pytest.mark.parametrize(
    ("module", "shape", "message"),
    [
        (_MeanOfSteps(), (4, STEPS, WIDTH), "do not give what the whole sequence does"),
        (Keyword(bidirectional=True), (4, STEPS, WIDTH), "reads sequences backward"),
        (_Twice(), (4, STEPS, WIDTH), "call a recurrent layer once"),
        (nn.Linear(WIDTH, 3), (4, STEPS, WIDTH), "no recurrent layer"),
        (Keyword(), (4, 1, WIDTH), "no sequences of blocks of 1 steps"),
    ],
)
def test_what_has_no_step_says_why(module: nn.Module, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(HwkitError, match=message) as caught:
        hwkit.quantize(module.eval(), noise(*shape), streaming=1, methods=METHODS)
    assert "\n" not in str(caught.value)
