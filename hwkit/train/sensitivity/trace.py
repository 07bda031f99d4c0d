"""HAWQ-V2 (Dong et al. 1911.03852): the loss's mean curvature times the squared rounding error.

``Tr(H) / n * ||Q(W) - W||^2`` of each layer, the trace of the Hessian by Hutchinson's estimator:
the mean of ``v' H v`` over vectors of random signs, each by two backward passes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hwkit.train.fit import Progress, silent
from hwkit.train.pipeline import deterministic
from hwkit.train.sensitivity.harm import Harm, Row
from hwkit.train.sensitivity.probe import Probe

TITLE = "mean of the Hessian's trace times the squared error of rounding (HAWQ-V2)"
_PROBES = 32
"""Vectors of random signs."""


def measure(probe: Probe, bits: Sequence[int], progress: Progress = silent) -> Harm:
    """In the unit of the loss, cross entropy on the probe's labels."""
    with deterministic(probe.recipe.seed):
        traces = traces_of(probe, _PROBES, progress)
    rows = []
    for layer, trained in probe.trained_bits.items():
        weight = probe.weight(layer)
        for b in bits:
            error = float((probe.rounded(layer, b) - weight).square().sum())
            # A Hessian that is not positive there says that rounding helps: take it as no harm.
            harm = max(0.0, traces[layer]) / weight.numel() * error
            rows.append(Row(layer, b, 0.0 if b == trained else harm))
    return Harm(TITLE, tuple(rows))


def traces_of(probe: Probe, vectors: int, progress: Progress = silent) -> dict[str, float]:
    """The trace of each layer's block of the Hessian; cross terms vanish on average."""
    weights = {name: probe.weight(name).clone().requires_grad_(True) for name in probe.trained_bits}
    loss = nn.functional.cross_entropy(probe.outputs(weights, probe.x), probe.labels)
    gradients = torch.autograd.grad(loss, list(weights.values()), create_graph=True)
    generator = torch.Generator().manual_seed(probe.recipe.seed)
    sums = dict.fromkeys(weights, 0.0)
    for k in range(vectors):
        signs = [_signs(weight, generator) for weight in weights.values()]
        products = torch.autograd.grad(
            gradients, list(weights.values()), signs, retain_graph=k + 1 < vectors
        )
        for name, sign, product in zip(weights, signs, products, strict=True):
            sums[name] += float((sign * product).sum())
        progress("trace", k + 1, vectors)
    return {name: found / vectors for name, found in sums.items()}


def _signs(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randint(0, 2, like.shape, generator=generator).to(like.dtype) * 2 - 1
