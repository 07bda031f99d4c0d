"""Recurrent layers written out give what PyTorch and ONNX give, and keep one matrix."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("brevitas")
onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from torch import Tensor, nn  # noqa: E402

from hwkit.errors import HwkitError  # noqa: E402
from hwkit.ir.ops import Dense  # noqa: E402
from hwkit.train.ptq.onnx_file import load_onnx  # noqa: E402
from hwkit.train.ptq.run import quantized_graph  # noqa: E402
from hwkit.train.ptq.samples import Samples  # noqa: E402
from hwkit.train.ptq.settings import Settings  # noqa: E402
from hwkit.train.ptq.trace import traced  # noqa: E402
from tests.train.ptq.nets import noise  # noqa: E402
from tests.train.ptq.test_onnx_file import exported  # noqa: E402

STEPS, WIDTH, UNITS = 5, 4, 6


class Last(nn.Module):
    """The last step of a recurrent layer, or its last state, through a dense layer."""

    def __init__(self, layer: nn.Module, width: int, state: bool = False) -> None:
        super().__init__()
        self.layer, self.fc, self.state = layer, nn.Linear(width, 3), state

    def forward(self, x: Tensor) -> Tensor:
        y, state = self.layer(x)
        last = state[0] if isinstance(state, tuple) else state
        return self.fc(last.squeeze(0) if self.state else y[:, -1])


def _layer(kind: str, **options: object) -> nn.Module:
    torch.manual_seed(4)
    return getattr(nn, kind)(WIDTH, UNITS, batch_first=True, **options)


LAYERS = {
    "lstm": Last(_layer("LSTM"), UNITS),
    "gru": Last(_layer("GRU"), UNITS),
    "gru_state": Last(_layer("GRU"), UNITS, state=True),
    "lstm_state": Last(_layer("LSTM"), UNITS, state=True),
    "rnn": Last(_layer("RNN"), UNITS),
    "rnn_relu": Last(_layer("RNN", nonlinearity="relu", bias=False), UNITS),
    "two_ways": Last(_layer("LSTM", num_layers=2, bidirectional=True), 2 * UNITS),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_of_pytorch(name: str) -> None:
    module, x = LAYERS[name].eval(), noise(3, STEPS, WIDTH)
    torch.testing.assert_close(traced(module, x[:2]).network(x), module(x))


class _FromZeros(Last):
    def forward(self, x: Tensor) -> Tensor:
        y, _ = self.layer(x, torch.zeros(1, x.size(0), UNITS))
        return self.fc(y[:, -1])


def test_a_state_of_zeros_is_none() -> None:
    module, x = _FromZeros(_layer("GRU"), UNITS).eval(), noise(3, STEPS, WIDTH)
    torch.testing.assert_close(traced(module, x[:2]).network(x), module(x))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["lstm", "gru", "gru_state", "rnn_relu", "two_ways"])
def test_layers_of_onnx(name: str, tmp_path: Path) -> None:
    module, x = LAYERS[name].eval(), noise(3, STEPS, WIDTH)
    network = load_onnx(exported(module, tmp_path / "m.onnx", STEPS, WIDTH), x[:1])
    torch.testing.assert_close(network(x), module(x), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(traced(network, x).network(x), module(x), rtol=1e-4, atol=1e-5)


def test_an_onnx_gru_that_resets_first(tmp_path: Path) -> None:
    """``linear_before_reset=0``: ONNX's own evaluator has the definition."""
    h = onnx.helper
    constants = {"w": noise(1, 3 * UNITS, WIDTH), "r": noise(1, 3 * UNITS, UNITS) / 3}
    nodes = [
        h.make_node("Transpose", ["x"], ["t"], perm=[1, 0, 2]),
        h.make_node("GRU", ["t", "w", "r"], ["", "s"], hidden_size=UNITS),
        h.make_node("Squeeze", ["s", "zero"], ["y"]),
    ]
    initial = [onnx.numpy_helper.from_array(v.numpy(), k) for k, v in constants.items()]
    initial.append(onnx.numpy_helper.from_array(torch.tensor([0]).numpy(), "zero"))
    shapes = (("x", ["n", STEPS, WIDTH]), ("y", None))
    ends = [h.make_tensor_value_info(name, 1, shape) for name, shape in shapes]
    graph = h.make_graph(nodes, "g", ends[:1], ends[1:], initial)
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 17)])
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    network = load_onnx(tmp_path / "m.onnx", noise(1, STEPS, WIDTH))  # It compares.
    assert network(noise(2, STEPS, WIDTH)).shape == (2, UNITS)


def test_all_steps_keep_one_matrix() -> None:
    x, steps = noise(8, 3, WIDTH), 3
    settings = Settings(ranges="minmax", rounding="nearest", equalize=False, correct=True)
    graph = quantized_graph(LAYERS["gru"].eval(), Samples(x.numpy(), None), settings)
    dense = [node for node in graph.nodes if isinstance(node, Dense)]
    of_state = [n for n in dense if graph.tensors[n.output].shape == (3 * UNITS,)]
    assert len(of_state) == steps - 1  # The first step's state is zero.
    assert len({graph.constants[n.weight].tobytes() for n in of_state}) == 1


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (nn.GRU(WIDTH, UNITS), "batch_first=True"),
        (nn.LSTM(WIDTH, UNITS, proj_size=3, batch_first=True), "without proj_size"),
    ],
)
def test_what_has_no_form_says_why(layer: nn.Module, message: str) -> None:
    with pytest.raises(HwkitError, match=message) as caught:
        traced(Last(layer, layer.proj_size or UNITS).eval(), noise(3, STEPS, WIDTH))
    assert "\n" not in str(caught.value)
