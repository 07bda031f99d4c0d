"""A recipe's network before any training: what it costs is what it will cost."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from torch import nn

from hwkit.importers import load_model
from hwkit.ir.graph import Graph
from hwkit.train.data import shape_of
from hwkit.train.freeze import export
from hwkit.train.networks import float_network, folded_state
from hwkit.train.pipeline import deterministic
from hwkit.train.recipe import Recipe
from hwkit.train.twins import quantized_network, start

_SAMPLES = 32


def untrained(recipe: Recipe) -> Graph:
    """The integer graph of ``recipe`` with random weights, always the same ones.

    Batch norms are random too: zero biases and equal scales would make code and tables smaller
    than training leaves them. ``ConfigError`` for blocks that do not fit the samples.
    """
    shape = shape_of(recipe)
    with deterministic(0), tempfile.TemporaryDirectory() as folder:
        network: nn.Module = float_network(recipe, shape)
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.normal_(module.bias, 0.2, 0.2)
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.bias, 0.0, 0.2)
        x = torch.rand(_SAMPLES, *shape)
        if len(shape) == 1:
            x = 4 * x - 2
        quantized, layers = quantized_network(recipe, shape, {})
        start(recipe, quantized, layers, folded_state(network), x)
        quantized.train()
        with torch.no_grad():
            quantized(x)  # Activations take their scales from what they see in training.
        export(quantized, x[:1], Path(folder) / "model.onnx", "untrained")
        return load_model(Path(folder) / "model.onnx")


def weight_bytes(recipe: Recipe) -> float:
    """Bytes that the weights of ``recipe`` take at its width, without any padding."""
    network: nn.Module = float_network(recipe, shape_of(recipe))
    kinds = nn.Conv2d | nn.Linear
    weights = sum(m.weight.numel() for m in network.modules() if isinstance(m, kinds))
    return weights * recipe.quantization.weight_bits / 8
