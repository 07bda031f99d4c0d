"""How far each kernel reads ahead of what it writes, so that an output may run into its input.

A convolution that works through its pixels in order needs no row of its input once the rows below
have been reached. Its output can then start a little before its input and end inside it, and two
maps take little more memory than one (Blacker et al., "Diagonal Memory Optimisation for Machine
Learning on Micro-controllers", 2020). What is said here of a kernel's order holds for the
variants named, and a test runs them so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from hwkit.ir.types import Array
from hwkit.targets.mcu.kernels import Kernel, is_3x3
from hwkit.targets.mcu.layers import Call
from hwkit.targets.mcu.structs import Struct

_PIXELS_AT_ONCE = 4
"""Kernels may read and write this many neighbouring pixels in any order among themselves."""


def overlaps(calls: tuple[Call, ...], kernels: Mapping[str, Kernel]) -> dict[str, int]:
    """By input: the least number of bytes by which the output of a layer starts before it, for
    inputs that the output may run into. Empty where the kernel makes no such promise.

    Example: a depthwise 3x3 over (8, 8, 4), padded by 1: 4 pixels, a row and one pixel, 52 bytes.
    """
    if len(calls) != 1:
        return {}
    (call,) = calls
    kernel = kernels[call.kernel]
    formula = _READS_AHEAD.get((kernel.variant, kernel.name))
    return {} if formula is None else {call.inputs[0]: formula(call.descriptor)}


def _windowed(outputs: Callable[[Struct], int], rows: int = 0) -> Callable[[Struct], int]:
    """Output pixels in order, or ``rows`` rows at once with their pixels in any order; ``outputs``
    gives the channels of a pixel."""

    def distance(struct: Struct) -> int:
        window = struct.fields["window"]
        assert isinstance(window, Struct)
        first = _first_read(window)
        pixel_bytes = outputs(struct) * _element_bytes(struct)
        # Everything written by the time that a pixel, or one just before it, is read.
        written = np.minimum(np.arange(len(first)) + _PIXELS_AT_ONCE, len(first)) * pixel_bytes
        if rows:
            pixels = rows * _number(window, "output_width")
            ends = (np.arange(len(first)) // pixels + 1) * pixels
            written = np.minimum(ends, len(first)) * pixel_bytes
        return max(0, int((written - first).max()))

    return distance


def _first_read(window: Struct) -> Array:
    """For each output pixel the first byte of the input that it or a later one reads."""
    f = {name: _number(window, name) for name in window.fields}
    rows = np.arange(f["output_height"]) * f["stride_height"] - f["padding_top"]
    columns = np.arange(f["output_width"]) * f["stride_width"] - f["padding_left"]
    rows = rows.clip(0, f["input_height"] - 1)
    columns = columns.clip(0, f["input_width"] - 1)
    pixels = rows[:, None] * f["input_width"] + columns[None, :]
    first: Array = np.minimum.accumulate(pixels.reshape(-1)[::-1])[::-1] * f["channels"]
    return first


def _dense(struct: Struct) -> int:
    """A row is read whole before its outputs are written."""
    rows = _number(struct, "rows")
    written = _number(struct, "output_features") * _element_bytes(struct)
    return max(0, (rows - 1) * (written - _number(struct, "input_features")))


def _narrowing(struct: Struct) -> int:
    """Four bytes are read for each one, or four, written."""
    return 0


def _widening(struct: Struct) -> int:
    """Two bytes are read for each one, two or four written."""
    return max(0, (_element_bytes(struct) - 2) * _number(struct, "elements"))


def _element_bytes(struct: Struct) -> int:
    rescale = struct.fields.get("rescale")
    return _number(rescale, "output_bytes") if isinstance(rescale, Struct) else 1


def _number(struct: Struct, name: str) -> int:
    value = struct.fields[name]
    assert isinstance(value, int)
    return value


def _channels(struct: Struct) -> int:
    window = struct.fields["window"]
    assert isinstance(window, Struct)
    return _number(window, "channels")


_CONV2D = _windowed(lambda d: _number(d, "output_channels"))


_CONV2D_ROWS = _windowed(lambda d: _number(d, "output_channels"), rows=2)
_CONV2D_4_ROWS = _windowed(lambda d: _number(d, "output_channels"), rows=4)


def _depthwise_outputs(struct: Struct) -> int:
    return _channels(struct) * _number(struct, "channel_multiplier")


_DEPTHWISE = _windowed(_depthwise_outputs)


_DEPTHWISE_ROW = _windowed(_depthwise_outputs, rows=1)
_DEPTHWISE_ROWS = _windowed(_depthwise_outputs, rows=2)
_DEPTHWISE_4_ROWS = _windowed(_depthwise_outputs, rows=4)


def _depthwise_rows(struct: Struct) -> int:
    """dsp: two rows at once for 3x3 windows, else one."""
    return (_DEPTHWISE_ROWS if is_3x3(struct) else _DEPTHWISE_ROW)(struct)


_POOL = _windowed(_channels)

_READS_AHEAD: dict[tuple[str, str], Callable[[Struct], int]] = {
    ("ref", "conv2d_s8"): _CONV2D,
    ("ref", "conv2d_s8_s4"): _CONV2D,
    ("dsp", "conv2d_s8"): _CONV2D,
    ("dsp", "conv2d_s8_s4"): _CONV2D,
    ("dsp", "conv2d_s8_h8"): _CONV2D,
    ("dsp", "conv2d_s8_winograd"): _CONV2D_ROWS,
    ("dsp", "conv2d_s8_winograd_small"): _CONV2D_ROWS,
    ("dsp", "conv2d_s8_winograd4"): _CONV2D_4_ROWS,
    ("dsp", "conv2d_s8_winograd4_small"): _CONV2D_4_ROWS,
    ("ref", "depthwise_conv2d_s8"): _DEPTHWISE,
    ("dsp", "depthwise_conv2d_s8"): _depthwise_rows,
    ("dsp", "depthwise_conv2d_s8_bands"): _DEPTHWISE_4_ROWS,
    ("dsp", "dense_s8"): _dense,
    ("dsp", "dense_s8_s4"): _dense,
    ("dsp", "dense_s8_h8"): _dense,
    ("v6m", "conv2d_s8"): _CONV2D,
    ("v6m", "conv2d_s8_s4"): _CONV2D,
    ("v6m", "dense_s8"): _dense,
    ("v6m", "dense_s8_s4"): _dense,
    ("rv32", "conv2d_s8"): _CONV2D,
    ("rv32", "conv2d_s8_s4"): _CONV2D,
    ("scalar", "depthwise_conv2d_s8"): _DEPTHWISE_ROWS,
    ("scalar", "conv2d_s8_winograd4"): _CONV2D_4_ROWS,
    ("mve", "conv2d_s8"): _CONV2D,
    ("mve", "conv2d_s8_s4"): _CONV2D,
    ("mve", "depthwise_conv2d_s8"): _DEPTHWISE,
    ("mve", "dense_s8_s4"): _dense,
    ("mve", "avg_pool_s8"): _POOL,
    ("mve", "max_pool_s8"): _POOL,
    ("mve", "sum_pool_s8"): _POOL,
    ("mve", "requantize_s32"): _narrowing,
    ("ref", "avg_pool_s8"): _POOL,
    ("ref", "max_pool_s8"): _POOL,
    ("ref", "sum_pool_s8"): _POOL,
    ("ref", "requantize_s32"): _narrowing,
    ("ref", "requantize_s16"): _widening,
}
"""Variants that keep the order; one that is not here gets input and output apart."""
