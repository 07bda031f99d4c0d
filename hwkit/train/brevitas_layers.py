"""The Brevitas twin of a recipe's network: what ``quantization.scheme = "brevitas"`` trains."""

from __future__ import annotations

from collections.abc import Mapping

import brevitas.nn as qnn
import torch
from brevitas.quant import (
    Int8ActPerTensorFixedPoint,
    Int8ActPerTensorFloat,
    Int8WeightPerChannelFloat,
    Int8WeightPerTensorFixedPoint,
    Int8WeightPerTensorFloat,
    Int32Bias,
    Uint8ActPerTensorFixedPoint,
    Uint8ActPerTensorFloat,
)
from brevitas.quant.fixed_point import Int8WeightPerChannelFixedPoint
from brevitas.quant_tensor import QuantTensor
from torch import Tensor, nn

from hwkit.train.networks import STATISTICS, ConvShape, conv_of
from hwkit.train.recipe import Quantization

_COLLECT_STEPS = 20
"""Training batches from which an activation's first scale is taken, before it is learned."""


class BrevitasFactory:
    """Brevitas layers: signed narrow-range weights, unsigned activations behind a ReLU, int32
    biases on the accumulator's grid; rounding half to even.

    ``plan`` gives the weight bits of single layers by module path, ``maps`` those of activations.
    """

    def __init__(self, q: Quantization, plan: Mapping[str, int], maps: Mapping[str, int]) -> None:
        self.q = q
        self.plan, self.maps = dict(plan), dict(maps)
        self.weight_bits: dict[str, int] = {}
        self.activation_bits: dict[str, int] = {}
        dyadic = q.scales == "power_of_two"
        self._signed = Int8ActPerTensorFixedPoint if dyadic else Int8ActPerTensorFloat
        self._unsigned = Uint8ActPerTensorFixedPoint if dyadic else Uint8ActPerTensorFloat
        per_tensor = Int8WeightPerTensorFixedPoint if dyadic else Int8WeightPerTensorFloat
        per_channel = Int8WeightPerChannelFixedPoint if dyadic else Int8WeightPerChannelFloat
        self._weight = per_channel if q.per_channel else per_tensor

    def _layer_options(self, path: str) -> dict[str, object]:
        bits = self.plan.get(path, self.q.weight_bits)
        self.weight_bits[path] = bits
        return {
            "bias": True,
            "weight_quant": self._weight,
            "weight_bit_width": bits,
            "bias_quant": Int32Bias,
        }

    def _activation_options(self, path: str | None = None) -> dict[str, object]:
        bits = self.q.activation_bits
        if path is not None:
            bits = self.activation_bits[path] = self.maps.get(path, bits)
        return {
            "bit_width": bits,
            "return_quant_tensor": True,
            "collect_stats_steps": _COLLECT_STEPS,
        }

    def source(self, signed: bool) -> nn.Module:
        """Images of 0..1 to unsigned 8 bits, the scale fixed, 1/255 or 1/256; features to signed
        8 bits with a learned scale."""
        if signed:
            options = {**self._activation_options(), "bit_width": 8}
            return qnn.QuantIdentity(act_quant=self._signed, **options)
        return qnn.QuantIdentity(
            act_quant=self._unsigned,
            bit_width=8,
            scaling_impl_type="const",
            min_val=0.0,
            max_val=1.0,
            return_quant_tensor=True,
        )

    def conv(self, shape: ConvShape, path: str) -> nn.Module:
        return conv_of(qnn.QuantConv2d, shape, **self._layer_options(path))

    def dense(self, inputs: int, outputs: int, path: str) -> nn.Module:
        # One scale for all outputs, so that the largest integer is the largest logit.
        options = self._layer_options(path)
        dyadic = self.q.scales == "power_of_two"
        options["weight_quant"] = (
            Int8WeightPerTensorFixedPoint if dyadic else Int8WeightPerTensorFloat
        )
        return qnn.QuantLinear(inputs, outputs, **options)

    def relu(self, path: str) -> nn.Module:
        return qnn.QuantReLU(act_quant=self._unsigned, **self._activation_options(path))

    def signed(self, path: str) -> nn.Module:
        return qnn.QuantIdentity(act_quant=self._signed, **self._activation_options(path))

    def unsigned(self, path: str) -> nn.Module:
        return qnn.QuantIdentity(act_quant=self._unsigned, **self._activation_options(path))

    def output(self) -> nn.Module:
        # Classes are told apart by the largest integer: too few bits would tie them.
        bits = max(8, self.q.activation_bits)
        options = {**self._activation_options(), "bit_width": bits}
        return qnn.QuantIdentity(act_quant=self._signed, **options)

    def add(self) -> nn.Module:
        return _Add()

    def average_pool(self, kernel: int) -> nn.Module:
        return nn.AvgPool2d(kernel)

    def flatten(self) -> nn.Module:
        return nn.Flatten()

    def sink(self) -> nn.Module:
        return _Plain()


class _Add(nn.Module):
    """Plain tensors: brevitas refuses to add two with different scales, integers do not."""

    def forward(self, x: Tensor | QuantTensor, y: Tensor | QuantTensor) -> Tensor:
        return _plain(x) + _plain(y)


class _Plain(nn.Module):
    def forward(self, x: Tensor | QuantTensor) -> Tensor:
        return _plain(x)


def _plain(x: Tensor | QuantTensor) -> Tensor:
    return x.value if isinstance(x, QuantTensor) else x


def load_folded(network: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Puts ``folded_state`` into a quantized network and takes its weight scales from it."""
    parameters = dict(network.named_parameters())
    with torch.no_grad():
        for name, value in state.items():
            if not name.endswith(STATISTICS):
                parameters[name].copy_(value)
    for module in network.modules():
        if isinstance(module, qnn.QuantConv2d | qnn.QuantLinear):
            module.weight_quant.init_tensor_quant()
