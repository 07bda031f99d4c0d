"""Traced networks compute what the module does, out of known layers alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("brevitas")

from torch import Tensor, nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402
from torch.nn.utils import prune  # noqa: E402

from hwkit.errors import ConfigError, HwkitError, UnsupportedOp  # noqa: E402
from hwkit.train.ptq.kinds import KINDS  # noqa: E402
from hwkit.train.ptq.trace import module_of, traced, weighted  # noqa: E402
from hwkit.train.ptq.twin import sites_of  # noqa: E402
from tests.train.ptq.nets import noise, residual  # noqa: E402


class Of(nn.Module):
    """A network whose forward is ``function``, with a convolution to call."""

    def __init__(self, function: Callable[[Of, Tensor], Tensor]) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.fc = nn.Linear(4 * 36, 3)
        self.slopes = nn.PReLU(4)
        self.register_buffer("mean", torch.full((4, 1, 1), 0.5))
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self, x)


FORMS: dict[str, Callable[[Of, Tensor], Tensor]] = {
    "relu": lambda m, x: F.relu(m.conv(x)),
    "method": lambda m, x: m.conv(x).relu().clamp(0, 2),
    "clip": lambda m, x: torch.clamp(m.conv(x), min=0),
    "hard": lambda m, x: F.hardtanh(m.conv(x), -1, 3) + F.hardswish(x),
    "soft": lambda m, x: F.silu(m.conv(x)) * torch.sigmoid(x) - torch.tanh(x),
    "gelu": lambda m, x: F.gelu(m.slopes(m.conv(x))),
    "leaky": lambda m, x: F.leaky_relu(m.conv(x), 0.2),
    "normalized": lambda m, x: m.conv((x - m.mean) / 0.25),
    "reversed": lambda m, x: 1 - 2 * m.conv(x),
    "pools": lambda m, x: F.max_pool2d(F.avg_pool2d(m.conv(x), 2), 3, stride=1, padding=1),
    "adaptive": lambda m, x: F.adaptive_avg_pool2d(m.conv(x), 2).flatten(1),
    "mean": lambda m, x: m.conv(x).mean((2, 3), keepdim=True),
    "view": lambda m, x: m.fc(m.conv(x).view(x.size(0), -1)),
    "reshape": lambda m, x: m.fc(torch.reshape(m.conv(x), (x.shape[0], x.shape[1] * 36))),
    "cat": lambda m, x: torch.cat([m.conv(x), x], dim=1),
    "chunk": lambda m, x: torch.cat([torch.chunk(m.conv(x), 2, 1)[i] for i in (1, 0)], 1),
    "slice": lambda m, x: m.conv(x)[:, 1:3] + m.conv(x)[:, :2],
    "split": lambda m, x: m.conv(x).split(2, dim=1)[1],
    "pad": lambda m, x: F.pad(m.conv(x), (0, 1, 0, 1)),
    "larger": lambda m, x: F.interpolate(m.conv(x), scale_factor=2),
    "turned": lambda m, x: m.conv(x).permute(0, 2, 3, 1),
    "twice": lambda m, x: m.norm(m.conv(m.norm(m.conv(x)))),
    "functions": lambda m, x: F.conv2d(x, m.conv.weight, m.conv.bias, 1, 1),
    "linear": lambda m, x: F.linear(torch.flatten(x, 1), m.fc.weight, m.fc.bias),
    "branches": lambda m, x: torch.relu(m.conv(x)) + m.norm(m.conv(x)),
}


@pytest.mark.parametrize("name", FORMS)
def test_forms_of_pytorch(name: str) -> None:
    torch.manual_seed(0)
    module = Of(FORMS[name])
    module(noise(8, 4, 6, 6))
    module.eval()
    x = noise(5, 4, 6, 6)
    found = traced(module, x[:2])
    for network in (found.network, found.unfolded):
        torch.testing.assert_close(network(x), module(x), rtol=1e-4, atol=1e-4)
        called = [module_of(network, node) for node in network.graph.nodes]
        assert {type(m) for m in called if m is not None} <= set(KINDS)
    assert not found.dropped


def test_layers_keep_their_paths_and_norms_are_folded() -> None:
    network = traced(residual(), noise(2, 3, 8, 8)).network
    assert list(weighted(network)) == ["conv", "depthwise", "fc"]
    assert [site.path for site in sites_of(network)] == [
        "x_out", "relu_out", "depthwise_out", "relu_1_out", "mean_out", "fc_out",
    ]  # fmt: skip


def test_a_softmax_at_the_end_is_left_out() -> None:
    found = traced(nn.Sequential(nn.Linear(4, 3), nn.Softmax(1)), noise(2, 4))
    assert found.dropped == "1 (Softmax)"
    assert list(weighted(found.network)) == ["0"]


def _forked(m: Of, x: Tensor) -> Tensor:
    return m.conv(x) if x.sum() > 0 else x


def _in_place(m: Of, x: Tensor) -> Tensor:
    y = m.conv(x)
    z = torch.relu_(y)
    return y + z


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (_forked, ConfigError, "torch.fx cannot trace it"),
        (_in_place, ConfigError, "changes a value in place"),
        (lambda m, x: m.fc(x), ConfigError, r"does not take samples of shape \(4, 6, 6\)"),
        (lambda m, x: (m.conv(x), x), ConfigError, "returns tuple, not one tensor"),
        (lambda m, x: m.conv(x).sum(), ConfigError, "keep the batch as first axis"),
        (lambda m, x: torch.cumsum(m.conv(x), 1), UnsupportedOp, r"cumsum \(cumsum\)"),
        (lambda m, x: m.conv(x) / x, UnsupportedOp, "divide by a constant"),
        (lambda m, x: F.adaptive_avg_pool2d(x, 4), UnsupportedOp, "windows of several sizes"),
        (lambda m, x: F.pad(m.conv(x), (1, 1, 1, 1), "reflect"), UnsupportedOp, "pad with zeros"),
        (lambda m, x: m.conv(x)[:, :1, :1], UnsupportedOp, "cut one axis by a slice"),
        (lambda m, x: m.conv(x)[:, [0, 2]], UnsupportedOp, "cut one axis by a slice"),
    ],
)
def test_what_cannot_be_traced_says_why(
    function: Callable[[Of, Tensor], Tensor], error: type[HwkitError], message: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        traced(Of(function).eval(), noise(2, 4, 6, 6))
    assert "\n" not in str(caught.value)


def test_weights_that_are_no_numbers_are_named() -> None:
    module = residual()
    with torch.no_grad():
        module.fc.weight[0, 0] = float("nan")
    with pytest.raises(ConfigError, match=r"fc\.weight: holds NaN"):
        traced(module, noise(2, 3, 8, 8))


class _Named(nn.Linear):
    """A layer of the user's that computes what PyTorch's does."""


def test_derived_layers_and_a_value_read_twice() -> None:
    class Squared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = _Named(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            y = self.fc(x)
            return y * y

    module = Squared()
    network = traced(module, noise(2, 4)).network
    assert type(network.get_submodule("fc")) is nn.Linear and type(module.fc) is _Named
    torch.testing.assert_close(network(noise(3, 4)), module(noise(3, 4)))


class _Optional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x: Tensor, mask: Tensor | None = None, twice: bool = False) -> Tensor:
        y = self.fc(x)
        if mask is not None:
            y = y * mask
        return y + y if twice else y


def test_arguments_that_are_left_out_take_their_defaults() -> None:
    module = _Optional()
    network = traced(module, noise(2, 4)).network
    assert len([n for n in network.graph.nodes if n.op == "call_module"]) == 1
    torch.testing.assert_close(network(noise(3, 4)), module(noise(3, 4)))


def test_layers_without_a_place_in_the_table_are_named() -> None:
    module = nn.Sequential(nn.Flatten(), nn.Linear(12, 4), nn.Hardshrink())
    with pytest.raises(UnsupportedOp, match=r"2 \(Hardshrink\): .*it knows AdaptiveAvgPool1d"):
        traced(module, noise(2, 3, 4))


def _mlp() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 3)).eval()


def test_what_hooks_compute_is_not_left_out_unsaid() -> None:
    hooked, before, pruned = _mlp(), _mlp(), _mlp()
    hooked[0].register_forward_hook(lambda m, x, y: y * 2)
    before[2].register_forward_pre_hook(lambda m, x: (x[0] * 2,))
    prune.l1_unstructured(pruned[0], "weight", 0.5)
    for module, path in ((hooked, "0"), (before, "2"), (pruned, "0")):
        with pytest.raises(ConfigError, match=rf"^{path}: has forward hooks; .*prune\.remove"):
            traced(module, noise(2, 4))
    prune.remove(pruned[0], "weight")
    traced(pruned, noise(2, 4))


def test_weights_of_other_types_and_computed_ones_become_plain() -> None:
    x = noise(2, 4)
    for dtype in (torch.float64, torch.float16):
        module = _mlp().to(dtype)
        network = traced(module, x).network
        torch.testing.assert_close(network(x), _mlp()(x), atol=1e-3, rtol=0)
        assert module[0].weight.dtype == dtype
    module = _mlp()
    nn.utils.parametrizations.weight_norm(module[0])
    with torch.no_grad():
        module[0].parametrizations.weight.original0.mul_(3)
    wanted = module(x)
    torch.testing.assert_close(traced(module, x).network(x), wanted)
    assert torch.equal(module(x), wanted)  # The user's own layer is as it was.


def test_weights_without_a_shape_are_named() -> None:
    with pytest.raises(ConfigError, match=r"^0: its weights have no shape yet"):
        traced(nn.Sequential(nn.LazyLinear(4)), noise(2, 4))


def test_a_softmax_at_the_end_hides_no_change_in_place() -> None:
    module = Of(lambda m, x: torch.softmax(_in_place(m, x).flatten(1), 1)).eval()
    with pytest.raises(ConfigError, match="changes a value in place"):
        traced(module, noise(2, 4, 6, 6))


def test_random_numbers_are_refused() -> None:
    module = Of(lambda m, x: F.dropout(m.conv(x), 0.5, True)).eval()
    with pytest.raises(ConfigError, match="gives other values each time"):
        traced(module, noise(2, 4, 6, 6))


@pytest.mark.parametrize("groups", [2, 4])
def test_transposed_convolutions_of_groups(groups: int) -> None:
    torch.manual_seed(0)
    layer = nn.ConvTranspose2d(4, 8, 3, stride=2, padding=1, output_padding=1, groups=groups)
    norm = nn.BatchNorm2d(8)
    norm.running_mean.normal_()
    module, x = nn.Sequential(layer, norm).eval(), noise(2, 4, 5, 5)
    network = traced(module, x).network
    assert list(weighted(network)) == ["0"] and weighted(network)["0"].groups == 1
    torch.testing.assert_close(network(x), module(x))
    assert layer.groups == groups
