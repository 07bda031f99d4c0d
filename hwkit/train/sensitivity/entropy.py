"""Entropy lost (QuantMCU's VDQS, Tao et al. 2401.13714): no data, and no run of the network.

They look at the histograms of feature maps; (ours) here of a layer's integers at 8 bits, and of
what is left of them in fewer, times the layer's weights.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from hwkit.train.fit import Progress, silent
from hwkit.train.ptq import weights as grids
from hwkit.train.sensitivity.harm import Harm, Row
from hwkit.train.sensitivity.probe import Probe

TITLE = "share of the entropy of a layer's integers that is lost (VDQS)"
_WHOLE = 8


def measure(probe: Probe, bits: Sequence[int], progress: Progress = silent) -> Harm:
    """A share, 0..1, for each layer."""
    rows = []
    for layer, trained in probe.trained_bits.items():
        weight = probe.weight(layer)
        whole = _entropy(weight, _WHOLE)
        for b in bits:
            lost = max(0.0, whole - _entropy(weight, b)) / whole if whole else 0.0
            rows.append(Row(layer, b, 0.0 if b == trained else lost))
    return Harm(TITLE, tuple(rows))


def _entropy(weight: Tensor, bits: int) -> float:
    """In bits, of the integers of a layer."""
    scale = grids.whole_range(weight, 0, bits, dyadic=False)
    _, counts = torch.unique(grids.on_grid(weight, scale, bits), return_counts=True)
    share = counts.double() / counts.sum()
    return max(0.0, float(-(share * share.log2()).sum()))
