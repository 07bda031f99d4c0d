"""``arith.rescale`` in ONNX's operators on int64: exact for every rounding.

ONNX divides integers towards zero and has no arithmetic shift, but its ``Mod`` takes the divisor's
sign: ``floor(p / d) = (p - p mod d) / d``. ``FLOAT32`` is what the runtime's own float32 gives.
"""

from __future__ import annotations

from typing import assert_never

import numpy as np

from hwkit.ir.ops import Overflow, Rescale, Rounding
from hwkit.ir.types import Array
from hwkit.targets.onnx.draft import Draft


def floor_divide(draft: Draft, p: str, divisor: str) -> str:
    """``floor(p / divisor)`` of int64, the divisor above 0."""
    rest = draft.node("Mod", [p, divisor])
    return draft.node("Div", [draft.node("Sub", [p, rest]), divisor])


def rescaled(draft: Draft, a: str, r: Rescale, rank: int) -> str:
    """``r`` of the int64 tensor ``a`` of ``rank`` axes, as int64 in ``r.low..r.high``."""
    if r.left_shift:
        a = draft.node("Mul", [a, draft.wide(1 << r.left_shift)])
    match r.rounding:
        case Rounding.FLOAT32:
            a = _float32(draft, a, r, rank)
        case Rounding.DOUBLE:
            a = _double(draft, a, r, rank)
        case Rounding.HALF_UP | Rounding.HALF_EVEN | Rounding.FLOOR:
            a = _once(draft, a, r, rank)
        case _:
            assert_never(r.rounding)
    if r.zero_point:
        a = draft.node("Add", [a, draft.wide(r.zero_point)])
    if r.overflow is Overflow.SATURATE:
        return clamped(draft, a, r.low, r.high)
    low = draft.wide(r.low)
    inside = draft.node("Mod", [draft.node("Sub", [a, low]), draft.wide(r.high - r.low + 1)])
    return draft.node("Add", [inside, low])


def clamped(draft: Draft, a: str, low: int, high: int) -> str:
    """``min(max(a, low), high)`` of int64."""
    return draft.node("Min", [draft.node("Max", [a, draft.wide(low)]), draft.wide(high)])


def _powers(shift: Array) -> Array:
    return np.int64(1) << shift


def _once(draft: Draft, a: str, r: Rescale, rank: int) -> str:
    shift = np.array(r.shift, np.int64)
    half = _powers(shift) >> 1
    added = np.array(r.offset, np.int64)
    p = draft.node("Mul", [a, draft.channels(r.multiplier, rank)])
    if not (shift > 0).any():
        return draft.node("Add", [p, draft.channels(added, rank)]) if added.any() else p
    powers = draft.channels(_powers(shift), rank)
    if r.rounding is Rounding.HALF_UP:
        added = added + half
    if added.any():
        p = draft.node("Add", [p, draft.channels(added, rank)])
    if r.rounding is Rounding.HALF_EVEN:
        odd = draft.node("Mod", [floor_divide(draft, p, powers), draft.wide(2)])
        odd = draft.node("Mul", [odd, draft.channels(shift > 0, rank)])
        p = draft.node(
            "Add", [draft.node("Add", [p, odd]), draft.channels(half - (shift > 0), rank)]
        )
    return floor_divide(draft, p, powers)


def _double(draft: Draft, a: str, r: Rescale, rank: int) -> str:
    exponent = 31 - np.array(r.shift, np.int64)
    left, right = np.maximum(exponent, 0), np.maximum(-exponent, 0)
    factor = np.array(r.multiplier, np.int64)
    if left.any():
        a = draft.node("Mul", [a, draft.channels(_powers(left), rank)])
    p = draft.node("Mul", [a, draft.channels(factor, rank)])
    p = draft.node("Add", [p, draft.wide(1 << 30)])
    high = floor_divide(draft, p, draft.wide(1 << 31))
    if not right.any():
        return high
    negative = draft.cast(draft.node("Less", [high, draft.wide(0)]), np.int64)
    if not right.all():
        negative = draft.node("Mul", [negative, draft.channels(right > 0, rank)])
    high = draft.node("Add", [draft.node("Sub", [high, negative]),
                              draft.channels(_powers(right) >> 1, rank)])  # fmt: skip
    return floor_divide(draft, high, draft.channels(_powers(right), rank))


def float_scale(r: Rescale) -> Array:
    """``multiplier / 2**shift`` in float32, exact for the multipliers of ``FLOAT32``."""
    multiplier, shift = np.array(r.multiplier, np.int64), np.array(r.shift, np.int64)
    return np.ldexp(multiplier.astype(np.float32), -shift).astype(np.float32)


def _float32(draft: Draft, a: str, r: Rescale, rank: int) -> str:
    scale = draft.channels(float_scale(r), rank, np.float32)
    product = draft.node("Mul", [draft.cast(a, np.float32), scale])
    return draft.cast(draft.node("Round", [product]), np.int64)
