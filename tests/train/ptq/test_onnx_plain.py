"""Statically quantized ONNX files whose recurrent layers are float: refused, and quantized anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("brevitas")
onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from onnxruntime import InferenceSession  # noqa: E402
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static  # noqa: E402

from hwkit.errors import UnsupportedOp  # noqa: E402
from hwkit.importers import load_model as imported  # noqa: E402
from hwkit.train.ptq.run import quantized_graph  # noqa: E402
from hwkit.train.ptq.samples import Samples  # noqa: E402
from hwkit.train.ptq.settings import Settings  # noqa: E402
from hwkit.train.ptq.source import load_model  # noqa: E402
from hwkit.train.ptq.steps import steps_of  # noqa: E402
from tests.train.ptq.nets import noise  # noqa: E402
from tests.train.ptq.test_onnx_file import exported  # noqa: E402
from tests.train.ptq.test_steps import STEPS, WIDTH, Keyword  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")


class _Samples(CalibrationDataReader):
    def __init__(self) -> None:
        self.left = iter(noise(8, 1, STEPS, WIDTH).numpy())

    def get_next(self) -> Any:
        return None if (x := next(self.left, None)) is None else {"x": x}


@pytest.fixture(scope="module", params=["LSTM", "GRU"])
def quantized(request: Any, tmp_path_factory: Any) -> Path:
    """As ONNX Runtime's static quantization leaves it: Q, DQ, a float layer, Q, DQ."""
    torch.manual_seed(11)
    folder = tmp_path_factory.mktemp(request.param)
    module = torch.nn.Sequential(
        torch.nn.Linear(WIDTH, WIDTH), Keyword(getattr(torch.nn, request.param))
    )
    plain = exported(module, folder / "plain.onnx", STEPS, WIDTH)
    quantize_static(plain, folder / "m.onnx", _Samples(), QuantFormat.QDQ, per_channel=True)
    return folder / "m.onnx"


def test_the_import_says_why_it_has_no_integers(quantized: Path) -> None:
    with pytest.raises(UnsupportedOp, match=r"float between its quantizers.*'hwkit quantize FILE"):
        imported(quantized)


def test_its_weights_mean_what_they_do_in_the_file(quantized: Path) -> None:
    """Quantizers of activations are left out, whose noise is what remains on what calibrated."""
    x = noise(8, 1, STEPS, WIDTH)[0]
    network = load_model(str(quantized), x)
    session = InferenceSession(quantized, providers=["CPUExecutionProvider"])
    wanted = session.run(None, {"x": x.numpy()})[0]
    with torch.no_grad():
        np.testing.assert_allclose(network(x).numpy(), wanted, atol=0.03)


def test_it_becomes_a_graph_with_states(quantized: Path) -> None:
    x = noise(12, STEPS, WIDTH)
    whole, one = (load_model(str(quantized), x[:1, :steps]) for steps in (STEPS, 1))
    stepped = steps_of(whole, one, Samples(x.numpy(), None), 1)
    settings = Settings(ranges="minmax", rounding="nearest", equalize=False, correct=False)
    graph = quantized_graph(stepped.module, stepped.samples, settings, stepped)
    assert len(graph.states) in (1, 2)
    assert graph.metadata["differing"] == "0"
