"""Absolute values, reciprocal roots and quotients as tables: the reference kernels' integers.

Newton's iterations in 32-bit fixed point, as TFLM and LiteRT have them for integers of 8 bits and
TFLM for 16. A table is ascending in the input, the lowest first.
"""

from __future__ import annotations

import numpy as np

from hwkit.importers.tflite.unary import fraction, scale_ratio
from hwkit.ir.fixed_point import INT32_MAX, reciprocal_of_one_plus, round_shift, srdhm
from hwkit.ir.types import Array, IntType, Quantization

_ROOT_SHIFT = 20
"""Bits by which a reciprocal root is shifted to the left before it is rescaled."""
_HALF_ROOT_OF_2 = 1518500250
"""In Q0.31."""
_ONE, _THREE_HALVES = 1 << 28, (1 << 28) + (1 << 27)
"""In Q3.28."""
_NEWTON_STEPS = 5


def _inputs(source: Quantization, dtype: IntType) -> Array:
    return np.arange(dtype.low, dtype.high + 1, dtype=np.int64) - source.zero_point


def _clipped(values: Array, output: Quantization, dtype: IntType) -> Array:
    inside: Array = np.clip(values + output.zero_point, dtype.low, dtype.high)
    return inside.astype(dtype.container)


def scaled(x: Array | int, multiplier: Array | int, exponent: int) -> Array:
    """``x * multiplier * 2**(exponent - 31)``, rounded twice; 32 bits as the kernels have them.

    Example: 3 times 2**30 with exponent 0 is 2 (1.5 half up), with exponent 1 it is 3.
    """
    shifted = np.asarray(x, np.int64) << max(exponent, 0)
    if np.abs(shifted).max() > INT32_MAX:
        raise ValueError(f"integers times 2**{exponent} leave 32 bits")
    high = srdhm(shifted, np.asarray(multiplier, np.int64))
    return round_shift(high, -exponent) if exponent < 0 else high


def abs_table(source: Quantization, output: Quantization, dtype: IntType) -> Array:
    """``|x|``; integers as they are where both scales are one."""
    magnitude = np.abs(_inputs(source, dtype))
    if source.scale != output.scale:
        ratio = scale_ratio(source.scale[0], 1.0, output.scale[0], single=True)
        magnitude = scaled(magnitude, *fraction(ratio))
    return _clipped(magnitude, output, dtype)


def rsqrt_table(source: Quantization, output: Quantization, dtype: IntType) -> Array:
    """``1 / sqrt(x)``: the highest integer for 0 and, as kernels refuse these, for what is below.

    Example: of scales 1, the entries of 1 and 4 are 1 (and 0.5 rounded up).
    """
    root = np.sqrt(np.float32(source.scale[0])) * np.float32(output.scale[0])
    multiplier, exponent = fraction(1.0 / float(root))
    table = np.full(1 << dtype.bits, dtype.high, dtype.container)
    for place, x in enumerate(_inputs(source, dtype).tolist()):
        if x > 0:
            inverse, shift = _inverse_root(x)
            data = scaled(1, inverse, _ROOT_SHIFT - shift)
            value = scaled(data, multiplier, exponent - _ROOT_SHIFT)
            table[place] = _clipped(value, output, dtype)
    return table


def _inverse_root(x: int) -> tuple[int, int]:
    """``1 / sqrt(x)`` for x > 0 as ``multiplier / 2**(31 + shift)``."""
    if x == 1:
        return INT32_MAX, 0
    pairs = (31 - x.bit_length()) // 2 - 1
    shift, x = 11 - pairs, x << 2 * pairs
    argument: Array = np.asarray(x >> 1, np.int64)
    half = round_shift(argument, 1)
    y: Array = np.asarray(_ONE, np.int64)
    for _ in range(_NEWTON_STEPS):
        cube = _saturated(srdhm(srdhm(y, y), y) << 6)
        y = _saturated((srdhm(y, np.int64(_THREE_HALVES)) - srdhm(cube, half)) << 3)
    inverse = int(srdhm(y, np.int64(_HALF_ROOT_OF_2)))
    return (inverse << -shift, 0) if shift < 0 else (inverse, shift)


def _saturated(x: Array) -> Array:
    return np.clip(x, -INT32_MAX - 1, INT32_MAX)


def quotient_table(
    source: Quantization,
    by: Quantization,
    output: Quantization,
    limits: tuple[int, int],
    dtype: IntType,
) -> Array:
    """``x / y`` of every two integers of 8 bits, (256, 256), clamped to ``limits``.

    The kernels' last shift may exceed 31 bits, where C leaves open what it gives, and their Newton
    iteration wraps for y = 0 (LiteRT refuses that one). The table has what both give on x86-64.
    """
    ratio = scale_ratio(source.scale[0], 1.0, _product(by.scale[0], output.scale[0]), single=True)
    multiplier, exponent = fraction(ratio)
    x, y = np.meshgrid(_inputs(source, dtype), _inputs(by, dtype), indexing="ij")
    x, y = np.where(y < 0, -x, x), np.abs(y)
    digits = _bits(y)
    inverse = np.where(
        y == 0, _OF_NOTHING, reciprocal_of_one_plus(np.maximum((y << 32 - digits) - (1 << 31), 0))
    )
    room = 32 - _bits(np.maximum(np.where(x < 0, -2 * x - 1, 2 * x), 1))
    quotient = srdhm(x << room, inverse)
    right = room + (digits - 1) - exponent
    if right.min() < 0:
        raise ValueError(f"ratio {ratio} of quotients is too large")
    high = srdhm(quotient, np.int64(multiplier))
    near = round_shift(high, np.clip(right, 1, 31))
    far = (high >> np.clip(right - 32, 0, 31)) + (high >= 0)
    rounded = np.where(right == 0, high, np.where(right < 32, near, far))
    inside: Array = np.clip(rounded + output.zero_point, *limits)
    return inside.astype(dtype.container)


def _bits(x: Array) -> Array:
    """Bits of each integer of 0 and more; 0 has none."""
    return np.frexp(x.astype(np.float64))[1].astype(np.int64)


def _product(first: float, second: float) -> float:
    return float(np.float32(first) * np.float32(second))


def _reciprocal_of_nothing() -> int:
    """What Newton's three steps give for a denominator of -1 in Q0.31, in 32 bits that wrap."""
    x = 1515870810
    for _ in range(3):
        error = (1 << 29) - ((-x + (1 << 30)) >> 31)
        step = 4 * ((x * error + (1 << 30)) >> 31)
        x += max(min(step, INT32_MAX), -INT32_MAX - 1)
        x = (x + (1 << 31)) % (1 << 32) - (1 << 31)
    return max(min(2 * x, INT32_MAX), -INT32_MAX - 1)


_OF_NOTHING = _reciprocal_of_nothing()
