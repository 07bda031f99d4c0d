"""Random Brevitas models, for the conformance test of the doors and its benchmark."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import brevitas.nn as qnn
import numpy as np
import torch
from brevitas.quant import (
    Int32Bias,
    ShiftedUint8ActPerTensorFloat,
    SignedBinaryWeightPerTensorConst,
)
from torch import Tensor, nn

from tests.importers.qonnx.zoo import Kit, calibrated, value

ROUNDINGS = ("ROUND", "ROUND", "ROUND", "FLOOR", "CEIL", "ROUND_TO_ZERO")


class Drawn(nn.Module):
    """Up to ``blocks`` blocks drawn from ``seed``, then a dense layer; ``shape`` is one input's."""

    def __init__(self, seed: int, blocks: int = 3) -> None:
        super().__init__()
        self.rng = np.random.default_rng(seed)
        self.shape = (int(self.rng.integers(1, 4)), 8, 8)
        bias = self.pick(None, None, Int32Bias)
        self.kit = Kit(
            dyadic=self.chance(0.4), bits=int(self.rng.integers(1, 9)), bias_quant=bias,
            weight_bits=int(self.rng.integers(2, 9)), per_channel=self.chance(0.5),
        )  # fmt: skip
        self.parts = nn.ModuleList()
        self.steps: list[Callable[[Tensor], Tensor]] = []
        self.step(self.act(signed=True))
        channels, size = self.shape[0], 8
        for _ in range(int(self.rng.integers(1, blocks + 1))):
            channels, size = self.block(channels, size)
        if self.chance(0.3):
            self.step(nn.AdaptiveAvgPool2d(1))
            self.step(self.act())
            size = 1
        self.step(nn.Flatten())
        self.step(self.kit.linear(channels * size * size, 5, bias=self.chance(0.6)))
        if self.chance(0.6):
            self.step(self.act())

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def pick(self, *options: Any) -> Any:
        return options[int(self.rng.integers(len(options)))]

    def step(self, part: nn.Module) -> None:
        self.parts.append(part)
        self.steps.append(part)

    def act(self, signed: bool | None = None) -> nn.Module:
        mode = self.pick(*ROUNDINGS)
        signed = self.chance(0.5) if signed is None else signed
        bits = max(self.kit.bits, 1 + signed)
        if not self.kit.dyadic and bits > 2 and self.chance(0.2):
            return qnn.QuantIdentity(
                act_quant=ShiftedUint8ActPerTensorFloat, bit_width=bits, collect_stats_steps=2,
                float_to_int_impl_type=mode, return_quant_tensor=True,
            )  # fmt: skip
        options = {"bit_width": bits, "float_to_int_impl_type": mode}
        return self.kit.identity(**options) if signed else self.kit.relu(**options)

    def layer(self, inputs: int, outputs: int, kernel: int, **options: Any) -> nn.Module:
        if self.chance(0.15):
            options["weight_quant"] = SignedBinaryWeightPerTensorConst
            options["weight_bit_width"] = 1
        return self.kit.conv(inputs, outputs, kernel, bias=self.chance(0.6), **options)

    def block(self, channels: int, size: int) -> tuple[int, int]:
        if self.chance(0.3):
            self.residual(channels)
            return channels, size
        outputs, groups = int(self.rng.integers(2, 7)), 1
        if self.chance(0.3):
            outputs, groups = channels * self.pick(1, 2), channels
        kernel, stride = self.pick(1, 3), self.pick(1, 1, 2)
        self.step(self.layer(channels, outputs, kernel, padding=kernel // 2, stride=stride,
                             groups=groups))  # fmt: skip
        size = (size - 1) // stride + 1
        if self.chance(0.5):
            self.step(self.kit.norm(outputs))
        if self.chance(0.3) and size >= 2:
            pool = self.pick(nn.MaxPool2d, nn.AvgPool2d)(2)
            if self.chance(0.5):
                self.step(self.act())
            self.steps.append(lambda x: pool(value(x)))
            size //= 2
        if self.chance(0.2):
            self.steps.append(lambda x: torch.relu(value(x)))
        self.step(self.act())
        return outputs, size

    def residual(self, channels: int) -> None:
        layer = self.layer(channels, channels, 3, padding=1)
        norm = self.kit.norm(channels) if self.chance(0.5) else nn.Identity()
        inner = self.act() if self.chance(0.6) else nn.Identity()
        self.parts.extend([layer, norm, inner])

        def route(x: Tensor) -> Tensor:
            total: Tensor = value(inner(norm(value(layer(x))))) + value(x)
            return total

        self.steps.append(route)
        self.step(self.act())

    def forward(self, x: Tensor) -> Tensor:
        for step in self.steps:
            x = step(x)
        return value(x)


def drawn(seed: int, blocks: int = 3) -> Drawn:
    """A model with scales and statistics from random inputs."""
    torch.manual_seed(seed)
    model = Drawn(seed, blocks)
    calibrated(model, model.shape)
    return model
