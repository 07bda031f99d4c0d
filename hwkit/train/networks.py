"""Networks from a recipe's blocks: a float one to train first, and its quantized twins.

All have the same module paths. The float one has a batch norm behind each convolution. A factory
decides what a layer is: ``FloatFactory`` here, Brevitas in ``brevitas_layers``, trainable fixed
point in ``qfx.network``.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from hwkit.errors import ConfigError
from hwkit.train.recipe import Block, Recipe

STATISTICS = (".mean", ".deviation")
"""Ends of names in a folded state that no layer has: what came out of it in training."""

Shape = tuple[int, ...]
"""Of one sample: (C, H, W), or (F,) for a vector of features."""


@dataclass(frozen=True, slots=True)
class ConvShape:
    """Channels in and out, kernel, stride and groups of one convolution."""

    inputs: int
    outputs: int
    kernel: int
    stride: int = 1
    groups: int = 1


class Factory(Protocol):
    """Makes the layers of a network, float or quantized; ``path`` is the module path, which plans
    of widths call a layer or a map by.

    ``source`` quantizes what comes in (``signed``: features of both signs, else images of 0..1),
    ``sink`` gives plain tensors out.
    """

    def source(self, signed: bool) -> nn.Module: ...
    def sink(self) -> nn.Module: ...
    def conv(self, shape: ConvShape, path: str) -> nn.Module: ...
    def dense(self, inputs: int, outputs: int, path: str) -> nn.Module: ...
    def relu(self, path: str) -> nn.Module: ...
    def signed(self, path: str) -> nn.Module: ...
    def unsigned(self, path: str) -> nn.Module: ...
    def output(self) -> nn.Module: ...
    def add(self) -> nn.Module: ...
    def average_pool(self, kernel: int) -> nn.Module: ...
    def flatten(self) -> nn.Module: ...


class Sum(nn.Module):
    """``x + y`` of plain tensors."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return x + y


class FloatFactory:
    """Layers in float32, a batch norm behind each convolution."""

    def source(self, signed: bool) -> nn.Module:
        return nn.Identity()

    def sink(self) -> nn.Module:
        return nn.Identity()

    def conv(self, shape: ConvShape, path: str) -> nn.Module:
        layer = conv_of(nn.Conv2d, shape, bias=False)
        return nn.Sequential(layer, nn.BatchNorm2d(shape.outputs))

    def dense(self, inputs: int, outputs: int, path: str) -> nn.Module:
        return nn.Linear(inputs, outputs)

    def relu(self, path: str) -> nn.Module:
        return nn.ReLU()

    def signed(self, path: str) -> nn.Module:
        return nn.Identity()

    def unsigned(self, path: str) -> nn.Module:
        return nn.Identity()

    def output(self) -> nn.Module:
        return nn.Identity()

    def add(self) -> nn.Module:
        return Sum()

    def average_pool(self, kernel: int) -> nn.Module:
        return nn.AvgPool2d(kernel)

    def flatten(self) -> nn.Module:
        return nn.Flatten()


def conv_of(kind: type[nn.Module], s: ConvShape, **options: Any) -> nn.Module:
    """A convolution of class ``kind``, padded to keep the size at stride 1 and odd kernels."""
    return kind(
        s.inputs,
        s.outputs,
        s.kernel,
        stride=s.stride,
        padding=s.kernel // 2,
        groups=s.groups,
        **options,
    )


class Separable(nn.Module):
    """Depthwise and pointwise convolution, a ReLU behind each."""

    def __init__(self, make: Factory, inputs: int, block: Block) -> None:
        super().__init__()
        name = block.name
        self.depthwise = make.conv(
            ConvShape(inputs, inputs, block.kernel, block.stride, inputs), f"{name}.depthwise"
        )
        self.middle = make.relu(f"{name}.middle")
        self.pointwise = make.conv(ConvShape(inputs, block.channels, 1), f"{name}.pointwise")
        self.relu = make.relu(f"{name}.relu")

    def forward(self, x: Any) -> Any:
        return self.relu(self.pointwise(self.middle(self.depthwise(x))))


class Residual(nn.Module):
    """``relu(x + pointwise(relu(depthwise(x))))``."""

    def __init__(self, make: Factory, inputs: int, block: Block) -> None:
        super().__init__()
        name = block.name
        self.depthwise = make.conv(
            ConvShape(inputs, inputs, block.kernel, 1, inputs), f"{name}.depthwise"
        )
        self.middle = make.relu(f"{name}.middle")
        self.pointwise = make.conv(ConvShape(inputs, inputs, 1), f"{name}.pointwise")
        self.branch = make.signed(f"{name}.branch")
        self.add = make.add()
        self.relu = make.relu(f"{name}.relu")

    def forward(self, x: Any) -> Any:
        branch = self.branch(self.pointwise(self.middle(self.depthwise(x))))
        return self.relu(self.add(x, branch))


class Basic(nn.Module):
    """``relu(shortcut(x) + second(relu(first(x))))``, as in ResNet-8 and ResNet-20: the shortcut
    is a 1x1 convolution where stride or channels change, else ``x`` itself."""

    def __init__(self, make: Factory, inputs: int, block: Block) -> None:
        super().__init__()
        name, outputs, kernel = block.name, block.channels, block.kernel
        self.first = make.conv(ConvShape(inputs, outputs, kernel, block.stride), f"{name}.first")
        self.middle = make.relu(f"{name}.middle")
        self.second = make.conv(ConvShape(outputs, outputs, kernel), f"{name}.second")
        self.branch = make.signed(f"{name}.branch")
        self.projects = inputs != outputs or block.stride > 1
        if self.projects:
            shape = ConvShape(inputs, outputs, 1, block.stride)
            self.shortcut = make.conv(shape, f"{name}.shortcut")
            self.shortcut_out = make.signed(f"{name}.shortcut_out")
        self.add = make.add()
        self.relu = make.relu(f"{name}.relu")

    def forward(self, x: Any) -> Any:
        branch = self.branch(self.second(self.middle(self.first(x))))
        if self.projects:
            x = self.shortcut_out(self.shortcut(x))
        return self.relu(self.add(x, branch))


class Network(nn.Module):
    """The blocks of a recipe in a row, for samples of ``shape``."""

    def __init__(self, recipe: Recipe, make: Factory, shape: Shape) -> None:
        super().__init__()
        self.source = make.source(signed=len(shape) == 1)
        self.order: list[str] = []
        for i, block in enumerate(recipe.blocks):
            after = shape_after(block, shape)
            last = i == len(recipe.blocks) - 1
            for name, stage in _stages(make, block, shape, last):
                self.add_module(name, stage)
                self.order.append(name)
            shape = after
        self.sink = make.sink()

    def forward(self, x: Tensor) -> Tensor:
        x = self.source(x)
        for name in self.order:
            x = self.get_submodule(name)(x)
        plain: Tensor = self.sink(x)
        return plain


def _stages(
    make: Factory, block: Block, shape: Shape, last: bool
) -> tuple[tuple[str, nn.Module], ...]:
    name, channels = block.name, shape[0]
    match block.kind:
        case "conv":
            conv = make.conv(ConvShape(channels, block.channels, block.kernel, block.stride), name)
            return (name, conv), (f"{name}_relu", make.relu(f"{name}_relu"))
        case "separable":
            return ((name, Separable(make, channels, block)),)
        case "residual":
            return ((name, Residual(make, channels, block)),)
        case "basic":
            return ((name, Basic(make, channels, block)),)
        case "average_pool":
            return (name, make.average_pool(block.kernel or shape[-1])), (
                f"{name}_out",
                make.unsigned(f"{name}_out"),
            )
        case _:
            layer = make.dense(prod(shape), block.channels, name)
            relu = f"{name}_relu"
            behind = (f"{name}_out", make.output()) if last else (relu, make.relu(relu))
            return (f"{name}_flatten", make.flatten()), (name, layer), behind


def shape_after(block: Block, shape: Shape) -> Shape:
    """What a block makes of ``shape``; ``ConfigError`` when nothing is left."""
    if block.kind == "dense":
        return (block.channels,)
    if len(shape) == 1:
        raise ConfigError(
            f"block {block.name!r}: {block.kind} needs a map, not {shape[0]} features"
        )
    channels, side = shape[0], shape[1]
    if block.kind == "average_pool":
        kernel = block.kernel or side
        if side < kernel or side % kernel:
            raise ConfigError(
                f"block {block.name!r}: a map of {side}x{side} is no multiple of its window "
                f"{kernel}; change kernel or strides"
            )
        return (channels, side // kernel, side // kernel)
    if block.kind in ("residual", "basic") and block.kernel % 2 == 0:
        raise ConfigError(f"block {block.name!r}: kernel {block.kernel} must be odd")
    if block.kind == "residual":
        return shape
    after = (side + 2 * (block.kernel // 2) - block.kernel) // block.stride + 1
    if after < 1:
        raise ConfigError(f"block {block.name!r}: nothing is left of a {side}x{side} map")
    return (block.channels, after, after)


def float_network(recipe: Recipe, shape: Shape) -> Network:
    """The float network of a recipe for samples of ``shape``."""
    return Network(recipe, FloatFactory(), shape)


def folded_state(network: nn.Module) -> dict[str, Tensor]:
    """Weights and biases of a trained float network, batch norms folded in, by the module paths
    of the quantized one: ``w * g`` and ``beta - mean * g`` with ``g = gamma / sqrt(var + eps)``.

    What the norms knew of the data is kept beside them (``STATISTICS``): ``path.mean`` and
    ``path.deviation`` of each channel behind the folded layer, ``beta`` and ``|gamma|``."""
    state: dict[str, Tensor] = {}
    for path, module in network.named_modules():
        if isinstance(module, nn.Linear):
            state[f"{path}.weight"], state[f"{path}.bias"] = module.weight, module.bias
        elif isinstance(module, nn.Sequential):
            conv, norm = module[0], module[1]
            gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
            state[f"{path}.weight"] = conv.weight * gain[:, None, None, None]
            state[f"{path}.bias"] = norm.bias - norm.running_mean * gain
            state[f"{path}.mean"] = norm.bias
            state[f"{path}.deviation"] = norm.weight.abs()
    return {name: value.detach().clone() for name, value in state.items()}
