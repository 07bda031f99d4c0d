"""Float transformers to quantized ones: PyTorch's own layers written out, forms rewritten."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("brevitas")

from torch import Tensor, nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from hwkit.errors import UnsupportedOp  # noqa: E402
from hwkit.importers import load_proven  # noqa: E402
from hwkit.ir.ops import Constant, LayerNorm, MatMul, Softmax  # noqa: E402
from hwkit.train.freeze import export  # noqa: E402
from hwkit.train.ptq.attention import EncoderLayer, written_out  # noqa: E402
from hwkit.train.ptq.quantize import quantize  # noqa: E402
from hwkit.train.ptq.settings import Settings  # noqa: E402
from hwkit.train.ptq.trace import traced  # noqa: E402

WIDTH, TOKENS = 16, 5


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    torch.manual_seed(7)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class Net(nn.Module):
    """Tokens (N, 5, 16) through ``route``, their mean and a dense layer."""

    def __init__(self, route: Callable[[Any, Tensor], Tensor], **parts: nn.Module) -> None:
        super().__init__()
        self.route = route
        for name, part in parts.items():
            setattr(self, name, part)
        self.positions = nn.Parameter(torch.randn(1, TOKENS, WIDTH))
        self.first = nn.Parameter(torch.randn(1, 1, WIDTH))
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(self.route(self, x)).mean(1))


def _packed(net: Any, x: Tensor) -> Tensor:
    n, tokens, _ = x.shape
    parts = net.qkv(x + net.positions).reshape(n, tokens, 3, 2, WIDTH // 2).permute(2, 0, 3, 1, 4)
    query, key, value = parts.unbind(0)
    mixed = F.scaled_dot_product_attention(query, key, value)
    return x + mixed.transpose(1, 2).reshape(n, tokens, WIDTH)


def _indexed(net: Any, x: Tensor) -> Tensor:
    joined = torch.cat([net.first.expand(x.shape[0], -1, -1), net.embed(x)], dim=1)
    parts = net.qkv(joined).reshape(-1, TOKENS + 1, 3, 2, WIDTH // 2).permute(2, 0, 3, 1, 4)
    weights = (parts[0] @ parts[1].transpose(-2, -1) / (WIDTH // 2) ** 0.5).softmax(dim=-1)
    mixed = (weights @ parts[2]).transpose(1, 2).reshape(-1, TOKENS + 1, WIDTH)
    return mixed[:, 0].unsqueeze(1)


def _own(net: Any, x: Tensor) -> Tensor:
    return net.attention(x, x, x, need_weights=False)[0] + x


def _encoder(norm_first: bool) -> nn.TransformerEncoderLayer:
    return nn.TransformerEncoderLayer(
        WIDTH, 2, 24, activation="gelu", batch_first=True, norm_first=norm_first
    )


NETS: dict[str, Callable[[], nn.Module]] = {
    "packed": lambda: Net(_packed, qkv=nn.Linear(WIDTH, 3 * WIDTH)),
    "indexed": lambda: Net(
        _indexed, embed=nn.Linear(WIDTH, WIDTH), qkv=nn.Linear(WIDTH, 3 * WIDTH)
    ),
    "own": lambda: Net(_own, attention=nn.MultiheadAttention(WIDTH, 2, batch_first=True)),
    "norm_first": lambda: Net(lambda n, x: n.layer(x), layer=_encoder(True)),
    "norm_last": lambda: Net(lambda n, x: n.layer(x), layer=_encoder(False)),
    "encoder": lambda: Net(
        lambda n, x: n.layers(x),
        layers=nn.TransformerEncoder(_encoder(True), 2, nn.LayerNorm(WIDTH), False),
    ),
}


@pytest.mark.parametrize("name", NETS)
def test_what_is_traced_computes_the_same(name: str) -> None:
    network = NETS[name]().eval()
    x = torch.randn(4, TOKENS, WIDTH)
    found = traced(network, x[:2]).network
    with torch.no_grad():
        assert torch.allclose(found(x), network(x), atol=1e-5)


@pytest.mark.parametrize("name", ["packed", "indexed", "norm_last"])
def test_quantized_networks_import_exactly(name: str, tmp_path: Path) -> None:
    x = torch.randn(16, TOKENS, WIDTH)
    settings = Settings(ranges="minmax", equalize=False, correct=False)
    done = quantize(NETS[name]().eval(), x, settings)
    assert done.judged() > 20
    export(done.twin, x[:1], tmp_path / "m.onnx")
    graph, proof = load_proven(tmp_path / "m.onnx")
    assert proof is not None and proof.differing == 0, proof
    kinds = [type(op) for op in graph.nodes]
    assert kinds.count(MatMul) == 2 and Softmax in kinds and LayerNorm in kinds
    assert (Constant in kinds) == (name != "norm_last")


def test_masks_are_refused_by_name() -> None:
    def causal(net: Any, x: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(x, x, x, is_causal=True)

    with pytest.raises(UnsupportedOp, match="attention without a mask"):
        traced(Net(causal).eval(), torch.randn(2, TOKENS, WIDTH))


def test_attention_whose_tokens_come_first_is_refused() -> None:
    network = Net(_own, attention=nn.MultiheadAttention(WIDTH, 2))
    with pytest.raises(UnsupportedOp, match="batch_first=True"):
        traced(network.eval(), torch.randn(2, TOKENS, WIDTH))


def test_an_encoder_layer_keeps_its_weights() -> None:
    layer = _encoder(False).eval()
    out = written_out(layer)
    x = torch.randn(3, TOKENS, WIDTH)
    assert isinstance(out, EncoderLayer)
    with torch.no_grad():
        assert torch.allclose(out(x), layer(x), atol=1e-5)
