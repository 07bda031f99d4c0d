"""Layers with weights in trainable fixed point: convolution, depthwise, dense, batch norm.

Each gives its exact sums; an ``Activation`` behind it casts them. Biases lie on the grid of the
sums (fraction of the input plus fraction of the weight), as hardware adds them, with 23 bits.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hwkit.errors import ConfigError
from hwkit.ir.khot import khot
from hwkit.ir.ops import Rounding
from hwkit.train.qfx.cast import Cast
from hwkit.train.qfx.export import quant
from hwkit.train.qfx.fixed import (
    FLOAT32_EXACT,
    Fixed,
    Format,
    by_channel,
    compute_dtype,
    power_of_two,
)

BIAS_WIDTH = 23


def on_grid(x: Tensor, fraction: Tensor) -> Tensor:
    """``x`` (C,) rounded half to even to ``2**-fraction`` and 23 bits; the gradient of ``x``
    passes where it fits."""
    high = (1 << (BIAS_WIDTH - 1)) - 1
    scaled = x * power_of_two(fraction)
    bounded = scaled.clamp(-high, high)
    rounded = bounded + (bounded.round() - bounded).detach()
    return rounded * power_of_two(-fraction)


class WeightCast(Cast):
    """The cast of a weight (outputs first), and its K-hot form with ``terms`` non-zero digits
    (0: any number), symmetric then.

    Example: with fraction 0, ``WeightCast(Format(6, symmetric=True), terms=2)`` takes 27 to 28.
    """

    def __init__(self, form: Format, terms: int = 0, channels: int = 0) -> None:
        if form.width > 8 or not form.signed:
            raise ConfigError(f"weights of {form.width} bits; use signed ones of 2 to 8 bits")
        table = None
        if terms:
            form = replace(form, symmetric=True)
            found = khot(np.arange(form.low, form.high + 1), terms, form.high)
            table = torch.from_numpy(found).float()
        super().__init__(form, channels, axis=0, table=table)
        self.terms = terms

    def integers(self, weight: Tensor) -> Tensor:
        """The integers of the cast weight, int64."""
        gain = power_of_two(by_channel(self.digits(), weight.dim(), 0))
        return (self(weight).detach() * gain).round().long()


class _Summing(nn.Module, ABC):
    """A layer of exact sums ``weight * x + bias``: what the layers below have in common."""

    weight_cast: WeightCast

    def __init__(self) -> None:
        super().__init__()
        self.frozen: tuple[Tensor, Tensor] | None = None

    def sums(self, x: Fixed, weight: Tensor, bias: Tensor | None) -> Fixed:
        """``compute`` of the quantized weight and bias, in a dtype that holds all sums.

        While PyTorch traces an export, the weight and bias of the last evaluation stand in as
        constants: an executor gets numbers that lie on their grids already.
        """
        if x.fraction.dim():
            raise ConfigError(f"{type(self).__name__}: its input has a binary point per channel")
        cast = self.weight_cast
        if torch.onnx.is_in_onnx_export():
            if self.frozen is None:
                raise ConfigError("evaluate the model once before it is exported")
            taps, offset = self.frozen
            exact = Format(cast.form.width, True, Rounding.HALF_EVEN)
            taps = quant(taps, exact, by_channel(cast.digits(), taps.dim(), 0))
            fraction = x.fraction + cast.digits()
            return Fixed(self.compute(x.value, taps, offset), fraction, 0, 0)
        taps = cast(weight)
        # Only now: the first evaluation of a calibration sets the binary point.
        fraction = x.fraction + cast.digits()
        channels = taps.shape[0]
        offset = torch.zeros(channels) if bias is None else on_grid(bias, fraction)
        bound = self._bound(x, taps, offset, fraction, cast.digits())
        dtype = compute_dtype(bound, type(self).__name__)
        if not self.training:
            self.frozen = self.exported(taps.detach()), offset.detach()
        y = self.compute(x.value.to(dtype), taps.to(dtype), offset.to(dtype))
        return Fixed(y, fraction, -bound, bound)

    @abstractmethod
    def compute(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """The sums of products, and the bias."""

    def exported(self, weight: Tensor) -> Tensor:
        """The shape of the weight in an ONNX file."""
        return weight

    @torch.no_grad()
    def _bound(
        self, x: Fixed, taps: Tensor, offset: Tensor, fraction: Tensor, digits: Tensor
    ) -> int:
        """No sum, and no partial sum in any order, has a larger magnitude.

        What the formats allow is enough to know where float32 is exact anyway; elsewhere it is
        what the weights do.
        """
        most = max(self.weight_cast.form.high, -self.weight_cast.form.low)
        allowed = taps.numel() // len(taps) * most * x.reach + (1 << (BIAS_WIDTH - 1))
        if allowed <= FLOAT32_EXACT:
            return allowed
        gain = power_of_two(by_channel(digits, taps.dim(), 0))
        weights = (taps.double() * gain).abs().reshape(len(taps), -1).sum(dim=1)
        return int((weights * x.reach + (offset.double() * power_of_two(fraction)).abs()).max())


class QfxConv2d(_Summing):
    """Convolution of one group, or depthwise with ``groups`` equal to ``inputs``.

    ``form`` of the weights; ``terms`` their non-zero digits (0: any); ``per_channel`` gives each
    output channel a binary point. Example: ``QfxConv2d(3, 16, 3, Format(4), padding=1)``.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel_size: int,
        form: Format,
        stride: int = 1,
        padding: int = 0,
        groups: int = 1,
        bias: bool = True,
        per_channel: bool = False,
        terms: int = 0,
    ) -> None:
        super().__init__()
        start = nn.Conv2d(inputs, outputs, kernel_size, groups=groups)
        self.weight = nn.Parameter(start.weight.detach())
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        self.weight_cast = WeightCast(form, terms, outputs if per_channel else 0)
        self.stride, self.padding, self.groups = stride, padding, groups

    def forward(self, x: Fixed) -> Fixed:
        return self.sums(x, self.weight, self.bias)

    def compute(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return nn.functional.conv2d(x, weight, bias, self.stride, self.padding, groups=self.groups)


class QfxDepthwiseConv2d(QfxConv2d):
    """One filter for each channel. Example: ``QfxDepthwiseConv2d(16, 3, Format(4), padding=1)``."""

    def __init__(self, channels: int, kernel_size: int, form: Format, **options: Any) -> None:
        super().__init__(channels, channels, kernel_size, form, groups=channels, **options)


class QfxLinear(_Summing):
    """Matrix product with a vector (N, I). Example: ``QfxLinear(64, 10, Format(6))``."""

    def __init__(
        self, inputs: int, outputs: int, form: Format, bias: bool = True, terms: int = 0
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(nn.Linear(inputs, outputs).weight.detach())
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        self.weight_cast = WeightCast(form, terms)

    def forward(self, x: Fixed) -> Fixed:
        return self.sums(x, self.weight, self.bias)

    def compute(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return nn.functional.linear(x, weight, bias)


class QfxBatchNorm(_Summing):
    """Batch norm in fixed point, not folded: ``cast(gain) * x + offset`` for each channel.

    ``gain = gamma / sqrt(var + eps)`` and ``offset = beta - mean * gain``, with the statistics of
    the batch in training and the running ones in evaluation; the gain has ``form`` and one
    learned binary point. For maps (N, C, H, W) and vectors (N, C). In the graph it is a depthwise
    convolution of 1x1.

    Example: ``QfxBatchNorm(16, Format(6))`` behind a convolution that is cast to 8 bits.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(
        self, channels: int, form: Format, momentum: float = 0.1, eps: float = 1e-5, terms: int = 0
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.weight_cast = WeightCast(form, terms)
        self.momentum, self.eps = momentum, eps
        self.observing = False

    def forward(self, x: Fixed) -> Fixed:
        if self.observing:
            self._take(x.value)
        mean, variance = self._statistics(x.value) if self.training else self._running()
        gain, offset = self.affine(mean, variance)
        return self.sums(x, gain, offset)

    def start(self, gain: Tensor, offset: Tensor) -> None:
        """Becomes ``gain * x + offset`` in evaluation; ``calibrate`` then adds statistics."""
        with torch.no_grad():
            self.running_mean.zero_()
            self.running_var.fill_(1.0)
            self.weight.copy_(gain * (1.0 + self.eps) ** 0.5)
            self.bias.copy_(offset)

    @torch.no_grad()
    def _take(self, x: Tensor) -> None:
        """The statistics of ``x`` as the running ones; what is computed stays the same."""
        gain, offset = self.affine(*self._running())
        axes = [k for k in range(x.dim()) if k != 1]
        self.running_mean.copy_(x.mean(axes))
        self.running_var.copy_(x.var(axes, unbiased=False))
        self.weight.copy_(gain * torch.sqrt(self.running_var + self.eps))
        self.bias.copy_(offset + self.running_mean * gain)

    def affine(self, mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
        """Gain and offset (C,), before their cast."""
        gain = self.weight / torch.sqrt(variance + self.eps)
        return gain, self.bias - mean * gain

    def _running(self) -> tuple[Tensor, Tensor]:
        return self.running_mean, self.running_var

    def _statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        axes = [k for k in range(x.dim()) if k != 1]
        count = x.numel() // x.shape[1]
        mean, variance = x.mean(axes), x.var(axes, unbiased=False)
        with torch.no_grad():
            unbiased = variance * (count / max(1, count - 1))
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(unbiased, self.momentum)
        return mean, variance

    def exported(self, weight: Tensor) -> Tensor:
        return weight[:, None, None, None]

    def compute(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        if torch.onnx.is_in_onnx_export():
            maps = x if x.dim() == 4 else x.reshape(-1, len(weight), 1, 1)
            y = nn.functional.conv2d(maps, weight, bias, groups=len(weight))
            return y if x.dim() == 4 else y.flatten(1)
        along = (1, -1) + (1,) * (x.dim() - 2)
        return x * weight.reshape(along) + bias.reshape(along)


def folded(layer: QfxConv2d | QfxLinear, norm: QfxBatchNorm) -> None:
    """Takes ``norm`` into ``layer``'s weight and bias (in place), from its running statistics:
    ``gain * (w * x + b) + offset``. Binary points are calibrated on the new weight.

    Drop the norm and the cast before it afterwards. Raises ``ConfigError`` without a bias.
    """
    if layer.bias is None:
        raise ConfigError("a batch norm folds into a layer that has a bias")
    with torch.no_grad():
        gain, offset = norm.affine(norm.running_mean, norm.running_var)
        layer.weight.mul_(by_channel(gain, layer.weight.dim(), 0))
        layer.bias.mul_(gain).add_(offset)
        layer.weight_cast.calibrate(layer.weight)
