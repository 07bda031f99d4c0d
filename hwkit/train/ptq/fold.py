"""Batch norms of inference folded into the layer before them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx, nn

from hwkit.errors import ConfigError
from hwkit.train.ptq.kinds import WEIGHTED

_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


def fold_norms(network: fx.GraphModule) -> None:
    """Puts each batch norm that alone reads a layer with weights into that layer: ``w * g`` and
    ``(b - mean) * g + beta`` with ``g = gamma / sqrt(variance + eps)``. Others stay."""
    for node in list(network.graph.nodes):
        norm = _called(network, node)
        if not isinstance(norm, _NORMS):
            continue
        gain, offset = affine_of(norm, str(node.target))
        before = node.args[0]
        layer = _called(network, before)
        features = isinstance(layer, nn.Linear) and len(before.meta["shape"]) != 2
        if type(layer) not in WEIGHTED or len(before.users) > 1 or features:
            continue
        axis = 1 if isinstance(layer, nn.ConvTranspose1d | nn.ConvTranspose2d) else 0
        along = [1] * layer.weight.dim()
        along[axis] = -1
        bias = torch.zeros(len(gain)) if layer.bias is None else layer.bias
        layer.bias = nn.Parameter(bias * gain + offset)
        layer.weight = nn.Parameter(layer.weight * gain.reshape(along))
        node.replace_all_uses_with(before)
        network.graph.erase_node(node)
    network.graph.lint()
    network.recompile()


def affine_of(norm: nn.Module, path: str) -> tuple[Tensor, Tensor]:
    """Gain and offset of a batch norm, one a channel; ``ConfigError`` without statistics."""
    if norm.running_mean is None or norm.running_var is None:
        raise ConfigError(
            f"{path}: a batch norm without running statistics; train with track_running_stats=True"
        )
    gain = 1 / torch.sqrt(norm.running_var + norm.eps)
    gain = gain if norm.weight is None else gain * norm.weight
    offset = -norm.running_mean * gain
    return gain, offset if norm.bias is None else offset + norm.bias


def _called(network: fx.GraphModule, node: object) -> Any:
    """The module that a node calls, or None."""
    if not isinstance(node, fx.Node) or node.op != "call_module":
        return None
    return network.get_submodule(str(node.target))
