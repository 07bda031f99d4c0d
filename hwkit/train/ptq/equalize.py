"""Cross-layer equalization: channels of like range, by factors that neighbours cancel.

Nagel et al. 1906.04721, section 4.1, by Brevitas.
"""

from __future__ import annotations

import copy

import torch
from brevitas.graph.equalize import EqualizeGraph

from hwkit.train.ptq.trace import Network

_ITERATIONS = 20


def equalized(network: Network) -> Network | None:
    """A network that computes the same from weights of like ranges; None where nothing was to be
    equalized."""
    other = copy.deepcopy(network)
    with torch.no_grad():
        other, regions = EqualizeGraph(_ITERATIONS, return_regions=True).apply(other)
    if not regions:
        return None
    for parameter in other.parameters():
        parameter.requires_grad_(False)
    return other.eval()
