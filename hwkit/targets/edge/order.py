"""In which order TFLM's kernels read and write, so that an output may run into its input.

Windows and pads go through their output row by row, element-wise operators through its elements.
A row counts as written as soon as the kernel begins with it, so that within a row the order is
free.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np

from hwkit.ir.tflite import same_padding
from hwkit.ir.types import Array, Shape
from hwkit.targets.edge.flatbuffer import FileOperator, FileTensor
from hwkit.targets.edge.views import bytes_of

Progress: TypeAlias = tuple[Array, Array]
"""In order, two integers for each: how many bytes of the output may be written, and the first
byte of the input that is still to be read then."""

_WINDOWED = ("CONV_2D", "DEPTHWISE_CONV_2D", "AVERAGE_POOL_2D", "MAX_POOL_2D")
_PADS = ("PAD", "PADV2")
_BY_ELEMENT = ("ADD", "SUB", "MUL", "RELU", "MAXIMUM", "MINIMUM", "QUANTIZE")


def progress(op: FileOperator, source: str, tensors: Mapping[str, FileTensor]) -> Progress | None:
    """How ``op`` goes through its input ``source`` and its output; None where nothing is known,
    so that all may be written before any byte is read.

    Example: a convolution 3 by 3 with padding 1 of 4 rows of 8 bytes to as many has 8, 16, 24, 32
    bytes written where it still reads from byte 0, 0, 8 and 16 on.
    """
    read, made = tensors[source], tensors[op.outputs[0]]
    if op.code in _BY_ELEMENT and (read.shape, read.dtype) == (made.shape, made.dtype):
        return np.zeros(1, np.int64), np.zeros(1, np.int64)
    if op.code not in (*_WINDOWED, *_PADS) or len(read.shape) != 4 or read.shape[0] != 1:
        return None
    rows = np.arange(made.shape[1])
    tops = _tops(op, read.shape, tensors, rows).clip(0, read.shape[1])
    first = np.minimum.accumulate(tops[::-1])[::-1] * (bytes_of(read) // read.shape[1])
    return (rows + 1) * (bytes_of(made) // made.shape[1]), first


def _tops(op: FileOperator, read: Shape, tensors: Mapping[str, FileTensor], rows: Array) -> Array:
    """The first row of the input that each of ``rows`` of the output reads, or padding above."""
    if op.code in _PADS:
        above = tensors[op.inputs[1] or ""].data
        assert above is not None
        tops: Array = rows - int(above[1][0])
        return tops
    f = op.fields
    extent = tensors[op.inputs[1] or ""].shape[1] if "CONV" in op.code else f["filterHeight"]
    extent = (extent - 1) * f.get("dilationHFactor", 1) + 1
    top, _ = same_padding(read[1], extent, f["strideH"])
    first: Array = rows * f["strideH"] - (top if f["padding"] == 0 else 0)
    return first
