"""Integers and scales of weights, one scale for each output channel."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hwkit.train.ptq.twin import largest_weight, output_axis, scale_shape, set_weight

_SHRINK = torch.linspace(1.0, 0.3, 71).tolist()
_SMALLEST = 1e-10


def largest(weight: Tensor, axis: int) -> Tensor:
    """The largest magnitude of each channel on ``axis``, shape kept."""
    others = [a for a in range(weight.dim()) if a != axis]
    return weight.abs().amax(others, keepdim=True).clamp_min(_SMALLEST)


def on_grid(weight: Tensor, scale: Tensor, bits: int) -> Tensor:
    """The nearest integers, halves to even, within the symmetric range of ``bits``."""
    end = largest_weight(bits)
    return torch.clamp(torch.round(weight / scale), -end, end)


def whole_range(weight: Tensor, axis: int, bits: int, dyadic: bool) -> Tensor:
    """Scales at which each channel's largest weight is the largest integer."""
    scale = largest(weight, axis) / largest_weight(bits)
    return _power_of_two(scale) if dyadic else scale


def _power_of_two(scale: Tensor) -> Tensor:
    return torch.exp2(torch.ceil(torch.log2(scale) - 1e-6))


def least_squares(weight: Tensor, axis: int, bits: int, dyadic: bool) -> Tensor:
    """Scales of least squared error of each channel, down to 0.3 of the whole range (a quarter
    where scales are powers of two)."""
    start = whole_range(weight, axis, bits, dyadic)
    others = [a for a in range(weight.dim()) if a != axis]
    best, error = start, torch.full_like(start, torch.inf)
    for part in (1.0, 0.5, 0.25) if dyadic else _SHRINK:
        scale = start * part
        loss = (scale * on_grid(weight, scale, bits) - weight).square().sum(others, keepdim=True)
        better = loss < error
        best, error = torch.where(better, scale, best), torch.where(better, loss, error)
    return best


def round_nearest(
    layer: nn.Module, float_layer: nn.Module, bits: int, fitted: bool, dyadic: bool
) -> None:
    """Puts the float layer's weights, rounded to nearest, and its bias into the quantized one."""
    weight, axis = float_layer.weight.detach(), output_axis(float_layer)
    scale = (least_squares if fitted else whole_range)(weight, axis, bits, dyadic)
    set_weight(layer, on_grid(weight, scale, bits), scale.reshape(scale_shape(layer)), bits)
    with torch.no_grad():
        layer.bias.zero_() if float_layer.bias is None else layer.bias.copy_(float_layer.bias)
