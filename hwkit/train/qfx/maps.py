"""What has no weights: inputs, activations, sums of two tensors, pools, flattening."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hwkit.errors import ConfigError
from hwkit.ir.ops import Overflow, Rounding
from hwkit.train.qfx.cast import Cast
from hwkit.train.qfx.fixed import Fixed, Format, compute_dtype

_MAX_SHIFT = 20
"""Most binary digits by which the operands of an add may differ, as in the graph."""


class Input(nn.Module):
    """Reals to the model's input integers, rounded half to even and saturated: this happens on
    the host, so it has no modes to choose. Example: pixels of 0..1 with ``Input(8, signed=False)``.
    """

    def __init__(self, width: int, signed: bool) -> None:
        super().__init__()
        self.cast = Cast(Format(width, signed, Rounding.HALF_EVEN))

    def forward(self, x: Tensor) -> Fixed:
        return self.cast.fixed(x)


class Activation(nn.Module):
    """The cast of a layer's sums. A signed format keeps both signs; an unsigned one is a ReLU.

    Example: ``Activation(Format(4, signed=False))`` is a ReLU of 4 bits.
    """

    def __init__(self, form: Format) -> None:
        super().__init__()
        self.cast = Cast(form)
        self.rectifies = not form.signed and form.overflow is Overflow.WRAP

    def forward(self, x: Fixed) -> Fixed:
        value = x.value
        # A saturating unsigned cast is a ReLU by itself; the exported one writes its own.
        if self.rectifies and not torch.onnx.is_in_onnx_export():
            value = value.relu()
        return self.cast.fixed(value)


class Add(nn.Module):
    """The exact sum of two tensors of one shape; an ``Activation`` behind it casts it."""

    def forward(self, x: Fixed, y: Fixed) -> Fixed:
        fraction = torch.maximum(x.fraction, y.fraction)
        shifts = [int((fraction - side.fraction).max()) for side in (x, y)]
        if max(shifts) > _MAX_SHIFT:
            raise ConfigError(
                f"operands of an add differ by {max(shifts)} binary digits, more than "
                f"{_MAX_SHIFT}; cast both to formats of like ranges"
            )
        if torch.onnx.is_in_onnx_export():
            return Fixed(x.value + y.value, fraction, 0, 0)
        low = (x.low << shifts[0]) + (y.low << shifts[1])
        high = (x.high << shifts[0]) + (y.high << shifts[1])
        dtype = compute_dtype(max(abs(low), abs(high)), "Add")
        return Fixed(x.value.to(dtype) + y.value.to(dtype), fraction, low, high)


class AveragePool2d(nn.Module):
    """The exact mean over windows of ``kernel_size``, a power of two of places, as many apart.

    ``kernel_size`` 0 takes the whole map. The division moves the binary point; an ``Activation``
    behind it rounds. Example: a window of 4x4 adds 4 binary digits.
    """

    def __init__(self, kernel_size: int = 0) -> None:
        super().__init__()
        self.kernel_size = kernel_size

    def forward(self, x: Fixed) -> Fixed:
        size = self.kernel_size
        kernel = (size, size) if size else (int(x.value.shape[2]), int(x.value.shape[3]))
        places = kernel[0] * kernel[1]
        if places & (places - 1):
            raise ConfigError(
                f"an average over {kernel[0]}x{kernel[1]} places has no power of two to divide "
                "by; use a window of 2, 4, 8, 16, ... places"
            )
        fraction = x.fraction + (places.bit_length() - 1)
        if torch.onnx.is_in_onnx_export():
            return Fixed(nn.functional.avg_pool2d(x.value, kernel), fraction, 0, 0)
        dtype = compute_dtype(places * x.reach, "AveragePool2d")
        y = nn.functional.avg_pool2d(x.value.to(dtype), kernel)
        return Fixed(y, fraction, places * x.low, places * x.high)


class MaxPool2d(nn.Module):
    """Window maxima: the same grid, no cast. Example: ``MaxPool2d(2)`` halves a map."""

    def __init__(self, kernel_size: int, stride: int = 0, padding: int = 0) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.padding = kernel_size, stride or kernel_size, padding

    def forward(self, x: Fixed) -> Fixed:
        y = nn.functional.max_pool2d(x.value, self.kernel_size, self.stride, self.padding)
        return Fixed(y, x.fraction, x.low, x.high)


class Flatten(nn.Module):
    """A map (N, C, H, W) as a vector (N, C*H*W)."""

    def forward(self, x: Fixed) -> Fixed:
        if x.fraction.dim() and x.value.dim() > 2:
            raise ConfigError("a map with a binary point per channel; cast it before flattening")
        return Fixed(x.value.flatten(1), x.fraction, x.low, x.high)


class Reals(nn.Module):
    """The plain tensor of a ``Fixed``: the end of a network."""

    def forward(self, x: Fixed) -> Tensor:
        return x.value.float() if x.value.dtype == torch.float64 else x.value
