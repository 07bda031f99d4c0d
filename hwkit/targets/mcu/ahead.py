"""How far each kernel reads ahead of what it writes, so that an output may run into its input.

A convolution that works through its pixels in order needs no row of its input once the rows below
have been reached. Its output can then start a little before its input and end inside it, and two
maps take little more memory than one (Blacker et al., "Diagonal Memory Optimisation for Machine
Learning on Micro-controllers", 2020). What is said here of a kernel's order holds for the
variants named, and a test runs them so.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hwkit.ir.types import Array
from hwkit.targets.mcu.descriptors import channels_in, is_3x3, number, part_columns, window_of
from hwkit.targets.mcu.structs import Struct

_PIXELS_AT_ONCE = 4
"""Kernels may read and write this many neighbouring pixels in any order among themselves."""


def _windowed(
    outputs: Callable[[Struct], int], rows: int = 0, pixels_at_once: int = _PIXELS_AT_ONCE
) -> Callable[[Struct], int]:
    """Output pixels in order, ``pixels_at_once`` in any order among themselves, or ``rows`` rows at
    once with their pixels in any order; ``outputs`` gives the channels of a pixel."""

    def distance(struct: Struct) -> int:
        window = window_of(struct)
        first = _first_read(window)
        pixel_bytes = outputs(struct) * _element_bytes(struct)
        # Everything written by the time that a pixel, or one just before it, is read.
        written = np.minimum(np.arange(len(first)) + pixels_at_once, len(first)) * pixel_bytes
        if rows:
            pixels = rows * number(window, "output_width")
            ends = (np.arange(len(first)) // pixels + 1) * pixels
            written = np.minimum(ends, len(first)) * pixel_bytes
        return max(0, int((written - first).max()))

    return distance


def _first_read(window: Struct) -> Array:
    """For each output pixel the first byte of the input that it or a later one reads."""
    f = {name: number(window, name) for name in window.fields}
    rows = np.arange(f["output_height"]) * f["stride_height"] - f["padding_top"]
    columns = np.arange(f["output_width"]) * f["stride_width"] - f["padding_left"]
    rows = rows.clip(0, f["input_height"] - 1)
    columns = columns.clip(0, f["input_width"] - 1)
    pixels = rows[:, None] * f["input_width"] + columns[None, :]
    first: Array = np.minimum.accumulate(pixels.reshape(-1)[::-1])[::-1] * f["channels"]
    return first


def dense(struct: Struct) -> int:
    """A row is read whole before its outputs are written."""
    rows = number(struct, "rows")
    written = number(struct, "output_features") * _element_bytes(struct)
    return max(0, (rows - 1) * (written - number(struct, "input_features")))


def narrowing(struct: Struct) -> int:
    """Four bytes are read for each one, or four, written."""
    return 0


def widening(struct: Struct) -> int:
    """Two bytes are read for each one, two or four written."""
    return max(0, (_element_bytes(struct) - 2) * number(struct, "elements"))


def _element_bytes(struct: Struct) -> int:
    rescale = struct.fields.get("rescale")
    return number(rescale, "output_bytes") if isinstance(rescale, Struct) else 1


CONV2D = _windowed(lambda d: number(d, "output_channels"))
CONV2D_PIXEL = _windowed(lambda d: number(d, "output_channels"), pixels_at_once=1)

CONV2D_ROWS = _windowed(lambda d: number(d, "output_channels"), rows=2)
CONV2D_4_ROWS = _windowed(lambda d: number(d, "output_channels"), rows=4)


def _depthwise_outputs(struct: Struct) -> int:
    return channels_in(struct) * number(struct, "channel_multiplier")


DEPTHWISE = _windowed(_depthwise_outputs)
DEPTHWISE_PIXEL = _windowed(_depthwise_outputs, pixels_at_once=1)

DEPTHWISE_ROW = _windowed(_depthwise_outputs, rows=1)
DEPTHWISE_ROWS = _windowed(_depthwise_outputs, rows=2)


def depthwise_rows(struct: Struct) -> int | None:
    """dsp: a row at once; None for 3x3 windows, which go channel by channel (``from_start``)."""
    return None if is_3x3(struct) else DEPTHWISE_ROW(struct)


def depthwise_parts(struct: Struct) -> int:
    """Parts of two rows and a few columns in order (``ref/hwk_depthwise_part.h``), the pixels of
    each in any order."""
    window = window_of(struct)
    height, width = number(window, "output_height"), number(window, "output_width")
    columns, pixel_bytes = part_columns(struct), _depthwise_outputs(struct) * _element_bytes(struct)
    first = _first_read(window)
    distance = written = 0
    for y in range(0, height, 2):
        below = min(y + 2, height) - 1
        for x in range(0, width, columns):
            # What the parts to the left of it wrote below, where there is no part above it yet.
            written = max(written, below * width + min(x + columns, width))
            distance = max(distance, written * pixel_bytes - int(first[y * width + x]))
    return distance


def narrow_parts(struct: Struct) -> int:
    """dsp: the same, at a stride of 1 two rows at once."""
    single = number(window_of(struct), "stride_width") == 1
    return (DEPTHWISE_ROWS if single else depthwise_parts)(struct)


POOL = _windowed(channels_in)


def column(input_bytes: int) -> Callable[[Struct], bool]:
    """Whether a map of one column can be written over its own bytes, channel by channel: one
    output for each channel, of as many bytes as an integer of the input."""

    def fits(struct: Struct) -> bool:
        single = number(struct, "channel_multiplier") == 1
        return single and _element_bytes(struct) == input_bytes

    return fits


def from_start(struct: Struct) -> bool:
    """Whether a 3x3 map can be written over its own bytes, four channels at a time from top to
    bottom: one output of a byte for each channel, in rows no longer than the input's, each row of
    the input read before an output lies there."""
    if not is_3x3(struct):
        return False
    f = {name: number(window_of(struct), name) for name in window_of(struct).fields}
    fits = f["output_width"] <= f["input_width"] and 0 <= f["padding_top"] < f["kernel_height"]
    single = number(struct, "channel_multiplier") == 1
    return single and fits and _element_bytes(struct) == 1


def narrow_from_start(struct: Struct) -> bool:
    """The same for two output rows, or one, in parts from left to right: at a stride of 1, and
    where there is a second row, rows as long as the input's."""
    f = {name: number(window_of(struct), name) for name in window_of(struct).fields}
    rows, same = f["output_height"], f["output_width"] == f["input_width"]
    left = 0 <= f["padding_left"] < f["kernel_width"]
    short = rows == 1 or (rows == 2 and same)
    return f["stride_width"] == 1 and short and left and from_start(struct)
