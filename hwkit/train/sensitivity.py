"""How much a network's outputs suffer when one layer's weights get fewer bits.

One layer at a time is quantized to fewer bits, without training, and the outputs on calibration
images are compared with those of the network as trained: the mean Kullback-Leibler divergence of
their softmax, in nats. The measure is OHQ's (Huang et al. 2309.01945), the perturbation ours:
they mask a layer, we quantize it to the width in question, as HAWQ does with its weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from hwkit.errors import ConfigError
from hwkit.files import write_json
from hwkit.train.data import data_of
from hwkit.train.fit import Progress, predict, silent
from hwkit.train.pipeline import deterministic, load_quantized, read_checkpoint
from hwkit.train.recipe import read_recipe

WIDTHS = (8, 4, 2)
"""That boards may store."""
METHOD = "mean KL divergence of softmax outputs, one layer's weights quantized, no training"


def sensitivity(
    recipe: str | Path,
    run_folder: str | Path,
    bits: Sequence[int] = WIDTHS,
    samples: int = 512,
    progress: Progress = silent,
) -> dict[str, dict[int, float]]:
    """Divergence in nats by layer and width, also written to ``sensitivity.json`` in the folder.

    ``run_folder`` holds the ``checkpoint.pt`` of ``recipe``; ``samples`` training images, evenly
    spread, are looked at. The width at which a layer was trained has divergence 0.

    Raises ``ConfigError`` for widths outside 2..8, ``FormatError`` for a folder without a run.
    """
    if not bits or any(not 2 <= b <= 8 for b in bits):
        raise ConfigError(f"bit widths {list(bits)} are not all in 2..8")
    settings, folder = read_recipe(recipe), Path(run_folder)
    checkpoint = read_checkpoint(folder / "checkpoint.pt")
    images = data_of(settings).train_images
    chosen = np.unique(np.linspace(0, len(images) - 1, samples).astype(int))
    x = torch.from_numpy(images[chosen])
    layers: dict[str, int] = checkpoint["weight_bits"]
    result: dict[str, dict[int, float]] = {}
    with deterministic(settings.seed):
        reference = predict(load_quantized(settings, checkpoint, {}), x)
        for done, (layer, trained_bits) in enumerate(layers.items(), 1):
            result[layer] = {}
            for b in bits:
                if b == trained_bits:
                    result[layer][b] = 0.0
                    continue
                outputs = predict(load_quantized(settings, checkpoint, {layer: b}), x)
                result[layer][b] = divergence(reference, outputs)
            progress("sensitivity", done, len(layers))
    write_json(
        folder / "sensitivity.json",
        {
            "method": METHOD,
            "recipe": settings.name,
            "samples": len(chosen),
            "seed": settings.seed,
            "trained_bits": layers,
            "layers": {k: {str(b): v for b, v in row.items()} for k, row in result.items()},
        },
    )
    return result


def divergence(reference: Tensor, outputs: Tensor) -> float:
    """Mean over the batch of KL(softmax(reference) || softmax(outputs)), in nats, at least 0.

    Example: equal outputs give 0.
    """
    p = torch.log_softmax(reference.double(), dim=1)
    q = torch.log_softmax(outputs.double(), dim=1)
    return max(0.0, float((p.exp() * (p - q)).sum(dim=1).mean()))
