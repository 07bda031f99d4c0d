"""The integer rescales that equal a quantizer of QONNX on every sum that can occur.

A quantizer rounds ``x = ratio * a + offset`` of a sum ``a``. Every mode but half-even is a floor
of ``x + shift`` for values of one sign, where the integers themselves may count as below or above:
``Piece``. A piece is one ``Rescale``. Half-even is one where the ratio is ``odd / 2**k`` or where
no sum lies halfway; elsewhere it is two, the first onto a grid that holds every tie. A mode that
treats the signs differently is a sum of two rescales, one for each sign.

All decisions are made in exact fractions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from math import ceil, floor, gcd

import numpy as np

from hwkit.errors import GraphError, UnsupportedOp
from hwkit.importers.qonnx.fixed import HALF_UP_SIGNED
from hwkit.ir.arith import MAX_OFFSET, MAX_SHIFT
from hwkit.ir.ops import NO_OFFSET, Overflow, Rescale, Rounding
from hwkit.ir.types import S32, Array

IMPORTER = "the QONNX importer"
LINEAR = "LINEAR"
"""Half-even before the zero point is added, as ``QuantizeLinear`` rounds; QONNX rounds after."""

EVEN = ("ROUND", "HALF_EVEN", LINEAR)

HALF = Fraction(1, 2)
UNSEEN = Fraction(1, 1 << 17)
"""In steps of the output: an offset so close to a whole step of the sum becomes one. A bias that
was quantized to the sum's grid in float32 is that far off it."""

_LARGEST_OFFSET = MAX_OFFSET >> 1
"""What is left has room for the rounding constant and for the error of a multiplier."""

_MULTIPLIER_BITS = 31
_SNAP_DENOMINATOR = 4096
_SNAP = Fraction(1, 1 << 48)


@dataclass(frozen=True, slots=True)
class Piece:
    """``max(n <= x + shift)``, or ``max(n < x + shift)`` where ``inclusive`` is false."""

    shift: Fraction
    inclusive: bool

    def of(self, x: Fraction) -> int:
        """The integer of a single value."""
        return floor(x + self.shift) if self.inclusive else ceil(x + self.shift) - 1


FLOOR = Piece(Fraction(0), True)
CEIL = Piece(Fraction(1), False)
HALF_UP = Piece(HALF, True)
HALF_DOWN = Piece(HALF, False)

_PIECES: dict[str, tuple[Piece, Piece]] = {
    "FLOOR": (FLOOR, FLOOR),
    "CEIL": (CEIL, CEIL),
    "DOWN": (FLOOR, CEIL),
    "ROUND_TO_ZERO": (FLOOR, CEIL),
    "UP": (CEIL, FLOOR),
    "HALF_UP": (HALF_UP, HALF_DOWN),
    "HALF_DOWN": (HALF_DOWN, HALF_UP),
    HALF_UP_SIGNED: (HALF_UP, HALF_UP),
}
"""For values from 0 up, and for values below."""


def check_mode(name: str, mode: str) -> None:
    """``UnsupportedOp`` naming a rounding mode that QONNX does not define."""
    if mode not in EVEN and mode not in _PIECES:
        known = ", ".join(sorted({"ROUND", *_PIECES} - {HALF_UP_SIGNED}))
        raise UnsupportedOp(name, IMPORTER, f"rounding mode {mode!r:.40}; use one of {known}")


def round_exact(x: Fraction, mode: str) -> int:
    """``x`` rounded as ``mode`` says. Example: 5/2 is 2 by ROUND, 3 by HALF_UP."""
    if mode in EVEN:
        return round(x)
    return _PIECES[mode][x < 0].of(x)


def rounded_with(x: Array, zero_point: Array | np.floating | int, mode: str) -> Array:
    """``x + zero_point`` rounded as ``mode`` says, in the dtype of ``x``.

    Example: 0.5 with zero point 1 is 2 by ROUND, 1 by LINEAR.
    """
    if mode == LINEAR:
        return np.asarray(np.rint(x) + zero_point)
    return round_array(x + zero_point, mode)


def round_array(x: Array, mode: str) -> Array:
    """Reals rounded as ``mode`` says, in their own dtype; the sign of a zero is not kept."""
    if mode in EVEN:
        return np.rint(x)
    positive, negative = (
        np.floor(x + float(p.shift)) if p.inclusive else np.ceil(x + float(p.shift)) - 1
        for p in _PIECES[mode]
    )
    return np.where(x < 0, negative, positive).astype(x.dtype)


def tie_distance(x: Array, mode: str) -> Array:
    """How far reals lie from the nearest value at which ``mode`` goes to the next integer."""
    moved = x + 0.5 if mode in EVEN or "HALF" in mode else x
    return np.abs(moved - np.rint(moved))


@dataclass(frozen=True, slots=True)
class Channel:
    """``x = ratio * a + offset`` in steps of the output, for sums ``a`` of ``low..high``."""

    ratio: Fraction
    offset: Fraction
    low: int
    high: int

    def hits(self, shift: Fraction) -> bool:
        """Whether some sum makes ``x + shift`` a whole number."""
        if self.low > self.high:
            return False
        total = self.offset + shift
        common = self.ratio.denominator * total.denominator
        step = self.ratio.numerator * total.denominator
        rest = -total.numerator * self.ratio.denominator % common
        # Solves step * a = rest (modulo common).
        divisor = gcd(step, common)
        if rest % divisor:
            return False
        period = common // divisor
        first = rest // divisor * pow(step // divisor, -1, period) % period if period > 1 else 0
        return self.low + (first - self.low) % period <= self.high

    def within(self, least: int, most: int) -> Channel:
        """Only the sums whose ``x`` a clamp to ``least..most`` leaves as it is."""
        if not self.ratio:
            return self
        low = ceil((least - self.offset) / self.ratio)
        high = floor((most - self.offset) / self.ratio)
        return replace(self, low=max(self.low, low), high=min(self.high, high))

    @property
    def is_dyadic(self) -> bool:
        """Whether a multiplier below 2**31 and a shift up to 62 give the ratio exactly."""
        power = self.ratio.denominator
        return (
            power & (power - 1) == 0
            and power.bit_length() - 1 <= MAX_SHIFT - 1
            and self.ratio.numerator < 1 << (_MULTIPLIER_BITS - 1)
        )


@dataclass(frozen=True, slots=True)
class Rescales:
    """What equals a quantizer: ``first``, then ``second`` if there is one; or, where ``negative``
    is given, ``first + negative`` of the same sum."""

    first: Rescale
    second: Rescale | None = None
    negative: Rescale | None = None


@lru_cache(maxsize=1 << 14)
def ratio(a: float, b: float) -> Fraction:
    """``a / b``, exactly, or the simple fraction that float64 could not hold (a third, a tenth).

    Example: ``ratio(0.125 / 20, 0.0625)`` is 1/10.
    """
    exact = Fraction(a) / Fraction(b)
    if not exact:
        return exact
    exponent = exact.numerator.bit_length() - exact.denominator.bit_length()
    power = Fraction(2) ** exponent
    mantissa = exact / power
    simple = mantissa.limit_denominator(_SNAP_DENOMINATOR)
    return simple * power if abs(simple - mantissa) <= _SNAP * abs(mantissa) else exact


def rescales_to(
    name: str, channels: Sequence[Channel], mode: str, zero_point: int, least: int, most: int,
    overflow: Overflow = Overflow.SATURATE,
) -> Rescales:  # fmt: skip
    """The rescales whose integers are those of a quantizer with ``mode`` and ``zero_point``,
    clamped to ``least..most``, for every sum of ``channels``.

    Example: ratio 1/64, ROUND: multiplier 1, shift 6, half even.
    """
    saturates = overflow is Overflow.SATURATE
    seen = [c.within(least - zero_point, most - zero_point) if saturates else c for c in channels]
    if mode in EVEN:
        tied = [c.hits(HALF) for c in seen]
        if any(tied) and zero_point % 2 and mode != LINEAR:
            # Ties go to the even integer with the zero point: it has to be in before rounding.
            channels = [replace(c, offset=c.offset + zero_point) for c in channels]
            return rescales_to(name, channels, mode, 0, least, most)
        return _half_even(name, channels, tied, zero_point, least, most, overflow)
    positive, negative = _PIECES[mode]
    halves = positive.shift == HALF
    if positive != negative:
        channels = [replace(c, offset=c.offset + zero_point) for c in channels]
        seen = [replace(c, offset=c.offset + zero_point) for c in seen]
        rises = all(c.offset + c.ratio * c.low >= 0 for c in seen)
        falls = all(c.offset + c.ratio * c.high <= 0 for c in seen)
        no_ties = halves and not any(c.hits(HALF) for c in seen)
        if not (rises or falls or no_ties or least >= 0 or most <= 0):
            if not saturates:
                raise UnsupportedOp(name, IMPORTER, f"{mode} that wraps; use ROUND or FLOOR")
            return Rescales(
                _one_piece(name, channels, positive, 0, max(least, 0), max(most, 0)),
                negative=_one_piece(name, channels, negative, 0, min(least, 0), min(most, 0)),
            )
        piece = negative if falls or most <= 0 else positive
        if no_ties:
            piece = HALF_UP
            channels = [replace(c, offset=c.offset - zero_point) for c in channels]
            return Rescales(_one_piece(name, channels, piece, zero_point, least, most, overflow))
        return Rescales(_one_piece(name, channels, piece, 0, least, most, overflow))
    return Rescales(_one_piece(name, channels, positive, zero_point, least, most, overflow))


def _half_even(
    name: str, channels: Sequence[Channel], tied: list[bool], zero_point: int, least: int,
    most: int, overflow: Overflow,
) -> Rescales:  # fmt: skip
    if not all(c.is_dyadic for c, tie in zip(channels, tied, strict=True) if tie):
        return _on_a_grid_with_ties(name, channels, zero_point, least, most)
    dyadic = [c.is_dyadic for c in channels]
    exact = all(
        d and (c.offset * max(c.ratio.denominator, 2)).denominator == 1
        for c, d in zip(channels, dyadic, strict=True)
    )
    if not any(tied) and not exact:
        return Rescales(_one_piece(name, channels, HALF_UP, zero_point, least, most, overflow))
    terms = [_even_terms(name, c, all(dyadic), exact) for c in channels]
    return Rescales(_rescale(name, terms, Rounding.HALF_EVEN, zero_point, least, most, overflow))


def _even_terms(name: str, c: Channel, native: bool, exact: bool) -> tuple[int, int, int]:
    """Multiplier, shift and offset for half-even. An offset off the grid gets an odd last bit
    over an even multiplier, so that nothing that is no tie looks like one."""
    if not c.is_dyadic:
        multiplier, shift = _bounded(*_nearest(name, c.ratio), c.offset)
        return multiplier, shift, round(c.offset * (1 << shift))
    multiplier, shift = c.ratio.numerator, c.ratio.denominator.bit_length() - 1
    if c.offset and shift == 0:
        multiplier, shift = 2 * multiplier, 1
    if exact and native:
        return multiplier, shift, int(c.offset * (1 << shift))
    up = 1 if native else _MULTIPLIER_BITS - multiplier.bit_length() if multiplier else 1
    up = min(up, MAX_SHIFT - shift)
    multiplier, shift = multiplier << up, shift + up
    scaled = c.offset * (1 << shift)
    return multiplier, shift, floor(scaled) | (scaled.denominator > 1)


def _on_a_grid_with_ties(
    name: str, channels: Sequence[Channel], zero_point: int, least: int, most: int
) -> Rescales:
    """Ties of a ratio such as 1/10: the sum is first brought to ``2**-bits`` steps, where a tie
    is a whole number, then rounded. What the first rescale clamps, the second clamps anyway."""
    bits = 29 - max(abs(least - zero_point), abs(most - zero_point)).bit_length()
    fine = [
        replace(c, ratio=c.ratio * (1 << bits), offset=c.offset * (1 << bits)) for c in channels
    ]
    first = _one_piece(name, fine, HALF_UP, 0, S32.low, S32.high)
    second = Rescale((1,), (bits,), Rounding.HALF_EVEN, least, most, zero_point)
    return Rescales(first, second)


def _one_piece(
    name: str, channels: Sequence[Channel], piece: Piece, zero_point: int, least: int, most: int,
    overflow: Overflow = Overflow.SATURATE,
) -> Rescale:  # fmt: skip
    native = all(c.is_dyadic for c in channels)
    half = piece.shift == HALF
    terms = []
    for c in channels:
        multiplier, shift, bias = _piece_terms(name, c, piece, native)
        if half and shift:
            bias -= 1 << (shift - 1)
        terms.append((multiplier, shift, bias))
    rounding = Rounding.HALF_UP if half else Rounding.FLOOR
    return _rescale(name, terms, rounding, zero_point, least, most, overflow)


def _piece_terms(name: str, c: Channel, piece: Piece, native: bool) -> tuple[int, int, int]:
    """``m, s, b`` with ``floor((a * m + b) / 2**s)`` the piece of every sum.

    Where the multiplier is inexact and a sum lies on an edge of the piece, the bias is moved so
    that the error of the multiplier cannot take it to the other side.
    """
    total = c.offset + piece.shift
    if c.is_dyadic:
        multiplier, shift = c.ratio.numerator, c.ratio.denominator.bit_length() - 1
        if not native and multiplier:
            up = min(_MULTIPLIER_BITS - multiplier.bit_length(), MAX_SHIFT - shift)
            multiplier, shift = multiplier << up, shift + up
        multiplier, shift = _bounded(multiplier, shift, total)
        scaled = total * (1 << shift)
        return multiplier, shift, floor(scaled) if piece.inclusive else ceil(scaled) - 1
    multiplier, shift = _bounded(*_nearest(name, c.ratio), total)
    scaled = total * (1 << shift)
    if not c.hits(piece.shift):
        return multiplier, shift, round(scaled)
    error = multiplier - c.ratio * (1 << shift)
    ends = (-c.low * error, -c.high * error)
    if piece.inclusive:
        return multiplier, shift, ceil(scaled + max(ends))
    return multiplier, shift, ceil(scaled + min(ends)) - 1


def _bounded(multiplier: int, shift: int, offset: Fraction) -> tuple[int, int]:
    """Fewer bits where the offset would not fit beside the multiplier's."""
    while shift and abs(offset) * (1 << shift) > _LARGEST_OFFSET:
        multiplier, shift = (multiplier + 1) >> 1, shift - 1
    return multiplier, shift


def _nearest(name: str, value: Fraction) -> tuple[int, int]:
    """A multiplier of 31 bits and its shift; (0, 31) for ratios below 2**-32."""
    exponent = value.numerator.bit_length() - value.denominator.bit_length()
    if value >= Fraction(2) ** exponent:
        exponent += 1
    shift = _MULTIPLIER_BITS - exponent
    if shift < 0:
        raise GraphError(
            name, f"ratio of scales {float(value):.3g} is out of range; check its quantizers"
        )
    if shift > MAX_SHIFT:
        return 0, _MULTIPLIER_BITS
    multiplier = floor(value * (1 << shift) + HALF)
    if multiplier == 1 << _MULTIPLIER_BITS:
        multiplier, shift = multiplier >> 1, shift - 1
    return multiplier, shift


def _rescale(
    name: str, terms: Sequence[tuple[int, int, int]], rounding: Rounding, zero_point: int,
    least: int, most: int, overflow: Overflow,
) -> Rescale:  # fmt: skip
    multipliers, shifts, offsets = zip(*terms, strict=True)
    if max(map(abs, offsets)) > MAX_OFFSET:
        steps = max(abs(b) / 2.0**s for _, s, b in terms)
        raise GraphError(name, f"its bias is {steps:.3g} steps of its output; check both scales")
    if len(set(zip(multipliers, shifts, strict=True))) == 1:
        multipliers, shifts = multipliers[:1], shifts[:1]
    if len(set(offsets)) == 1:
        offsets = offsets[:1]
    return Rescale(
        multipliers, shifts, rounding, least, most, zero_point, overflow=overflow,
        offset=offsets or NO_OFFSET,
    )  # fmt: skip
