"""Float ONNX files compute in PyTorch what ONNX says."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("brevitas")
onnx = pytest.importorskip("onnx")

from torch import Tensor, nn  # noqa: E402

from hwkit.errors import ConfigError, FormatError, HwkitError, UnsupportedOp  # noqa: E402
from hwkit.train.ptq.onnx_file import load_onnx  # noqa: E402
from hwkit.train.ptq.trace import traced, weighted  # noqa: E402
from tests.train.ptq.nets import noise, residual  # noqa: E402
from tests.train.ptq.test_trace import FORMS, Of  # noqa: E402

def _exported(module: nn.Module, path: Path, *shape: int) -> Path:
    stream = io.BytesIO()
    options = {"input_names": ["x"], "dynamic_axes": {"x": {0: "n"}}, "dynamo": False}
    torch.onnx.export(module.eval(), (noise(1, *shape),), stream, **options)
    path.write_bytes(stream.getvalue())
    return path


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FORMS)
def test_forms_of_pytorch_through_onnx(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = Of(FORMS[name]).eval()
    x = noise(3, 4, 6, 6)
    network = load_onnx(_exported(module, tmp_path / "m.onnx", 4, 6, 6), x[:1])
    torch.testing.assert_close(network(x), module(x), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(traced(network, x).network(x), module(x), rtol=1e-3, atol=1e-3)


@pytest.mark.filterwarnings("ignore")
def test_layers_have_the_names_of_their_parameters(tmp_path: Path) -> None:
    path = _exported(residual(), tmp_path / "m.onnx", 3, 8, 8)
    network = load_onnx(path, noise(1, 3, 8, 8))
    assert "fc" in weighted(traced(network, noise(2, 3, 8, 8)).network)


def _model(nodes: list[object], constants: dict[str, Tensor], path: Path) -> Path:
    h = onnx.helper
    initial = [onnx.numpy_helper.from_array(v.numpy(), k) for k, v in constants.items()]
    ends = [h.make_tensor_value_info(n, 1, None) for n in ("x", "y")]
    ends[0] = h.make_tensor_value_info("x", 1, ["n", 2, 4, 4])
    graph = h.make_graph(nodes, "g", ends[:1], ends[1:], initial)
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 17)])
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize("mode", ["SAME_UPPER", "SAME_LOWER"])
def test_padding_that_is_not_alike(mode: str, tmp_path: Path) -> None:
    node = onnx.helper.make_node("Conv", ["x", "w"], ["y"], auto_pad=mode, strides=[2, 2])
    path = _model([node], {"w": noise(3, 2, 3, 3)}, tmp_path / "m.onnx")
    network = load_onnx(path, noise(1, 2, 4, 4))  # It compares with ONNX's own execution.
    assert network(noise(5, 2, 4, 4)).shape == (5, 3, 2, 2)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


@pytest.mark.parametrize(
    ("op", "inputs", "sample", "error", "message"),
    [
        ("Erf", ["x"], (1, 2, 4, 4), UnsupportedOp, "ONNX op 'Erf'; it knows Add"),
        ("MatMul", ["x", "x"], (1, 2, 4, 4), UnsupportedOp, "give it a constant weight second"),
        ("DequantizeLinear", ["x", "s"], (1, 2, 4, 4), ConfigError, "use 'hwkit import'"),
    ],
)
def test_what_cannot_be_read_says_why(
    op: str, inputs: list[str], sample: tuple[int, ...], error: type[HwkitError], message: str,
    tmp_path: Path,
) -> None:  # fmt: skip
    node = onnx.helper.make_node(op, inputs, ["y"])
    path = _model([node], {"s": torch.ones(())}, tmp_path / "m.onnx")
    with pytest.raises(error, match=message) as caught:
        load_onnx(path, noise(*sample))
    assert "\n" not in str(caught.value)


def test_cut_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    node = onnx.helper.make_node("Relu", ["x"], ["y"])
    _model([node], {}, path)
    _cut(path)
    with pytest.raises(FormatError):
        load_onnx(path, noise(1, 2, 4, 4))
