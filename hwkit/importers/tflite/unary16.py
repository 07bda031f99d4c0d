"""Functions of one int16 as tables of 65536: what TFLM's kernels give for every input.

Logistic and tanh read one table of 256 entries, with straight lines between them. A table here is
ascending in the input, -32768 first; zero points are 0.
"""

from __future__ import annotations

from math import frexp

import numpy as np

from hwkit.ir.types import S16, Array, Quantization

_STEPS_OF_ONE = 24
"""Entries of the sigmoid's table for each unit of its argument."""
_LAST = 255
_ABOVE = (
    "0110101011111111111111111111221112121111111211111111111111111111"
    "1011101011111111111110111100011001111101000110111011101100010011"
    "0101001100011010111110111100110010000001010001000110101001110000"
    "0111001101101010101001011011001100110001100001110000011111000001"
)
"""How far TFLM's table lies above the sigmoid in steps of 1/65536, rounded down: its entries are
fitted to the lines between them."""
_ARGUMENT_STEP = 4096 * 3
"""Steps of the argument in one unit, as the table is read."""


def _inputs() -> Array:
    return np.arange(S16.low, S16.high + 1, dtype=np.int64)


def logistic_table(source: Quantization) -> Array:
    """To scale 1/32768. Example: the entry of 0 is 16384 (1/2)."""
    x = _argument(source)
    value = _between(np.abs(x), 9, 0x7FFF << 10)
    whole = np.where(x >= 0, value + (1 << 9), (1 << 25) - value + (1 << 9) - 1)
    return (whole >> 10).astype(np.int16)


def tanh_table(source: Quantization) -> Array:
    """To scale 1/32768, from ``tanh(x) = 2 logistic(2 x) - 1``. Example: the entry of 0 is 0."""
    x = _argument(source)
    value = _between(np.abs(x), 8, 0xFFFF << 8)
    half, rest = 1 << 23, 1 << 7
    whole = np.where(x >= 0, value - half + rest, -value + half + rest - 1)
    return (whole >> 8).astype(np.int16)


def _argument(source: Quantization) -> Array:
    """The input in steps of 1/12288, rounded half up. ``ValueError`` where TFLM would leave 32
    bits."""
    scale = float(np.float32(source.scale[0]))
    if frexp(scale)[0] == 0.5 and frexp(scale)[1] == -11:
        multiplier, shift = 3, 0
    else:
        real, shift = scale * _ARGUMENT_STEP, 0
        while real <= 32767 / 2 and shift <= 30:
            real, shift = real * 2, shift + 1
        multiplier = int(real)
    if multiplier > 0xFFFF:
        raise ValueError(f"scale {scale} is not below 65536 / 12288")
    rounding = 1 << (shift - 1) if shift else 0
    return (_inputs() * multiplier + rounding) >> shift


def _between(magnitude: Array, bits: int, largest: int) -> Array:
    """The sigmoid's table, 65536 for 1, at ``magnitude / 2**bits``: times ``2**bits``."""
    places = np.arange(_LAST + 1) / _STEPS_OF_ONE
    table = np.floor(65536 / (1 + np.exp(-places))).astype(np.int64)
    table += np.array([int(digit) for digit in _ABOVE])
    at, part = magnitude >> bits, magnitude & ((1 << bits) - 1)
    inside = np.minimum(at, _LAST - 1)
    line = (table[inside] << bits) + part * (table[inside + 1] - table[inside])
    return np.where(at >= _LAST, largest, line)
