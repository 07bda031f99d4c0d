"""``cast(x; w, f) = overflow(round(x * 2**f), w) * 2**-f`` with a learned f (Dai et al. 2024,
2401.17544).

f is a real number behind a straight-through rounding. With y = cast(x) the gradients are

    dy/dx = 1                 dy/df = ln 2 * (x - y)      where x * 2**f lies in the range,
    dy/dx = 0                 dy/df = -ln 2 * y           where it saturates

The range is applied before the rounding, which changes no value (its ends are integers) and lets
clipped values steer f. A cast that wraps has the gradients of the one that saturates: its own
derivative there would shrink the range further, since it cannot see the jump.
"""

from __future__ import annotations

from dataclasses import replace
from math import ceil, log, log2
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from hwkit.errors import ConfigError
from hwkit.ir.ops import Overflow, Rounding
from hwkit.train.qfx.export import quant
from hwkit.train.qfx.fixed import MAX_FRACTION, Fixed, Format, by_channel, power_of_two

_LN2 = log(2)
_SEARCHED = 6
"""Binary points tried by calibration, from the one that clips nothing."""


def round_to(scaled: Tensor, rounding: Rounding) -> Tensor:
    """``scaled`` rounded to integers, exactly at ties. Example: -0.5 gives 0 half up, -1 floor."""
    if rounding is Rounding.HALF_EVEN:
        return scaled.round()
    down = scaled.floor()
    if rounding is Rounding.FLOOR:
        return down
    # x + 0.5 may itself be rounded; the fraction x - floor(x) never is.
    return down + (scaled - down >= 0.5)


def to_integers(scaled: Tensor, form: Format) -> Tensor:
    """``overflow(round(scaled))``. Example: 9.5 in a wrapping ``Format(4)`` gives -6."""
    integers = round_to(scaled, form.rounding)
    if form.overflow is Overflow.SATURATE:
        return integers.clamp(form.low, form.high)
    wide = integers.double()
    period = 1 << form.width
    wrapped: Tensor = wide - period * ((wide - form.low) / period).floor()
    return wrapped.to(scaled.dtype)


class _Cast(torch.autograd.Function):
    """Forward and the closed-form gradients; ``fraction`` broadcasts against ``x``."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, fraction: Tensor, form: Format) -> Tensor:
        gain, step = _powers(fraction)
        scaled = x * gain
        y = (to_integers(scaled, form) * step).float()
        inside = (scaled >= form.low) & (scaled <= form.high)
        error = torch.where(inside, x - y, -scaled.clamp(form.low, form.high) * step)
        ctx.save_for_backward(inside, error.float())
        ctx.shape, ctx.dtype = fraction.shape, x.dtype
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        inside, error = ctx.saved_tensors
        to_fraction = (grad * error * _LN2).sum_to_size(ctx.shape)
        return (grad * inside).to(ctx.dtype), to_fraction, None


def _powers(fraction: Tensor) -> tuple[Tensor, Tensor]:
    digits = whole(fraction)
    return power_of_two(digits), power_of_two(-digits)


def whole(fraction: Tensor) -> Tensor:
    """The latent fraction as int32, half to even, within -40..40."""
    return fraction.detach().round().clamp(-MAX_FRACTION, MAX_FRACTION).to(torch.int32)


class _Project(torch.autograd.Function):
    """Integers replaced by those of a table that starts at the lowest one; gradients pass."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, digits: Tensor, table: Tensor, low: int) -> Tensor:
        integers = (y * power_of_two(digits)).long()
        return table[integers - low] * power_of_two(-digits)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        return grad, None, None, None


class Cast(nn.Module):
    """A format with its learned binary point.

    ``channels`` gives each channel (``axis``) a point of its own; otherwise there is one. The
    point is unknown until ``calibrate`` or a checkpoint sets it. ``table`` replaces each integer
    of the format, from the lowest on, by another one (K-hot weights).

    Example: with fraction 2, ``Cast(Format(4))`` takes 0.6 to 0.5 and 5.0 to 1.75.
    """

    fraction: Tensor
    known: Tensor
    table: Tensor | None

    def __init__(
        self, form: Format, channels: int = 0, axis: int = 1, table: Tensor | None = None
    ) -> None:
        super().__init__()
        self.form, self.axis = form, axis
        self.register_buffer("table", table, persistent=False)
        self.fraction = nn.Parameter(torch.zeros(channels) if channels else torch.zeros(()))
        self.register_buffer("known", torch.zeros((), dtype=torch.bool))
        self.observing = False

    def digits(self) -> Tensor:
        """The fraction as it is used: int32, of shape () or (C,)."""
        return whole(self.fraction)

    def forward(self, x: Tensor) -> Tensor:
        """``cast(x)`` as float32. ``ConfigError`` before the binary point is known."""
        if self.observing:
            self.calibrate(x.detach())
        if not bool(self.known):
            raise ConfigError("a cast has no binary point yet; calibrate the network first")
        if torch.onnx.is_in_onnx_export():
            return quant(x, self.form, by_channel(self.digits(), x.dim(), self.axis))
        y: Tensor = _Cast.apply(x, by_channel(self.fraction, x.dim(), self.axis), self.form)
        if self.table is not None:
            digits = by_channel(self.digits(), x.dim(), self.axis)
            y = _Project.apply(y, digits, self.table, self.form.low)
        return y

    def fixed(self, x: Tensor) -> Fixed:
        """``cast(x)`` with what is known about it."""
        return Fixed(self(x), self.digits(), self.form.low, self.form.high)

    def calibrate(self, x: Tensor) -> None:
        """Sets the fraction of least squared error on ``x``, among those that clip little."""
        if self.fraction.dim() == 0:
            best = _best_fraction(x, self.form, self.table)
        else:
            parts = x.transpose(0, self.axis)
            best = torch.stack([_best_fraction(part, self.form, self.table) for part in parts])
        with torch.no_grad():
            self.fraction.copy_(best)
            self.known.fill_(True)


def _best_fraction(x: Tensor, form: Format, table: Tensor | None) -> Tensor:
    """Saturation is what is searched with: wrapping has no use for values outside."""
    largest = float(x.abs().max()) if x.numel() else 0.0
    if not largest > 0:
        return torch.tensor(float(form.width - form.signed))
    safe = form.width - form.signed - ceil(log2(largest))
    more = 1 if form.overflow is Overflow.WRAP else _SEARCHED
    tried = [f for f in range(safe - 1, safe + more) if abs(f) <= MAX_FRACTION] or [0]
    saturating = replace(form, overflow=Overflow.SATURATE)
    errors = []
    for f in tried:
        scaled = x * 2.0**f
        integers = to_integers(scaled, saturating)
        if table is not None:
            integers = table[integers.long() - form.low]
        y = integers * 2.0**-f
        errors.append(float((x - y).square().sum()))
    return torch.tensor(float(tried[errors.index(min(errors))]))
