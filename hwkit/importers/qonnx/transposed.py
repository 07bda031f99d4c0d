"""``ConvTranspose`` as a convolution over the map with zeros between its places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hwkit.errors import GraphError, UnsupportedOp
from hwkit.importers.qonnx.arrange import as_map
from hwkit.importers.qonnx.context import Context
from hwkit.importers.qonnx.file import Node
from hwkit.importers.qonnx.integers import narrow
from hwkit.importers.qonnx.layers import (
    bias_of,
    layer_name,
    per_output,
    read_pair,
    weight_of,
)
from hwkit.importers.qonnx.rounding import IMPORTER
from hwkit.importers.qonnx.values import Layer, Real, Weight
from hwkit.ir.ops import Conv2d, Pad, Padding, Reshape, Slice
from hwkit.ir.shapes import extent
from hwkit.ir.types import Array, Shape


def conv_transpose(ctx: Context, node: Node) -> None:
    """A transposed convolution adds each integer, times the kernel, around its place in a map
    ``stride`` times larger: a convolution of that map, zeros between the integers, with the kernel
    turned by 180 degrees."""
    x, weight = as_map(ctx, node, narrow(ctx, node, 0)), weight_of(ctx, node, 1)
    taps = weight.integers if weight.integers.ndim != 3 else weight.integers[:, :, None, :]
    groups = node.attribute("group", 1)
    channels = x.shape[0]
    if taps.ndim != 4 or taps.shape[0] != channels or groups < 1 or channels % groups:
        raise UnsupportedOp(
            node.name, IMPORTER, f"weight {taps.shape} on input {x.shape}, {groups} groups"
        )
    if x.scale.size > 1:
        raise UnsupportedOp(node.name, IMPORTER, "per-channel activation scales; use one scale")
    steps = _steps(node, weight, groups, channels)
    kernel = (taps.shape[2], taps.shape[3])
    stride, dilation = read_pair(node, "strides"), read_pair(node, "dilations")
    borders = _borders(node, x.shape, kernel, stride, dilation)
    name = layer_name(ctx, node, weight)
    spread = _spread(ctx, x, stride, name)
    cut = _cut(ctx, x, spread, borders, name)
    padding = Padding(*(max(n, 0) for border in borders for n in border))
    source = replace(x.integers, tensor=cut)
    op = Conv2d(
        name, cut, f"{name}.weight", None, name, (1, 1), padding, dilation, source.zero_point
    )
    integers = _turned(taps, groups)
    outputs = integers.shape[0]
    rows, columns = (
        size + sum(border) - extent(k, d) + 1
        for size, border, k, d in zip(
            ctx.builder.shape(spread)[:2], borders, kernel, dilation, strict=True
        )
    )
    shape = (outputs, rows, columns) if len(x.shape) == 3 else (outputs, columns)
    unit = steps * x.scale
    layer = Layer(op, integers, 0, weight.dtype, unit, source, float(x.scale[0]))
    ctx.put(node, Real(layer, shape, unit, bias_of(ctx, node, 2, outputs)))


def _steps(node: Node, weight: Weight, groups: int, channels: int) -> Array:
    """The weight's scales: one, or one for each output channel. They run along axis 1, which all
    groups share, or along axis 0 where each channel is a group."""
    if groups == channels and weight.scale.size > 1 and weight.scale.shape[:1] == (channels,):
        return np.repeat(per_output(node, weight, 0), weight.integers.shape[1])
    steps = per_output(node, weight, 1)
    return np.tile(steps, groups) if steps.size > 1 else steps


def _turned(taps: Array, groups: int) -> Array:
    """(I, O / groups, KH, KW) as (O, KH, KW, I), turned, zeros for the channels of other groups."""
    inputs, each, rows, columns = taps.shape
    whole = np.zeros((each * groups, rows, columns, inputs), np.int64)
    for g, part in enumerate(np.split(taps[:, :, ::-1, ::-1], groups)):
        size = inputs // groups
        whole[g * each : (g + 1) * each, :, :, g * size : (g + 1) * size] = part.transpose(
            1, 2, 3, 0
        )
    return whole


def _borders(
    node: Node,
    shape: Shape,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
) -> list[tuple[int, int]]:
    """Zeros before and after the spread map, whose last integer has ``stride - 1`` behind it;
    negative where rows are cut off."""
    size = (1, *shape[1:])[-2:]
    spans = [extent(k, d) for k, d in zip(kernel, dilation, strict=True)]
    pads = transposed_pads(node, size, spans, stride, len(shape) == 2)
    return [
        (span - 1 - before, span - 1 - after - (step - 1))
        for span, step, (before, after) in zip(spans, stride, pads, strict=True)
    ]


def transposed_pads(
    node: Node, size: Sequence[int], spans: Sequence[int], stride: Sequence[int], flat: bool
) -> list[tuple[int, int]]:
    """Rows and columns that a ``ConvTranspose`` leaves out before and after; negative behind where
    ``output_padding`` adds some. ``flat`` maps have a row of columns."""
    rank = 1 if flat else 2
    one = [0] * (2 - rank)
    more = one + (node.attribute("output_padding", []) or [0] * rank)
    pads = node.attribute("pads", []) or [0] * 2 * rank
    wanted = node.attribute("output_shape", [])
    mode = node.attribute("auto_pad", "NOTSET")
    if len(pads) != 2 * rank or len(more) != 2 or not all(isinstance(n, int) for n in pads):
        raise GraphError(node.name, f"attribute 'pads' is {pads!r:.60}; export again")
    before, after = one + pads[:rank], one + pads[rank:]
    if wanted or mode in ("SAME_UPPER", "SAME_LOWER"):
        same = [n * s for n, s in zip(size, stride, strict=True)]
        sizes = one + wanted[-rank:] if wanted else same
        for k in range(2 - rank, 2):
            total = stride[k] * (size[k] - 1) + more[k] + spans[k] - sizes[k]
            less, rest = total // 2, total - total // 2
            before[k], after[k] = (less, rest) if mode == "SAME_UPPER" else (rest, less)
    return [(b, a - m) for b, a, m in zip(before, after, more, strict=True)]


def _spread(ctx: Context, x: Real, stride: tuple[int, int], name: str) -> str:
    """The map with ``stride - 1`` zeros behind each place, its last rows and columns included."""
    source = x.integers
    tensor, dtype = source.tensor, source.dtype
    facts = ctx.builder.tensors[tensor].quantization
    height, width, channels = ctx.builder.shape(tensor)

    def reshaped(label: str, shape: Shape) -> str:
        return ctx.builder.add(Reshape(label, tensor, label), dtype, facts, shape)

    for axis, step, rows, length in (
        ("columns", stride[1], height * width, channels),
        ("rows", stride[0], height, width * stride[1] * channels),
    ):
        if step == 1:
            continue
        tensor = reshaped(f"{name}.{axis}.flat", (rows, length, 1))
        border = Padding(right=(step - 1) * length)
        padded = Pad(f"{name}.{axis}", tensor, f"{name}.{axis}", border, source.zero_point)
        tensor = ctx.builder.add(padded, dtype, facts)
    if stride == (1, 1):
        return tensor
    return reshaped(f"{name}.spread", (height * stride[0], width * stride[1], channels))


def _cut(ctx: Context, x: Real, spread: str, borders: list[tuple[int, int]], name: str) -> str:
    """The spread map without rows and columns that negative borders leave out."""
    begin = [max(-first, 0) for first, _ in borders]
    whole = ctx.builder.shape(spread)
    size = [whole[k] - begin[k] - max(-borders[k][1], 0) for k in range(2)]
    if tuple(size) == whole[:2]:
        return spread
    if min(size) < 1:
        raise GraphError(name, f"leaves {size} rows and columns; export again")
    label = f"{name}.cut"
    op = Slice(label, spread, label, (*begin, 0), (*size, whole[2]), (1, 1, 1))
    facts = ctx.builder.tensors[spread].quantization
    return ctx.builder.add(op, x.integers.dtype, facts)
