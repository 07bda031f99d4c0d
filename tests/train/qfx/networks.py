"""One network with every QFX layer, and a way to shake its binary points."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from hwkit.ir.ops import Overflow, Rounding
from hwkit.train.qfx import (
    Activation,
    Add,
    AveragePool2d,
    Flatten,
    Format,
    Input,
    MaxPool2d,
    QfxBatchNorm,
    QfxConv2d,
    QfxDepthwiseConv2d,
    QfxLinear,
    Reals,
    calibrate,
)
from hwkit.train.qfx.cast import Cast


class EveryLayer(nn.Module):
    """Convolution, depthwise, batch norm of maps and vectors, add, pools, dense; input 2x8x8."""

    def __init__(
        self,
        width: int,
        rounding: Rounding,
        overflow: Overflow,
        per_channel: bool = False,
        terms: int = 0,
    ) -> None:
        super().__init__()

        def cast(signed: bool = True) -> Activation:
            return Activation(Format(width, signed, rounding, overflow))

        weight = Format(width, True, rounding)
        self.source = Input(8, False)
        self.conv = QfxConv2d(2, 4, 3, weight, padding=1, per_channel=per_channel, terms=terms)
        self.relu = cast(False)
        self.depthwise = QfxDepthwiseConv2d(
            4, 3, weight, stride=2, padding=1, per_channel=per_channel, terms=terms
        )
        self.depthwise_out = cast()
        self.norm = QfxBatchNorm(4, weight, terms=terms)
        self.norm_out = cast()
        self.pointwise = QfxConv2d(4, 4, 1, weight, bias=False)
        self.pointwise_out = cast()
        self.add = Add()
        self.sum = cast(False)
        self.max = MaxPool2d(2)
        self.average = AveragePool2d()
        self.mean = cast(False)
        self.flatten = Flatten()
        self.fc = QfxLinear(4, 6, weight, terms=terms)
        self.fc_out = cast()
        self.vector_norm = QfxBatchNorm(6, weight)
        self.vector_out = cast(False)
        self.last = QfxLinear(6, 3, weight)
        self.out = cast()
        self.sink = Reals()

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.conv(self.source(x)))
        x = self.depthwise_out(self.depthwise(x))
        branch = self.pointwise_out(self.pointwise(self.norm_out(self.norm(x))))
        x = self.sum(self.add(x, branch))
        x = self.mean(self.average(self.max(x)))
        x = self.fc_out(self.fc(self.flatten(x)))
        x = self.vector_out(self.vector_norm(x))
        y: Tensor = self.sink(self.out(self.last(x)))
        return y


def made(seed: int, *arguments: Any, shake: float = 0.8, **options: Any) -> EveryLayer:
    """A calibrated network whose binary points and biases were then moved at random, so that
    values round, saturate and wrap everywhere."""
    torch.manual_seed(seed)
    network = EveryLayer(*arguments, **options)
    for module in network.modules():
        if isinstance(module, QfxConv2d | QfxLinear) and module.bias is not None:
            nn.init.normal_(module.bias, 0, 0.2)
        if isinstance(module, QfxBatchNorm):
            nn.init.normal_(module.weight, 0, 1)
            nn.init.normal_(module.bias, 0, 0.3)
    calibrate(network, torch.rand(64, 2, 8, 8))
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, Cast):
                module.fraction.add_(shake * torch.randn_like(module.fraction))
    network.eval()
    return network
