"""TRANSPOSE_CONV as a convolution over the map with zeros between its places."""

from __future__ import annotations

from hwkit.errors import FormatError
from hwkit.importers.tflite.context import (
    Context,
    check_operands,
    damaged,
    map_shape,
    node_name,
    size_option,
)
from hwkit.importers.tflite.file import FileOperator
from hwkit.importers.tflite.layers import (
    accumulator_bits,
    bias_constant,
    checked_weights,
    weight_constant,
    weighted_rescale,
)
from hwkit.ir.ops import Conv2d, Pad, Padding, Slice
from hwkit.ir.tflite import same_padding
from hwkit.ir.types import Shape

_SAME, _VALID = 0, 1


def transpose_conv(context: Context, position: int, op: FileOperator) -> None:
    """A transposed convolution adds each integer, times the kernel, around its place in a map
    ``stride`` times larger. The same sums are a convolution of that map, zeros between the
    integers, with the kernel turned by 180 degrees; ``Padding`` may have to cut rows off first."""
    check_operands(op, position, (3, 4))
    name, source = node_name(position, op), context.computed(op.inputs[2])
    values = checked_weights(context, position, op, 0)
    if values.ndim != 4:
        raise FormatError(f"{name}: weight has {values.ndim} axes; damaged, copy it again")
    turned = values[:, ::-1, ::-1, :]
    weight = weight_constant(context, position, op, turned)
    before = map_shape(context, source, position, op)
    after = context.sample_shape(op.outputs[0])
    if len(after) != 3:
        raise damaged(position, op, f"gives {after}")
    stride = (size_option(op, "stride_h"), size_option(op, "stride_w"))
    spread = _spread(context, position, op, source, stride)
    (rows, height), (columns, width) = (
        _border(op, before[k] * stride[k], after[k], values.shape[1 + k], stride[k])
        for k in range(2)
    )
    context.add(
        op.outputs[0],
        Conv2d(
            name=name,
            input=_cut(context, op, spread, (height, width, before[2]), f"{name}/cut"),
            weight=weight,
            bias=bias_constant(context, position, op, 3),
            output=context.names[op.outputs[0]],
            padding=Padding(*rows, *columns),
            input_zero_point=context.facts(op.inputs[2]).zero_point,
            accumulator_bits=accumulator_bits(context, op),
            rescale=weighted_rescale(context, position, op, 2),
        ),
    )


def _border(
    op: FileOperator, spread: int, after: int, kernel: int, stride: int
) -> tuple[tuple[int, int], int]:
    """Zeros before and after the ``spread`` places of one axis, and how many of these are kept,
    so that a convolution of stride 1 gives ``after``."""
    if op.options["padding"] not in (_SAME, _VALID):
        raise FormatError(f"{op.code}: padding {op.options['padding']}; damaged, copy it again")
    left_out = same_padding(after, kernel, stride)[0] if op.options["padding"] == _SAME else 0
    first = kernel - 1 - left_out
    last = after + left_out - spread
    return (first, max(last, 0)), spread + min(last, 0)


def _spread(
    context: Context, position: int, op: FileOperator, source: str, stride: tuple[int, int]
) -> str:
    """The map with ``stride - 1`` zeros behind each place, its last rows and columns included."""
    height, width, channels = context.builder.shape(source)
    name, facts = node_name(position, op), context.facts(op.inputs[2])
    for axis, rows, length in (("columns", height * width, channels), ("rows", height, 0)):
        step = stride[1] if axis == "columns" else stride[0]
        if step == 1:
            continue
        length = length or width * stride[1] * channels
        flat = context.reshaped(f"{name}/{axis}/flat", source, (rows, length, 1))
        border = Padding(right=(step - 1) * length)
        padded = Pad(f"{name}/{axis}", flat, f"{name}/{axis}", border, facts.zero_point)
        source = context.builder.add(padded, context.dtype(op.inputs[2]), facts)
    whole = (height * stride[0], width * stride[1], channels)
    return context.reshaped(f"{name}/spread", source, whole)


def _cut(context: Context, op: FileOperator, source: str, shape: Shape, name: str) -> str:
    """The first rows and columns of ``source``."""
    if context.builder.shape(source) == shape:
        return source
    part = Slice(name, source, name, (0, 0, 0), shape, (1, 1, 1))
    return context.builder.add(part, context.dtype(op.inputs[2]), context.facts(op.inputs[2]))
