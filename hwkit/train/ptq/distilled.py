"""Samples without data: inputs whose statistics at each batch norm are those it was trained on.

ZeroQ (Cai et al. 2001.00281), section 3.1: noise is optimized until mean and deviation of every
channel before each batch norm equal the stored ones.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, fx, nn

from hwkit.errors import ConfigError
from hwkit.train.fit import Progress, silent
from hwkit.train.pipeline import deterministic
from hwkit.train.ptq.samples import Samples
from hwkit.train.ptq.trace import Network, module_of, traced

MAX_ELEMENTS = 1 << 24
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


class _Statistics(fx.Interpreter):
    """Runs a network and adds up how far values before its norms are from their statistics."""

    def __init__(self, network: Network) -> None:
        super().__init__(network)
        self.network, self.loss = network, torch.zeros(())

    def run_node(self, n: fx.Node) -> object:
        norm = module_of(self.network, n)
        if isinstance(norm, _NORMS) and norm.running_mean is not None:
            x = self.env[n.args[0]]
            axes = [a for a in range(x.dim()) if a != 1]
            mean, deviation = x.mean(axes), x.var(axes, unbiased=False).add(1e-8).sqrt()
            wanted = norm.running_var.sqrt()
            spread = wanted.square().mean() + 1e-8
            distance = (mean - norm.running_mean).square() + (deviation - wanted).square()
            self.loss = self.loss + distance.mean() / spread
        return super().run_node(n)


def distilled(
    unfolded: Network,
    shape: tuple[int, ...],
    count: int,
    seed: int,
    steps: int = 200,
    progress: Progress = silent,
) -> Tensor:
    """``count`` samples of ``shape`` for a traced network that still has its batch norms.

    Raises ``ConfigError`` for a network without any.
    """
    if not any(isinstance(m, _NORMS) for m in unfolded.modules()):
        raise ConfigError(
            "calibration: none given, and the network has no batch norms to make samples from; "
            "give --calibration DATA"
        )
    generator = torch.Generator().manual_seed(seed)
    batches = []
    sizes = [min(64, count - start) for start in range(0, count, 64)]
    for at, size in enumerate(sizes, 1):
        x = torch.randn((size, *shape), generator=generator).requires_grad_(True)
        optimizer = torch.optim.Adam([x], lr=0.1)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        for _ in range(steps):
            watcher = _Statistics(unfolded)
            watcher.run(x)
            optimizer.zero_grad()
            watcher.loss.backward()
            optimizer.step()
            schedule.step()
        batches.append(x.detach())
        progress("samples from batch norms", at, len(sizes))
    return torch.cat(batches)


def blank(shape: str | None) -> Tensor:
    """A sample of zeros of ``shape``, as in ``3x32x32``; ``ConfigError`` for another text."""
    words = [] if shape is None else shape.split("x")
    if not words or not all(w.isdecimal() and 0 < int(w) <= 1 << 20 for w in words):
        given = "none" if shape is None else f"{shape!r:.40}"
        raise ConfigError(
            f"calibration: none given, and of --shape {given}; give --calibration DATA, or the "
            "shape of a sample as in --shape 3x32x32"
        )
    sizes = [int(word) for word in words]
    if math.prod(sizes) > MAX_ELEMENTS:
        raise ConfigError(f"shape: {shape} is more than {MAX_ELEMENTS:,} numbers; give a sample's")
    return torch.zeros(1, *sizes)


def made_up(
    module: nn.Module, sample: Tensor, count: int, seed: int, progress: Progress = silent
) -> Samples:
    """``count`` samples like ``sample`` for ``module``, by ``distilled``."""
    found = traced(module, torch.cat([sample, sample]))
    with deterministic(seed):
        x = distilled(found.unfolded, tuple(sample.shape[1:]), count, seed, progress=progress)
    return Samples(x.numpy(), None)
