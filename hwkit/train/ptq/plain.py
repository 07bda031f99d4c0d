"""A user's module as plain layers: one copy, float32, whose weights nothing computes anew."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize

from hwkit.errors import ConfigError

_HOOKS = ("_forward_pre_hooks", "_forward_hooks")


def plain_copy(module: nn.Module) -> nn.Module:
    """``module`` in evaluation mode as a copy in float32, parametrized weights as what they give.

    Raises ``ConfigError`` naming a layer whose weights are not there yet, or one with hooks: these
    compute what no layer says, be it pruning, a norm of the weights or a change of the output.

    Example: weights of float64 or float16 become float32, as the data that calibrates them.
    """
    for path, layer in module.named_modules():
        _require_plain(path or type(module).__name__, layer)
    module = copy.deepcopy(module).eval()
    for layer in list(module.modules()):
        if parametrize.is_parametrized(layer):
            _settle(layer)
    return module.float()


def _settle(layer: Any) -> None:
    """Makes parametrized weights plain ones. ``remove_parametrizations`` takes them from the class,
    which a copy shares with the user's own layer."""
    values = {name: getattr(layer, name).detach() for name in layer.parametrizations}
    del layer.parametrizations
    layer.__class__ = type(layer).__bases__[0]
    for name, value in values.items():
        setattr(layer, name, nn.Parameter(value))


def _require_plain(path: str, layer: nn.Module) -> None:
    if any(
        torch.nn.parameter.is_lazy(p) for p in (*layer.parameters(False), *layer.buffers(False))
    ):
        raise ConfigError(f"{path}: its weights have no shape yet; run the network once")
    if any(getattr(layer, kind) for kind in _HOOKS):
        raise ConfigError(
            f"{path}: has forward hooks; take them off, after prune.remove, remove_weight_norm or "
            "remove_spectral_norm where it is one of these"
        )


def ungroup(network: nn.Module) -> None:
    """Transposed convolutions of several groups become ones of a single group, whose weights are
    zero between groups: one scale for each output channel then lies along one axis.

    Example: a weight (4, 1, 2, 2) of 4 groups becomes one of (4, 4, 2, 2), zeros off its diagonal.
    """
    for layer in network.modules():
        if isinstance(layer, nn.ConvTranspose1d | nn.ConvTranspose2d) and layer.groups > 1:
            blocks = layer.weight.detach().chunk(layer.groups)
            weight = layer.weight.new_zeros(
                layer.in_channels, layer.out_channels, *layer.weight.shape[2:]
            )
            for k, block in enumerate(blocks):
                rows, columns = block.shape[:2]
                weight[k * rows : (k + 1) * rows, k * columns : (k + 1) * columns] = block
            layer.weight, layer.groups = nn.Parameter(weight), 1
