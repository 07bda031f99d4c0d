"""Fixed-point formats, and tensors whose values lie on a known grid.

Everything in QFX is an integer times a power of two, so floating point computes it exactly while
the integers fit the mantissa: 24 bits in float32, 53 in float64. Each layer bounds its sums,
takes the narrower type that holds them, and refuses those that leave the 32-bit accumulators of
the integer graph.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from hwkit.errors import ConfigError
from hwkit.ir.ops import Overflow, Rounding

MAX_WIDTH = 16
ROUNDINGS = (Rounding.FLOOR, Rounding.HALF_UP, Rounding.HALF_EVEN)
"""``AP_TRN``, ``AP_RND`` and ``AP_RND_CONV`` of ``ap_fixed``."""

MAX_FRACTION = 40
"""Fractions lie in -40..40, so that products and their powers of two are normal float32 numbers."""

FLOAT32_EXACT = 1 << 24
"""Every integer up to here is exact in float32."""

_ACCUMULATOR = 1 << 31


@dataclass(frozen=True, slots=True)
class Format:
    """``ap_fixed<width, width - fraction, rounding, overflow>`` but for the fraction, which is
    learned; ``ap_ufixed`` where not ``signed``.

    ``symmetric`` leaves out the most negative integer (``AP_SAT_SYM``). Raises ``ConfigError``
    for a width outside 2..16, a rounding that ``ap_fixed`` and the graph do not share, or
    symmetric wrapping.

    Example: ``Format(4)`` holds the integers -8..7, ``Format(4, signed=False)`` 0..15.
    """

    width: int
    signed: bool = True
    rounding: Rounding = Rounding.HALF_UP
    overflow: Overflow = Overflow.SATURATE
    symmetric: bool = False

    def __post_init__(self) -> None:
        if not 2 <= self.width <= MAX_WIDTH:
            raise ConfigError(f"fixed point of {self.width} bits is not in 2..{MAX_WIDTH}")
        if self.rounding not in ROUNDINGS:
            raise ConfigError(f"rounding {self.rounding!r}; use {', '.join(ROUNDINGS)}")
        if self.symmetric and (self.overflow is Overflow.WRAP or not self.signed):
            raise ConfigError("only a signed format that saturates can be symmetric")

    @property
    def low(self) -> int:
        """Smallest integer."""
        return (-(1 << (self.width - 1)) + self.symmetric) if self.signed else 0

    @property
    def high(self) -> int:
        """Largest integer."""
        return (1 << (self.width - self.signed)) - 1


@dataclass(frozen=True, slots=True, eq=False)
class Fixed:
    """A tensor of ``integer * 2**-fraction``, exactly.

    ``value`` (N, C, ...) the reals, float32 or float64; ``fraction`` int32, of shape () or one
    for each channel (C,); ``low..high`` the range that the integers cannot leave.
    """

    value: Tensor
    fraction: Tensor
    low: int
    high: int

    @property
    def reach(self) -> int:
        """Largest magnitude of the integers."""
        return max(abs(self.low), abs(self.high))

    def integers(self) -> Tensor:
        """The integers as int64."""
        along = by_channel(self.fraction, self.value.dim(), 1)
        return (self.value.detach().double() * power_of_two(along)).round().long()


def by_channel(fraction: Tensor, dims: int, axis: int) -> Tensor:
    """``fraction`` of shape () or (C,), shaped to broadcast along ``axis`` of ``dims`` axes."""
    if fraction.dim() == 0:
        return fraction
    return fraction.reshape([-1 if k == axis else 1 for k in range(dims)])


def power_of_two(exponent: Tensor) -> Tensor:
    """``2**exponent`` of an int32 tensor as float32, made from the bits: exact for -126..127.

    Example: -3 gives 0.125.
    """
    return ((exponent.to(torch.int32) + 127) << 23).view(torch.float32)


def compute_dtype(bound: int, where: str) -> torch.dtype:
    """float32 or float64, whichever first holds all integers up to ``bound``.

    Raises ``ConfigError`` naming ``where`` when a sum may leave the 32-bit accumulator: beyond
    it, nothing that hwkit builds computes what is trained here.
    """
    if bound >= _ACCUMULATOR:
        raise ConfigError(
            f"{where}: sums may reach {bound}, more than a 32-bit accumulator holds; use fewer "
            "bits or fewer inputs"
        )
    return torch.float32 if bound <= FLOAT32_EXACT else torch.float64
