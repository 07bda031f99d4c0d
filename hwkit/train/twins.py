"""The quantized twin of a recipe's float network, in the scheme that the recipe names."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from hwkit.errors import ConfigError
from hwkit.train import brevitas_layers
from hwkit.train.brevitas_layers import BrevitasFactory
from hwkit.train.networks import Network, Shape
from hwkit.train.recipe import Recipe


def quantized_network(
    recipe: Recipe, shape: Shape, plan: Mapping[str, int]
) -> tuple[Network, dict[str, int]]:
    """The quantized network and the weight bits of each layer; ``ConfigError`` for a plan that
    names a layer which is not there, or a width outside 2..8."""
    for layer, bits in plan.items():
        if not 2 <= bits <= 8:
            raise ConfigError(f"bit plan: {layer}: {bits} bits is not in 2..8")
    factory = BrevitasFactory(recipe.quantization, plan)
    network = Network(recipe, factory, shape)
    if unknown := sorted(set(plan) - set(factory.weight_bits)):
        raise ConfigError(
            f"bit plan: layer {unknown[0]!r:.60} is not in recipe {recipe.name!r}; it has "
            f"{', '.join(factory.weight_bits)}"
        )
    return network, factory.weight_bits


def load_folded(network: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Puts ``networks.folded_state`` into a quantized network, weight scales taken from it."""
    brevitas_layers.load_folded(network, state)
