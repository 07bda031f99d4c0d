"""A sum of two maps as a sum of two tables' entries, exactly for all 65,536 pairs of integers.

Three rescales of each element, or two table look-ups: where

    clamp(((a * m_0 >> 8) + (b * m_1 >> 8) + start) >> 21, -128, 127)

gives the same for every a and b, a kernel makes a table of each product
(``scalar/hwk_add_line.h``); a difference has a negative second multiplier.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwkit.errors import AccumulatorOverflow
from hwkit.ir.arith import rescale
from hwkit.ir.ops import Rescale, Rounding
from hwkit.ir.types import Array
from hwkit.targets.mcu.call import Fields
from hwkit.targets.mcu.structs import Enumerator, Struct, Table

SHIFT = 21
"""Of the sum; those of up to 1,024 in magnitude fit 32 bits."""

DROPPED = 8
"""Bits of a product that its table does not hold."""


@dataclass(frozen=True, slots=True)
class Line:
    """``multipliers`` of the two integers, below 2**31 in magnitude, and what their sum starts
    with; no sum leaves 32 bits."""

    multipliers: tuple[int, int]
    start: int


def line(values: Array, slopes: tuple[float, float]) -> Line | None:
    """The line of ``values`` (256, 256), int64 of -128..127: the result for a by rows and b by
    columns, both from -128 up, which rise by about ``slopes``. None if there is none.

    Example: a + b, clamped, has multipliers of 2**29.
    """
    first, second = (round(slope * (1 << (SHIFT + DROPPED))) for slope in slopes)
    if max(abs(first), abs(second)) >= 1 << 31:
        return None
    x = np.arange(-128, 128, dtype=np.int64)
    sums = (x * first >> DROPPED)[:, np.newaxis] + (x * second >> DROPPED)
    whole = values << SHIFT
    least = int((whole - sums)[values > -128].max(initial=-(1 << 40)))
    most = int((whole - sums)[values < 127].min(initial=1 << 40)) + (1 << SHIFT) - 1
    start = (least + most) >> 1
    fits = least <= most and int(np.abs(sums + start).max()) < 1 << 31 and abs(start) < 1 << 31
    return Line((first, second), start) if fits else None


def fits(struct: Struct) -> bool:
    """Double rounding of whole tensors into int8, and a line."""
    return _of(struct) is not None


def laid_out(struct: Struct, weights: Table) -> Struct:
    """The line in the places of the rescales' multipliers; ``weights`` are none."""
    made = _of(struct)
    assert made is not None
    inputs, r = struct.fields["input_rescales"], struct.fields["rescale"]
    assert isinstance(inputs, tuple) and isinstance(r, Struct)
    pairs = zip(inputs, made.multipliers, strict=True)
    changed = tuple(
        Struct({**i.fields, "multiplier": m}) for i, m in pairs if isinstance(i, Struct)
    )
    ends: Fields = {
        "input_rescales": changed,
        "rescale": Struct({**r.fields, "multiplier": made.start}),
    }
    return Struct({**struct.fields, **ends})


def _of(struct: Struct) -> Line | None:
    inputs, zero_points = struct.fields["input_rescales"], struct.fields["zero_points"]
    assert isinstance(inputs, tuple) and isinstance(zero_points, tuple)
    rescales = [made for part in (*inputs, struct.fields["rescale"]) if (made := _double(part))]
    zeros = [zero for zero in zero_points if isinstance(zero, int)]
    if len(rescales) < 3 or (rescales[2].low, rescales[2].high) != (-128, 127):
        return None
    x = np.arange(-128, 128, dtype=np.int64)
    first, second = (_ratio(r) * _ratio(rescales[2]) for r in rescales[:2])
    try:
        a, b = (rescale(x - z, r, "add") for z, r in zip(zeros, rescales[:2], strict=True))
        if struct.fields.get("subtract"):
            b, second = -b, -second
        return line(rescale(a[:, np.newaxis] + b, rescales[2], "add"), (first, second))
    except AccumulatorOverflow:
        return None


def _ratio(r: Rescale) -> float:
    return r.multiplier[0] * 2.0 ** (r.left_shift - r.shift[0])


def _double(struct: object) -> Rescale | None:
    """The rescale, if it is double rounding by one factor."""
    assert isinstance(struct, Struct)
    rounding, f = struct.fields["rounding"], struct.fields
    if not (isinstance(rounding, Enumerator) and rounding.name == "HWK_ROUND_DOUBLE"):
        return None
    if isinstance(f["multipliers"], Table) or isinstance(f["offsets"], Table):
        return None
    n = {name: value for name, value in f.items() if isinstance(value, int)}
    of = (n["multiplier"],), (n["shift"],)
    return Rescale(*of, Rounding.DOUBLE, n["low"], n["high"], n["zero_point"], n["left_shift"])
