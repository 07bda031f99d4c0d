"""Functions of one 8-bit integer as tables of 256: LiteRT's, which computes them in float32.

A table is ascending in the input, the lowest first.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hwkit.ir.types import U8, Array, IntType, Quantization

_Function = Callable[[Array], Array]
"""Of float64; its results are rounded to float32, as a C library's of float32 are."""


def logistic_table(source: Quantization, output: Quantization, dtype: IntType) -> Array:
    """Example: of uint8, the entry of the zero point is 128 (1/2) for scale 1/256, zero point 0."""
    return _table(source, output, dtype, _logistic)


def tanh_table(source: Quantization, output: Quantization, dtype: IntType) -> Array:
    """Example: the entry of the zero point is the output's zero point."""
    return _table(source, output, dtype, lambda x: np.tanh(x).astype(np.float32))


def rescale_table(source: Quantization, output: Quantization) -> Array:
    """The same real number in the output's steps, as a concatenation of uint8 brings its inputs
    there."""
    scale = np.float32(source.scale[0]) * (np.float32(1) / np.float32(output.scale[0]))
    moved = np.float32(-source.zero_point) * scale
    return _rounded(np.arange(U8.high + 1).astype(np.float32) * scale + moved, output, U8)


def _logistic(x: Array) -> Array:
    with np.errstate(over="ignore"):
        result: Array = np.float32(1) / (np.float32(1) + np.exp(-x).astype(np.float32))
    return result


def _table(
    source: Quantization, output: Quantization, dtype: IntType, function: _Function
) -> Array:
    inverse = np.float32(1) / np.float32(output.scale[0])
    steps = np.arange(dtype.low, dtype.high + 1) - source.zero_point
    real = np.float32(source.scale[0]) * steps.astype(np.float32)
    return _rounded(function(real.astype(np.float64)) * inverse, output, dtype)


def _rounded(scaled: Array, output: Quantization, dtype: IntType) -> Array:
    """Half away from zero, as the output's integers."""
    whole = np.copysign(np.floor(np.abs(scaled.astype(np.float64)) + 0.5), scaled)
    result: Array = np.clip(whole + output.zero_point, dtype.low, dtype.high)
    return result.astype(dtype.container)
