"""Brevitas models that are not the recipes', untrained, with scales from random inputs."""

from __future__ import annotations

from collections.abc import Callable

import brevitas.nn as qnn
import torch
from brevitas.quant import (
    Int8ActPerTensorFixedPoint,
    Int8ActPerTensorFloat,
    Int8WeightPerChannelFloat,
    Int8WeightPerTensorFixedPoint,
    Int8WeightPerTensorFloat,
    Int32Bias,
    ShiftedUint8ActPerTensorFloat,
    SignedBinaryWeightPerTensorConst,
    Uint8ActPerTensorFixedPoint,
    Uint8ActPerTensorFloat,
)
from brevitas.quant.fixed_point import Int8WeightPerChannelFixedPoint
from brevitas.quant_tensor import QuantTensor
from torch import Tensor, nn


class Kit:
    """Layers of one scheme: float or power-of-two scales, bits, per tensor or per channel."""

    def __init__(
        self,
        dyadic: bool = False,
        weight_bits: int = 8,
        bits: int = 8,
        per_channel: bool = True,
        bias_quant: object = Int32Bias,
    ) -> None:
        self.dyadic = dyadic
        self.weight_bits, self.bits, self.bias_quant = weight_bits, bits, bias_quant
        channel = Int8WeightPerChannelFixedPoint if dyadic else Int8WeightPerChannelFloat
        tensor = Int8WeightPerTensorFixedPoint if dyadic else Int8WeightPerTensorFloat
        self.weight = channel if per_channel else tensor
        self.signed = Int8ActPerTensorFixedPoint if dyadic else Int8ActPerTensorFloat
        self.unsigned = Uint8ActPerTensorFixedPoint if dyadic else Uint8ActPerTensorFloat

    def _layer(self, bias: bool) -> dict[str, object]:
        return {
            "bias": bias,
            "weight_quant": self.weight,
            "weight_bit_width": self.weight_bits,
            "bias_quant": self.bias_quant if bias else None,
        }

    def conv(self, *args: object, bias: bool = True, **kwargs: object) -> nn.Module:
        return qnn.QuantConv2d(*args, **{**self._layer(bias), **kwargs})

    def conv1d(self, *args: object, bias: bool = True, **kwargs: object) -> nn.Module:
        return qnn.QuantConv1d(*args, **{**self._layer(bias), **kwargs})

    def linear(self, *args: object, bias: bool = True, **kwargs: object) -> nn.Module:
        return qnn.QuantLinear(*args, **{**self._layer(bias), **kwargs})

    def identity(self, **kwargs: object) -> nn.Module:
        return qnn.QuantIdentity(act_quant=self.signed, **{**self._act(), **kwargs})

    def relu(self, **kwargs: object) -> nn.Module:
        return qnn.QuantReLU(act_quant=self.unsigned, **{**self._act(), **kwargs})

    def _act(self) -> dict[str, object]:
        return {"bit_width": self.bits, "return_quant_tensor": True, "collect_stats_steps": 2}

    def norm(self, channels: int, one_d: bool = False) -> nn.Module:
        """A batch norm with gains of both signs, all dyadic in a power-of-two scheme."""
        kind = nn.BatchNorm1d if one_d else nn.BatchNorm2d
        layer = kind(channels, eps=0.0 if self.dyadic else 1e-5, track_running_stats=True)
        with torch.no_grad():
            sign = torch.where(torch.arange(channels) % 3 == 1, -1.0, 1.0)
            if self.dyadic:
                layer.weight.copy_(sign * 2.0 ** torch.randint(-1, 2, (channels,)))
                layer.running_var.copy_(4.0 ** torch.randint(-1, 2, (channels,)))
                layer.bias.copy_(torch.randint(-3, 4, (channels,)) / 8)
                layer.running_mean.copy_(torch.randint(-3, 4, (channels,)) / 8)
            else:
                layer.weight.copy_(sign * (0.5 + torch.rand(channels)))
                layer.running_var.copy_(0.3 + torch.rand(channels))
                layer.bias.copy_(torch.randn(channels) / 4)
                layer.running_mean.copy_(torch.randn(channels) / 4)
        return layer.eval()


def value(x: Tensor | QuantTensor) -> Tensor:
    return x.value if isinstance(x, QuantTensor) else x


class Model(nn.Module):
    """Stages by name, run by ``route``; calibrated on random inputs, batch norms kept fixed."""

    def __init__(self, route: Callable[..., Tensor], **stages: nn.Module) -> None:
        super().__init__()
        for name, stage in stages.items():
            self.add_module(name, stage)
        self.route = route

    def forward(self, x: Tensor) -> Tensor:
        return value(self.route(self, x))


def calibrated(model: nn.Module, shape: tuple[int, ...]) -> nn.Module:
    model.train()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.eval()
    with torch.no_grad():
        for _ in range(3):
            model(inputs(16, shape))
    return model.eval()


def inputs(count: int, shape: tuple[int, ...]) -> Tensor:
    return torch.randn(count, *shape)


def chain(*names: str) -> Callable[..., Tensor]:
    def route(m: nn.Module, x: Tensor) -> Tensor:
        for name in names:
            x = m.get_submodule(name)(x)
        return x

    return route


def strided(k: Kit) -> nn.Module:
    """Odd kernels, strides and paddings, dilation, no bias, dense over a map of 3 axes."""
    return Model(
        chain("q", "c1", "r1", "c2", "r2", "flat", "fc", "out"),
        q=k.identity(),
        c1=k.conv(3, 6, (5, 3), stride=(2, 1), padding=(2, 0)),
        r1=k.relu(),
        c2=k.conv(6, 4, 3, padding=2, dilation=2, bias=False),
        r2=k.relu(),
        flat=nn.Flatten(),
        fc=k.linear(4 * 5 * 7, 10, weight_quant=k.weight),
        out=k.identity(),
    )


def uneven(k: Kit) -> nn.Module:
    """Padding on two sides only, an even kernel, and "same" padding of an even kernel."""
    return Model(
        chain("q", "pad", "c1", "r1", "c2", "r2"),
        q=k.identity(),
        pad=nn.ZeroPad2d((0, 1, 2, 0)),
        c1=k.conv(3, 4, 2, stride=2),
        r1=k.relu(),
        c2=k.conv(4, 5, 2, padding="same", bias=False),
        r2=k.identity(),
    )


def mlp(k: Kit) -> nn.Module:
    """Flattened before the first quantizer; batch norm behind dense layers; ends in sums."""

    def route(m: nn.Module, x: Tensor) -> Tensor:
        x = m.q(x.view(x.size(0), -1))
        return m.l2(m.r1(m.n1(m.l1(x))))

    return Model(
        route,
        q=k.identity(),
        l1=k.linear(3 * 9 * 9, 12, bias=False),
        n1=k.norm(12, one_d=True),
        r1=k.relu(),
        l2=k.linear(12, 7),
    )


def residual(k: Kit) -> nn.Module:
    """Branches of different scales, sums of different signs, strides and a shortcut layer."""

    def route(m: nn.Module, x: Tensor) -> Tensor:
        x = m.r0(m.c0(m.q(x)))
        left, right = m.qa(m.ca(x)), m.qb(m.cb(x))
        x = m.r1(value(left) + value(right))
        y = m.qc(m.cc(x))
        return m.out(value(y) + value(x))

    return Model(
        route,
        q=k.identity(),
        c0=k.conv(3, 4, 3, padding=1),
        r0=k.relu(),
        ca=k.conv(4, 6, 3, stride=2, padding=1),
        qa=k.identity(),
        cb=k.conv(4, 6, 1, stride=2, bias=False),
        qb=k.identity(),
        r1=k.relu(),
        cc=k.conv(6, 6, 3, padding=1),
        qc=k.identity(),
        out=k.identity(),
    )


def shared_scale(k: Kit) -> nn.Module:
    """Sums and joins of tensors from one quantizer; no rescale is needed for them."""

    def route(m: nn.Module, x: Tensor) -> Tensor:
        x = m.s(m.c0(m.q(x)))
        y = m.s(m.c1(x))
        z = m.o(x + y)
        return m.c2(torch.cat([value(m.s(z)), value(m.s(m.c3(z)))], dim=1))

    return Model(
        route,
        q=k.identity(),
        s=k.identity(),
        c0=k.conv(3, 4, 3, padding=1),
        c1=k.conv(4, 4, 3, padding=1),
        o=k.identity(),
        c3=k.conv(4, 2, 1),
        c2=k.conv(6, 3, 3, output_quant=k.signed, bias=False),
    )


def open_branch(k: Kit) -> nn.Module:
    """A sum whose one side has no quantizer: accumulators with a scale for each channel."""

    def route(m: nn.Module, x: Tensor) -> Tensor:
        x = m.q(x)
        return m.out(m.c1(m.r(m.c0(x))) + m.c2(x))

    return Model(
        route,
        q=k.identity(),
        c0=k.conv(3, 5, 3, padding=1),
        r=k.relu(),
        c1=k.conv(5, 4, 1),
        c2=k.conv(3, 4, 1),
        out=k.relu(),
    )


def depthwise(k: Kit) -> nn.Module:
    """Depthwise with a multiplier of 2, then 3, uneven stride, followed by a pointwise layer."""
    return Model(
        chain("q", "d1", "r1", "d2", "r2", "p", "out"),
        q=k.identity(),
        d1=k.conv(3, 6, 3, padding=1, groups=3),
        r1=k.relu(),
        d2=k.conv(6, 18, (3, 1), stride=(1, 2), groups=6, bias=False),
        r2=k.relu(),
        p=k.conv(18, 5, 1),
        out=k.identity(),
    )


def joined(k: Kit) -> nn.Module:
    """Joins of different scales with one quantizer behind; joined vectors of flattened maps."""

    def route(m: nn.Module, x: Tensor) -> Tensor:
        x = m.q(x)
        y = m.r(torch.cat([m.c1(x), value(m.p(x)), m.c2(x)], dim=1))
        z = torch.cat([value(m.ra(m.a(y))), value(m.ra(m.b(y)))], dim=2)
        flat = torch.cat([torch.flatten(z, 1), torch.flatten(value(m.ra(m.d(y))), 1)], dim=1)
        return m.out(m.fc(flat))

    return Model(
        route,
        q=k.identity(),
        c1=k.conv(3, 4, 3, padding=1),
        p=k.identity(),
        c2=k.conv(3, 2, 1),
        r=k.relu(),
        a=k.conv(9, 3, 3, stride=3),
        b=k.conv(9, 3, 3, stride=3),
        d=k.conv(9, 2, 4, stride=4),
        ra=k.relu(),
        fc=k.linear(3 * 6 * 3 + 2 * 2 * 2, 6, bias=False),
        out=k.identity(),
    )


def max_pooled(k: Kit) -> nn.Module:
    """Pools before and behind batch norm, ReLU and quantizer; padded, and sizes rounded up."""
    return Model(
        chain("q", "c1", "n1", "p1", "r1", "c2", "p2", "act", "c3", "r3", "p3"),
        q=k.identity(),
        c1=k.conv(3, 6, 3, padding=1, bias=False),
        n1=k.norm(6),
        p1=nn.MaxPool2d(3, stride=1, padding=1),
        r1=k.relu(),
        c2=k.conv(6, 4, 3, padding=1),
        p2=nn.MaxPool2d(2, ceil_mode=True),
        act=k.identity(),
        c3=k.conv(4, 4, 1),
        r3=k.relu(),
        p3=nn.MaxPool2d((2, 3), stride=(2, 1)),
    )


def averaged(k: Kit) -> nn.Module:
    """Average pools of power-of-two windows, overlapping and global, and a mean."""

    def route(m: nn.Module, x: Tensor) -> Tensor:
        x = m.r1(m.p1(m.r0(m.c0(m.q(x)))))
        y = m.g1(m.gap(value(m.r2(m.c1(x)))))
        z = m.g2(value(m.r2(m.c2(x))).mean(dim=(2, 3)))
        return m.out(m.l1(torch.flatten(y, 1)) + m.l2(z))

    return Model(
        route,
        q=k.identity(),
        c0=k.conv(3, 6, 2),
        r0=k.relu(),
        p1=nn.AvgPool2d(4, stride=2, padding=1),
        r1=k.relu(),
        c1=k.conv(6, 5, 1),
        c2=k.conv(6, 4, 1),
        r2=k.relu(),
        gap=nn.AdaptiveAvgPool2d(1),
        g1=k.relu(),
        g2=k.identity(),
        l1=k.linear(5, 6),
        l2=k.linear(4, 6),
        out=k.identity(),
    )


def truncated(k: Kit) -> nn.Module:
    """Brevitas' own average pool: sums divided by a shift."""
    return Model(
        chain("q", "c0", "r0", "pool", "flat", "fc", "out"),
        q=k.identity(),
        c0=k.conv(3, 6, 2),
        r0=k.relu(),
        pool=qnn.TruncAvgPool2d(4, stride=4),
        flat=nn.Flatten(),
        fc=k.linear(24, 6),
        out=k.identity(),
    )


def normed(k: Kit) -> nn.Module:
    """Batch norms behind layers with and without bias, behind a quantizer and behind a sum."""

    def route(m: nn.Module, x: Tensor) -> Tensor:
        x = m.r0(m.n0(m.c0(m.q(x))))
        y = m.q1(m.n1(m.c1(x)))
        z = m.r2(m.n2(value(y)))
        return m.out(m.n3(value(x) + value(z)))

    return Model(
        route,
        q=k.identity(),
        c0=k.conv(3, 6, 3, bias=False),
        n0=k.norm(6),
        r0=k.relu(),
        c1=k.conv(6, 6, 3, padding=1),
        n1=k.norm(6),
        q1=k.identity(),
        n2=k.norm(6),
        r2=k.relu(),
        n3=k.norm(6),
        out=k.identity(),
    )


def one_dimensional(k: Kit) -> nn.Module:
    """Convolutions over time."""
    return Model(
        chain("q", "c1", "r1", "p", "c2", "r2", "flat", "fc", "out"),
        q=k.identity(),
        c1=k.conv1d(3, 6, 5, stride=2, padding=2),
        r1=k.relu(),
        p=nn.MaxPool1d(2),
        c2=k.conv1d(6, 12, 3, groups=6),
        r2=k.relu(),
        flat=nn.Flatten(),
        fc=k.linear(12 * 6, 5),
        out=k.identity(),
    )


def clipped(k: Kit) -> nn.Module:
    """Activations that end elsewhere than at 0: ReLU6 and a clamp from both sides."""

    def route(m: nn.Module, x: Tensor) -> Tensor:
        x = m.a(torch.clamp(m.c0(m.q(x)), -0.5, 0.75))
        return m.out(nn.functional.relu6(m.c1(x)))

    return Model(
        route,
        q=k.identity(),
        c0=k.conv(3, 4, 3),
        a=k.identity(),
        c1=k.conv(4, 4, 3),
        out=k.identity(),
    )


def bare_relu(k: Kit) -> nn.Module:
    """A ReLU without a quantizer of its own between quantized tensors; ends in a flatten."""
    return Model(
        chain("q", "relu", "c0", "a", "relu2", "c1", "out", "flat"),
        q=k.identity(),
        relu=nn.ReLU(),
        c0=k.conv(3, 4, 3),
        a=k.identity(),
        relu2=nn.ReLU(),
        c1=k.conv(4, 4, 3, bias=False),
        out=k.identity(),
        flat=nn.Flatten(),
    )


EXACT = {
    f.__name__: f
    for f in (
        strided, uneven, mlp, residual, shared_scale, open_branch, depthwise, joined, max_pooled,
        averaged, truncated, normed, clipped, bare_relu,
    )
}  # fmt: skip
"""Models whose integers must all be equal with power-of-two scales; inputs (3, 9, 9)."""


def asymmetric(k: Kit) -> nn.Module:
    """Activations with zero points, padded."""

    def shifted() -> nn.Module:
        return qnn.QuantIdentity(act_quant=ShiftedUint8ActPerTensorFloat, collect_stats_steps=2)

    return Model(
        chain("q", "c0", "a", "c1", "b", "fl", "fc", "out"),
        q=shifted(),
        c0=qnn.QuantConv2d(3, 4, 3, padding=1, bias=True),
        a=shifted(),
        c1=qnn.QuantConv2d(4, 4, 3, padding=1, groups=4, bias=False),
        b=shifted(),
        fl=nn.Flatten(),
        fc=qnn.QuantLinear(4 * 81, 5, bias=True),
        out=shifted(),
    )


def functions(k: Kit) -> nn.Module:
    """Sigmoid, tanh and hard tanh behind quantizers: lookup tables."""
    return Model(
        chain("q", "c0", "a", "s", "c1", "b", "t", "c2", "h"),
        q=k.identity(),
        c0=k.conv(3, 4, 3),
        a=k.identity(),
        s=qnn.QuantSigmoid(return_quant_tensor=True),
        c1=k.conv(4, 4, 3),
        b=k.identity(),
        t=qnn.QuantTanh(return_quant_tensor=True),
        c2=k.conv(4, 4, 3),
        h=qnn.QuantHardTanh(min_val=-1.0, max_val=1.0),
    )


def bipolar(k: Kit) -> nn.Module:
    """Weights of -1 and 1."""
    return Model(
        chain("q", "c0", "a", "c1", "out"),
        q=k.identity(),
        c0=qnn.QuantConv2d(3, 6, 3, weight_quant=SignedBinaryWeightPerTensorConst, bias=False),
        a=k.relu(),
        c1=k.conv(6, 3, 3),
        out=k.identity(),
    )


def odd_average(k: Kit) -> nn.Module:
    """Average pool of 3x3: a division by 9."""
    return Model(
        chain("q", "c0", "r", "p", "out"),
        q=k.identity(),
        c0=k.conv(3, 6, 3, padding=1),
        r=k.relu(),
        p=nn.AvgPool2d(3, stride=2),
        out=k.relu(),
    )


NEAR = {f.__name__: f for f in (asymmetric, functions, bipolar, odd_average)}
"""Models for float scales only."""
