"""Functions of one int16 as LiteRT computes them: 513 places with straight lines between them.

A table is ascending in the input, -32768 first; zero points are 0.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hwkit.importers.tflite.unary_float import (
    exponential,
    gelu,
    gelu_by_tanh,
    inverse_root,
    logarithm,
)
from hwkit.ir.types import S16, Array, Quantization

_STEPS = 512
_PART = 128
"""Integers from one place to the next."""
_Function = Callable[[Array], Array]
"""Of float64 that are float32, to float32."""


def function_table(
    code: str, source: Quantization, output: Quantization, approximate: bool = False
) -> Array:
    """EXP, GELU, LOG or RSQRT; int16 (65536,). ``ValueError`` for values that float32 has not."""
    step = np.float32(output.scale[0])
    functions: dict[str, _Function] = {
        "EXP": exponential,
        "GELU": gelu_by_tanh if approximate else gelu,
        "LOG": lambda x: logarithm(x, np.float32(S16.low) * step),
        "RSQRT": lambda x: inverse_root(x, np.float32(S16.high) * step),
    }
    entries = _entries(functions[code], source, step)
    x = np.arange(S16.low, S16.high + 1)
    place, rest = _STEPS // 2 + (x >> 7), x & (_PART - 1)
    # The slope between two places is kept in 16 bits.
    slope = np.diff(entries).astype(np.int16).astype(np.int64)
    values = entries[place] + ((slope[place] * rest + _PART // 2) >> 7)
    table: Array = values.astype(np.int16)
    return table


def _entries(function: _Function, source: Quantization, step: np.float32) -> Array:
    """Each place's value, moved by half of the error that a line has in its middle; float32."""
    scale = np.float32(source.scale[0])
    low, high = (scale * np.float32(end) for end in (S16.low, S16.high))
    width = (high - low) / np.float32(_STEPS)
    lowest, highest = (step * np.float32(end) for end in (S16.low, S16.high))
    inverse = np.float32(1 << 16) / (highest - lowest)
    k = np.arange(_STEPS, dtype=np.float32)

    def of(places: Array) -> Array:
        with np.errstate(over="ignore"):
            values: Array = function(places.astype(np.float64)) * inverse
        if not np.isfinite(values).all():
            raise ValueError(f"its values for inputs in steps of {scale} leave float32")
        return values

    first, next_ = of(low + k * width), of(low + (k + np.float32(1)) * width)
    middle = _round(of(low + k * width + width / np.float32(2)))
    rounded = _round(first)
    on_lines = _round((next_ + rounded) / np.float32(2))
    moved = rounded - _round((on_lines - middle) / np.float32(2))
    last = _round(of(np.array([high], np.float32)))
    inside: Array = np.clip(np.append(moved, last), S16.low, S16.high)
    return inside.astype(np.int64)


def _round(x: Array) -> Array:
    """Half away from zero."""
    return np.copysign(np.floor(np.abs(x) + np.float32(0.5)), x)
