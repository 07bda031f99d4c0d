"""Fixed-point types, and the one that rounds and clamps exactly as a ``Rescale`` does.

``ap_fixed<W, I, Q, O>`` rounds (Q) and then limits (O) a value that is assigned to it, which is
what a ``Rescale`` by a power of two does to an accumulator. So a requantization costs no layer:
it is the type of a result.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from hwkit.ir.ops import Rounding

QUANTIZATION_MODES = {
    Rounding.HALF_UP: "AP_RND",
    Rounding.HALF_EVEN: "AP_RND_CONV",
    Rounding.FLOOR: "AP_TRN",
}
"""AP_RND rounds half towards plus infinity, AP_RND_CONV half to even, AP_TRN down."""

HALF_AWAY = "AP_RND_INF"
"""Half away from zero, the rounding of ``AvgPool2d``."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """``ap_fixed`` (``ap_ufixed`` when not ``signed``) of ``bits`` bits, ``fraction`` of them
    behind the binary point; a negative ``fraction`` counts zeros before it.

    Example: ``Fixed(4, 0, True)`` is ``ap_fixed<4,4>`` and holds -8..7.
    """

    bits: int
    fraction: int
    signed: bool
    rounding: str = "AP_TRN"
    overflow: str = "AP_WRAP"

    @property
    def low(self) -> int:
        """Smallest value, in units of ``2**-fraction``; one more where overflow is symmetric."""
        if not self.signed:
            return 0
        return -(1 << (self.bits - 1)) + (self.overflow == "AP_SAT_SYM")

    @property
    def high(self) -> int:
        """Largest value, in units of ``2**-fraction``."""
        return (1 << (self.bits - self.signed)) - 1

    def __str__(self) -> str:
        name = "ap_fixed" if self.signed else "ap_ufixed"
        modes = ""
        if (self.rounding, self.overflow) != ("AP_TRN", "AP_WRAP"):
            modes = f",{self.rounding},{self.overflow}"
        return f"{name}<{self.bits},{self.bits - self.fraction}{modes}>"


def holding(low: int, high: int, fraction: int = 0) -> Fixed:
    """The narrowest type with all of ``low..high``, in units of ``2**-fraction``.

    Example: -3..8 takes ``ap_fixed<5,5>``, 0..8 ``ap_ufixed<4,4>``.
    """
    if low < 0:
        return Fixed(max(high.bit_length(), (-low - 1).bit_length()) + 1, fraction, True)
    return Fixed(max(high.bit_length(), 1), fraction, False)


def whole(t: Fixed) -> Fixed:
    """``t`` with a bit before the binary point at least: the simulation's types cannot round
    a number away of which all bits lie behind the point."""
    return replace(t, bits=max(t.bits, t.fraction + 1 + t.signed))


@dataclass(frozen=True, slots=True)
class Clamped:
    """A type to assign to, the integers ``low..high`` that come out, and whether they still
    have to be clamped to that range because no fixed-point type ends there."""

    type: Fixed
    low: int
    high: int
    exact: bool


def clamping(source: tuple[int, int, int], rounding: str, low: int, high: int) -> Clamped:
    """The integer type that rounds values of ``source`` and limits them to ``low..high``.

    ``source`` is (smallest, largest, fraction) of the values that can occur, in units of
    ``2**-fraction``; a limit that they never reach costs nothing. Example: values -100..100 with
    no fraction, limited to -8..7, give ``ap_fixed<4,4,AP_TRN,AP_SAT>``.
    """
    smallest, largest = _rounded_range(*source)
    below, above = smallest < low, largest > high
    first, last = min(max(smallest, low), high), max(min(largest, high), low)
    for candidate in _candidates(first, last, below or above):
        fits_low = candidate.low == low if below else candidate.low <= smallest
        fits_high = candidate.high == high if above else candidate.high >= largest
        if fits_low and fits_high:
            return Clamped(replace(candidate, rounding=rounding), first, last, True)
    wide = replace(holding(low, high), rounding=rounding, overflow="AP_SAT")
    return Clamped(wide, first, last, False)


def wrapping(rounding: str, low: int, high: int) -> Clamped:
    """The integer type that wraps into ``low..high``, a type's whole range, by itself.

    Example: -8..7 is ``ap_fixed<4,4,AP_TRN,AP_WRAP>``.
    """
    return Clamped(replace(holding(low, high), rounding=rounding), low, high, True)


def _rounded_range(smallest: int, largest: int, fraction: int) -> tuple[int, int]:
    if fraction <= 0:
        return smallest << -fraction, largest << -fraction
    return smallest >> fraction, -(-largest >> fraction)


def _candidates(low: int, high: int, saturate: bool) -> list[Fixed]:
    """Types that hold ``low..high``, best first."""
    narrow = holding(low, high)
    if not saturate:
        return [narrow]
    types = [replace(narrow, overflow="AP_SAT")]
    if narrow.signed:
        types.append(replace(narrow, overflow="AP_SAT_SYM"))
    return types
