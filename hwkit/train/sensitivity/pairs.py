"""Inter-layer dependencies (arXiv 2306.04879): what two layers do together.

Two layers at a time are quantized; what the outputs lose beyond what each layer does by itself is
theirs. Quadratic in layers and widths, so on fewer samples and the float network.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import torch

from hwkit.train.fit import Progress, silent
from hwkit.train.pipeline import deterministic
from hwkit.train.sensitivity.harm import Harm, Pair, Row, divergence
from hwkit.train.sensitivity.probe import Probe

TITLE = "mean KL divergence of softmax outputs, one and two layers' weights quantized"
_SAMPLES = 128


def measure(probe: Probe, bits: Sequence[int], progress: Progress = silent) -> Harm:
    """In nats, on an even part of the probe's samples."""
    x = probe.x[:: max(1, len(probe.x) // _SAMPLES)]
    layers = list(probe.trained_bits)
    rounded = {(layer, b): probe.rounded(layer, b) for layer in layers for b in bits}
    with deterministic(probe.recipe.seed), torch.no_grad():
        reference = probe.outputs({}, x)
        alone = {
            key: Row(*key, 0.0 if probe.trained_bits[key[0]] == key[1] else
                     divergence(reference, probe.outputs({key[0]: weight}, x)))
            for key, weight in rounded.items()
        }  # fmt: skip
        found, done = [], 0
        for first, second in combinations(layers, 2):
            for a in bits:
                for b in bits:
                    if probe.trained_bits[first] == a or probe.trained_bits[second] == b:
                        continue
                    both = {first: rounded[first, a], second: rounded[second, b]}
                    total = divergence(reference, probe.outputs(both, x))
                    one, other = alone[first, a], alone[second, b]
                    found.append(Pair(one, other, total - one.value - other.value))
            done += 1
            progress("pairs", done, len(layers) * (len(layers) - 1) // 2)
    return Harm(TITLE, tuple(alone.values()), tuple(found))
