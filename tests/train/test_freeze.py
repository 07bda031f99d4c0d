from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("brevitas")

import brevitas.nn as qnn  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from hwkit.errors import GraphError, HwkitError, UnsupportedOp  # noqa: E402
from hwkit.train.freeze import fidelity, freeze  # noqa: E402


class Running(nn.Module):
    """A sum that no op computes."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cumsum(x, 1)


def test_freeze_leaves_the_model_as_it_was() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        qnn.QuantIdentity(collect_stats_steps=1), qnn.QuantLinear(6, 3, bias=True)
    )
    model(torch.randn(8, 6))
    model.train()
    graph = freeze(model, torch.randn(1, 6))
    assert model.training
    found = fidelity(graph, model, torch.randn(50, 6))
    assert (found.samples, found.integers, found.moved) == (50, 150, 0)
    assert [op.name for op in graph.nodes] == ["1"]


@pytest.mark.parametrize(
    ("stages", "error", "message"),
    [
        ([qnn.QuantLinear(6, 3, bias=False)], GraphError, "put a QuantIdentity first"),
        ([qnn.QuantIdentity(), nn.Linear(6, 3)], UnsupportedOp, "use QuantConv2d or QuantLinear"),
        ([qnn.QuantIdentity(), nn.Softmax(dim=1)], GraphError, "only quantizes its input"),
        ([qnn.QuantIdentity(), Running(), qnn.QuantIdentity()], UnsupportedOp, "ONNX op 'CumSum'"),
        ([qnn.QuantIdentity(), nn.Upsample(scale_factor=2)], GraphError, "cannot export"),
    ],
)
def test_what_cannot_be_frozen_says_why(
    stages: list[nn.Module], error: type[HwkitError], message: str
) -> None:
    model = nn.Sequential(*stages).eval()
    with pytest.raises(error, match=message) as caught:
        freeze(model, torch.randn(1, 6))
    assert "\n" not in str(caught.value)
