"""A gradient on widths, as HGQ trains them (Sun et al. 2405.00645): which widths the loss asks for.

A layer's weights are a mixture of its roundings; the gradient of the divergence by the shares says
what more of one width would do. (ours) The shares are not trained but drawn, from a Dirichlet
distribution, and the gradients averaged, which is cheap (one backward pass for all layers and
widths) and looks at layers that are narrow together.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from hwkit.train.fit import Progress, silent
from hwkit.train.pipeline import deterministic
from hwkit.train.sensitivity.harm import Harm, Row, divergences
from hwkit.train.sensitivity.probe import Probe

TITLE = "gradient of the KL divergence by the share of a width, averaged over mixtures"
_DRAWS = 256
_SAMPLES = 128


def measure(probe: Probe, bits: Sequence[int], progress: Progress = silent) -> Harm:
    """In nats a whole share: how much more than the layer's trained width, at least 0."""
    x = probe.x[:: max(1, len(probe.x) // _SAMPLES)]
    widths = {name: tuple(dict.fromkeys((own, *bits))) for name, own in probe.trained_bits.items()}
    stacks = {
        name: torch.stack([probe.weight(name) if b == probe.trained_bits[name] else
                           probe.rounded(name, b) for b in of])
        for name, of in widths.items()
    }  # fmt: skip
    sums = {name: torch.zeros(len(of), dtype=torch.double) for name, of in widths.items()}
    with deterministic(probe.recipe.seed):
        with torch.no_grad():
            reference = probe.outputs({}, x)
        for draw in range(_DRAWS):
            shares = {
                name: torch.distributions.Dirichlet(torch.ones(len(of))).sample()
                .requires_grad_(True)
                for name, of in widths.items()
            }  # fmt: skip
            mixed = {n: torch.tensordot(share, stacks[n], 1) for n, share in shares.items()}
            loss = divergences(reference, probe.outputs(mixed, x))
            gradients = torch.autograd.grad(loss, list(shares.values()))
            for name, gradient in zip(shares, gradients, strict=True):
                sums[name] += gradient.double()
            progress("gradients", draw + 1, _DRAWS)
    rows = []
    for name, of in widths.items():
        mean = (sums[name] / _DRAWS).tolist()
        for b in bits:
            rows.append(Row(name, b, max(0.0, mean[of.index(b)] - mean[0])))
    return Harm(TITLE, tuple(rows))
