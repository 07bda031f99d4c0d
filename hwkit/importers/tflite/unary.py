"""Functions of one 8-bit integer as tables of 256: what TFLM's kernels give for every input.

A table is ascending in the input, the lowest first: also of uint8, where LiteRT has the same
templates. Constants, shifts and the order of roundings are
those of TFLM's int8 reference kernels.
"""

from __future__ import annotations

from math import frexp, ldexp

import numpy as np

from hwkit.ir.fixed_point import logistic, round_shift, srdhm, tanh
from hwkit.ir.types import S8, Array, IntType, Quantization

_INTEGER_BITS = 4
"""Integer bits of the argument of logistic and tanh (Q4.27)."""
_INT16 = (-(1 << 15), (1 << 15) - 1)


def _centred(source: Quantization, dtype: IntType = S8) -> Array:
    return np.arange(dtype.low, dtype.high + 1, dtype=np.int64) - source.zero_point


def _clipped(values: Array, dtype: IntType = S8) -> Array:
    return np.clip(values, dtype.low, dtype.high).astype(dtype.container)


def fraction(ratio: float) -> tuple[int, int]:
    """``ratio`` as ``multiplier * 2**(exponent - 31)``, the multiplier rounded half away from 0;
    the ratio may be negative. 0 below what the kernels hold, ``ValueError`` above."""
    if not abs(ratio) < 1 << 30:
        raise ValueError(f"ratio {ratio} is not below 2**30")
    mantissa, exponent = frexp(ratio)
    multiplier = int(mantissa * (1 << 31) + (0.5 if ratio >= 0 else -0.5))
    if abs(multiplier) == 1 << 31:
        multiplier, exponent = multiplier // 2, exponent + 1
    return (0, 0) if exponent < -31 else (multiplier, exponent)


def _multiplied(x: Array, ratio: float) -> Array:
    """``x * ratio``, rounded twice; the negative of it for a negative ratio. ``ValueError`` when
    ``x`` shifted by it leaves 32 bits."""
    if ratio < 0:
        return -_multiplied(x, -ratio)
    multiplier, exponent = fraction(ratio)
    room = 31 - int(np.abs(x).max()).bit_length()
    if exponent > room:
        raise ValueError(f"ratio {ratio} is not below 2**{room}")
    high = srdhm(x << max(exponent, 0), np.int64(multiplier))
    return round_shift(high, -exponent) if exponent < 0 else high


def scale_ratio(scale: float, factor: float, divisor: float, single: bool) -> float:
    """``scale * factor / divisor``: in float32 (``single``), as LiteRT has it, infinite where that
    overflows; else in double, as TFLM has it."""
    if not single:
        return scale * factor / divisor
    with np.errstate(over="ignore"):
        return float(np.float32(scale) * np.float32(factor) / np.float32(divisor))


def logistic_table(source: Quantization) -> Array:
    """To scale 1/256, zero point -128. Example: the entry of the zero point is 0 (1/2)."""
    inside, argument = _argument(source)
    result = round_shift(logistic(argument), 31 - 8) - 128
    return _saturated(source, inside, result)


def tanh_table(source: Quantization) -> Array:
    """To scale 1/128, zero point 0. Example: the entry of the zero point is 0."""
    inside, argument = _argument(source)
    return _saturated(source, inside, round_shift(tanh(argument), 31 - 7))


def _argument(source: Quantization) -> tuple[Array, Array]:
    """Where the input is inside the range of Q4.27, and its value there (0 elsewhere)."""
    real = ldexp(float(np.float32(source.scale[0])), 31 - _INTEGER_BITS)
    multiplier, shift = fraction(real)
    if not 0 <= shift <= 31:
        raise ValueError(f"scale {source.scale[0]} is not in 2**-28 .. 16")
    radius = (((1 << _INTEGER_BITS) - 1) << (31 - _INTEGER_BITS)) >> shift
    x = _centred(source)
    inside = np.abs(x) < radius
    return inside, srdhm(np.where(inside, x, 0) << shift, np.int64(multiplier))


def _saturated(source: Quantization, inside: Array, values: Array) -> Array:
    ends = np.where(_centred(source) > 0, S8.high, S8.low)
    return _clipped(np.where(inside, values, ends))


def leaky_relu_table(
    source: Quantization, output: Quantization, alpha: float, dtype: IntType, single: bool
) -> Array:
    """``x`` where it is 0 or more, else ``alpha * x``, of 8 or 16 bits; the ratios as
    ``scale_ratio`` has them."""
    x = _centred(source, dtype)
    falling = _multiplied(x, scale_ratio(source.scale[0], alpha, output.scale[0], single))
    rising = _multiplied(x, scale_ratio(source.scale[0], 1.0, output.scale[0], single))
    return _clipped(np.where(x >= 0, rising, falling) + output.zero_point, dtype)


def hard_swish_table(
    source: Quantization, output: Quantization, dtype: IntType, single: bool
) -> Array:
    """``x * min(max(x + 3, 0), 6) / 6`` in 16-bit fixed point.

    ``ValueError`` for an output scale so small that TFLM refuses it.
    """
    ratios = [
        scale_ratio(source.scale[0], 1 / 128, scale, single)
        for scale in (output.scale[0], 3 / 32768)
    ]
    output_multiplier, output_exponent = _int16_fraction(ratios[0])
    if output_exponent > 0:
        raise ValueError(f"output scale {output.scale[0]} is below 1/128 of the input's")
    gate_multiplier, gate_exponent = _int16_fraction(ratios[1])
    x = _centred(source, dtype) << 7
    before_shift = _srdhm16(x, output_multiplier)
    gate = _shifted_left(x, gate_exponent - 1) if gate_exponent > 0 else x
    gate = _srdhm16(gate, gate_multiplier)
    if gate_exponent > 0:
        gate = _shifted_left(gate, 1)
    elif gate_exponent < 0:
        gate = _round_shift16(gate, -gate_exponent)
    gate = (gate + (1 << 15)) >> 1
    product = gate * before_shift
    high = np.sign(product) * (np.abs(product) >> 15)
    scaled = _round_shift16(high, -output_exponent) if output_exponent < 0 else high
    return _clipped(scaled + output.zero_point, dtype)


def _int16_fraction(ratio: float) -> tuple[int, int]:
    """``ratio`` as ``multiplier * 2**(exponent - 15)`` with a multiplier of 16 bits."""
    multiplier, exponent = fraction(ratio)
    return min((multiplier + (1 << 15)) >> 16, _INT16[1]), exponent


def _srdhm16(a: Array, b: int) -> Array:
    product: Array = (a * b + (1 << 14)) >> 15
    return np.minimum(product, _INT16[1])


def _round_shift16(a: Array, exponent: int) -> Array:
    """``round_shift`` in 16 bits, which from 16 on has no mask left and gives the sign."""
    return round_shift(a, exponent) if exponent < 16 else np.where(a < 0, -1, 1)


def _shifted_left(a: Array, by: int) -> Array:
    shifted: Array = a << min(by, 31)
    return np.clip(shifted, *_INT16)
