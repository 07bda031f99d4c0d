"""OHQ's mask-guided estimation (Huang et al. 2309.01945): no data and no gradients.

A layer's channels are masked and the outputs compared, on noise. How much of that fewer bits do is
not theirs to say by layer: (ours) the share of the weights' squares that rounding takes, beside the
share that the mask takes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from hwkit.train.fit import Progress, silent
from hwkit.train.pipeline import deterministic
from hwkit.train.sensitivity.harm import Harm, Row, divergence
from hwkit.train.sensitivity.probe import Probe

TITLE = (
    "KL divergence on noise with channels masked, times the share of squares that rounding takes"
)
_MASKS = 4
"""Of each layer: every fourth channel, from another one each time."""
_SAMPLES = 64


def measure(probe: Probe, bits: Sequence[int], progress: Progress = silent) -> Harm:
    """In nats."""
    rows = []
    with deterministic(probe.recipe.seed), torch.no_grad():
        x = noise(probe, _SAMPLES)
        reference = probe.outputs({}, x)
        for done, (layer, trained) in enumerate(probe.trained_bits.items(), 1):
            weight = probe.weight(layer)
            found = sum(
                divergence(reference, probe.outputs({layer: _masked(weight, k)}, x))
                for k in range(_MASKS)
            )
            # All masks together take each weight once.
            whole = float(weight.square().sum()) or 1.0
            for b in bits:
                lost = float((probe.rounded(layer, b) - weight).square().sum()) / whole
                rows.append(Row(layer, b, 0.0 if b == trained else found * lost))
            progress("sensitivity", done, len(probe.trained_bits))
    return Harm(TITLE, tuple(rows))


def noise(probe: Probe, count: int) -> Tensor:
    """Inputs of an even spread over 0..1 for images, normal for features."""
    generator = torch.Generator().manual_seed(probe.recipe.seed)
    draw = torch.rand if len(probe.shape) == 3 else torch.randn
    return draw((count, *probe.shape), generator=generator)


def _masked(weight: Tensor, k: int) -> Tensor:
    """Without output channels k, k + 4, ..."""
    kept = weight.clone()
    kept[k::_MASKS] = 0
    return kept
