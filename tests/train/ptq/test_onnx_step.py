"""ONNX files of one call, whose states are inputs and outputs."""

from __future__ import annotations

import io
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
from hwkit.errors import ConfigError  # noqa: E402
from hwkit.train.ptq.onnx_file import load_onnx  # noqa: E402
from hwkit.train.ptq.onnx_step import load_onnx_step  # noqa: E402
from hwkit.train.ptq.samples import Samples  # noqa: E402
from hwkit.train.ptq.steps import steps_of  # noqa: E402
from tests.train.ptq.nets import noise  # noqa: E402
from tests.train.ptq.test_onnx_file import exported  # noqa: E402
from tests.train.ptq.test_steps import METHODS, STEPS, UNITS, WIDTH, Keyword  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")


class Pair(nn.Module):
    """Two LSTMs and a mask, as PyTorch exports them: h and c (layers, 1, units)."""

    SHAPES: tuple[tuple[int, ...], ...] = ((2, 1, UNITS), (2, 1, UNITS))

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(9)
        self.lstm = nn.LSTM(WIDTH, UNITS, num_layers=2, batch_first=True)
        self.mask = nn.Linear(UNITS, WIDTH)

    def forward(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, ...]:
        y, (h, c) = self.lstm(x, (h, c))
        return x * torch.sigmoid(self.mask(y)), h, c


class Stacked(Pair):
    """The same with all states in one tensor, as dtln has them."""

    SHAPES = ((1, 2, UNITS, 2),)

    def forward(self, x: Tensor, s: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        h, c = s[:, :, :, 0].transpose(0, 1), s[:, :, :, 1].transpose(0, 1)
        y, (h, c) = self.lstm(x, (h.contiguous(), c.contiguous()))
        states = torch.stack([h.transpose(0, 1), c.transpose(0, 1)], 3)
        return x * torch.sigmoid(self.mask(y)), states


def _file(module: Pair, path: Path, steps: int = 1) -> tuple[Path, dict[str, str]]:
    names = [f"s{k}" for k in range(len(module.SHAPES))]
    given = (noise(1, steps, WIDTH), *(torch.zeros(shape) for shape in module.SHAPES))
    stream = io.BytesIO()
    torch.onnx.export(
        module.eval(), given, stream, dynamo=False, input_names=["frame", *names],
        output_names=["y", *(f"{n}_next" for n in names)],
    )  # fmt: skip
    path.write_bytes(stream.getvalue())
    return path, {name: f"{name}_next" for name in names}


@pytest.mark.parametrize("kind", [Pair, Stacked])
@pytest.mark.parametrize("steps", [1, 2])
def test_a_call_gives_what_the_file_does(kind: type[Pair], steps: int, tmp_path: Path) -> None:
    """The reader compares with the file at random states; here over a sequence, in PyTorch."""
    module = kind().eval()
    path, pairs = _file(module, tmp_path / "m.onnx", steps)
    network, shapes = load_onnx_step(path, noise(1, steps, WIDTH), pairs)
    assert shapes["x"] == (steps, WIDTH)
    mine = [torch.zeros(1, *shapes[name]) for name in pairs]
    theirs = [torch.zeros(shape) for shape in kind.SHAPES]
    for part in noise(1, 6, WIDTH).split(steps, 1):
        y, *mine = network(part, *mine)
        wanted, *theirs = module(part, *theirs)
        torch.testing.assert_close(y, wanted)


def test_pairs_become_states(tmp_path: Path) -> None:
    path, pairs = _file(Stacked(), tmp_path / "m.onnx")
    np.save(tmp_path / "x.npy", noise(12, STEPS, WIDTH).numpy())
    words = ["quantize", str(path), "--calibration", str(tmp_path / "x.npy")]
    words += ["-o", str(tmp_path / "run")]
    words += [word for n, o in pairs.items() for word in ("--carry", f"{n}={o}")]
    with pytest.raises(SystemExit) as left:
        main(words + [word for name in METHODS for word in ("--method", name)])
    assert left.value.code in (0, None)
    graph = hwkit.load(tmp_path / "run" / "model.hwk")
    assert (graph.inputs, len(graph.states)) == (("x",), 1)
    facts = hwkit.files.read_json(tmp_path / "run" / "train.json")
    assert facts["moved"] == 0 and facts["output_db"] > 20


def test_layers_of_onnx_keep_their_states(tmp_path: Path) -> None:
    """A file of whole sequences, read for one step: as the PyTorch network it came from."""
    x, path = noise(4, STEPS, WIDTH), exported(Keyword(), tmp_path / "m.onnx", STEPS, WIDTH)
    whole, one = load_onnx(path, x[:1]), load_onnx(path, x[:1, :1])
    stepped = steps_of(whole, one, Samples(x.numpy(), None), 1)
    got = stepped.of_sequences(stepped.outputs(stepped.module, x.numpy()))
    torch.testing.assert_close(torch.from_numpy(got), Keyword().eval()(x), rtol=1e-4, atol=1e-5)


def test_names_that_do_not_fit(tmp_path: Path) -> None:
    path, pairs = _file(Pair(), tmp_path / "m.onnx")
    frame = noise(1, 1, WIDTH)
    for given, message in (
        ({"h": "y"}, "'h' is no input; it has frame, s0, s1"),
        ({"s0": "h"}, "'h' is no output; it has y, s0_next, s1_next"),
        ({"s0": "s0_next"}, "inputs frame, s1 and outputs y, s1_next beside the states"),
    ):
        with pytest.raises(ConfigError, match=message):
            load_onnx_step(path, frame, given)
    with pytest.raises(ConfigError, match="give --streaming as many steps as a call has"):
        load_onnx_step(path, noise(1, 2, WIDTH), pairs)
