"""ZeroQ (Cai et al. 2001.00281): inputs made from batch norms in place of data.

Noise is optimized until mean and deviation of every channel behind each convolution are those that
its batch norm had; ``perturbation`` is then measured on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from hwkit.train.fit import Progress, silent
from hwkit.train.pipeline import deterministic
from hwkit.train.sensitivity.harm import Harm
from hwkit.train.sensitivity.perturbation import TITLE as PERTURBED
from hwkit.train.sensitivity.perturbation import perturbed
from hwkit.train.sensitivity.probe import Probe

TITLE = f"{PERTURBED}, on inputs made from batch norms (ZeroQ)"
_COUNT, _STEPS = 64, 200


def measure(probe: Probe, bits: Sequence[int], progress: Progress = silent) -> Harm:
    """In nats. ``ConfigError`` for a network without batch norms."""
    with deterministic(probe.recipe.seed):
        x = samples(probe, _COUNT, _STEPS, progress)
    return Harm(TITLE, perturbed(probe, x, bits, progress))


def samples(probe: Probe, count: int, steps: int, progress: Progress = silent) -> Tensor:
    """``count`` of them, of 0..1."""
    wanted, seen = probe.statistics(), dict[str, Tensor]()
    network = probe.float_network
    watched = [
        network.get_submodule(layer).register_forward_hook(partial(_see, seen, layer))
        for layer in wanted
    ]
    generator = torch.Generator().manual_seed(probe.recipe.seed)
    x = torch.rand((count, *probe.shape), generator=generator).requires_grad_(True)
    optimizer = torch.optim.Adam([x], lr=0.05)
    try:
        for step in range(steps):
            network(x)
            loss = sum((_apart(seen[layer], *of) for layer, of in wanted.items()), torch.zeros(()))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                x.clamp_(0, 1)
            progress("samples from batch norms", step + 1, steps)
    finally:
        for hook in watched:
            hook.remove()
        network.zero_grad()
    return x.detach()


def _see(seen: dict[str, Tensor], layer: str, module: nn.Module, given: object, y: Tensor) -> None:
    seen[layer] = y


def _apart(y: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
    """How far the channels of ``y`` (N, C, H, W) are from what they were, as a share of it."""
    found, spread = y.mean((0, 2, 3)), y.var((0, 2, 3), unbiased=False).add(1e-8).sqrt()
    distance = (found - mean).square() + (spread - deviation).square()
    return distance.mean() / (deviation.square().mean() + 1e-8)
