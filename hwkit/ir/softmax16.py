"""Softmax of 16-bit integers to s16 with scale 1/32768, zero point 0, as TFLM computes it: two
tables with straight lines between their entries."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from hwkit.ir.arith import quantize_multiplier
from hwkit.ir.fixed_point import round_shift, srdhm
from hwkit.ir.types import S16, Array

_ENTRIES = 513
_SPAN = 65535
"""Steps of the exponential's table, from -10 to 0."""


def difference_multiplier(input_scale: float) -> tuple[int, int]:
    """Multiplier and total shift from input steps to steps of the exponential's table."""
    return quantize_multiplier(input_scale / (10.0 / _SPAN))


def softmax16(x: Array, input_scale: float) -> Array:
    """Softmax over the last axis of integers with step ``input_scale``; int64 in 0..32767.

    Example: two equal inputs give 16384 and 16384.
    """
    difference = x.astype(np.int64) - x.max(axis=-1, keepdims=True)
    exponential = exponential_of(difference, input_scale)
    total = exponential.sum(axis=-1, keepdims=True)
    # The reciprocal's table reads the sum without its leading one, in 16 bits.
    headroom = 31 - np.floor(np.log2(total)).astype(np.int64)
    mantissa = ((total << (headroom - 1)) + (1 << 13)) >> 14
    centred = np.clip(mantissa - (1 << 15) - (1 << 16), S16.low, S16.high)
    right = 31 - headroom
    product = exponential * reciprocal_at(centred)
    result: Array = (product + (np.int64(1) << (right - 1))) >> right
    return np.clip(result, 0, S16.high)


def exponential_of(difference: Array, input_scale: float) -> Array:
    """``32768 * exp(difference * input_scale)`` of int64 differences of -65535..0."""
    multiplier, shift = difference_multiplier(input_scale)
    high = srdhm(difference << max(31 - shift, 0), np.int64(multiplier))
    scaled = round_shift(high, shift - 31) if shift > 31 else high
    return _looked_up(exponentials(), np.clip(scaled + S16.high, S16.low, S16.high))


def reciprocal_at(centred: Array) -> Array:
    """``32768 / (1 + x)`` of a sum whose bits behind the leading one are ``centred``, int16."""
    return _looked_up(reciprocals(), centred)


def _looked_up(table: Array, at: Array) -> Array:
    index, offset = 256 + (at >> 7), at & 0x7F
    slope = table[index + 1] - table[index]
    value: Array = table[index] + ((slope * offset + 64) >> 7)
    return value


@cache
def exponentials() -> Array:
    """``32768 * exp(x)`` at 513 places from -10 to 0, int64 (513,). The first is 1."""
    return _table(np.exp, -10.0, 0.0)


@cache
def reciprocals() -> Array:
    """``32768 / (1 + x)`` at 513 places from 0 to 1, int64 (513,). The last is 16384."""
    return _table(lambda x: np.float32(1) / (np.float32(1) + x), 0.0, 1.0)


def _table(function: Callable[[Array], Array], low: float, high: float) -> Array:
    """513 entries of ``function`` in steps of 1/32768, each moved by half of the error that the
    line behind it has in its middle; float32 throughout."""
    step = np.float32((high - low) / (_ENTRIES - 1))
    places = np.float32(low) + np.arange(_ENTRIES, dtype=np.float32) * step
    scaled = function(places) * np.float32(32768)
    rounded = _round(scaled)
    middles = _round(function(places[:-1] + step / np.float32(2)) * np.float32(32768))
    on_lines = _round((scaled[1:] + rounded[:-1]) / np.float32(2))
    rounded[:-1] -= _round((on_lines - middles) / np.float32(2))
    return np.clip(rounded, S16.low, S16.high).astype(np.int64)


def _round(x: Array) -> Array:
    """Half away from zero."""
    return np.copysign(np.floor(np.abs(x) + np.float32(0.5)), x)
