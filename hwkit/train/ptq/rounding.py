"""Learned rounding: whether each weight goes up or down, so that blocks give what they gave.

AdaRound (Nagel et al. 2004.10568) learns one number a weight, a rectified sigmoid of which is what
is added to the weight rounded down; a penalty that grows sharper drives each to 0 or 1. It is done
block by block as in BRECQ (2102.05426) and in the practices of 2308.07662: inputs come from the
quantized network so far, now and then from the float one (QDrop, 2203.05740), targets from the
float one; Adam. Biases are learned along, which costs nothing in integers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from hwkit.train.ptq.blocks import Block, part, quantized_node, run_batches, starts
from hwkit.train.ptq.trace import Network
from hwkit.train.ptq.twin import largest_weight, set_weight, weight_scale

_GAMMA, _ZETA = -0.1, 1.1


@dataclass(frozen=True, slots=True)
class Learning:
    """``steps`` a block on batches of ``batch`` samples. The penalty sets in after ``warm`` of
    them, its exponent falls from ``sharp[0]`` to ``sharp[1]``."""

    steps: int = 600
    batch: int = 32
    rate: float = 0.02
    bias_rate: float = 1e-3
    penalty: float = 0.05
    warm: float = 0.2
    sharp: tuple[float, float] = (20.0, 2.0)
    dropped: float = 0.5


class _Soft(nn.Module):
    """The weight with its learned rounding: ``scale * clamp(floor(w / scale) + h(v))``, which
    starts between the weight itself and how it is ``rounded``."""

    def __init__(self, weight: Tensor, rounded: Tensor, scale: Tensor, bits: int) -> None:
        super().__init__()
        self.scale, self.end = scale, largest_weight(bits)
        steps, integers = weight / scale, torch.round(rounded / scale)
        # Feedback may have rounded by more than a step: what it chose is one of the two ways.
        self.floor = integers - (integers > steps).to(integers.dtype)
        up = integers - self.floor
        p = (0.5 * up + 0.5 * (steps - self.floor).clamp(0.02, 0.98) - _GAMMA) / (_ZETA - _GAMMA)
        self.v = nn.Parameter(torch.log(p / (1 - p)))

    def up(self) -> Tensor:
        """How far each weight goes up, 0..1."""
        return torch.clamp(torch.sigmoid(self.v) * (_ZETA - _GAMMA) + _GAMMA, 0, 1)

    def forward(self, weight: Tensor) -> Tensor:
        return self.scale * torch.clamp(self.floor + self.up(), -self.end, self.end)

    def integers(self) -> Tensor:
        """What was learned, rounded for good."""
        return torch.clamp(self.floor + (self.up() > 0.5), -self.end, self.end)


def learn(
    network: Network,
    quantized: Network,
    blocks: list[Block],
    bits: Mapping[str, int],
    x: Tensor,
    learning: Learning,
    progress: Callable[[int, int], None],
    seed: int,
) -> None:
    """Learns the rounding of every layer of ``quantized``, whose scales are set, block by block.

    ``network`` is the float one that it is the twin of, ``x`` (N, ...) its input.
    """
    generator = torch.Generator().manual_seed(seed)
    plain, coarse = starts(network, quantized, blocks, x)
    for done, block in enumerate(blocks, 1):
        ends = (quantized_node(quantized, s) for s in (block.start, block.end))
        trained = part(quantized, *ends)
        target = run_batches(part(network, block.start.node, block.end.node), plain)
        layers = {path: quantized.get_submodule(path) for path in block.layers}
        floats = {path: network.get_submodule(path) for path in block.layers}
        if layers:
            data = coarse, plain, target
            _learn_block(trained, layers, floats, bits, data, learning, generator)
        plain, coarse = target, run_batches(trained, coarse)
        progress(done, len(blocks))


def _learn_block(
    block: Network,
    layers: Mapping[str, nn.Module],
    floats: Mapping[str, nn.Module],
    bits: Mapping[str, int],
    data: tuple[Tensor, Tensor, Tensor],
    learning: Learning,
    generator: torch.Generator,
) -> None:
    soft: dict[str, _Soft] = {}
    for path, layer in layers.items():
        weights = floats[path].weight.detach(), layer.weight.detach()
        soft[path] = _Soft(*weights, weight_scale(layer), bits[path])
        layer.weight_quant.disable_quant = True
        parametrize.register_parametrization(layer, "weight", soft[path])
        layer.parametrizations.weight.original.requires_grad_(False)
        layer.bias.requires_grad_(True)
    groups = [
        {"params": [s.v for s in soft.values()], "lr": learning.rate},
        {"params": [layer.bias for layer in layers.values()], "lr": learning.bias_rate},
    ]
    optimizer = torch.optim.Adam(groups)
    coarse, plain, target = data
    power = target.square().mean().clamp_min(1e-12)
    for step in range(learning.steps):
        chosen = torch.randint(len(coarse), (learning.batch,), generator=generator)
        x = coarse[chosen]
        keep = torch.rand(x.shape, generator=generator) < learning.dropped
        loss = (block(torch.where(keep, x, plain[chosen])) - target[chosen]).square().mean() / power
        loss = loss + _penalty(soft, step, learning)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for path, layer in layers.items():
        layer.bias.requires_grad_(False)
        parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)
        layer.weight_quant.disable_quant = False
        with torch.no_grad():
            set_weight(layer, soft[path].integers(), soft[path].scale, bits[path])


def _penalty(soft: Mapping[str, _Soft], step: int, learning: Learning) -> Tensor | float:
    start = learning.warm * learning.steps
    if step < start:
        return 0.0
    high, low = learning.sharp
    beta = low + (high - low) * (1 - (step - start) / (learning.steps - start))
    undecided = [(1 - (2 * s.up() - 1).abs().pow(beta)).sum() for s in soft.values()]
    count = sum(s.v.numel() for s in soft.values())
    return learning.penalty * torch.stack(undecided).sum() / count
