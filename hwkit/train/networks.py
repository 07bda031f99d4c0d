"""Networks from a recipe's blocks: a float one to train first, and its quantized twin.

Both have the same module paths. The float one has a batch norm behind each convolution, which is
folded into weight and bias before quantized training, so the quantized one has none and what
trains is what runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

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

from hwkit.errors import ConfigError
from hwkit.train.recipe import Block, Quantization, Recipe

_COLLECT_STEPS = 20
"""Training batches from which an activation's first scale is taken, before it is learned."""


@dataclass(frozen=True, slots=True)
class ConvShape:
    """Channels in and out, kernel, stride and groups of one convolution."""

    inputs: int
    outputs: int
    kernel: int
    stride: int = 1
    groups: int = 1


class Factory(Protocol):
    """Makes the layers of a network, float or quantized; ``path`` is the module path."""

    def source(self) -> nn.Module: ...
    def conv(self, shape: ConvShape, path: str) -> nn.Module: ...
    def dense(self, inputs: int, outputs: int, path: str) -> nn.Module: ...
    def relu(self) -> nn.Module: ...
    def signed(self) -> nn.Module: ...
    def unsigned(self) -> nn.Module: ...


class FloatFactory:
    """Layers in float32, a batch norm behind each convolution."""

    def source(self) -> nn.Module:
        return nn.Identity()

    def conv(self, shape: ConvShape, path: str) -> nn.Module:
        layer = _conv(nn.Conv2d, shape, bias=False)
        return nn.Sequential(layer, nn.BatchNorm2d(shape.outputs))

    def dense(self, inputs: int, outputs: int, path: str) -> nn.Module:
        return nn.Linear(inputs, outputs)

    def relu(self) -> nn.Module:
        return nn.ReLU()

    def signed(self) -> nn.Module:
        return nn.Identity()

    def unsigned(self) -> nn.Module:
        return nn.Identity()


class QuantFactory:
    """Brevitas layers: signed narrow-range weights, unsigned activations behind a ReLU, int32
    biases on the accumulator's grid; rounding half to even.

    ``plan`` gives the weight bits of single layers by module path.
    """

    def __init__(self, q: Quantization, plan: Mapping[str, int]) -> None:
        self.q = q
        self.plan = dict(plan)
        self.weight_bits: dict[str, int] = {}
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

    def _activation_options(self) -> dict[str, object]:
        return {
            "bit_width": self.q.activation_bits,
            "return_quant_tensor": True,
            "collect_stats_steps": _COLLECT_STEPS,
        }

    def source(self) -> nn.Module:
        """Images of 0..1 to unsigned 8 bits; the scale is fixed, 1/255 or 1/256."""
        return qnn.QuantIdentity(
            act_quant=self._unsigned,
            bit_width=8,
            scaling_impl_type="const",
            min_val=0.0,
            max_val=1.0,
            return_quant_tensor=True,
        )

    def conv(self, shape: ConvShape, path: str) -> nn.Module:
        return _conv(qnn.QuantConv2d, shape, **self._layer_options(path))

    def dense(self, inputs: int, outputs: int, path: str) -> nn.Module:
        # One scale for all outputs, so that the largest integer is the largest logit.
        options = self._layer_options(path)
        dyadic = self.q.scales == "power_of_two"
        options["weight_quant"] = (
            Int8WeightPerTensorFixedPoint if dyadic else Int8WeightPerTensorFloat
        )
        return qnn.QuantLinear(inputs, outputs, **options)

    def relu(self) -> nn.Module:
        return qnn.QuantReLU(act_quant=self._unsigned, **self._activation_options())

    def signed(self) -> nn.Module:
        return qnn.QuantIdentity(act_quant=self._signed, **self._activation_options())

    def unsigned(self) -> nn.Module:
        return qnn.QuantIdentity(act_quant=self._unsigned, **self._activation_options())


def _conv(kind: type[nn.Module], s: ConvShape, **options: object) -> nn.Module:
    return kind(
        s.inputs,
        s.outputs,
        s.kernel,
        stride=s.stride,
        padding=s.kernel // 2,
        groups=s.groups,
        **options,
    )


def _plain(x: Tensor | QuantTensor) -> Tensor:
    return x.value if isinstance(x, QuantTensor) else x


class Separable(nn.Module):
    """Depthwise and pointwise convolution, a ReLU behind each."""

    def __init__(self, make: Factory, inputs: int, block: Block) -> None:
        super().__init__()
        name = block.name
        self.depthwise = make.conv(
            ConvShape(inputs, inputs, block.kernel, block.stride, inputs), f"{name}.depthwise"
        )
        self.middle = make.relu()
        self.pointwise = make.conv(ConvShape(inputs, block.channels, 1), f"{name}.pointwise")
        self.relu = make.relu()

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.pointwise(self.middle(self.depthwise(x))))


class Residual(nn.Module):
    """``relu(x + pointwise(relu(depthwise(x))))``."""

    def __init__(self, make: Factory, inputs: int, block: Block) -> None:
        super().__init__()
        name = block.name
        self.depthwise = make.conv(
            ConvShape(inputs, inputs, block.kernel, 1, inputs), f"{name}.depthwise"
        )
        self.middle = make.relu()
        self.pointwise = make.conv(ConvShape(inputs, inputs, 1), f"{name}.pointwise")
        self.branch = make.signed()
        self.relu = make.relu()

    def forward(self, x: Tensor) -> Tensor:
        branch = self.branch(self.pointwise(self.middle(self.depthwise(x))))
        # Plain tensors: brevitas refuses to add two with different scales, integers do not.
        return self.relu(_plain(x) + _plain(branch))


class Network(nn.Module):
    """The blocks of a recipe in a row, for images (N, 1, side, side)."""

    def __init__(self, recipe: Recipe, make: Factory, side: int) -> None:
        super().__init__()
        self.source = make.source()
        self.order: list[str] = []
        channels = 1
        for block in recipe.blocks:
            if block.kind == "dense":
                names: tuple[str, ...] = (
                    f"{block.name}_flatten",
                    block.name,
                    f"{block.name}_out",
                )
                stages: tuple[nn.Module, ...] = (
                    nn.Flatten(),
                    make.dense(channels * side * side, block.channels, block.name),
                    make.signed(),
                )
                channels, side = block.channels, 1
            else:
                side = _next_side(block, side)
                names, stages = _map_block(make, block, channels)
                channels = block.channels if block.kind in ("conv", "separable") else channels
            for name, stage in zip(names, stages, strict=True):
                self.add_module(name, stage)
                self.order.append(name)

    def forward(self, x: Tensor) -> Tensor:
        x = self.source(x)
        for name in self.order:
            x = self.get_submodule(name)(x)
        return _plain(x)


def _map_block(
    make: Factory, block: Block, channels: int
) -> tuple[tuple[str, ...], tuple[nn.Module, ...]]:
    name = block.name
    match block.kind:
        case "conv":
            shape = ConvShape(channels, block.channels, block.kernel, block.stride)
            return (name, f"{name}_relu"), (make.conv(shape, name), make.relu())
        case "separable":
            return (name,), (Separable(make, channels, block),)
        case "residual":
            return (name,), (Residual(make, channels, block),)
        case _:
            return (name, f"{name}_out"), (nn.AvgPool2d(block.kernel), make.unsigned())


def _next_side(block: Block, side: int) -> int:
    """Height and width behind a block; ``ConfigError`` when nothing is left."""
    if block.kind == "average_pool":
        if side < block.kernel or side % block.kernel:
            raise ConfigError(
                f"block {block.name!r}: a map of {side}x{side} is no multiple of its window "
                f"{block.kernel}; change kernel or strides"
            )
        return side // block.kernel
    if block.kind == "residual":
        if block.kernel % 2 == 0:
            raise ConfigError(f"block {block.name!r}: kernel {block.kernel} must be odd")
        return side
    after = (side + 2 * (block.kernel // 2) - block.kernel) // block.stride + 1
    if after < 1:
        raise ConfigError(f"block {block.name!r}: nothing is left of a {side}x{side} map")
    return after


def float_network(recipe: Recipe, side: int) -> Network:
    """The float network of a recipe for images of ``side`` by ``side``."""
    return Network(recipe, FloatFactory(), side)


def quantized_network(
    recipe: Recipe, side: int, plan: Mapping[str, int]
) -> tuple[Network, dict[str, int]]:
    """The quantized network and the weight bits of each layer; ``ConfigError`` for a plan that
    names a layer which is not there, or a width outside 2..8."""
    for layer, bits in plan.items():
        if not 2 <= bits <= 8:
            raise ConfigError(f"bit plan: {layer}: {bits} bits is not in 2..8")
    factory = QuantFactory(recipe.quantization, plan)
    network = Network(recipe, factory, side)
    if unknown := sorted(set(plan) - set(factory.weight_bits)):
        raise ConfigError(
            f"bit plan: layer {unknown[0]!r:.60} is not in recipe {recipe.name!r}; it has "
            f"{', '.join(factory.weight_bits)}"
        )
    return network, factory.weight_bits


def folded_state(network: nn.Module) -> dict[str, Tensor]:
    """Weights and biases of a trained float network, batch norms folded in, by the module paths
    of the quantized one: ``w * g`` and ``beta - mean * g`` with ``g = gamma / sqrt(var + eps)``."""
    state: dict[str, Tensor] = {}
    for path, module in network.named_modules():
        if isinstance(module, nn.Linear):
            state[f"{path}.weight"], state[f"{path}.bias"] = module.weight, module.bias
        elif isinstance(module, nn.Sequential):
            conv, norm = module[0], module[1]
            gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
            state[f"{path}.weight"] = conv.weight * gain[:, None, None, None]
            state[f"{path}.bias"] = norm.bias - norm.running_mean * gain
    return {name: value.detach().clone() for name, value in state.items()}


def load_folded(network: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Puts ``folded_state`` into a quantized network and takes its weight scales from it."""
    parameters = dict(network.named_parameters())
    with torch.no_grad():
        for name, value in state.items():
            parameters[name].copy_(value)
    for module in network.modules():
        if isinstance(module, qnn.QuantConv2d | qnn.QuantLinear):
            module.weight_quant.init_tensor_quant()
