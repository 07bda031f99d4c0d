"""Weighted .tflite operators, pools and softmax, with the reference kernels' arithmetic."""

from __future__ import annotations

from math import prod

import numpy as np

from hwkit.errors import FormatError
from hwkit.importers.tflite.batches import add_by_map, map_of
from hwkit.importers.tflite.context import (
    LARGEST,
    Context,
    check_operands,
    constant,
    damaged,
    fused_range,
    node_name,
    size_option,
    unsupported,
    window,
)
from hwkit.importers.tflite.elementwise import same_meaning, unchanged
from hwkit.importers.tflite.file import INT4, INT8, INT32, INT64, UINT8, FileOperator
from hwkit.ir.ops import (
    AvgPool2d,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    MaxPool2d,
    Requantize,
    Rescale,
    Reshape,
    Softmax,
    SoftmaxKind,
)
from hwkit.ir.tflite import double_rescale, nearest_rescale, wide_rescale
from hwkit.ir.types import S8, S16, S32, S48, U8, Array, IntType, Quantization

S4, S9 = IntType(4, True), IntType(9, True)


def _weights(
    context: Context, position: int, op: FileOperator, axis: int
) -> tuple[str, str | None]:
    """Adds weight and bias as constants; returns their names."""
    value = checked_weights(context, position, op, axis)
    if op.code == "CONV_2D":
        value = _ungrouped(context, op, value)
    name = weight_constant(context, position, op, value)
    return name, bias_constant(context, position, op, 2)


def weight_constant(context: Context, position: int, op: FileOperator, value: Array) -> str:
    """Adds the weight, whose integers are ``value``; less a zero point they may have 9 bits."""
    weight = context.file.tensors[op.inputs[1]]
    wide = value.size and (value.min() < S8.low or value.max() > S8.high)
    dtype = S4 if weight.type == INT4 else S9 if wide else S8
    facts = Quantization(weight.scale)
    return context.builder.constant(f"{node_name(position, op)}/weight", value, dtype, facts)


def _ungrouped(context: Context, op: FileOperator, value: Array) -> Array:
    """The weight of a grouped convolution with zeros for the channels of the other groups."""
    channels = context.sample_shape(op.inputs[0])[-1]
    if value.ndim != 4 or channels == value.shape[3] or channels % value.shape[3]:
        return value
    groups = channels // value.shape[3]
    if value.shape[0] % groups or channels > LARGEST:
        return value
    whole = np.zeros((*value.shape[:3], channels), value.dtype)
    parts = zip(np.split(whole, groups), np.split(value, groups), strict=True)
    for k, (part, own) in enumerate(parts):
        part[..., k * own.shape[3] : (k + 1) * own.shape[3]] = own
    return whole


def checked_weights(context: Context, position: int, op: FileOperator, axis: int) -> Array:
    """The second input's integers, less their zero point: symmetric with one scale, or one for
    each channel of ``axis``; with uint8 activations uint8 with one scale and zero point."""
    weight = context.file.tensors[op.inputs[1]]
    unsigned = context.dtype(op.outputs[0]) == U8
    if weight.data is not None and (weight.type == UINT8) != unsigned:
        remedy = "uint8 weights go with uint8 activations, int8 ones with int8 and int16"
        raise unsupported(position, op, remedy)
    if weight.type == INT4 and (op.code == "TRANSPOSE_CONV" or context.dtype(op.outputs[0]) != S8):
        remedy = "int4 weights go with int8 activations, in CONV_2D, DEPTHWISE_CONV_2D and "
        raise unsupported(position, op, f"{remedy}FULLY_CONNECTED")
    kinds = (UINT8,) if unsigned else (INT8, INT4)
    value = constant(context, op.inputs[1], kinds, f"{node_name(position, op)}: weight")
    if not value.size:
        raise unsupported(position, op, f"its weight of shape {value.shape} holds nothing")
    channels, count = weight.shape[axis] if len(weight.shape) > axis else 0, len(weight.scale)
    if count > 1 and weight.axis != axis:
        remedy = f"{count} weight scales along axis {weight.axis}; channels are axis {axis}"
        raise unsupported(position, op, remedy)
    if count not in (1, channels) or (unsigned and count > 1):
        raise FormatError(
            f"{node_name(position, op)}: {count} weight scales; damaged, copy it again"
        )
    if unsigned and len(weight.zero_point) == 1 and 0 <= weight.zero_point[0] <= U8.high:
        return value.astype(np.int16) - weight.zero_point[0]
    if any(weight.zero_point):
        if op.code != "FULLY_CONNECTED" or len(weight.zero_point) > 1 or weight.type == INT4:
            raise unsupported(position, op, "weights must be symmetric (zero point 0)")
        if not S8.low <= weight.zero_point[0] <= S8.high:
            raise damaged(position, op, f"int8 weights have zero point {weight.zero_point[0]}")
        return value.astype(np.int16) - weight.zero_point[0]
    return value


def bias_constant(context: Context, position: int, op: FileOperator, place: int) -> str | None:
    """Adds the bias, which is input ``place``; None without one."""
    if len(op.inputs) <= place or op.inputs[place] < 0:
        return None
    what, kind = f"{node_name(position, op)}: bias", context.file.tensors[op.inputs[place]].type
    if kind == INT32 and _is_wide(context, op):
        raise unsupported(position, op, "16-bit activations want a 64-bit bias here")
    if not _is_wide(context, op):
        longer = context.dtype(op.outputs[0]) == S16 and _rounds_once(context, op)
        kinds = (INT32, INT64) if longer else (INT32,)
        bias = constant(context, op.inputs[place], kinds, what)
        return context.builder.constant(f"{node_name(position, op)}/bias", bias, S32)
    bias = constant(context, op.inputs[place], (INT64,), what)
    if bias.size and (bias.min() < S48.low or bias.max() > S48.high):
        raise damaged(position, op, "a bias leaves 48 bits")
    return context.builder.constant(f"{node_name(position, op)}/bias", bias, S48)


def _is_wide(context: Context, op: FileOperator) -> bool:
    """Whether the layer has 16-bit activations, and so 64-bit sums, of which 48 are ever used;
    with a 32-bit bias sums have 32."""
    place = 3 if op.code == "TRANSPOSE_CONV" else 2
    bias = op.inputs[place] if len(op.inputs) > place else -1
    narrow = op.code in ("CONV_2D", "FULLY_CONNECTED") and bias >= 0
    narrow = narrow and context.file.tensors[bias].type == INT32
    return context.dtype(op.outputs[0]) == S16 and not (narrow or _rounds_once(context, op))


def _rounds_once(context: Context, op: FileOperator) -> bool:
    """LiteRT's dense layers round a sum's product once, as if it were exact: 32 bits hold the sums
    that this is done for."""
    return context.litert and op.code == "FULLY_CONNECTED"


def accumulator_bits(context: Context, op: FileOperator) -> int:
    return S48.bits if _is_wide(context, op) else S32.bits


def weighted_rescale(context: Context, position: int, op: FileOperator, data: int = 0) -> Rescale:
    """From sums to the output; input ``data`` is the activation."""
    source, output = (context.facts(index) for index in (op.inputs[data], op.outputs[0]))
    weight = context.file.tensors[op.inputs[1]]
    low, high = fused_range(context, op, position)
    try:
        ratios = [source.scale[0] * scale / output.scale[0] for scale in weight.scale]
        if _rounds_once(context, op):
            largest = _largest_sum(context, op)
            if largest > S32.high and context.dtype(op.outputs[0]) == S16:
                raise unsupported(position, op, f"its sums reach {largest}, beyond 32 bits")
            return nearest_rescale(ratios, largest, output.zero_point, low, high)
        if weight.type == UINT8:  # LiteRT multiplies these two in float32.
            product = np.float32(source.scale[0]) * np.float32(weight.scale[0])
            ratios = [float(product) / output.scale[0]]
        if _is_wide(context, op):
            rescale = wide_rescale(ratios, low, high)
            _check_scaled_sums(context, position, op, rescale)
            return rescale
        return double_rescale(ratios, output.zero_point, low, high)
    except ValueError as error:
        raise damaged(position, op, error) from error


def _check_scaled_sums(context: Context, position: int, op: FileOperator, r: Rescale) -> None:
    """``UnsupportedOp`` where a scaled sum may leave 32 bits: runtimes clamp what is left of it."""
    largest = _largest_sums(context, op).tolist()
    factors = list(zip(r.multiplier, r.shift, strict=True)) * (len(largest) // len(r.shift))
    scaled = max(
        (most * m + (1 << s >> 1)) >> s for most, (m, s) in zip(largest, factors, strict=True)
    )
    if scaled > S32.high:
        raise unsupported(
            position,
            op,
            f"its sums reach {scaled} steps of the output, beyond 32 bits, where runtimes wrap; "
            "use a smaller bias or a coarser output scale",
        )


def _largest_sum(context: Context, op: FileOperator) -> int:
    """No sum of the layer, whatever its input, is larger in magnitude."""
    return int(_largest_sums(context, op).max())


def _largest_sums(context: Context, op: FileOperator) -> Array:
    """The same of each output channel, int64 (channels,)."""
    data, place = (2, 3) if op.code == "TRANSPOSE_CONV" else (0, 2)
    weight, bias = context.file.tensors[op.inputs[1]], (*op.inputs, -1)[place]
    added = context.file.tensors[bias].data if bias >= 0 else None
    assert weight.data is not None
    channel = 3 if op.code == "DEPTHWISE_CONV_2D" else 0
    rows = np.moveaxis(weight.data.astype(np.int64), channel, 0) - sum(weight.zero_point[:1])
    sums = np.abs(rows).reshape(len(rows), -1).sum(axis=1)
    dtype, zero = context.dtype(op.inputs[data]), context.facts(op.inputs[data]).zero_point
    products: Array = sums * max(dtype.high - zero, zero - dtype.low)
    return products if added is None else products + np.abs(added.astype(np.int64))


def conv(context: Context, position: int, op: FileOperator) -> None:
    check_operands(op, position, (2, 3))
    depthwise = op.code == "DEPTHWISE_CONV_2D"
    name = node_name(position, op)
    source = context.computed(op.inputs[0])
    line = "pad_top" in op.options and len(context.builder.shape(source)) == 2
    if line:
        source = context.operand(op.inputs[0], 3)
    weight, bias = _weights(context, position, op, 3 if depthwise else 0)
    shape = context.builder.shape(weight)
    if len(shape) != 4:
        raise FormatError(f"{name}: weight has {len(shape)} axes; damaged, copy it again")
    channels = context.builder.shape(source)[-1]
    if depthwise and op.options["multiplier"] * channels != shape[3]:
        reason = f"depth multiplier {op.options['multiplier']} of {channels} channels"
        raise damaged(position, op, f"{reason} with {shape[3]} weights a tap")
    kernel = (shape[1], shape[2])
    dilation = (size_option(op, "dilation_h"), size_option(op, "dilation_w"))
    stride, padding = window(op, map_of(context, source, position, op), kernel, dilation)
    kind = DepthwiseConv2d if depthwise else Conv2d
    zero_point, bits = context.facts(op.inputs[0]).zero_point, accumulator_bits(context, op)
    rescale = weighted_rescale(context, position, op)

    def layer(name: str, source: str, target: str) -> Conv2d | DepthwiseConv2d:
        window = (stride, padding, dilation)
        return kind(name, source, weight, bias, target, *window, zero_point, bits, rescale)

    if not line:
        add_by_map(context, position, op, source, layer)
        return
    facts, dtype = context.facts(op.outputs[0]), context.dtype(op.outputs[0])
    as_map = context.builder.add(layer(name, source, f"{name}/map"), dtype, facts)
    context.add(op.outputs[0], Reshape(f"{name}/line", as_map, context.names[op.outputs[0]]))


def dense(context: Context, position: int, op: FileOperator) -> None:
    """FULLY_CONNECTED: the input, flat, holds whole rows of the weight's length."""
    check_operands(op, position, (2, 3))
    if op.options["weights_format"]:
        raise unsupported(position, op, "convert the model with the default weight format")
    source = context.computed(op.inputs[0])
    weight, bias = _weights(context, position, op, 0)
    shape, width = context.builder.shape(source), context.builder.shape(weight)[-1]
    declared, name = context.sample_shape(op.outputs[0]), node_name(position, op)
    rows = prod(shape) // width
    if rows * width != prod(shape) or prod(declared[:-1]) != rows:
        raise damaged(position, op, f"{shape} holds no {prod(declared[:-1])} rows of {width}")
    wide = (*declared[:-1], width)
    source = context.reshaped(f"{name}/flatten", source, wide)
    context.add(
        op.outputs[0],
        Dense(
            name=name,
            input=source,
            weight=weight,
            bias=bias,
            output=context.names[op.outputs[0]],
            input_zero_point=context.facts(op.inputs[0]).zero_point,
            accumulator_bits=accumulator_bits(context, op),
            rescale=weighted_rescale(context, position, op),
        ),
    )


def pool(context: Context, position: int, op: FileOperator) -> None:
    check_operands(op, position, (1, 1))
    same_meaning(context, position, op, [op.inputs[0]])
    source = context.computed(op.inputs[0])
    kernel = (size_option(op, "filter_h"), size_option(op, "filter_w"))
    stride, padding = window(op, map_of(context, source, position, op), kernel, (1, 1))
    low, high = fused_range(context, op, position)
    if op.code == "AVERAGE_POOL_2D":
        borders = (kernel, stride, padding, low, high)
        add_by_map(context, position, op, source, lambda n, x, y: AvgPool2d(n, x, y, *borders))
        return
    dtype, form = context.dtype(op.outputs[0]), (kernel, stride, padding)
    limits = None if (low, high) == (dtype.low, dtype.high) else (low, high)
    add_by_map(context, position, op, source, lambda n, x, y: MaxPool2d(n, x, y, *form), limits)


def softmax(context: Context, position: int, op: FileOperator) -> None:
    check_operands(op, position, (1, 1))
    dtype, name = context.dtype(op.outputs[0]), node_name(position, op)
    beta, scale = (
        np.float32(v) for v in (op.options["beta"], context.facts(op.inputs[0]).scale[0])
    )
    step = float(beta) * float(scale) if dtype == S16 else float(beta * scale)
    steps, zero_point = (32768, 0) if dtype == S16 else (256, dtype.low)
    if context.facts(op.outputs[0]) != Quantization((1 / steps,), zero_point):
        remedy = f"its output must have scale 1/{steps} and zero point {zero_point}"
        raise unsupported(position, op, remedy)
    if dtype == S16 and step >= _LARGEST_STEP_16:
        raise unsupported(
            position, op, f"its input times beta has steps of {step:.3g}, not below 5"
        )
    source, output = context.computed(op.inputs[0]), context.names[op.outputs[0]]
    if dtype != U8:
        context.add(op.outputs[0], Softmax(name, source, output, step, SoftmaxKind.FIXED))
        return
    signed = Softmax(name, source, f"{name}/signed", step, SoftmaxKind.FIXED)
    centred = context.builder.add(signed, S8, Quantization((1 / steps,), S8.low))
    moved = Requantize(f"{name}/unsigned", centred, output, unchanged(U8, 0), S8.low)
    context.add(op.outputs[0], moved)


_LARGEST_STEP_16 = 5.0
"""From here on TFLM's 16-bit softmax leaves 32 bits when it scales a difference."""
