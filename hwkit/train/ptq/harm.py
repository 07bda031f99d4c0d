"""``sensitivity.json`` of a quantized run, so that ``hwkit allocate`` can plan widths for it.

The measure is that of ``train.sensitivity``: the mean divergence of the softmax outputs from the
float network's with one layer's weights quantized, here rounded to nearest at their best scale.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from hwkit.files import write_json
from hwkit.train.ptq import weights
from hwkit.train.ptq.quantize import Quantized, outputs
from hwkit.train.ptq.twin import output_axis
from hwkit.train.sensitivity import METHOD, divergence

WIDTHS = (8, 7, 6, 5, 4, 3, 2)
"""All that weights can be quantized to."""
_SAMPLES = 64


def write_sensitivity(done: Quantized, name: str, seed: int, dyadic: bool, path: Path) -> None:
    """Writes the divergences in nats of every layer at each of WIDTHS."""
    x = done.x[:_SAMPLES]
    reference = outputs(done.network, x)
    rows: dict[str, dict[str, float]] = {}
    for layer_path in done.widths.weights:
        layer = done.network.get_submodule(layer_path)
        kept, rows[layer_path] = layer.weight.detach().clone(), {}
        axis = output_axis(layer)
        with torch.no_grad():
            for bits in WIDTHS:
                scale = weights.least_squares(kept, axis, bits, dyadic)
                layer.weight.copy_(scale * weights.on_grid(kept, scale, bits))
                found = divergence(reference.flatten(1), outputs(done.network, x).flatten(1))
                rows[layer_path][str(bits)] = found
            layer.weight.copy_(kept)
    facts: dict[str, Any] = {
        "method": METHOD,
        "recipe": name,
        "samples": len(x),
        "seed": seed,
        "trained_bits": dict(done.widths.weights),
        "layers": rows,
    }
    write_json(path, facts)
