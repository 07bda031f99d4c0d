"""The same layer on a map that lies otherwise: as many outputs, of the same integers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hwkit.ir.ops import Conv2d, Dense, Padding
from hwkit.ir.types import Array
from hwkit.targets.mcu.descriptors import round_up
from hwkit.targets.mcu.explain.single import Single, shaped


def exchanged(of: Single) -> Single | None:
    """Rows as columns and columns as rows, of map and window; None where both are alike.

    Example: 10x4 windows on 49 x 10 pixels become 4x10 windows on 10 x 49.
    """
    op = of.op
    if isinstance(op, Dense):
        return None
    pad = op.padding
    turned = replace(
        op,
        stride=op.stride[::-1],
        dilation=op.dilation[::-1],
        padding=Padding(pad.left, pad.right, pad.top, pad.bottom),
    )
    source, result = (
        shaped(tensor, (tensor.shape[1], tensor.shape[0], tensor.shape[2]))
        for tensor in (of.source, of.result)
    )
    filters, rows, columns, channels = of.weight.shape
    if (turned, source, rows) == (op, of.source, columns):
        return None
    weight = shaped(of.weight, (filters, columns, rows, channels))
    return replace(
        of,
        op=turned,
        source=source,
        result=result,
        weight=weight,
        weights=np.ascontiguousarray(of.weights.transpose(0, 2, 1, 3)),
    )


def in_blocks(of: Single) -> Single | None:
    """A convolution with a stride on blocks of as many pixels, whose channels lie side by side: at
    a stride of 1, its windows filled up with weights of 0. None where there is no stride, or the
    window is no larger than a pixel.

    Example: 3x3 windows at a stride of 2 on 96 x 96 x 3 become 2x2 windows on 48 x 48 x 12.
    """
    op = of.op
    if not isinstance(op, Conv2d) or op.stride == (1, 1) or op.dilation != (1, 1):
        return None
    filters, rows, columns, channels = of.weight.shape
    if rows == columns == 1:
        return None
    down, across = op.stride
    height, top, bottom, tall = _axis(
        of.source.shape[0], of.result.shape[0], rows, down, op.padding.top
    )
    width, left, right, broad = _axis(
        of.source.shape[1], of.result.shape[1], columns, across, op.padding.left
    )
    before = top * down - op.padding.top, left * across - op.padding.left
    grown = np.zeros((filters, tall * down, broad * across, channels), of.weights.dtype)
    grown[:, before[0] : before[0] + rows, before[1] : before[1] + columns] = of.weights
    deep = down * across * channels
    weights = _gathered(grown, filters, (tall, down), (broad, across), channels)
    return replace(
        of,
        op=replace(op, stride=(1, 1), padding=Padding(top, bottom, left, right)),
        source=shaped(of.source, (height, width, deep)),
        weight=shaped(of.weight, (filters, tall, broad, deep)),
        weights=weights,
    )


def _axis(size: int, outputs: int, taps: int, stride: int, pad: int) -> tuple[int, int, int, int]:
    """Along one axis: blocks of the map, blocks of padding before and behind it, and those of a
    window."""
    before = round_up(pad, stride) // stride
    window = round_up(before * stride - pad + taps, stride) // stride
    seen = outputs - 1 + window - before
    blocks = min(round_up(size, stride) // stride, seen)
    return blocks, before, seen - blocks, window


def _gathered(
    values: Array, count: int, rows: tuple[int, int], columns: tuple[int, int], channels: int
) -> Array:
    """Pixels (count, rows, columns, channels) as blocks, the channels of a block's pixels side by
    side."""
    split = values.reshape(count, *rows, *columns, channels).transpose(0, 1, 3, 2, 4, 5)
    return np.ascontiguousarray(split).reshape(count, rows[0], columns[0], -1)
