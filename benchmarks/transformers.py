"""Two small transformers as plain PyTorch modules, and how they were trained.

python -m benchmarks.transformers DATA -o FLOATS [--only vit kwt]

``DATA`` is a folder with ``mnist.npz`` and ``fsdd.npz``: data of yours, never part of hwkit
(``benchmarks.spoken`` says what they hold). FLOATS gets NAME.pt, a state dict, and NAME.json with
the recipe, the accuracy on the test set and the time.
``benchmarks.attention`` goes on from there.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.trained import Case, parser, train_all
from hwkit.ir.types import Array
from hwkit.train.data import Dataset

WIDTH, HEADS, BLOCKS, HIDDEN = 64, 4, 2, 128


class Attention(nn.Module):
    """Self-attention of HEADS heads over tokens (N, T, WIDTH), one matrix for all three parts."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.proj = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        n, tokens, _ = x.shape
        parts = self.qkv(x).reshape(n, tokens, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        query, key, value = parts.unbind(0)
        mixed = F.scaled_dot_product_attention(query, key, value)
        return self.proj(mixed.transpose(1, 2).reshape(n, tokens, WIDTH))


class Block(nn.Module):
    """A transformer's block with its norms first."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attention = Attention()
        self.mlp = nn.Sequential(nn.Linear(WIDTH, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Vit(nn.Module):
    """A vision transformer (2010.11929) for (N, 1, 28, 28): 49 patches of 4 x 4, their mean."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(1, WIDTH, 4, 4)
        self.positions = nn.Parameter(0.02 * torch.randn(1, 49, WIDTH))
        self.blocks = nn.Sequential(*(Block() for _ in range(BLOCKS)))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2) + self.positions
        return self.head(self.norm(self.blocks(x)).mean(1))


FRAMES, BANDS = 48, 32


class Kwt(nn.Module):
    """A keyword transformer (2104.00769) for (N, 48, 32) log energies: each frame is a token; the
    layers are PyTorch's own."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(BANDS, WIDTH)
        self.positions = nn.Parameter(0.02 * torch.randn(1, FRAMES, WIDTH))
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                WIDTH, HEADS, HIDDEN, 0.1, "gelu", batch_first=True, norm_first=True
            )
            for _ in range(BLOCKS)
        )
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x) + self.positions
        for layer in self.layers:
            x = layer(x)
        return self.head(self.norm(x).mean(1))


def vit() -> Vit:
    """A fresh one."""
    return Vit()


def kwt() -> Kwt:
    """A fresh one."""
    return Kwt()


def mnist(folder: Path) -> Dataset:
    """``mnist.npz`` (``x_train``, ``y_train``, ``x_test``, ``y_test``): (N, 1, 28, 28) in -1..1."""
    with np.load(folder / "mnist.npz") as file:
        x, y, xt, yt = (file[k] for k in ("x_train", "y_train", "x_test", "y_test"))
    train, test = ((v[:, None] / np.float32(127.5) - 1).astype(np.float32) for v in (x, xt))
    return Dataset("mnist", train, y.astype(np.int64), test, yt.astype(np.int64))


def digits(folder: Path) -> Dataset:
    """``fsdd.npz`` (clip i is ``samples[offset[i]:offset[i + 1]]`` of int16 at 8 kHz, ``y``,
    ``take``) as logarithms of energies (N, 48, 32). Takes 0 to 4 are the test set."""
    with np.load(folder / "fsdd.npz") as file:
        samples, offset, labels, take = (file[k] for k in ("samples", "offset", "y", "take"))
    clips = [samples[a:b].astype(np.float32) for a, b in pairwise(offset)]
    x = np.stack([_energies(clip / max(1.0, float(np.abs(clip).max()))) for clip in clips])
    test = take < 5
    y = labels.astype(np.int64)
    return Dataset("fsdd", x[~test], y[~test], x[test], y[test])


_WINDOW, _HOP = 256, 128


def _energies(sound: Array) -> Array:
    """Frames of 32 ms every 16 ms, 32 bands that widen as the mel scale does; cut or padded."""
    sound = np.pad(sound, (0, max(0, _WINDOW + _HOP * (FRAMES - 1) - len(sound))))
    starts = _HOP * np.arange(FRAMES)
    frames = sound[starts[:, None] + np.arange(_WINDOW)] * np.hanning(_WINDOW)
    power = np.abs(np.fft.rfft(frames)) ** 2
    mel = np.linspace(0, 2595 * np.log10(1 + 4000 / 700), BANDS + 2)
    edges = 700 * (10 ** (mel / 2595) - 1) / 8000 * _WINDOW
    bins = np.arange(power.shape[1])
    rise, fall = ((bins - e[:, None]) for e in (edges[:-2], edges[1:-1]))
    up = rise / (edges[1:-1] - edges[:-2])[:, None]
    down = 1 - fall / (edges[2:] - edges[1:-1])[:, None]
    bank = np.clip(np.minimum(up, down), 0, None)
    energies: Array = (np.log(power @ bank.T + 1e-3) / 4).astype(np.float32)
    return energies


def _shifted(x: Tensor, generator: torch.Generator) -> Tensor:
    """Up to two pixels, or frames, along the axis before the last."""
    return torch.roll(x, int(torch.randint(-2, 3, (1,), generator=generator)), -2)


def _noisy(x: Tensor, generator: torch.Generator) -> Tensor:
    noise = 0.2 * torch.randn(x.shape, generator=generator)
    return _shifted(x, generator) + noise + 0.3 * torch.randn(len(x), 1, 1, generator=generator)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a network was trained: AdamW, one-cycle rate, labels smoothed by 0.05."""

    epochs: int
    batch: int
    peak_rate: float
    weight_decay: float = 0.05
    seed: int = 1


CASES = {
    "vit": Case(vit, mnist, _shifted, Recipe(1, 64, 2e-3)),
    "kwt": Case(kwt, digits, _noisy, Recipe(15, 64, 3e-3)),
}


def fit(case: Case[Recipe], data: Dataset) -> nn.Module:
    """The network trained by its recipe, in evaluation mode."""
    recipe = case.recipe
    torch.manual_seed(recipe.seed)
    network = case.make()
    images, labels = torch.from_numpy(data.train_images), torch.from_numpy(data.train_labels)
    steps = len(images) // recipe.batch
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=recipe.peak_rate, weight_decay=recipe.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.peak_rate, total_steps=recipe.epochs * steps, pct_start=0.2
    )
    generator = torch.Generator().manual_seed(recipe.seed)
    for epoch in range(recipe.epochs):
        network.train()
        order, total = torch.randperm(len(images), generator=generator), 0.0
        for k in range(steps):
            chosen = order[k * recipe.batch : (k + 1) * recipe.batch]
            outputs = network(case.noise(images[chosen], generator))
            loss = F.cross_entropy(outputs, labels[chosen], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += float(loss.detach())
        print(f"epoch {epoch + 1}/{recipe.epochs}: loss {total / steps:.3f}", flush=True)
    return network.eval()


def main() -> None:
    """Trains the two and saves their states."""
    options = parser(main.__doc__, CASES).parse_args()
    train_all(CASES, options, lambda name, data: fit(CASES[name], data))


if __name__ == "__main__":
    main()
