"""QFX layers for a recipe's network, and their start from trained weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from hwkit.ir.ops import Overflow, Rounding
from hwkit.train.networks import ConvShape
from hwkit.train.qfx.calibrate import calibrate
from hwkit.train.qfx.fixed import Fixed, Format
from hwkit.train.qfx.layers import QfxBatchNorm, QfxConv2d, QfxLinear
from hwkit.train.qfx.maps import (
    Activation,
    Add,
    AveragePool2d,
    Flatten,
    Input,
    Reals,
)
from hwkit.train.recipe import Quantization

_NORM_INPUT_BITS = 8
"""Width to which a convolution's sums are cast before a batch norm that is not folded."""


class NormedConv(nn.Module):
    """Convolution, cast, batch norm: the norm keeps its own multiplier in the hardware."""

    def __init__(self, conv: QfxConv2d, cast: Activation, norm: QfxBatchNorm) -> None:
        super().__init__()
        self.conv, self.cast, self.norm = conv, cast, norm

    def forward(self, x: Fixed) -> Fixed:
        y: Fixed = self.norm(self.cast(self.conv(x)))
        return y


class QfxFactory:
    """Layers of a recipe in trainable fixed point; weights round to nearest and are symmetric.

    ``plan`` gives the weight bits of single layers by module path, ``maps`` those of activations.
    """

    def __init__(self, q: Quantization, plan: Mapping[str, int], maps: Mapping[str, int]) -> None:
        self.q, self.plan, self.maps = q, dict(plan), dict(maps)
        self.weight_bits: dict[str, int] = {}
        self.activation_bits: dict[str, int] = {}
        modes = Rounding(q.rounding), Overflow(q.overflow)
        self._unsigned = Format(q.activation_bits, False, *modes)
        self._signed = Format(q.activation_bits, True, *modes)

    def _weight(self, path: str) -> Format:
        bits = self.plan.get(path, self.q.weight_bits)
        self.weight_bits[path] = bits
        return Format(bits, rounding=Rounding.HALF_EVEN, symmetric=True)

    def _activation(self, form: Format, path: str) -> Activation:
        bits = self.activation_bits[path] = self.maps.get(path, form.width)
        return Activation(replace(form, width=bits))

    def source(self, signed: bool) -> nn.Module:
        return Input(self.q.input_bits, signed)

    def sink(self) -> nn.Module:
        return Reals()

    def conv(self, shape: ConvShape, path: str) -> nn.Module:
        form, keeps = self._weight(path), self.q.batch_norm == "keep"
        conv = QfxConv2d(
            shape.inputs,
            shape.outputs,
            shape.kernel,
            form,
            stride=shape.stride,
            padding=shape.kernel // 2,
            groups=shape.groups,
            bias=not keeps,
            per_channel=self.q.per_channel and not keeps,
            terms=self.q.terms,
        )
        if not keeps:
            return conv
        cast = Activation(replace(self._signed, width=_NORM_INPUT_BITS))
        return NormedConv(conv, cast, QfxBatchNorm(shape.outputs, form, terms=self.q.terms))

    def dense(self, inputs: int, outputs: int, path: str) -> nn.Module:
        return QfxLinear(inputs, outputs, self._weight(path), terms=self.q.terms)

    def relu(self, path: str) -> nn.Module:
        return self._activation(self._unsigned, path)

    def signed(self, path: str) -> nn.Module:
        return self._activation(self._signed, path)

    def unsigned(self, path: str) -> nn.Module:
        return self._activation(self._unsigned, path)

    def output(self) -> nn.Module:
        # Classes are told apart by the largest integer: too few bits would tie them.
        return Activation(replace(self._signed, width=max(8, self.q.activation_bits)))

    def add(self) -> nn.Module:
        return Add()

    def average_pool(self, kernel: int) -> nn.Module:
        return AveragePool2d(kernel)

    def flatten(self) -> nn.Module:
        return Flatten()


def load(network: nn.Module, state: Mapping[str, Tensor], batch: Tensor) -> None:
    """Weights and biases from ``networks.folded_state`` or any state with the same paths (a
    Brevitas network's), then every binary point from ``batch``.

    A batch norm that is kept takes each channel's largest weight as its gain.
    """
    with torch.no_grad():
        for path, module in network.named_modules():
            if f"{path}.weight" not in state:
                continue
            weight, bias = state[f"{path}.weight"], state[f"{path}.bias"]
            if isinstance(module, NormedConv):
                gain = weight.abs().amax((1, 2, 3)).clamp(min=1e-6)
                module.conv.weight.copy_(weight / gain[:, None, None, None])
                module.norm.start(gain, bias)
            elif isinstance(module, QfxConv2d | QfxLinear) and module.bias is not None:
                module.weight.copy_(weight)
                module.bias.copy_(bias)
    calibrate(network, batch)


def fit_weights(network: nn.Module, paths: Mapping[str, int]) -> None:
    """New binary points for the weights of the layers at ``paths``, whose width has changed."""
    for path in paths:
        module = network.get_submodule(path)
        layer = module.conv if isinstance(module, NormedConv) else module
        if isinstance(layer, QfxConv2d | QfxLinear):
            layer.weight_cast.calibrate(layer.weight.detach())
