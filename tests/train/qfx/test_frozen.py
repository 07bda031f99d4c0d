"""The frozen graph computes what the forward pass computed: not one integer differs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("brevitas")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from hwkit.errors import ConfigError, GraphError  # noqa: E402
from hwkit.importers import load_model  # noqa: E402
from hwkit.ir.ops import (  # noqa: E402
    Add as AddOp,
)
from hwkit.ir.ops import (  # noqa: E402
    Clamp,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    MaxPool2d,
    Overflow,
    Requantize,
    Rounding,
    SumPool2d,
    rescales,
)
from hwkit.train.freeze import export, fidelity, freeze  # noqa: E402
from hwkit.train.qfx import (  # noqa: E402
    Activation,
    Add,
    AveragePool2d,
    Flatten,
    Format,
    Input,
    QfxBatchNorm,
    QfxConv2d,
    QfxDepthwiseConv2d,
    QfxLinear,
    Reals,
    calibrate,
    folded,
)
from hwkit.train.qfx.fixed import ROUNDINGS  # noqa: E402

from .networks import EveryLayer, made  # noqa: E402

pytestmark = pytest.mark.slow


def differences(network: nn.Module, x: Tensor) -> int:
    graph = freeze(network, x[:1])
    found = fidelity(graph, network, x)
    assert found.samples == len(x) and found.integers >= 3 * len(x)
    return found.moved


@pytest.mark.parametrize("overflow", list(Overflow))
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_every_layer_at_every_width(rounding: Rounding, overflow: Overflow) -> None:
    for width in range(2, 9):
        network = made(width, width, rounding, overflow)
        assert differences(network, torch.rand(100, 2, 8, 8)) == 0, width


@settings(derandomize=True, deadline=None, max_examples=12)
@given(
    st.integers(0, 2**16),
    st.integers(2, 8),
    st.sampled_from(ROUNDINGS),
    st.sampled_from(list(Overflow)),
    st.booleans(),
    st.integers(0, 3),
    st.floats(0, 2),
)
def test_random_networks(
    seed: int,
    width: int,
    rounding: Rounding,
    overflow: Overflow,
    per_channel: bool,
    terms: int,
    shake: float,
) -> None:
    network = made(
        seed, width, rounding, overflow, per_channel=per_channel, terms=terms, shake=shake
    )
    assert differences(network, torch.rand(60, 2, 8, 8)) == 0


def test_the_graph_says_what_was_trained() -> None:
    network = made(1, 5, Rounding.HALF_UP, Overflow.SATURATE)
    graph = freeze(network, torch.rand(1, 2, 8, 8))
    kinds = [type(op) for op in graph.nodes]
    assert {Conv2d, DepthwiseConv2d, AddOp, SumPool2d, MaxPool2d, Dense, Requantize} <= set(kinds)
    found = [r for op in graph.nodes if isinstance(op, Requantize) for r in rescales(op)]
    assert {r.rounding for r in found} == {Rounding.HALF_UP}
    assert {(r.low, r.high) for r in found} == {(-16, 15), (0, 31)}
    assert all(m & (m - 1) == 0 for r in found for m in r.multiplier)
    assert graph.tensors["conv.weight"].dtype.bits == 5
    assert np.array_equal(
        graph.constants["fc.weight"], network.fc.weight_cast.integers(network.fc.weight).numpy()
    )


def test_wrapping_stays_wrapping_and_a_relu_before_it_a_clamp() -> None:
    network = made(1, 4, Rounding.FLOOR, Overflow.WRAP)
    graph = freeze(network, torch.rand(1, 2, 8, 8))
    found = [r for op in graph.nodes for r in rescales(op) if isinstance(op, Requantize)]
    assert {r.overflow for r in found} == {Overflow.WRAP}
    assert sum(isinstance(op, Clamp) for op in graph.nodes) == 4


@pytest.mark.parametrize("overflow", list(Overflow))
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_another_executor_computes_the_same_from_the_file(
    tmp_path: Path, rounding: Rounding, overflow: Overflow
) -> None:
    """The file alone says all of it: QONNX's own executor gives the forward pass's values."""
    pytest.importorskip("qonnx")
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx
    from qonnx.transformation.infer_shapes import InferShapes

    network = made(3, 4, rounding, overflow)
    x = torch.rand(1, 2, 8, 8)
    export(network, x, tmp_path / "m.onnx")
    model = ModelWrapper(str(tmp_path / "m.onnx")).transform(InferShapes())
    for _ in range(8):
        x = torch.rand(1, 2, 8, 8)
        y = execute_onnx(model, {model.graph.input[0].name: x.numpy()})
        with torch.no_grad():
            wanted = network(x).numpy()
        assert np.array_equal(next(iter(y.values())), wanted)
    assert load_model(tmp_path / "m.onnx").nodes


def test_training_keeps_it_exact() -> None:
    network = made(5, 4, Rounding.HALF_UP, Overflow.SATURATE, per_channel=True, terms=1)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    x, labels = torch.rand(64, 2, 8, 8), torch.arange(64) % 3
    network.train()
    before = {n: p.detach().clone() for n, p in network.named_parameters()}
    for _ in range(20):
        loss = nn.functional.cross_entropy(network(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    moved = {n for n, p in network.named_parameters() if not torch.equal(p, before[n])}
    assert {"conv.weight", "norm.weight", "fc.bias", "relu.cast.fraction"} <= moved
    assert differences(network, torch.rand(200, 2, 8, 8)) == 0


def test_folding_a_batch_norm() -> None:
    torch.manual_seed(0)
    conv = QfxConv2d(2, 4, 3, Format(8))
    norm = QfxBatchNorm(4, Format(8))
    nn.init.normal_(norm.weight)
    norm.running_mean.normal_()
    kept = nn.Sequential(
        Input(8, False), conv, Activation(Format(16)), norm, Activation(Format(12)), Reals()
    )
    x = torch.rand(32, 2, 6, 6)
    calibrate(kept, x)
    before = kept.eval()(x)
    folded(conv, norm)
    joined = nn.Sequential(kept[0], conv, kept[4], Reals())
    calibrate(joined, x)
    after = joined.eval()(x)
    assert not torch.equal(before, after)
    assert float((before - after).abs().max()) < 0.05 * float(before.abs().max())
    assert differences(joined, torch.rand(20, 2, 6, 6)) == 0


def test_calibrating_a_norm_changes_its_statistics_and_not_its_function() -> None:
    torch.manual_seed(0)
    norm = QfxBatchNorm(3, Format(8))
    norm.start(torch.tensor([0.5, 2.0, 1.0]), torch.tensor([1.0, 0.0, -1.0]))
    network = nn.Sequential(Input(8, False), norm, Activation(Format(12)), Reals())
    x = torch.rand(200, 3, 2, 2) * torch.tensor([1.0, 0.5, 0.25])[None, :, None, None]
    calibrate(network, x)
    gain, offset = norm.affine(norm.running_mean, norm.running_var)
    assert torch.allclose(gain, torch.tensor([0.5, 2.0, 1.0]), atol=1e-4)
    assert torch.allclose(offset, torch.tensor([1.0, 0.0, -1.0]), atol=1e-4)
    assert float(norm.running_mean[0]) == pytest.approx(0.5, abs=0.05)


def test_double_precision_where_single_would_round() -> None:
    """Sums of 2**26 and more, odd ones among them, are still exact."""
    torch.manual_seed(0)
    network = nn.Sequential(
        Input(8, False), Flatten(), QfxLinear(4096, 3, Format(8)), Activation(Format(16)), Reals()
    )
    with torch.no_grad():
        network[2].weight.uniform_(0.9, 1.0)
    x = torch.rand(20, 4096)
    calibrate(network, x)
    network.eval()
    sums = network[2](network[1](network[0](x)))
    assert sums.value.dtype == torch.float64
    assert int(sums.integers().max()) > 1 << 24 and bool((sums.integers() % 2).any())
    with torch.no_grad():
        network[3].cast.fraction.copy_(network[3].cast.fraction - 2)
    assert differences(network, x) == 0


def test_what_is_refused() -> None:
    def ready(*layers: nn.Module) -> nn.Sequential:
        network = nn.Sequential(*layers)
        calibrate(network, torch.rand(4, 2, 6, 6))
        return network

    with pytest.raises(ConfigError, match="3x3 places has no power of two"):
        ready(Input(8, False), AveragePool2d(3))
    with pytest.raises(ConfigError, match="weights of 9 bits"):
        QfxLinear(2, 2, Format(9))
    per_channel = QfxConv2d(2, 2, 1, Format(4), per_channel=True)
    with torch.no_grad():
        per_channel.weight[0] *= 16
    with pytest.raises(ConfigError, match="binary point per channel"):
        ready(Input(8, False), per_channel, QfxConv2d(2, 2, 1, Format(4)))
    wide = QfxLinear(72, 2, Format(8))
    source = Input(16, False)
    far = ready(source, Flatten(), wide)
    with pytest.raises(ConfigError, match="QfxLinear: sums may reach"):
        with torch.no_grad():
            nn.init.zeros_(wide.bias)
            wide.weight.fill_(1e9)
        source.cast.form = Format(16, False)
        big = QfxLinear(1024, 1, Format(8))
        nn.init.constant_(big.weight, 1.0)
        calibrate(nn.Sequential(Input(16, False), big), torch.rand(2, 1024))
    assert far is not None
    one, two = Activation(Format(4)), Activation(Format(4))
    fixed = Input(8, False)
    fixed.cast.calibrate(torch.rand(4))
    for cast, fraction in ((one, 0.0), (two, 30.0)):
        with torch.no_grad():
            cast.cast.fraction.fill_(fraction)
            cast.cast.known.fill_(True)
    x = fixed(torch.rand(2, 4))
    with pytest.raises(ConfigError, match="differ by 30 binary digits"):
        Add()(one(x), two(x))
    with pytest.raises((ConfigError, GraphError)):
        freeze(EveryLayer(4, Rounding.FLOOR, Overflow.SATURATE), torch.rand(1, 2, 8, 8))


def test_depthwise_is_a_convolution_of_single_channels() -> None:
    layer = QfxDepthwiseConv2d(4, 3, Format(4), padding=1)
    assert layer.groups == 4 and layer.weight.shape == (4, 1, 3, 3)
