"""One layer at a time is quantized to fewer bits, without training, and the outputs are compared.

The measure is OHQ's (Huang et al. 2309.01945), the perturbation ours: they mask a layer
(``masking``), we quantize it to the width in question, as HAWQ does with its weights.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from hwkit.train.fit import Progress, silent
from hwkit.train.pipeline import deterministic
from hwkit.train.sensitivity.harm import Harm, Row, divergence
from hwkit.train.sensitivity.probe import Probe

TITLE = "mean KL divergence of softmax outputs, one layer's weights quantized, no training"


def measure(probe: Probe, bits: Sequence[int], progress: Progress = silent) -> Harm:
    """In nats, on the probe's samples."""
    return Harm(TITLE, perturbed(probe, probe.x, bits, progress))


def perturbed(
    probe: Probe, x: Tensor, bits: Sequence[int], progress: Progress = silent
) -> tuple[Row, ...]:
    """The same on any ``x`` (N, *shape)."""
    rows = []
    with deterministic(probe.recipe.seed):
        reference = probe.quantized({}, x)
        for done, (layer, trained) in enumerate(probe.trained_bits.items(), 1):
            for b in bits:
                harm = 0.0
                if b != trained:
                    harm = divergence(reference, probe.quantized({layer: b}, x))
                rows.append(Row(layer, b, harm))
            progress("sensitivity", done, len(probe.trained_bits))
    return tuple(rows)
