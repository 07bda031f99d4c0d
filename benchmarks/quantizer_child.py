"""Runs in ai-edge-quantizer's own environment: a float .tflite to two quantized ones.

python quantizer_child.py FLOAT.tflite SAMPLES.npy OUT_FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from ai_edge_quantizer import quantizer, recipe

RECIPES = {"ai8": recipe.static_wi8_ai8, "ai16": recipe.static_wi8_ai16}


def main(model: str, samples: str, folder: str) -> None:
    x = np.load(samples)
    data = {"serving_default": [{"x": sample[None]} for sample in x]}
    for name, rules in RECIPES.items():
        try:
            made = quantizer.Quantizer(model, rules())
            result = made.quantize(made.calibrate(data))
            result.export_model(str(Path(folder) / f"{name}.tflite"), overwrite=True)
        except Exception as error:  # its own refusals: told, and not counted
            print(f"{name}: {type(error).__name__}: {str(error).splitlines()[0]}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
