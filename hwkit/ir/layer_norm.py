"""Layer norm of integers, in the two arithmetics that devices use.

Of C integers ``q`` with ``S1 = sum(q)`` and ``S2 = sum(q**2)``, ``n = C * q - S1`` is C times the
distance from the mean and ``D = C * S2 - S1**2`` is C**2 times the variance: both exact. What is
left is ``n / sqrt(D + epsilon / 256)``, which has no unit: scale and zero point of ``q`` cancel.
"""

from __future__ import annotations

import numpy as np

from hwkit.ir.ops import Rescale
from hwkit.ir.types import Array

FRACTION_BITS = 24
"""Of a normalized integer, which is at most sqrt(C) in magnitude."""
EPSILON_BITS = 8
"""Fraction bits of ``epsilon``, and of D beside it."""
MOST_CHANNELS = 4096
"""With more, D of 16-bit integers would leave its 54 bits."""
MOST_EPSILON = 1 << 61

OCTAVE_BITS = 8
"""The float32 arithmetic's first guess has so many entries for a power of two, as a logarithm."""
_OCTAVES = 32
_MANTISSA_BITS = 23
_ONE = int(np.float32(1).view(np.int32))


def epsilon_of(eps: float, step: float, channels: int) -> int:
    """``eps`` beside integers of this step. Example: 1e-5, 0.05 and 64 channels give 4194."""
    return min(round(256 * channels**2 * eps / step**2), MOST_EPSILON)


def normalized(x: Array, epsilon: int) -> Array:
    """Integers (..., C) normalized over the last axis, int64 in 2**24 parts of one."""
    n, deviation = _moments(x)
    value = ((deviation << EPSILON_BITS) + epsilon).astype(np.uint64)
    up = (64 - _bit_length(value)) // 2
    root = _root(np.maximum(value, 1) << (2 * up).astype(np.uint64))
    reciprocal = (((1 << 63) - 1) // root).astype(np.int64)
    shift = 35 - up
    scaled = n * reciprocal
    scaled += np.int64(1) << (shift - 1)
    scaled >>= shift
    return scaled


def _moments(x: Array) -> tuple[Array, Array]:
    """``n`` (..., C) and ``D`` (..., 1), int64."""
    q = x.astype(np.int64)
    total = q.sum(axis=-1, keepdims=True)
    n = q.shape[-1] * q - total
    deviation = q.shape[-1] * (q * q).sum(axis=-1, keepdims=True) - total * total
    return n, deviation


def _bit_length(value: Array) -> Array:
    """Bits of uint64 integers, at least 1, int64."""
    bits = np.ones(value.shape, np.int64)
    for step in (32, 16, 8, 4, 2, 1):
        high = (value >> (bits - 1 + step).astype(np.uint64)) > 0
        bits += np.where(high, step, 0)
    return bits


def _root(value: Array) -> Array:
    """``floor(sqrt(value))`` of uint64 integers from 2**62 up."""
    root = np.minimum(np.sqrt(value.astype(np.float64)), (1 << 32) - 1).astype(np.uint64)
    root -= (root * root > value).astype(np.uint64)
    more = np.minimum(root + np.uint64(1), np.uint64((1 << 32) - 1))
    found: Array = np.where(more * more <= value, more, root)
    return found


def guesses() -> Array:
    """The first guess of ``1 / sqrt(v)`` by the leading bits of ``v``, float32 (8192,)."""
    octave, place = np.divmod(np.arange(_OCTAVES << OCTAVE_BITS), 1 << OCTAVE_BITS)
    middle = (1 + (place + 0.5) / (1 << OCTAVE_BITS)) * 2.0**octave
    return (1 / np.sqrt(middle)).astype(np.float32)


def guess_index_offset() -> int:
    """What is taken off a float32's bits, shifted by ``GUESS_SHIFT``, to index ``guesses``."""
    return _ONE >> GUESS_SHIFT


GUESS_SHIFT = _MANTISSA_BITS - OCTAVE_BITS


def normalized_float(x: Array, epsilon: int, r: Rescale, signs: Array | None) -> Array:
    """The same through ``r``, each step in float32, int64: ``1 / sqrt`` is a guess by the leading
    bits and one step of Newton's, gain and bias one product and one sum, then half to even."""
    n, deviation = _moments(x)
    value = deviation.astype(np.float32) + np.float32(epsilon / (1 << EPSILON_BITS))
    value = np.maximum(value, np.float32(1))
    index = (value.view(np.int32) >> GUESS_SHIFT) - guess_index_offset()
    guess = guesses()[index]
    half = value * np.float32(0.5)
    root = guess * (np.float32(1.5) - half * (guess * guess))
    gain, bias = gain_and_bias(r, signs)
    y: Array = np.rint(n.astype(np.float32) * root * gain + bias).astype(np.int64) + r.zero_point
    return np.clip(y, r.low, r.high)


def gain_and_bias(r: Rescale, signs: Array | None) -> tuple[Array, Array]:
    """What ``r`` multiplies a normalized real with and adds to it, float32 (1,) or (C,)."""
    shift = np.array(r.shift, np.float64)
    gain = np.array(r.multiplier) * 2.0 ** (FRACTION_BITS + r.left_shift - shift)
    bias = np.array(r.offset, np.float64) * 2.0**-shift
    if signs is not None:
        gain = gain * signs
    return gain.astype(np.float32), bias.astype(np.float32)
