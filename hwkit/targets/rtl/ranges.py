"""Which integers a tensor can really hold, from the graph alone: the widths of all wires."""

from __future__ import annotations

from dataclasses import dataclass

from hwkit.ir.sums import least_and_most
from hwkit.ir.types import Array, IntType


@dataclass(frozen=True, slots=True)
class Range:
    """Integers from ``low`` to ``high``, both included."""

    low: int
    high: int

    def moved(self, by: int) -> Range:
        """All of them plus ``by``."""
        return Range(self.low + by, self.high + by)

    def with_value(self, value: int) -> Range:
        """The smallest range that holds ``value`` too."""
        return Range(min(self.low, value), max(self.high, value))

    def __add__(self, other: Range) -> Range:
        return Range(self.low + other.low, self.high + other.high)

    def __mul__(self, other: Range) -> Range:
        ends = [a * b for a in (self.low, self.high) for b in (other.low, other.high)]
        return Range(min(ends), max(ends))

    def __or__(self, other: Range) -> Range:
        """The smallest range that holds both."""
        return Range(min(self.low, other.low), max(self.high, other.high))

    def __neg__(self) -> Range:
        return Range(-self.high, -self.low)


def of_type(dtype: IntType) -> Range:
    """All that the type holds."""
    return Range(dtype.low, dtype.high)


def signed_bits(r: Range) -> int:
    """Bits of the two's complement that holds the range. Example: -8..7 takes 4, 0..8 takes 5."""
    return max((-r.low - 1).bit_length() if r.low < 0 else 0, max(r.high, 0).bit_length()) + 1


def sums(weights: Array, bias: Array, x: Range) -> Range:
    """All sums ``bias[o] + sum_k weights[o, k] * x_k`` with every ``x_k`` in ``x``.

    Example: weights [[2, -1]], bias [3] and 0..10 give -7..23.
    """
    low, high = least_and_most(weights, x.low, x.high, bias)
    return Range(int(low.min()), int(high.max()))
