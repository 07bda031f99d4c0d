"""A ``Rescale`` as the parameters of ``hwk_rescale``: shifts where they serve, else multipliers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from hwkit.errors import AccumulatorOverflow, UnsupportedOp
from hwkit.ir.arith import rescale
from hwkit.ir.ops import Overflow, Rescale, Rounding
from hwkit.ir.types import IntType
from hwkit.lower.lowest_terms import lowest_terms
from hwkit.lower.thresholds import shared_row, thresholds
from hwkit.targets.rtl.ranges import Range, signed_bits

TARGET = "rtl"
LATENCY_CYCLES = 4
_ROUNDINGS = {
    Rounding.FLOOR: 0,
    Rounding.HALF_UP: 0,  # half a step is added, then it is down
    Rounding.HALF_EVEN: 2,
    Rounding.DOUBLE: 3,
}
MOST_STEPS = 3
"""Thresholds that cost less than a product, even one of a DSP block: outputs of two bits."""

HALF_AWAY = 4
"""Of ``hwk_rescale`` alone: the mean of TFLite's average pooling rounds so."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """Parameters of ``hwk_rescale`` but for lanes and what is stored; ``factors`` and ``added`` one
    for all or one a channel, and the bits of each where it is stored.

    ``result`` is the range of what comes out, ``dsp`` the multipliers of one lane (0 without).
    With ``steps`` it is ``hwk_threshold`` instead: a row of thresholds for all or one a channel,
    each the least integer from which on the result is one higher.
    """

    parameters: Mapping[str, int]
    factors: tuple[int, ...]
    factor_bits: int
    added: tuple[int, ...]
    added_bits: int
    dtype: IntType
    result: Range
    dsp: int
    steps: tuple[tuple[int, ...], ...] = ()

    @property
    def step_bits(self) -> int:
        """Bits of a threshold."""
        every = [t for row in self.steps for t in row]
        return signed_bits(Range(min(every), max(every)))

    @property
    def field_bits(self) -> int:
        """Stored bits of a channel."""
        return self.factor_bits * self.stores_factors + self.added_bits * self.stores_added

    @property
    def stores_factors(self) -> bool:
        """Whether channels have factors of their own."""
        return len(self.factors) > 1

    @property
    def stores_added(self) -> bool:
        """Whether channels have something of their own added to their products."""
        return len(self.added) > 1

    @property
    def fields(self) -> tuple[int, ...]:
        """What is stored of each channel, the factor in the lower bits; empty where nothing is."""
        if not self.field_bits:
            return ()
        channels = max(len(self.factors), len(self.added))
        below = self.factor_bits * self.stores_factors
        factors = self.factors if self.stores_factors else (0,) * channels
        added = self.added if self.stores_added else (0,) * channels
        mask = (1 << self.added_bits) - 1
        return tuple(f | (a & mask) << below for f, a in zip(factors, added, strict=True))


def scaling(
    r: Rescale, source: IntType, x: Range, offset: int, dtype: IntType, node: str
) -> Scaling:
    """``r`` of ``x + offset`` where ``x`` of type ``source`` is in the range given.

    ``UnsupportedOp`` for a rounding that has no circuit.
    """
    if r.rounding not in _ROUNDINGS:
        raise UnsupportedOp(node, TARGET, f"it rounds {r.rounding}; use {Rounding.HALF_UP}")
    centred = x.moved(offset)
    unclamped = _unclamped(r, centred)
    clamps = unclamped is None or unclamped.low < r.low or unclamped.high > r.high
    result = Range(r.low, r.high)
    if unclamped is not None:
        result = Range(
            min(max(unclamped.low, r.low), r.high), max(min(unclamped.high, r.high), r.low)
        )
    if r.overflow is Overflow.WRAP:
        if (r.low, r.high) != (dtype.low, dtype.high):
            remedy = f"it wraps into {r.low}..{r.high} on wires of {dtype}; wrap into the type"
            raise UnsupportedOp(node, TARGET, remedy)
        clamps, result = False, Range(r.low, r.high)
    right_bits = left = 0
    if r.rounding is Rounding.DOUBLE:
        kind, factors, bits, right_bits, shift = _twice(r)
        added: tuple[int, ...] = (0,)
    else:
        kind, factors, bits, left, shift, added = _once(r)
    largest = max(f & ((1 << bits) - 1) for f in factors)
    gain = (1 << largest if kind == 1 else max(largest, 1)) << left
    product = Range(min(centred.low, 0) * gain, max(centred.high, 0) * gain)
    total = Range(product.low + min(0, *added), product.high + max(0, *added))
    p_bits = max(signed_bits(total), shift + 2)
    if r.rounding is Rounding.DOUBLE:
        p_bits = max(p_bits, signed_bits(product) + 1)
    q_bits = max(p_bits - (0 if right_bits and shift == 0 else shift), dtype.bits) + 2
    x_bits = signed_bits(centred)
    parameters = {
        "KIND": kind,
        "ROUNDING": _ROUNDINGS[r.rounding],
        "F_BITS": bits,
        "R_BITS": right_bits,
        "LEFT": left,
        "IN_BITS": source.bits,
        "IN_SIGNED": int(source.signed),
        "X_BITS": x_bits,
        "P_BITS": p_bits,
        "Q_BITS": q_bits,
        "SHIFT": shift,
        "OFFSET": offset,
        "ZERO": r.zero_point,
        "LOW": r.low,
        "HIGH": r.high,
        "CLAMPS": int(clamps),
        "OUT_BITS": dtype.bits,
    }
    dsp = -(-x_bits // 18) * -(-(bits + 1) // 18) if kind == 2 else 0
    added_bits = signed_bits(Range(min(added), max(added)))
    steps: tuple[tuple[int, ...], ...] = ()
    if 1 <= result.high - result.low <= (MOST_STEPS if kind == 2 else 1):
        steps = _steps(r, x, offset, result)
    return Scaling(
        parameters, factors, bits + right_bits, added, added_bits, dtype, result, dsp * (not steps),
        steps,
    )  # fmt: skip


def _steps(r: Rescale, x: Range, offset: int, result: Range) -> tuple[tuple[int, ...], ...]:
    """The thresholds of ``r`` of ``x + offset``; none where it wraps, or where an end of the range
    leaves a device's 32 bits."""
    if r.overflow is Overflow.WRAP:
        return ()
    low, high = (np.full(r.channels, end, np.int64) for end in (x.low, x.high))
    try:
        t = thresholds(lambda a: rescale(a + offset, r, ""), low, high, result.low, result.high)
    except AccumulatorOverflow:
        return ()
    return tuple(tuple(row) for row in shared_row(t).tolist())


def _unclamped(r: Rescale, x: Range) -> Range | None:
    """What ``r`` makes of ``x`` before its clamp (it grows with ``x``); None where an end of the
    range, which need not be reached, leaves a device's 32 bits."""
    free = replace(r, low=-(1 << 62), high=1 << 62, overflow=Overflow.SATURATE)
    ends = np.array([[x.low] * r.channels, [x.high] * r.channels], np.int64)
    try:
        y = rescale(ends, free, "")
    except AccumulatorOverflow:
        return None
    return Range(int(y.min()), int(y.max()))


def _once(r: Rescale) -> tuple[int, tuple[int, ...], int, int, int, tuple[int, ...]]:
    """Kind, factors, their width, the shift to the left that all share, one shift to the right for
    all, and what is added in front of that: the offset and, unless it rounds down, half a step.

    ``(a * m + o) / 2**s = ((a * factor << left) + added - half) / 2**shift``.
    """
    rows = np.broadcast_arrays(r.multiplier, r.shift, r.offset)
    terms = [
        lowest_terms(int(m) << r.left_shift, int(s), int(o), r.rounding)
        for m, s, o in zip(*rows, strict=True)
    ]
    shift = max(s for _, s, _ in terms)
    half = 0 if r.rounding is Rounding.FLOOR else (1 << shift) >> 1
    added = _merged(tuple((o << (shift - s)) + half for _, s, o in terms))
    products = [m << (shift - s) for m, s, _ in terms]
    every = 0
    for factor in products:
        every |= factor
    left = (every & -every).bit_length() - 1 if every else 0
    factors = tuple(factor >> left for factor in products)
    if all(f == 1 for f in factors):
        return 0, (0,), 1, left, shift, added
    if all(f and not f & (f - 1) for f in factors):
        lefts = _merged(tuple(f.bit_length() - 1 for f in factors))
        return 1, lefts, max(max(lefts).bit_length(), 1), left, shift, added
    return 2, _merged(factors), max(max(factors).bit_length(), 1), left, shift, added


def _twice(r: Rescale) -> tuple[int, tuple[int, ...], int, int, int]:
    """TFLite's two roundings: factor ``m << e`` below, the second shift above it."""
    lefts = [max(31 - s, 0) + r.left_shift for s in r.shift]
    factors = [m << left for m, left in zip(r.multiplier, lefts, strict=True)]
    rights = [max(s - 31, 0) for s in r.shift]
    bits = max(max(factors).bit_length(), 1)
    right_bits = max(max(rights).bit_length(), 1)
    both = tuple(f | right << bits for f, right in zip(factors, rights, strict=True))
    return 2, _merged(both), bits, right_bits, 31


def _merged(factors: tuple[int, ...]) -> tuple[int, ...]:
    return factors[:1] if len(set(factors)) == 1 else factors


def mean(
    counts: tuple[int, ...],
    low: int,
    high: int,
    source: IntType,
    x: Range,
    dtype: IntType,
    node: str,
) -> Scaling:
    """The mean of ``counts`` integers (one for all or one in turn) from their sum, half away from
    zero, clamped.

    A division by a count is a product with a reciprocal, precise enough for every sum in ``x``.
    """
    most = max(-x.low, x.high, 1)
    # |sum| * m / 2**s must round as |sum| / count: an error below 1 / (2 * count) at the most.
    shift = 0 if max(counts) == 1 else (2 * most * max(counts)).bit_length() + 1
    multipliers = tuple(-(-(1 << shift) // count) for count in counts)
    r = Rescale(multipliers, (shift,) * len(counts), Rounding.HALF_UP, low, high)
    made = scaling(r, source, x, 0, dtype, node)
    parameters = {**made.parameters, "ROUNDING": HALF_AWAY, "CLAMPS": 1}
    lowest = max(low, made.result.low - 1)  # a negative tie goes one further down
    return replace(made, parameters=parameters, steps=(), result=Range(lowest, made.result.high))
