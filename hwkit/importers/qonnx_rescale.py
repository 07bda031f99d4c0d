"""Quantizers of QONNX: reading them, quantizing weights, and the ``Rescale`` that equals one.

A ratio of scales that is dyadic (``odd / 2**k``, as with power-of-two scales) is kept exactly
and rounds half to even like PyTorch. Any other ratio is taken to 31 bits, as TFLite does, with
half-up rounding: ties then do not exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from math import floor, isinf

import numpy as np

from hwkit.errors import GraphError, UnsupportedOp
from hwkit.importers.qonnx_file import Node
from hwkit.importers.qonnx_fixed import HALF_UP_SIGNED, WRAP_BITS
from hwkit.ir.arith import MAX_SHIFT, quantize_multiplier
from hwkit.ir.ops import Overflow, Rescale, Rounding
from hwkit.ir.types import Array, IntType

IMPORTER = "the QONNX importer"
_EVEN = ("ROUND", "HALF_EVEN")
_DOWN = ("DOWN", "ROUND_TO_ZERO")


@dataclass(frozen=True, slots=True, eq=False)
class Quantizer:
    """``clamp(round(x / scale + zero_point), low, high)``; float64 ``scale`` as it broadcasts."""

    scale: Array
    zero_point: int
    dtype: IntType
    low: int
    high: int
    mode: str
    overflow: Overflow = Overflow.SATURATE


def read_quantizer(node: Node, constants: Mapping[str, Array], max_bits: int) -> Quantizer:
    """The quantizer of a ``Quant`` node: inputs x, scale, zero point, bit width.

    Raises ``GraphError`` for values that make no sense, ``UnsupportedOp`` for widths above
    ``max_bits`` or a signed width of 1.
    """
    scale, zero_point, bits = (_constant(node, i, constants) for i in (1, 2, 3))
    width = int(_single(node, bits, "bit width"))
    signed = bool(node.attribute("signed", 1))
    wraps = WRAP_BITS in node.attributes
    if wraps:
        width = node.attribute(WRAP_BITS, 0)
    if not 1 <= width <= max_bits or (signed and width == 1):
        raise UnsupportedOp(
            node.name, IMPORTER, f"a width of {width} bits; use {1 + signed} to {max_bits} bits"
        )
    q = quantizer(
        node,
        scale,
        int(_single(node, zero_point, "zero point")),
        IntType(width, signed),
        bool(node.attribute("narrow", 0)) and not wraps,
    )
    return replace(q, overflow=Overflow.WRAP) if wraps else q


def quantizer(node: Node, scale: Array, zero_point: int, dtype: IntType, narrow: bool) -> Quantizer:
    """The checked quantizer with these fields and the rounding mode of ``node``."""
    if abs(zero_point) >= 1 << 31:
        raise GraphError(node.name, f"zero point {zero_point} is no 32-bit integer; export again")
    with np.errstate(all="ignore"):
        steps = scale.astype(np.float32)
    if scale.dtype.kind != "f" or scale.size == 0 or not (np.isfinite(steps) & (steps > 0)).all():
        raise GraphError(node.name, "its scale is no float32 above 0; calibrate or train it")
    return Quantizer(
        scale=scale.astype(np.float64),
        zero_point=zero_point,
        dtype=dtype,
        low=dtype.low + (narrow and dtype.signed),
        high=dtype.high - (narrow and not dtype.signed),
        mode=node.attribute("rounding_mode", "ROUND").upper(),
    )


def _constant(node: Node, position: int, constants: Mapping[str, Array]) -> Array:
    name = node.inputs[position] if position < len(node.inputs) else ""
    if name not in constants:
        raise UnsupportedOp(
            node.name, IMPORTER, "its scale, zero point and bit width must be constants"
        )
    return constants[name]


def _single(node: Node, value: Array, what: str) -> float:
    number = float(value.flat[0]) if value.size else 0.5
    if value.size == 0 or np.ptp(value) != 0 or number != int(number):
        raise GraphError(node.name, f"its {what} is {value!r:.60}, not one whole number")
    return number


def quantize_weights(node: Node, values: Array, q: Quantizer) -> Array:
    """Integers of a float32 weight, zero point taken off, computed in float32 as PyTorch does.

    Example: 0.26 with scale 0.1 and 8 bits is 3.
    """
    try:
        with np.errstate(over="ignore"):
            scaled = values.astype(np.float32) / q.scale.astype(np.float32)
            scaled = scaled + np.float32(q.zero_point)
    except ValueError as error:
        raise GraphError(
            node.name, f"scale of shape {q.scale.shape} does not fit weight {values.shape}"
        ) from error
    if scaled.shape != values.shape:
        raise GraphError(
            node.name, f"scale of shape {q.scale.shape} does not fit weight {values.shape}"
        )
    if q.mode in _EVEN:
        rounded = np.rint(scaled)
    elif q.mode == "FLOOR":
        rounded = np.floor(scaled)
    elif q.mode in _DOWN:
        rounded = np.trunc(scaled)
    elif q.mode == "CEIL":
        rounded = np.ceil(scaled)
    else:
        raise UnsupportedOp(node.name, IMPORTER, f"rounding mode {q.mode!r:.40}; use ROUND")
    integers: Array = np.clip(rounded, q.low, q.high).astype(np.int64) - q.zero_point
    return integers


def bound(value: float, q: Quantizer) -> int:
    """The integer to which ``q`` (of one scale) takes a real, infinite ones included."""
    if isinf(value):
        return q.high if value > 0 else q.low
    exact = Fraction(value) / Fraction(float(q.scale.flat[0])) + q.zero_point
    if q.mode == HALF_UP_SIGNED:
        exact += Fraction(1, 2)
    rounded = floor(exact) if q.mode in ("FLOOR", HALF_UP_SIGNED) else round(exact)
    return min(max(rounded, q.low), q.high)


def rescale_to(name: str, scale: Array, q: Quantizer, low: float, high: float) -> Rescale:
    """The rescale from integers of ``scale`` (one entry or one a channel) to ``q``.

    ``low`` and ``high`` are the bounds of a clamp before ``q``; rounding is monotone, so clamping
    the integers is the same. Raises ``UnsupportedOp`` for a rounding mode that integers of both
    signs cannot have here.

    Example: scale 2**-10 to 2**-4, ROUND: multiplier 1, shift 6, half even.
    """
    ratios = [
        Fraction(float(a)) / Fraction(float(b))
        for a, b in np.broadcast(scale.reshape(-1), q.scale.reshape(-1))
    ]
    least, most = bound(low, q), bound(high, q)
    positive = least >= q.zero_point and q.overflow is Overflow.SATURATE
    dyadic = [_is_dyadic(r) for r in ratios]
    ties = any(d and r.denominator > 1 for d, r in zip(dyadic, ratios, strict=True))
    pairs = [_pair(name, r, all(dyadic)) for r in ratios]
    return Rescale(
        multiplier=tuple(m for m, _ in pairs),
        shift=tuple(s for _, s in pairs),
        rounding=_rounding(name, q, any(dyadic), ties, positive),
        low=least,
        high=most,
        zero_point=q.zero_point,
        overflow=q.overflow,
    )


def _is_dyadic(ratio: Fraction) -> bool:
    """Whether a multiplier below 2**31 and a shift up to 62 give the ratio exactly."""
    denominator = ratio.denominator
    return (
        denominator & (denominator - 1) == 0
        and denominator.bit_length() - 1 <= MAX_SHIFT
        and ratio.numerator < 1 << 31
    )


def _pair(name: str, ratio: Fraction, exact: bool) -> tuple[int, int]:
    if exact:
        return ratio.numerator, ratio.denominator.bit_length() - 1
    try:
        return quantize_multiplier(float(ratio))
    except (ValueError, OverflowError) as error:
        raise GraphError(
            name, f"ratio of scales {float(ratio):.3g} is out of range; check its quantizers"
        ) from error


def _rounding(name: str, q: Quantizer, dyadic: bool, ties: bool, positive: bool) -> Rounding:
    """``dyadic``: a ratio is exact; ``ties``: a value may then lie halfway; ``positive``:
    everything below the zero point clamps."""
    if q.mode in _EVEN:
        if ties and q.zero_point % 2:
            raise UnsupportedOp(
                name, IMPORTER, "half-even rounding around an odd zero point; make it even or 0"
            )
        return Rounding.HALF_EVEN if dyadic else Rounding.HALF_UP
    if q.mode == "FLOOR" or (q.mode in _DOWN and positive):
        return Rounding.FLOOR
    if q.mode == HALF_UP_SIGNED or (q.mode == "HALF_UP" and (positive or not ties)):
        return Rounding.HALF_UP
    if q.mode == "HALF_DOWN" and not ties:
        return Rounding.HALF_UP
    raise UnsupportedOp(name, IMPORTER, f"rounding mode {q.mode!r:.40}; use ROUND or FLOOR")


def power_of_two_ratio(a: float, b: float) -> int | None:
    """``k`` with ``a == b * 2**k`` exactly, or None. Example: (0.25, 1.0) gives -2."""
    ratio = Fraction(a) / Fraction(b)
    numerator, denominator = ratio.numerator, ratio.denominator
    if numerator & (numerator - 1) or denominator & (denominator - 1):
        return None
    return numerator.bit_length() - denominator.bit_length()
