"""The trained network of a run, as methods of sensitivity look at it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from hwkit.errors import ConfigError
from hwkit.train.data import data_of, shape_of
from hwkit.train.fit import predict
from hwkit.train.networks import ConvShape, FloatFactory, Network, conv_of
from hwkit.train.pipeline import load_quantized, read_checkpoint
from hwkit.train.ptq import weights as grids
from hwkit.train.recipe import Recipe


class _Folded(FloatFactory):
    """The float network with its batch norms in the convolutions."""

    def conv(self, shape: ConvShape, path: str) -> nn.Module:
        return conv_of(nn.Conv2d, shape, bias=True)


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """``x`` (N, *shape) with ``labels`` (N,) from the training set; ``trained_bits`` by layer; the
    ``checkpoint`` as ``read_checkpoint`` gives it and its SHA-256 ``digest``. ``float_network`` has
    the trained weights, batch norms folded in, and no quantizer, so that it has gradients."""

    recipe: Recipe
    checkpoint: Mapping[str, Any]
    digest: str
    x: Tensor
    labels: Tensor
    trained_bits: Mapping[str, int]
    float_network: Network

    def quantized(self, bits: Mapping[str, int], x: Tensor) -> Tensor:
        """Outputs (N, classes) of the fake-quantized network with some layers at other widths."""
        return predict(load_quantized(self.recipe, self.checkpoint, bits), x)

    def weight(self, layer: str) -> Tensor:
        """The trained weights of a layer, outputs first."""
        found: Tensor = self.float_network.get_submodule(layer).weight.detach()
        return found

    def rounded(self, layer: str, bits: int) -> Tensor:
        """The same on the grid of ``bits``, whose largest integer is each channel's largest."""
        weight = self.weight(layer)
        dyadic = self.recipe.quantization.scales == "power_of_two"
        scale = grids.whole_range(weight, 0, bits, dyadic)
        return scale * grids.on_grid(weight, scale, bits)

    def outputs(self, weights: Mapping[str, Tensor], x: Tensor) -> Tensor:
        """Outputs of the float network with ``weights`` in place of some layers' own; a gradient
        can be taken of them."""
        named = {f"{layer}.weight": weight for layer, weight in weights.items()}
        found: Tensor = functional_call(self.float_network, named, (x,))
        return found.flatten(1)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of a sample."""
        return tuple(self.x.shape[1:])

    def statistics(self) -> dict[str, tuple[Tensor, Tensor]]:
        """Mean and deviation of each channel behind the convolutions, by layer, as batch norms had
        them in training. ``ConfigError`` where there were none, or an older hwkit trained."""
        state = self.checkpoint["float"]
        found = {
            layer: (state[f"{layer}.mean"], state[f"{layer}.deviation"])
            for layer in self.trained_bits
            if f"{layer}.mean" in state
        }
        if not found:
            raise ConfigError(
                f"{self.recipe.name}: its checkpoint knows nothing of batch norms, so that no "
                "samples can be made from them; train again, or choose another sensitivity"
            )
        return found


def probe_of(recipe: Recipe, folder: Path, samples: int) -> Probe:
    """The network that ``recipe`` left in ``folder``, with as many training samples, evenly
    spread. Raises as ``read_checkpoint`` does."""
    path = folder / "checkpoint.pt"
    checkpoint = read_checkpoint(path)
    data = data_of(recipe)
    chosen = np.unique(np.linspace(0, len(data.train_images) - 1, samples).astype(int))
    network = Network(recipe, _Folded(), shape_of(recipe))
    # QFX's layers keep weight and batch norm apart; the float state has them folded.
    trained = checkpoint["quantized"]
    folded = checkpoint["float"]
    state = {
        name: trained.get(name, folded[name]) if recipe.quantization.scheme == "brevitas"
        else folded[name]
        for name in network.state_dict()
    }  # fmt: skip
    network.load_state_dict(state)
    network.eval()
    return Probe(
        recipe,
        checkpoint,
        hashlib.sha256(path.read_bytes()).hexdigest(),
        torch.from_numpy(data.train_images[chosen]),
        torch.from_numpy(data.train_labels[chosen]),
        dict(checkpoint["weight_bits"]),
        network,
    )
