"""The quantized twin of a recipe's float network, in the scheme that the recipe names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import Tensor

from hwkit.errors import ConfigError
from hwkit.train import brevitas_layers
from hwkit.train.brevitas_layers import BrevitasFactory
from hwkit.train.networks import Network, Shape
from hwkit.train.qfx import network as qfx
from hwkit.train.qfx.network import QfxFactory
from hwkit.train.recipe import Recipe


def quantized_network(
    recipe: Recipe, shape: Shape, plan: Mapping[str, int], maps: Mapping[str, int] | None = None
) -> tuple[Network, dict[str, int]]:
    """The quantized network, its layers at the weight bits of ``plan`` and its activations at those
    of ``maps``, and the weight bits of each layer; ``ConfigError`` for a plan that names a layer or
    a map which is not there, or a width outside 2..8."""
    for layer, bits in (*plan.items(), *(maps or {}).items()):
        if not 2 <= bits <= 8:
            raise ConfigError(f"bit plan: {layer}: {bits} bits is not in 2..8")
    network, factory = _made(recipe, shape, plan, maps or {})
    for given, there in ((plan, factory.weight_bits), (maps or {}, factory.activation_bits)):
        if unknown := sorted(set(given) - set(there)):
            raise ConfigError(
                f"bit plan: layer {unknown[0]!r:.60} is not in recipe {recipe.name!r}; it has "
                f"{', '.join(there)}"
            )
    return network, factory.weight_bits


def activations_of(recipe: Recipe, shape: Shape) -> dict[str, int]:
    """The activations whose width a plan can choose, and their bits without one."""
    return _made(recipe, shape, {}, {})[1].activation_bits


def _made(
    recipe: Recipe, shape: Shape, plan: Mapping[str, int], maps: Mapping[str, int]
) -> tuple[Network, BrevitasFactory | QfxFactory]:
    kind = QfxFactory if recipe.quantization.scheme == "qfx" else BrevitasFactory
    factory = kind(recipe.quantization, plan, maps)
    return Network(recipe, factory, shape), factory


def start(
    recipe: Recipe,
    network: Network,
    layers: Iterable[str],
    state: Mapping[str, Tensor],
    batch: Tensor,
) -> None:
    """Puts weights and biases by module path (``networks.folded_state``, or the state of another
    quantized network) into ``network``; scales come from the weights, and in QFX from what
    ``batch`` (N, ...) gives as well. ``ConfigError`` for a state of other layers."""
    shapes = {name: value.shape for name, value in network.named_parameters()}
    for path in layers:
        for name in (f"{path}.weight", f"{path}.bias"):
            if name not in state or state[name].shape != shapes.get(name, state[name].shape):
                found = tuple(state[name].shape) if name in state else "missing"
                raise ConfigError(
                    f"start weights: {name} is {found}; give a checkpoint of the same blocks, its "
                    "batch norms folded"
                )
    if recipe.quantization.scheme == "qfx":
        qfx.load(network, state, batch)
    else:
        brevitas_layers.load_folded(network, state)


def changed_widths(recipe: Recipe, network: Network, bits: Mapping[str, int]) -> None:
    """Fits the weight scales of the layers in ``bits``, whose widths are not those that the
    network was trained at. Brevitas takes its scales from the weights anyway."""
    if recipe.quantization.scheme == "qfx":
        qfx.fit_weights(network, bits)
