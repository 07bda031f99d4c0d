"""What PyTorch writes as functions and operators, as modules: one node of a traced network each."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor, nn


class Add(nn.Module):
    """``x + y`` of two activations of one shape, or of ones that broadcast."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return x + y


class Subtract(nn.Module):
    """``x - y``."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return x - y


class Multiply(nn.Module):
    """``x * y``, element by element."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return x * y


class MatMul(nn.Module):
    """``x @ y`` of two activations (N, ..., M, K) and (N, ..., K, L)."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return x @ y


class Input(nn.Module):
    """The input called ``name`` of several that lie side by side from number ``start`` on, as
    (N, *shape). ``next_value``: of a state, which of ``Outputs`` it becomes in the next step."""

    def __init__(
        self, name: str, start: int, shape: Sequence[int], next_value: int | None = None
    ) -> None:
        super().__init__()
        self.name, self.start, self.shape = name, start, tuple(shape)
        self.stop = start + prod(self.shape)
        self.next_value = next_value

    def forward(self, x: Tensor) -> Tensor:
        return x[:, self.start : self.stop].reshape(-1, *self.shape)


class Outputs(nn.Module):
    """Several outputs side by side, (N, numbers in all); those (1, ...) are repeated for the
    batch."""

    def forward(self, *parts: Tensor) -> Tensor:
        return joined([part.flatten(1) for part in parts], 1)


class Constant(nn.Module):
    """A tensor (1, ...) of the network, an operand like an activation."""

    value: Tensor

    def __init__(self, value: Tensor) -> None:
        super().__init__()
        self.register_buffer("value", value.detach().clone())

    def forward(self) -> Tensor:
        return self.value


class Affine(nn.Module):
    """``gain * x + offset`` with constants that broadcast against (N, ...)."""

    gain: Tensor
    offset: Tensor

    def __init__(self, gain: Tensor, offset: Tensor) -> None:
        super().__init__()
        self.register_buffer("gain", gain.detach().clone())
        self.register_buffer("offset", offset.detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        if bool((self.gain != 1).any()):
            x = x * self.gain
        return x + self.offset if bool(self.offset.any()) else x


def joined(parts: Sequence[Tensor], axis: int) -> Tensor:
    """``parts`` one behind the other along ``axis``; those (1, ...) are repeated for the batch."""
    batch = max(len(part) for part in parts)
    return torch.cat([p if len(p) == batch else p.expand(batch, *p.shape[1:]) for p in parts], axis)


class Join(nn.Module):
    """Activations one behind the other along ``axis``, the batch being axis 0."""

    def __init__(self, axis: int) -> None:
        super().__init__()
        self.axis = axis

    def forward(self, *parts: Tensor) -> Tensor:
        return joined(parts, self.axis)


class Reshaped(nn.Module):
    """The same numbers under ``shape``, the batch left out."""

    def __init__(self, shape: Sequence[int]) -> None:
        super().__init__()
        self.shape = tuple(shape)

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) if len(self.shape) == 1 else x.reshape(-1, *self.shape)


class Permuted(nn.Module):
    """Axes in another order; ``order[0]`` is 0, the batch."""

    def __init__(self, order: Sequence[int]) -> None:
        super().__init__()
        self.order = tuple(order)

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(self.order)


class Mean(nn.Module):
    """The mean over ``axes``, the batch being axis 0."""

    def __init__(self, axes: Sequence[int], keep: bool) -> None:
        super().__init__()
        self.axes, self.keep = tuple(axes), keep

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(self.axes, keepdim=self.keep)


class Padded(nn.Module):
    """Zeros around the last axes, as ``torch.nn.functional.pad`` counts them."""

    def __init__(self, sides: Sequence[int]) -> None:
        super().__init__()
        self.sides = list(sides)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.pad(x, self.sides)


class Curve(nn.Module):
    """A function of one number that ``torch`` calls ``name``, as ``exp``."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = getattr(torch, self.name)(x)
        return made


class Bilinear(nn.Module):
    """Rows and columns ``factors`` times, linear between the centres of places."""

    def __init__(self, factors: Sequence[float]) -> None:
        super().__init__()
        self.factors = list(factors)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.interpolate(
            x, scale_factor=self.factors, mode="bilinear", align_corners=False
        )


class Part(nn.Module):
    """Entries ``start`` to ``stop`` of ``axis``, every ``step``-th."""

    def __init__(self, axis: int, start: int, stop: int, step: int = 1) -> None:
        super().__init__()
        self.axis, self.span = axis, slice(start, stop, step)

    def forward(self, x: Tensor) -> Tensor:
        index: list[slice] = [slice(None)] * self.axis
        return x[(*index, self.span)]
