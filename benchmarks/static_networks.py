"""Random float networks of PyTorch's own layers, for the quantizers of others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Of(nn.Module):  # type: ignore[misc]  # torch has no types here
    """A function of a tensor and layers that it calls."""

    def __init__(self, function: Callable[..., Tensor], *layers: nn.Module) -> None:
        super().__init__()
        self.layers, self.function = nn.ModuleList(layers), function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x, *self.layers)


class Drawn:
    """``Drawn(seed)``: a network ``module`` in evaluation mode for samples of ``shape``, and the
    ``kinds`` of its blocks."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        torch.manual_seed(seed)
        start = self.pick("maps", "maps", "maps", "signal", "rows", "vector")
        size = int(self.rng.integers(6, 13))
        channels = int(self.rng.integers(1, 7))
        shapes = {
            "maps": (channels, size, size + self.pick(0, 0, 3)),
            "signal": (channels, 2 * size),
        }
        self.shape = shapes.get(start, (size, 8) if start == "rows" else (4 * channels,))
        self.kind = (
            "rows" if start == "rows" else {3: "maps", 2: "signal", 1: "vector"}[len(self.shape)]
        )
        self.now = torch.randn(4, *self.shape)
        self.kinds: list[str] = []
        layers: list[nn.Module] = []
        blocks = {"maps": MAPS, "signal": SIGNALS, "rows": ROWS, "vector": VECTORS}
        for _ in range(int(self.rng.integers(2, 6))):
            choices = blocks[self.kind]
            layers.append(self.added(choices[int(self.rng.integers(len(choices)))]))
        if self.kind != "vector" and self.rng.random() < 0.6:
            layers.append(self.added(ENDS[self.kind]))
            layers.append(self.added(dense))
        if self.rng.random() < 0.2:
            layers.append(self.added(softmax))
        self.module = nn.Sequential(*layers).eval()

    def pick(self, *choices: Any) -> Any:
        return choices[int(self.rng.integers(len(choices)))]

    @property
    def width(self) -> int:
        """Channels, or the last axis of rows."""
        return int(self.now.shape[-1 if self.kind == "rows" else 1])

    def added(self, block: Callable[[Drawn], nn.Module]) -> nn.Module:
        layer = block(self).eval()
        for norm in (m for m in layer.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)):
            norm.running_mean.normal_(0, 0.3)
            norm.running_var.uniform_(0.5, 1.5)
            nn.init.uniform_(norm.weight, 0.5, 1.5)
        with torch.no_grad():
            self.now = layer(self.now)
        self.kinds.append(block.__name__)
        return layer


def curve(n: Drawn) -> nn.Module:
    return n.pick(
        nn.ReLU(), nn.ReLU(), nn.ReLU6(), nn.LeakyReLU(0.1), nn.Hardswish(), nn.Hardsigmoid(),
        nn.Sigmoid(), nn.Tanh(), nn.GELU(), nn.GELU("tanh"), nn.SiLU(), nn.ELU(), nn.Mish(),
        nn.Softplus(), nn.PReLU(), nn.Identity(), nn.Hardtanh(-0.5, 0.7), nn.Softsign(), nn.SELU(),
    )  # fmt: skip


def conv(n: Drawn) -> nn.Module:
    c, k, s = n.width, n.pick(1, 3, 3, 5), n.pick(1, 1, 2)
    groups = n.pick(1, 1, 1, c, 2 if c % 2 == 0 else 1)
    out = groups * n.pick(1, 2, 3) if groups > 1 else n.pick(4, 8, 6)
    mode = n.pick("zeros", "zeros", "zeros", "reflect", "replicate", "circular")
    room = min(n.now.shape[2:])
    pad = k // 2 if room > k // 2 else 0
    if room + 2 * pad < k:
        k, pad = 1, 0
    layer = nn.Conv2d(c, out, k, s, pad, groups=groups, bias=n.pick(True, False),
                      padding_mode=mode if pad else "zeros")  # fmt: skip
    return nn.Sequential(layer, *([nn.BatchNorm2d(out)] if n.pick(0, 1) else []), curve(n))


def dilated(n: Drawn) -> nn.Module:
    return nn.Sequential(nn.Conv2d(n.width, 6, 3, padding=2, dilation=2), curve(n))


def up(n: Drawn) -> nn.Module:
    if n.pick(0, 1):
        k = n.pick(2, 3, 4)
        return nn.Sequential(
            nn.ConvTranspose2d(
                n.width, n.pick(3, 4), k, 2, k // 2 - (k == 2), bias=n.pick(True, False)
            ),
            curve(n),
        )
    mode = n.pick("nearest", "bilinear")
    corners = n.pick(None, True, False) if mode == "bilinear" else None
    return nn.Upsample(scale_factor=2, mode=mode, align_corners=corners)


def pool(n: Drawn) -> nn.Module:
    if min(n.now.shape[2:]) < 3:
        return curve(n)
    up_, k = n.pick(True, False), n.pick(2, 3)
    if n.pick(0, 1):
        return nn.MaxPool2d(k, n.pick(1, 2), n.pick(0, 1) if k > 2 else 0, ceil_mode=up_)
    return nn.AvgPool2d(k, n.pick(1, 2), n.pick(0, 1), up_, n.pick(True, False))


def residual(n: Drawn) -> nn.Module:
    c = n.width
    one, two = nn.Conv2d(c, c, 3, padding=1), nn.Conv2d(c, c, 3, padding=1)
    return n.pick(
        Of(lambda x, a, b: torch.relu(x + b(torch.relu(a(x)))), one, two),
        Of(lambda x, a: x - a(x), one),
        Of(lambda x, a, b: a(x) * torch.sigmoid(b(x)), one, two),
        Of(lambda x, a, b: torch.cat([x, a(x), torch.relu(b(x))], 1), one, two),
        Of(lambda x, a: torch.maximum(x, a(x)), one),
        Of(lambda x, a: torch.minimum(x, a(x)), one),
    )


def excited(n: Drawn) -> nn.Module:
    c = n.width
    squeeze, back = nn.Conv2d(c, 3, 1), nn.Conv2d(3, c, 1)
    gate = n.pick(torch.sigmoid, F.hardsigmoid)
    mean = n.pick(lambda x: F.adaptive_avg_pool2d(x, 1), lambda x: x.mean((2, 3), keepdim=True))
    return Of(lambda x, a, b: x * gate(b(torch.relu(a(mean(x))))), squeeze, back)


def moved(n: Drawn) -> nn.Module:
    c = n.width
    return n.pick(
        nn.ZeroPad2d((1, 0, 2, 1)),
        nn.ReflectionPad2d((1, 1, 1, 0)) if min(n.now.shape[2:]) > 2 else nn.Identity(),
        nn.ReplicationPad2d((0, 1, 1, 1)),
        nn.ConstantPad2d(1, 0.5),
        Of(lambda x: x.flip(3)),
        Of(lambda x: torch.roll(x, 1, 2)),
        Of(lambda x: x[:, :, ::2]),
        Of(lambda x: torch.cat(list(reversed(x.chunk(2, 1))), 1) if c > 1 else x),
        Of(lambda x: x.transpose(2, 3)),
        Of(lambda x: x.abs()),
        Of(lambda x: -x),
        Of(lambda x: x.clamp(min=-0.3)),
        Of(lambda x: torch.where(x > 0, x, 0.3 * x)),
        Of(lambda x: x * (x > 0.2)),
        Of(lambda x: x.expand(-1, -1, -1, -1) + torch.ones(1, c, 1, 1) * 0.1),
        Of(lambda x: x.repeat(1, 2, 1, 1)),
        Of(lambda x: x.square()),
        Of(lambda x: x / 3 + 0.5),
        Of(lambda x: x.pow(2).mean((2, 3), keepdim=True) + x),
        Of(lambda x: torch.stack([x, -x], 1).flatten(1, 2)),
        nn.PixelShuffle(2) if c % 4 == 0 else nn.PixelUnshuffle(1),
        nn.PixelUnshuffle(2) if all(s % 2 == 0 for s in n.now.shape[2:]) else nn.Identity(),
        nn.ChannelShuffle(2) if c % 2 == 0 else nn.Identity(),
        Of(lambda x: F.adaptive_max_pool2d(x, 1) + x),
        Of(lambda x: x.amax(1, keepdim=True) + x),
        Of(lambda x: x.sum(1, keepdim=True) * 0.1 + x),
        Of(lambda x: F.softmax(x, 1)),
        Of(lambda x: x + x.mean(3, keepdim=True)),
        nn.GroupNorm(1, c),
        nn.InstanceNorm2d(c, affine=True),
        nn.BatchNorm2d(c),
        Of(lambda x: F.interpolate(x, size=(7, 9), mode="nearest")),
        Of(lambda x: F.normalize(x, dim=1)),
    )


def to_rows(n: Drawn) -> nn.Module:
    n.kind = "rows"
    return Of(lambda x: x.flatten(2).transpose(1, 2))


def to_vector(n: Drawn) -> nn.Module:
    n.kind = "vector"
    return n.pick(
        nn.Flatten(), nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        Of(lambda x: x.mean((2, 3))), Of(lambda x: x.amax((2, 3))),
        Of(lambda x: x.view(x.size(0), -1)),
    )  # fmt: skip


def conv1(n: Drawn) -> nn.Module:
    c, k = n.width, n.pick(1, 3, 5)
    groups = n.pick(1, 1, c)
    out = c * n.pick(1, 2) if groups > 1 else n.pick(4, 6)
    layer = nn.Conv1d(c, out, k, n.pick(1, 2), k // 2, groups=groups, bias=n.pick(True, False))
    return nn.Sequential(layer, *([nn.BatchNorm1d(out)] if n.pick(0, 1) else []), curve(n))


def causal(n: Drawn) -> nn.Module:
    return Of(lambda x, a: torch.tanh(a(F.pad(x, (4, 0)))), nn.Conv1d(n.width, 5, 3, dilation=2))


def pool1(n: Drawn) -> nn.Module:
    if n.now.shape[2] < 4:
        return curve(n)
    return n.pick(
        nn.MaxPool1d(2), nn.AvgPool1d(2), nn.AvgPool1d(3, 2, 1), nn.MaxPool1d(3, 1, 1),
        nn.Upsample(scale_factor=2), nn.ConvTranspose1d(n.width, 4, 4, 2, 1),
    )  # fmt: skip


def residual1(n: Drawn) -> nn.Module:
    layer = nn.Conv1d(n.width, n.width, 3, padding=1)
    gated = nn.Conv1d(n.width, 2 * n.width, 1)
    return n.pick(
        Of(lambda x, a: F.gelu(x + a(x)), layer), Of(lambda x, a: F.glu(a(x), 1), gated),
        Of(lambda x, a: torch.cat([x, a(x)], 1), layer),
    )  # fmt: skip


def signal_end(n: Drawn) -> nn.Module:
    n.kind = "vector"
    return n.pick(Of(lambda x: x.mean(2)), nn.Flatten(), Of(lambda x: x[:, :, -1]),
                  Of(lambda x: x.amax(-1)))  # fmt: skip


def signal_rows(n: Drawn) -> nn.Module:
    n.kind = "rows"
    return Of(lambda x: x.transpose(1, 2))


def rows_end(n: Drawn) -> nn.Module:
    n.kind = "vector"
    return n.pick(
        Of(lambda x: x.mean(1)),
        nn.Flatten(),
        Of(lambda x: x[:, 0]),
        Of(lambda x: x[:, -1]),
        Of(lambda x: x.max(1).values),
    )


def linear(n: Drawn) -> nn.Module:
    return nn.Sequential(nn.Linear(n.width, n.pick(6, 8), bias=n.pick(True, False)), curve(n))


def normed(n: Drawn) -> nn.Module:
    return nn.LayerNorm(n.width)


class Attention(nn.Module):  # type: ignore[misc]  # as above
    """Heads of dimension 4, written out."""

    def __init__(self, width: int, heads: int, fused: bool) -> None:
        super().__init__()
        self.heads, self.fused = heads, fused
        self.qkv, self.out = nn.Linear(width, 12 * heads), nn.Linear(4 * heads, width)

    def forward(self, x: Tensor) -> Tensor:
        n, t, _ = x.shape
        q, k, v = self.qkv(x).reshape(n, t, 3, self.heads, 4).permute(2, 0, 3, 1, 4).unbind(0)
        if self.fused:
            y = F.scaled_dot_product_attention(q, k, v)
        else:
            y = torch.softmax(q @ k.transpose(-2, -1) * 0.5, -1) @ v
        return x + self.out(y.transpose(1, 2).reshape(n, t, 4 * self.heads))


def attention(n: Drawn) -> nn.Module:
    return Attention(n.width, n.pick(1, 2), n.pick(True, False))


def feed_forward(n: Drawn) -> nn.Module:
    one, two = nn.Linear(n.width, 12), nn.Linear(12, n.width)
    return Of(lambda x, a, b, c: x + b(F.gelu(a(c(x)))), one, two, nn.LayerNorm(n.width))


def rows_moved(n: Drawn) -> nn.Module:
    w = n.width
    return n.pick(
        Of(lambda x: x[:, 1:] - x[:, :-1]), Of(lambda x: x * torch.linspace(0.5, 1.5, w)),
        Of(lambda x: x + torch.linspace(-1, 1, w)),
        Of(lambda x: torch.cat([x.mean(1, True), x], 1)),
        Of(lambda x: x.transpose(1, 2).contiguous().transpose(1, 2)),
        Of(lambda x: torch.sqrt(x.abs() + 0.1)),
        Of(lambda x: x.unsqueeze(1).squeeze(1)), Of(lambda x: x.reshape(x.size(0), -1, w)),
        Of(lambda x: torch.exp(-x.abs())), Of(lambda x: x / (1 + x.abs())),
    )  # fmt: skip


def rows_signal(n: Drawn) -> nn.Module:
    n.kind = "signal"
    return Of(lambda x: x.transpose(1, 2))


def dense(n: Drawn) -> nn.Module:
    return nn.Linear(n.width, n.pick(3, 5), bias=n.pick(True, False))


def dense_block(n: Drawn) -> nn.Module:
    out = n.pick(8, 10)
    layers = [nn.Linear(n.width, out), *([nn.BatchNorm1d(out)] if n.pick(0, 1) else []), curve(n)]
    return nn.Sequential(*layers, *([nn.Dropout()] if n.pick(0, 1) else []))


def dense_residual(n: Drawn) -> nn.Module:
    one, two = nn.Linear(n.width, n.width), nn.Linear(n.width, n.width)
    return n.pick(
        Of(lambda x, a: x + torch.relu(a(x)), one),
        Of(lambda x, a, b: torch.cat([a(x), x, torch.tanh(b(x))], 1), one, two),
        Of(lambda x, a, b: torch.relu(a(x)) * b(x), one, two),
    )


def softmax(n: Drawn) -> nn.Module:
    axis = -1 if n.kind in ("rows", "vector") else 1
    return n.pick(nn.Softmax(axis), nn.LogSoftmax(axis), nn.Sigmoid())


Block = Callable[[Drawn], nn.Module]
MAPS: list[Block] = [conv, conv, conv, dilated, up, pool, pool, residual, residual, excited, moved,
                     moved, moved, to_rows, to_vector]  # fmt: skip
SIGNALS: list[Block] = [
    conv1,
    conv1,
    conv1,
    causal,
    pool1,
    residual1,
    residual1,
    signal_rows,
    signal_end,
]
ROWS: list[Block] = [linear, linear, normed, attention, attention, feed_forward, rows_moved,
                     rows_signal, rows_end]  # fmt: skip
VECTORS: list[Block] = [dense_block, dense_block, dense_residual]
ENDS: dict[str, Block] = {"maps": to_vector, "signal": signal_end, "rows": rows_end}
