"""Networks quantized from samples, in torch and in integers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("brevitas")

from torch import Tensor, nn  # noqa: E402

from hwkit.errors import ConfigError  # noqa: E402
from hwkit.ir.ops import Conv2d, Dense, Lookup, Requantize  # noqa: E402
from hwkit.train.freeze import fidelity, freeze  # noqa: E402
from hwkit.train.ptq import weights  # noqa: E402
from hwkit.train.ptq.blocks import blocks_of  # noqa: E402
from hwkit.train.ptq.feedback import with_feedback  # noqa: E402
from hwkit.train.ptq.quantize import Quantized, quantize, signal_to_noise  # noqa: E402
from hwkit.train.ptq.settings import Settings, with_methods  # noqa: E402
from hwkit.train.ptq.trace import Network, traced, weighted  # noqa: E402
from hwkit.train.ptq.twin import largest_weight, sites_of, weight_scale  # noqa: E402
from tests.train.ptq.nets import narrow, noise, residual  # noqa: E402

X = noise(32, 3, 8, 8)


def _plain(**options: object) -> Settings:
    chosen = {"ranges": "mse", "rounding": "nearest", "equalize": False, "correct": False}
    return Settings(**{**chosen, **options})  # type: ignore[arg-type]


def test_signal_to_noise() -> None:
    x = torch.ones(4)
    assert signal_to_noise(x, 0.9 * x) == pytest.approx(20.0, abs=1e-4)
    assert signal_to_noise(x, x) == 200.0
    assert signal_to_noise(torch.zeros(3), torch.ones(3)) < -1000


def test_eight_bits_are_close_and_exact_in_integers() -> None:
    done = quantize(residual(), X, Settings())
    assert done.judged() > 25
    kept = [step for step in done.steps if step.kept]
    assert kept[-1].output_db == pytest.approx(done.judged(), abs=1e-3)
    graph = freeze(done.twin, X[:1])
    found = fidelity(graph, done.twin, noise(32, 3, 8, 8))
    assert (found.integers, found.argmax_moved) == (160, 0)
    assert found.moved <= 1  # A tie of float32 may fall the other way.


@pytest.mark.parametrize("scheme", ["asymmetric", "symmetric", "power_of_two"])
def test_schemes(scheme: str) -> None:
    done = quantize(residual(), X, _plain(scheme=scheme))
    assert done.judged() > 20
    graph = freeze(done.twin, X[:1])
    points = {t.quantization.zero_point for t in graph.tensors.values() if t.quantization}
    assert (len(points) > 1) == (scheme == "asymmetric")
    scales = [s for t in graph.tensors.values() if t.quantization for s in t.quantization.scale]
    dyadic = all(float(s).hex().startswith("0x1.0000000") for s in scales if len(scales))
    assert dyadic == (scheme == "power_of_two")


def _integers(done: Quantized) -> dict[str, Tensor]:
    layers = weighted(done.twin)
    return {path: layer.weight / weight_scale(layer) for path, layer in layers.items()}


def test_widths_of_plan_and_ends() -> None:
    done = quantize(residual(), X, _plain(weights=4, ends=8, plan={"fc": 3}))
    assert dict(done.widths.weights) == {"conv": 8, "depthwise": 4, "fc": 3}
    for path, values in _integers(done).items():
        assert values.abs().max() <= largest_weight(done.widths.weights[path]) + 1e-3
    graph = freeze(done.twin, X[:1])
    bits = {t: graph.tensors[f"{t}.weight"].dtype.bits for t in ("conv", "depthwise", "fc")}
    assert bits == {"conv": 8, "depthwise": 4, "fc": 3}


@pytest.mark.parametrize("rounding", ["learned", "gptq", "gpfq"])
def test_roundings_beat_nearest_at_three_bits(rounding: str) -> None:
    nearest = quantize(residual(), X, _plain(weights=3))
    other = quantize(residual(), X, _plain(weights=3, rounding=rounding, steps=40))
    assert other.judged() > nearest.judged()
    for path, values in _integers(other).items():
        torch.testing.assert_close(values, values.round(), rtol=0, atol=1e-3)
        assert values.abs().max() <= largest_weight(3) + 1e-3, path


def test_a_step_that_does_not_help_is_undone() -> None:
    done = quantize(residual(), X, _plain(correct=None))
    last = done.steps[-1]
    assert last.name == "bias correction"
    assert done.judged() >= max(step.output_db for step in done.steps if step.kept) - 1e-6


def test_feedback_that_does_not_help_is_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    def worse(network: Network, quantized: Network, x: Tensor, way: str) -> None:
        with_feedback(network, quantized, x, way)
        with torch.no_grad():
            quantized.get_submodule("fc").weight.zero_()

    monkeypatch.setattr("hwkit.train.ptq.quantize.with_feedback", worse)
    plain, tried = (quantize(residual(), X, _plain(rounding=r)) for r in ("nearest", None))
    assert [(s.name, s.kept) for s in tried.steps[1:]] == [("gpfq", False)]
    assert tried.judged() == plain.judged()


def test_feedback_along_inputs_helps_at_eight_bits() -> None:
    plain, tried = (quantize(residual(), X, _plain(rounding=r)) for r in ("nearest", None))
    assert tried.steps[-1].kept and tried.judged() > plain.judged()


def test_bias_correction_takes_off_the_mean_error() -> None:
    plain = quantize(residual(), X, _plain(weights=3))
    corrected = quantize(residual(), X, _plain(weights=3, correct=True))
    means = [(d.twin(X) - d.network(X)).mean(0).abs().max() for d in (plain, corrected)]
    assert means[1] < 0.2 * means[0]


def test_equalized_networks_compute_the_same() -> None:
    module = narrow()
    with torch.no_grad():  # Channels of unlike range, as training leaves them.
        module[0].weight *= torch.logspace(-2, 1, 16)[:, None]
        module[0].bias *= torch.logspace(-2, 1, 16)
    x = noise(64, 6)
    settings = _plain(activations=4)
    plain, equal = (
        quantize(module, x, _plain(activations=4, equalize=e)).judged() for e in (False, True)
    )
    assert equal > plain
    done = quantize(module, x, _plain(activations=4, equalize=None))
    torch.testing.assert_close(done.network(x), module(x))
    assert [s.kept for s in done.steps] == [False, True]
    assert settings.style.symmetric is False


def test_blocks_are_cut_where_one_value_passes() -> None:
    network = traced(residual(), X[:2]).network
    found = [(b.start.path, b.end.path, b.layers) for b in blocks_of(network, sites_of(network))]
    assert found == [("x_out", "fc_out", ("conv", "depthwise", "fc"))]


def test_least_squares_scales_are_no_worse_than_whole_ranges() -> None:
    weight = noise(5, 40)
    losses = []
    for find in (weights.whole_range, weights.least_squares):
        scale = find(weight, 0, 4, False)
        losses.append((scale * weights.on_grid(weight, scale, 4) - weight).square().sum(1))
    assert (losses[1] <= losses[0] + 1e-6).all() and losses[1].sum() < losses[0].sum()


@pytest.mark.parametrize(
    ("x", "options", "message"),
    [
        (X[:1], {}, "holds no 2 samples"),
        (torch.full((4, 3, 8, 8), float("nan")), {}, "holds NaN"),
        (X[:, :2], {}, r"does not take samples of shape \(2, 8, 8\)"),
        (X, {"weights": 1}, "weights: 1 bits is not in 2..8"),
        (X, {"plan": {"conv9": 4}}, "layer 'conv9' is not in the network; it has conv, depthwise"),
    ],
)
def test_what_is_wrong_is_said(x: Tensor, options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        quantize(residual(), x, _plain(**options))


def test_a_network_without_weights_is_refused() -> None:
    with pytest.raises(ConfigError, match="no layer with weights"):
        quantize(nn.ReLU(), noise(4, 3), _plain())


def test_methods_by_name() -> None:
    made = with_methods(Settings(), ["kl", "gptq", "no-equalize", "correct"])
    assert (made.ranges, made.rounding, made.equalize, made.correct) == ("kl", "gptq", False, True)
    for names, message in ((["best"], "is unknown; use minmax"), (["kl", "mse"], "kl already")):
        with pytest.raises(ConfigError, match=message):
            with_methods(Settings(), names)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x * torch.sigmoid(x),
        lambda x: 0.5 * x * (1 + torch.erf(x / 2**0.5)),
        lambda x: x * torch.tanh(nn.functional.softplus(x)),
    ],
)
def test_a_function_of_several_layers_is_one_table(function: Callable[[Tensor], Tensor]) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Linear(6, 8), nn.Linear(8, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.last(function(self.first(x)))

    x = noise(16, 6)
    graph = freeze(quantize(Net().eval(), x, _plain()).twin, x[:1])
    kinds = [type(node) for node in graph.nodes]
    assert kinds == [Dense, Requantize, Lookup, Dense, Requantize]


@pytest.mark.parametrize(
    "moves",
    [
        lambda x: nn.functional.pad(x, (0, 1, 0, 1)),
        lambda x: nn.functional.interpolate(x, scale_factor=2),
        lambda x: x[:, :, 1:7],
    ],
)
def test_what_moves_reads_8_bits(moves: Callable[[Tensor], Tensor]) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 2, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.last(moves(torch.relu(self.first(x))))

    graph = freeze(quantize(Net().eval(), X, _plain()).twin, X[:1])
    kinds = [type(node) for node in graph.nodes]
    assert kinds[:2] == [Conv2d, Requantize] and kinds[3:] == [Conv2d, Requantize]
