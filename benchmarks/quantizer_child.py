"""Runs in ai-edge-quantizer's own environment: a float .tflite to quantized ones.

python quantizer_child.py FLOAT.tflite SAMPLES.npy OUT_FOLDER [RECIPE ...]

Recipes are ``ai8`` and ``ai16``, int8 weights with int8 or int16 activations, which are made where
none is named, and ``w4``: int8 activations with int4 weights where it has them, those of depthwise
convolutions staying int8.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from ai_edge_quantizer import quantizer, recipe, recipe_manager
from ai_edge_quantizer.qtyping import TFLOperationName as Operation


def narrow() -> object:
    """Static int8 activations, int4 weights."""
    rules = recipe_manager.RecipeManager()
    rules.add_static_config(".*", Operation.ALL_SUPPORTED, 8, 8)
    for operation in (Operation.CONV_2D, Operation.FULLY_CONNECTED):
        rules.add_static_config(".*", operation, 8, 4)
    return rules.get_quantization_recipe()


RECIPES = {"ai8": recipe.static_wi8_ai8, "ai16": recipe.static_wi8_ai16, "w4": narrow}


def main(model: str, samples: str, folder: str, *names: str) -> None:
    x = np.load(samples)
    data = {"serving_default": [{"x": sample[None]} for sample in x]}
    for name in names or ("ai8", "ai16"):
        rules = RECIPES[name]
        try:
            made = quantizer.Quantizer(model, rules())
            result = made.quantize(made.calibrate(data))
            result.export_model(str(Path(folder) / f"{name}.tflite"), overwrite=True)
        except Exception as error:  # its own refusals: told, and not counted
            print(f"{name}: {type(error).__name__}: {str(error).splitlines()[0]}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
