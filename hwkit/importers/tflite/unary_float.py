"""Functions of one 8-bit integer as tables of 256: LiteRT's, which computes them in float32.

A table is ascending in the input, the lowest first.
"""

from __future__ import annotations

from collections.abc import Callable
from math import erfc, pi

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


def function_table(
    code: str, source: Quantization, output: Quantization, dtype: IntType, litert: bool
) -> Array:
    """ELU, EXP, LOG or SQRT. Example: of scales 1, zero points 0 EXP has the entry 1 for 0."""
    if code == "SQRT":
        return _root_table(source, output, dtype)
    lowest = np.float32(dtype.low - output.zero_point) * np.float32(output.scale[0])
    functions: dict[str, _Function] = {
        "ELU": elu if litert else _elu_of_tflm,
        "EXP": exponential,
        "LOG": lambda x: logarithm(x, lowest),
    }
    return _table(source, output, dtype, functions[code])


def gelu_table(
    source: Quantization, output: Quantization, dtype: IntType, approximate: bool
) -> Array:
    """Example: the entry of the zero point is the output's zero point."""
    return _table(source, output, dtype, gelu_by_tanh if approximate else gelu)


def elu(x: Array) -> Array:
    """Of float64 that are float32, as the other functions here."""
    return np.where(x < 0, np.expm1(np.minimum(x, 0)), x).astype(np.float32)


def _elu_of_tflm(x: Array) -> Array:
    below = np.exp(np.minimum(x, 0)).astype(np.float32) - np.float32(1)
    return np.where(x < 0, below, x.astype(np.float32))


def exponential(x: Array) -> Array:
    with np.errstate(over="ignore"):
        return np.exp(x).astype(np.float32)


def logarithm(x: Array, lowest: np.float32) -> Array:
    """``lowest`` where there is none."""
    return np.where(x > 0, np.log(np.where(x > 0, x, 1)), lowest).astype(np.float32)


def inverse_root(x: Array, largest: np.float32) -> Array:
    """``largest`` where there is none."""
    root = np.sqrt(np.where(x > 0, x, 1).astype(np.float32))
    return np.where(x > 0, np.float32(1) / root, largest).astype(np.float32)


def gelu(x: Array) -> Array:
    real = x.astype(np.float32)
    argument = (real * np.float32(-(0.5**0.5))).astype(np.float64)
    tail = np.array([erfc(value) for value in argument.tolist()]).astype(np.float32)
    return np.float32(0.5) * real * tail


def gelu_by_tanh(x: Array) -> Array:
    real = x.astype(np.float32)
    cubic = np.float32(0.044715) * real * real * real
    argument = (np.float32((2 / pi) ** 0.5) * (real + cubic)).astype(np.float64)
    return np.float32(0.5) * real * (np.float32(1) + np.tanh(argument).astype(np.float32))


def _root_table(source: Quantization, output: Quantization, dtype: IntType) -> Array:
    """Rounded down. Kernels refuse what is below 0; it becomes 0 here."""
    x = _reals(source, dtype)
    root = np.sqrt(np.maximum(x, np.float32(0))) / np.float32(output.scale[0])
    whole = np.floor(_fitting(root, output).astype(np.float64)) + output.zero_point
    result: Array = np.clip(whole, dtype.low, dtype.high)
    return result.astype(dtype.container)


def _reals(source: Quantization, dtype: IntType) -> Array:
    steps = np.arange(dtype.low, dtype.high + 1) - source.zero_point
    reals: Array = np.float32(source.scale[0]) * steps.astype(np.float32)
    return reals


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
    values = function(_reals(source, dtype).astype(np.float64))
    with np.errstate(over="ignore"):
        return _rounded(values * inverse, output, dtype)


def _rounded(scaled: Array, output: Quantization, dtype: IntType) -> Array:
    """Half away from zero, as the output's integers."""
    scaled = _fitting(scaled, output)
    whole = np.copysign(np.floor(np.abs(scaled.astype(np.float64)) + 0.5), scaled)
    result: Array = np.clip(whole + output.zero_point, dtype.low, dtype.high)
    return result.astype(dtype.container)


def _fitting(scaled: Array, output: Quantization) -> Array:
    """``scaled``; ``ValueError`` where a kernel's conversion to 32 bits is undefined."""
    if not np.abs(scaled).max() < float(1 << 31) - 512:
        raise ValueError(f"its values, in steps of {output.scale[0]}, leave 32 bits")
    return scaled
